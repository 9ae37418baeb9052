from math import pi, sqrt

import numpy as np
import pytest
import torch
from skfem import MeshTri

from pdenet.references import elliptic_reference, lid_driven_cavity_reference
from pdenet.references.cavity import cavity_mesh
from pdenet.references.finite_elements import FiniteElements
from pdenet.references.navier_stokes import navier_stokes
from pdenet.references.piecewise import Triangulation, evaluate

SQUARE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
DECAY = 20 - sqrt(20**2 + 4 * pi**2)


def kovasznay(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exact flow behind a grid at Re = 40 (Kovasznay 1948), with p = 0 at the origin."""
    wake = np.exp(DECAY * x)
    u = 1 - wake * np.cos(2 * pi * y)
    return u, DECAY / (2 * pi) * wake * np.sin(2 * pi * y), (1 - wake**2) / 2


def grid(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    line = (torch.arange(n) + 0.5) / n
    x, y = torch.meshgrid(line, line, indexing="ij")
    return x.reshape(-1), y.reshape(-1)


def kovasznay_errors(cells: int, degree: int) -> np.ndarray:
    mesh = MeshTri.init_symmetric().refined(cells)
    arrays = navier_stokes(
        mesh, lambda x, y: kovasznay(x, y)[:2], [40.0], gauge=(0, 0), degree=degree
    )
    x, y = (v.numpy() for v in grid(40))
    names = "uvp"
    found = evaluate(
        Triangulation(arrays["corners"], arrays["triangles"]),
        {name: arrays[f"field {name}"] for name in names},
        x,
        y,
    )
    exact = dict(zip(names, kovasznay(x, y), strict=True))
    return np.array([np.linalg.norm(found[n] - exact[n]) / np.linalg.norm(exact[n]) for n in names])


@pytest.mark.parametrize("degree", [2, 4])
def test_navier_stokes_has_the_orders_of_taylor_hood(degree):
    coarse, fine = kovasznay_errors(2, degree), kovasznay_errors(3, degree)
    # One more than the degree of each field: k + 1 for velocity, k for pressure. A wrong sign or
    # factor anywhere leaves an error that no refinement removes.
    orders = np.log2(coarse / fine)
    assert orders[:2].min() > degree + 0.6
    assert orders[2] > degree - 0.4
    assert fine.max() < {2: 2e-2, 4: 1e-4}[degree]


def test_cavity_meets_its_walls_lid_and_gauge():
    flow = lid_driven_cavity_reference(10.0, cells=4)
    s = torch.linspace(0, 1, 33)
    zero, one = torch.zeros(33), torch.ones(33)
    walls = [flow(x=x, y=y) for x, y in ((zero, s), (one, s), (s, zero))]
    # Interpolated polynomials of degree four: round-off.
    assert max(float(w[name].abs().max()) for w in walls for name in "uv") < 1e-13
    lid = flow(x=s, y=one)
    torch.testing.assert_close(lid["u"], 4 * s * (1 - s), rtol=0, atol=1e-13)
    assert flow(x=zero[:1], y=zero[:1])["p"].abs().item() < 1e-13


def test_slow_cavity_is_symmetric():
    flow = lid_driven_cavity_reference(1e-6, cells=6)
    x, y = grid(12)
    here, there = flow(x=x, y=y), flow(x=1 - x, y=y)
    middle = flow(x=torch.tensor([0.5]), y=torch.tensor([0.0]))["p"]
    # Without inertia (here 1e-6 of it) Stokes flow mirrors: u even, v odd, p odd.
    scale = here["p"].abs().max()
    torch.testing.assert_close(here["u"], there["u"], rtol=0, atol=1e-6)
    torch.testing.assert_close(here["v"], -there["v"], rtol=0, atol=1e-6)
    assert (here["p"] + there["p"] - 2 * middle).abs().max() < 1e-5 * scale


def test_published_extrema_of_the_cavity_with_a_constant_lid():
    flow = lid_driven_cavity_reference(100.0, lid=np.ones_like, cells=10)
    s = torch.linspace(0, 1, 1001)
    half = torch.full_like(s, 0.5)
    u, v = flow(x=half, y=s)["u"], flow(x=s, y=half)["v"]
    # Botella and Peyret, Computers & Fluids 27, 1998, tables for Re = 100; their lid moves the
    # other way. The lid's jump at the corners, spread over the smallest cell, costs 1e-3.
    assert u.min().item() == pytest.approx(-0.2140424, abs=5e-4)
    assert s[u.argmin()].item() == pytest.approx(0.4581, abs=2e-3)
    assert v.max().item() == pytest.approx(0.1795728, abs=5e-4)
    assert v.min().item() == pytest.approx(-0.2538030, abs=5e-4)
    assert s[v.argmin()].item() == pytest.approx(0.8104, abs=2e-3)


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())


def worst_difference(flow: FiniteElements, finer: FiniteElements) -> float:
    x, y = grid(60)
    a, b = flow(x=x, y=y), finer(x=x, y=y)
    velocity = max(relative(a[name], b[name]) for name in "uv")
    return max(velocity, relative(a["p"] - a["p"].mean(), b["p"] - b["p"].mean()))


def test_cavity_converges():
    flows = [lid_driven_cavity_reference(100.0, cells=n) for n in (4, 6, 10)]
    differences = [worst_difference(flow, flows[-1]) for flow in flows[:-1]]
    # Measured against 20 cells: 4.8e-3, 1.4e-3 and 3.1e-4, all from the pressure.
    assert differences[0] > 2.5 * differences[1]
    assert differences[1] < 2e-3


@pytest.mark.slow
@pytest.mark.parametrize(("reynolds", "goal"), [(100.0, 1e-3), (1000.0, 1e-2)])
def test_cavity_is_ten_times_better_than_the_goal_of_training(reynolds, goal):
    flow = lid_driven_cavity_reference(reynolds)
    assert flow.tolerance <= goal / 10
    finer = lid_driven_cavity_reference(reynolds, cells=26)
    assert worst_difference(flow, finer) < flow.tolerance / 2


def test_cavity_mesh_leaves_no_triangle_alone_in_a_corner():
    mesh = cavity_mesh(6)
    on_boundary = np.isin(mesh.t2f, mesh.boundary_facets()).sum(axis=0)
    assert on_boundary.max() == 1
    assert np.abs(np.linalg.det(_sides(mesh))).sum() / 2 == pytest.approx(1, rel=1e-12)


def _sides(mesh: MeshTri) -> np.ndarray:
    a, b, c = (mesh.p[:, mesh.t[i]].T for i in range(3))
    return np.stack([b - a, c - a], axis=-1)


@pytest.mark.parametrize("reynolds", [0.0, -1.0, float("nan"), 1001.0])
def test_bad_reynolds_numbers_are_refused(reynolds):
    with pytest.raises(ValueError, match=r"not in \(0, 1000\]"):
        lid_driven_cavity_reference(reynolds)


@pytest.mark.parametrize("cells", [2, 7])
def test_bad_cells_are_refused(cells):
    with pytest.raises(ValueError, match="even and at least 4"):
        lid_driven_cavity_reference(cells=cells)


def test_elliptic_reference_is_as_accurate_as_it_says():
    exact = {"a": lambda x, y: 1 + x * y, "u": lambda x, y: np.sin(2 * x) * np.exp(y)}
    # -div(a grad u) + 2 u for a = 1 + x y, u = sin(2 x) e^y, by hand.
    u = exact["u"]
    reference = elliptic_reference(
        [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)],
        diffusion=exact["a"],
        reaction=2.0,
        source=lambda x, y: (
            -2 * y * np.cos(2 * x) * np.exp(y)
            - x * u(x, y)
            + 3 * (1 + x * y) * u(x, y)
            + 2 * u(x, y)
        ),
        boundary=u,
        tolerance=1e-4,
    )
    x, y = grid(30)
    x = torch.cat([2 * x, x])
    y = torch.cat([y, 1 + y])
    values = reference(x=x, y=y)["u"]
    assert relative(values, torch.as_tensor(u(x.numpy(), y.numpy()))) < 1e-4 / 4  # order 3
    assert reference.measured is not None
    assert reference.measured <= 1e-4


def test_elliptic_reference_says_when_it_does_not_converge(monkeypatch):
    monkeypatch.setattr("pdenet.references.elliptic._MOST_TRIANGLES", 600)
    with pytest.raises(ValueError, match="did not converge: the last two meshes differ"):
        elliptic_reference(SQUARE, source=1.0, tolerance=1e-9)(x=torch.ones(1), y=torch.ones(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tolerance": 0.0}, "between 0 and 1"),
        ({"diffusion": 0.0}, "positive everywhere"),
        ({"source": lambda x, y: np.nan * x}, "source maps points"),
        ({"reaction": lambda x, y: np.zeros(3)}, "shape mismatch|could not be broadcast"),
        ({"corners": [(0, 0), (1, 1), (1, 0), (0, 1)]}, "cross"),
        ({"corners": [(0, 0), (1, 0)]}, "at least three"),
    ],
)
def test_bad_elliptic_problems_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        elliptic_reference(**({"corners": SQUARE, "source": 1.0} | change))


def test_points_outside_the_polygon_are_refused():
    triangle = elliptic_reference([(0, 0), (1, 0), (0, 1)], source=1.0, tolerance=0.1)
    with pytest.raises(ValueError, match="1 points lie outside"):
        triangle(x=torch.tensor([0.1, 0.9]), y=torch.tensor([0.1, 0.9]))
