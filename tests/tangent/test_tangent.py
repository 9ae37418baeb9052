"""J through linear layers equals torch.func and autograd, whatever network and condition."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pdenet import Condition, Data, Dirichlet, Initial, Integral, Interface, Periodic, Problem
from pdenet.geometry import Box, Points
from pdenet.jets import laplacian
from pdenet.networks import MLP, SIREN, FourierFeatures, ModifiedMLP, PirateNet, Separate
from pdenet.residuals import Residuals, tensors
from pdenet.tangent import Tangent
from pdenet.tangent.general import RowsOf, jacobian

DOMAIN = Box(x=(-1, 1), t=(0, 1))


def every_kind() -> Problem:
    interior = DOMAIN.interior
    return Problem(
        domain=DOMAIN,
        fields=("u", "v"),
        conditions={
            "momentum": Condition(lambda u, nu: u.t + u * u.x - nu * u.xx, on=interior),
            "transport": Condition(lambda u, v, x: (v.xt + u * v.x, v - x), on=interior),
            "start": Initial(u=lambda x: -torch.sin(x), on=DOMAIN.initial),
            "walls": Dirichlet(u=0, on=DOMAIN.face(x=(-1, 1))),
            "ring": Periodic("v", on=DOMAIN.face(x=-1), to=DOMAIN.face(x=1), order=2),
            "contact": Interface("u", "v", on=DOMAIN.face(x=1), conductivity=(1.0, 2.0)),
            "mass": Integral(lambda v: v.x * v, on=interior, equals=0.5),
            "data": Data({"x": [0.1, 0.2], "t": [0.3, 0.4]}, u=[1.0, 2.0]),
        },
        unknowns={"nu": 0.25},
    )


def drawn(problem: Problem, n: int = 5) -> dict[str, Points]:
    return {name: c.on.sample(n, seed=3) for name, c in problem.conditions.items()}


def by_autograd(residuals: Residuals, points: Mapping[str, Points]) -> Tensor:
    """The oracle: one reverse pass a row."""
    like = next(residuals.parameters())
    rows = residuals({n: tensors(c, points[n], like) for n, c in residuals.conditions.items()})
    scaled = torch.cat([(r / len(r) ** 0.5).flatten() for r in rows.values()])
    trained = [p for p in residuals.parameters() if p.requires_grad]
    lines = [
        torch.autograd.grad(
            z, trained, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for z in scaled
    ]
    return torch.stack([torch.cat([g.flatten() for g in line]) for line in lines])


class Raw(nn.Module):
    """Holds its weights itself, uses one twice, and has a factor outside linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(4, 2))
        self.again = nn.Parameter(torch.randn(4, 4))
        self.bias = nn.Parameter(torch.randn(4))
        self.last = nn.Linear(4, 2, bias=False)
        self.factor = nn.Parameter(torch.tensor(1.5))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(nn.functional.linear(x, self.first))
        for _ in range(2):
            x = torch.tanh(nn.functional.linear(x, self.again, self.bias))
        return self.factor * self.last(x)


