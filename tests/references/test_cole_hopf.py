from math import pi

import numpy as np
import pytest
import torch
from numpy.polynomial.hermite import hermgauss
from torch import Tensor

from pdenet.references import cole_hopf
from pdenet.references.cole_hopf import _nodes, _ratio

NU = 0.01 / pi
SHOCK = torch.tensor([-1e-2, -1e-3, -1e-6, 0.0, 1e-4, 5e-3])


def grid(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    x, t = torch.meshgrid(x, t, indexing="ij")
    return x.reshape(-1), t.reshape(-1)


def gauss_hermite(x: Tensor, t: Tensor, nu: float, n: int) -> Tensor:
    """Basdevant's quadrature, the obvious way."""
    eta, weight = (torch.as_tensor(v) for v in hermgauss(n))
    y = x[:, None] - torch.sqrt(4 * nu * t)[:, None] * eta
    f = torch.exp(-torch.cos(pi * y) / (2 * pi * nu)) * weight
    return -(torch.sin(pi * y) * f).sum(-1) / f.sum(-1)


def test_agrees_with_gauss_hermite_as_its_nodes_grow():
    x, t = grid(torch.cat([torch.linspace(-1, 1, 41), SHOCK]), torch.tensor([1e-4, 0.1, 0.5, 1.0]))
    u = cole_hopf(NU)(x=x, t=t)["u"]
    errors = [float((gauss_hermite(x, t, NU, n) - u).abs().max()) for n in (25, 50, 100)]
    # Geometric convergence of the other rule towards ours; hermgauss itself is good to 1e-12.
    assert errors[0] > 1e3 * errors[1] > 1e5 * errors[2]
    assert errors[2] < 1e-12


@pytest.mark.parametrize("nu", [1e-3, NU, 0.1, 1.0])
def test_more_nodes_change_nothing(nu):
    x, t = grid(torch.cat([torch.linspace(-1, 1, 21), SHOCK]), torch.tensor([1e-8, 0.3, 0.6, 1.0]))
    u = cole_hopf(nu)(x=x, t=t)["u"]
    step = np.diff(_nodes(nu, nu, 1.0))[0] / 1.7
    wide = torch.as_tensor(step * np.arange(-800, 801))
    # Round-off in exponents of size 1 / (2 pi nu), so it grows as nu falls.
    assert (u - _ratio(wide, x, t, nu + 0 * x)).abs().max() < 2e-14 * max(1, 1e-3 / nu)


@pytest.mark.parametrize("t", [1e-6, 1e-2, 0.25, 0.5, 1.0])
def test_satisfies_burgers_equation(t):
    x = torch.cat([torch.linspace(-1, 1, 101), SHOCK]).requires_grad_()
    t = torch.full_like(x, t).requires_grad_()
    u = cole_hopf(NU)(x=x, t=t)["u"]
    u_x, u_t = torch.autograd.grad(u.sum(), (x, t), create_graph=True)
    (u_xx,) = torch.autograd.grad(u_x.sum(), x)
    residual = u_t + u * u_x - NU * u_xx
    # Terms reach u_x^2 ~ 150^2 and are differences of sums of round-off 1e-15; a wrong sign or
    # factor anywhere leaves a residual as large as the terms themselves.
    assert residual.abs().max() < 1e-11 * max(1.0, float(u_xx.abs().max()))
    assert u_xx.abs().max() > 1


def test_start_walls_and_symmetry():
    u = cole_hopf(NU)
    x = torch.linspace(-1, 1, 33)
    start = u(x=x, t=torch.zeros(33))["u"]
    # sin is good to 1e-16 and the weights sum to within 100 roundings of each other.
    torch.testing.assert_close(start, -torch.sin(pi * x), rtol=0, atol=1e-14)
    soon = u(x=x, t=torch.full((33,), 1e-12))["u"]
    torch.testing.assert_close(soon, start, rtol=0, atol=1e-11)  # |u_t| < pi, so 4e-12
    t = torch.linspace(0, 1, 33)
    assert all(u(x=wall + 0 * t, t=t)["u"].abs().max() < 1e-13 for wall in (-1.0, 0.0, 1.0))
    half = torch.full((33,), 0.5)
    torch.testing.assert_close(u(x=-x, t=half)["u"], -u(x=x, t=half)["u"], rtol=0, atol=1e-13)


def test_slope_at_the_shock_is_the_published_one():
    x = torch.zeros(1, requires_grad=True)
    u = cole_hopf(NU)(x=x, t=torch.tensor([1.6037 / pi]))["u"]
    # Basdevant et al., table 2: |u_x| at the origin peaks at 152.00516 at pi t = 1.6037.
    slope = float(torch.autograd.grad(u.sum(), x)[0])
    assert slope == pytest.approx(-152.00516, abs=5e-5)


def test_viscosity_as_a_coordinate():
    x, t = grid(torch.linspace(-1, 1, 21), torch.linspace(0, 1, 5))
    parametric = cole_hopf((NU, 0.1))
    assert parametric.coordinates == ("x", "t", "nu")
    for nu in (NU, 0.02, 0.1):
        u = parametric(x=x, t=t, nu=torch.full_like(x, nu))["u"]
        torch.testing.assert_close(u, cole_hopf(nu)(x=x, t=t)["u"], rtol=0, atol=1e-14)


def test_many_points_go_in_chunks():
    x, t = torch.linspace(-1, 1, 20000), torch.full((20000,), 0.7)
    u = cole_hopf(NU)
    together = u(x=x, t=t)["u"]
    assert torch.equal(together[16380:16390], u(x=x[16380:16390], t=t[:10])["u"])


def test_single_precision_neither_overflows_nor_underflows():
    x, t = (v.float() for v in grid(torch.linspace(-1, 1, 21), torch.linspace(0, 1, 5)))
    u = cole_hopf(1e-3)(x=x, t=t)["u"]
    assert u.dtype == torch.float32
    exact = cole_hopf(1e-3)(x=x.double(), t=t.double())["u"]
    # float32 round-off in exponents of size 160, times the shock's slope of 500.
    assert (u - exact).abs().max() < 1e-2


@pytest.mark.parametrize("nu", [0.0, -1.0, float("nan"), (0.1, 0.01)])
def test_bad_viscosity_is_refused(nu):
    with pytest.raises(ValueError, match="positive, finite viscosity"):
        cole_hopf(nu)