class Elsewhere(nn.Module):
    """A weight that acts in a linear layer and outside."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(x))) * self.last.weight.square().sum()


NETWORKS: dict[str, Any] = {
    "mlp": lambda: MLP(2, 2, width=6, depth=2),
    "silu": lambda: MLP(2, 2, width=5, depth=1, activation="silu"),
    "siren": lambda: SIREN(2, 2, width=4, depth=2, frequency=2.0),
    "fourier": lambda: FourierFeatures(2, 2, features=3, width=5, depth=1),
    "gated": lambda: ModifiedMLP(2, 2, width=5, depth=2),
    "residual": lambda: PirateNet(2, 2, width=4, depth=2, alpha=0.3),
    "separate": lambda: Separate([MLP(2, 1, width=4, depth=1), SIREN(2, 1, width=3, depth=1)]),
    "raw": Raw,
}
SLOW: dict[str, Any] = {
    "factorized": lambda: MLP(2, 2, width=12, depth=2, factorized=True),
    "elsewhere": Elsewhere,
}


@pytest.mark.parametrize("name", [*NETWORKS, *SLOW])
def test_equals_one_reverse_pass_a_row(name: str) -> None:
    problem = every_kind()
    residuals = Residuals(problem, {**NETWORKS, **SLOW}[name]())
    points = drawn(problem)
    tangent = Tangent(residuals, points)
    expected = by_autograd(residuals, points)
    assert tangent.shape == expected.shape
    # The same products summed in another order: round-off alone.
    torch.testing.assert_close(tangent.dense(), expected, rtol=1e-10, atol=1e-10)
    general = set(problem.conditions) if name in SLOW else {"mass"}
    assert set(tangent.general) == general


@given(
    dimension=st.integers(1, 3),
    width=st.integers(1, 5),
    depth=st.integers(1, 2),
    n=st.integers(1, 4),
    seed=st.integers(0, 100),
)
@settings(max_examples=10)
def test_both_paths_agree(dimension: int, width: int, depth: int, n: int, seed: int) -> None:
    torch.manual_seed(seed)
    domain = Box(**{f"x{i}": (0, 1) for i in range(dimension)})
    problem = Problem(
        domain=domain,
        fields="u",
        conditions={"equation": Condition(lambda u: laplacian(u) + u**3, on=domain.interior)},
    )
    residuals = Residuals(problem, MLP(dimension, 1, width=width, depth=depth))
    points = domain.interior.sample(n, seed=seed)
    tangent = Tangent(residuals, {"equation": points})
    assert not tangent.general
    batch = tensors(residuals.conditions["equation"], points, next(residuals.parameters()))
    expected = jacobian(RowsOf(residuals, "equation"), batch, chunk=2).flatten(0, 1) / n**0.5
    # The same products summed in another order: round-off alone.
    torch.testing.assert_close(tangent.dense(), expected, rtol=1e-10, atol=1e-10)


@pytest.fixture
def tangent() -> Tangent:
    problem = every_kind()
    return Tangent(Residuals(problem, PirateNet(2, 2, width=4, depth=1, alpha=0.3)), drawn(problem))


def test_products_equal_those_with_the_matrix(tangent: Tangent) -> None:
    dense = tangent.dense()
    v, w = torch.randn(tangent.shape[1]), torch.randn(tangent.shape[0])
    torch.testing.assert_close(tangent.jvp(v), dense @ v, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(tangent.vjp(w), w @ dense, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(tangent.gram(), dense @ dense.T, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(
        tangent.squared_norms(), dense.square().sum(1), rtol=1e-10, atol=1e-10
    )


def test_any_memory_bound_gives_the_same(tangent: Tangent) -> None:
    dense, kernel = tangent.dense(), tangent.gram()
    v, w = torch.randn(tangent.shape[1]), torch.randn(tangent.shape[0])
    products = tangent.jvp(v), tangent.vjp(w)
    tangent.max_bytes = 8 * len(kernel) ** 2  # K fits, J does not
    blocks = list(tangent.blocks())
    assert len(blocks) > len(tangent.rows)
    assert [rows.start for rows, _ in blocks[1:]] == [rows.stop for rows, _ in blocks[:-1]]
    torch.testing.assert_close(torch.cat([block for _, block in blocks]), dense)
    torch.testing.assert_close(tangent.gram(), kernel)
    torch.testing.assert_close((tangent.jvp(v), tangent.vjp(w)), products)
    with pytest.raises(ValueError, match="use jvp and vjp"):
        tangent.dense()
    tangent.max_bytes -= 1
    with pytest.raises(ValueError, match="use fewer points"):
        tangent.gram()


def test_a_step_along_v_changes_the_rows_by_j_v() -> None:
    problem = every_kind()
    residuals = Residuals(problem, MLP(2, 2, width=4, depth=1))
    points = drawn(problem)
    tangent = Tangent(residuals, points)
    trained = list(residuals.parameters())
    start, v = nn.utils.parameters_to_vector(trained).detach(), torch.randn(tangent.shape[1])

    def rows(step: float) -> Tensor:
        nn.utils.vector_to_parameters(start + step * v, trained)
        found = residuals.in_chunks(points)
        return torch.cat([(r / len(r) ** 0.5).flatten() for r in found.values()])

    h = 1e-4
    slope = (8 * (rows(h) - rows(-h)) - (rows(2 * h) - rows(-2 * h))) / (12 * h)
    rows(0.0)
    # Fourth-order differences: h^4 = 1e-16 beside round-off of 1e-15 / h.
    torch.testing.assert_close(tangent.dense() @ v, slope, rtol=1e-8, atol=1e-8)


def test_sees_the_parameters_of_the_moment(tangent: Tangent) -> None:
    before = tangent.dense()
    with torch.no_grad():
        for p in tangent._names.values():
            p += 0.1
    assert not torch.allclose(tangent.dense(), before)


def test_frozen_parameters_have_no_columns() -> None:
    problem = every_kind()
    network = MLP(2, 2, width=4, depth=2)
    everything = Tangent(Residuals(problem, network), drawn(problem)).dense()
    network.hidden.requires_grad_(False)
    tangent = Tangent(Residuals(problem, network), drawn(problem))
    assert list(tangent.columns) == ["model.last.weight", "model.last.bias", "unknowns.nu"]
    torch.testing.assert_close(tangent.dense(), everything[:, -tangent.shape[1] :])


def test_some_conditions_and_single_precision() -> None:
    problem = every_kind()
    residuals = Residuals(problem, MLP(2, 2, width=4, depth=1))
    points = {name: drawn(problem)[name] for name in ("walls", "momentum")}
    exact = Tangent(residuals, points).dense()
    tangent = Tangent(residuals.float(), points)
    assert tangent.rows == {"momentum": slice(0, 5), "walls": slice(5, 10)}
    assert not tangent.general
    # Second derivatives in float32: round-off of 1e-7, a few hundred products.
    torch.testing.assert_close(tangent.dense().double(), exact, rtol=1e-4, atol=1e-4)


class RefusesJets(nn.Linear):
    """Differentiated by torch.func inside."""

    def forward(self, input: Tensor) -> Tensor:
        if not isinstance(input, Tensor):
            raise TypeError("tensors only")
        return torch.tanh(super().forward(input))


@pytest.mark.filterwarnings("ignore::pdenet.jets.SlowDerivativeWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_networks_that_refuse_jets() -> None:
    problem = every_kind()
    residuals = Residuals(problem, RefusesJets(2, 2))
    points = drawn(problem, 2)
    tangent = Tangent(residuals, points)
    assert "torch.func inside" in tangent.general["momentum"]
    torch.testing.assert_close(
        tangent.dense(), by_autograd(residuals, points), rtol=1e-10, atol=1e-10
    )


class Mixing(nn.Module):
    """Every output depends on all points."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.tanh(self.layer(x))
        return y - y.mean(0) if isinstance(y, Tensor) else y


def test_bad_input() -> None:
    problem = every_kind()
    residuals = Residuals(problem, MLP(2, 2, width=3, depth=1))
    points = drawn(problem)
    with pytest.raises(ValueError, match="trained conditions of problem"):
        Tangent(residuals, {"wall": points["walls"]})
    with pytest.raises(ValueError, match="trained conditions of problem"):
        Tangent(residuals, {})
    with pytest.raises(ValueError, match="no points"):
        Tangent(residuals, {"walls": points["walls"].select(slice(0))})
    with pytest.raises(ValueError, match="positive"):
        Tangent(residuals, points, max_bytes=0)
    with pytest.raises(ValueError, match="acts on each point for itself"):
        Tangent(Residuals(problem, Mixing()), {"walls": points["walls"]})
    tangent = Tangent(residuals, {"walls": points["walls"]})
    with pytest.raises(ValueError, match="v has shape"):
        tangent.jvp(torch.zeros(3))
    with pytest.raises(ValueError, match="w has shape"):
        tangent.vjp(torch.zeros(3, 1))
    with pytest.raises(ValueError, match="No parameter is trained"):
        Tangent(residuals.requires_grad_(False), points)
