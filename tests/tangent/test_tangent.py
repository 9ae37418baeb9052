"""J through linear layers equals torch.func and autograd, whatever network and condition."""

from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pdenet import Condition, Problem
from pdenet.geometry import Box, Points
from pdenet.jets import laplacian
from pdenet.networks import (
    MLP,
    SIREN,
    FourierFeatures,
    ModifiedMLP,
    PatchedFactory,
    PirateNet,
    Separate,
    find_window,
)
from pdenet.residuals import Residuals, tensors
from pdenet.tangent import Tangent
from pdenet.tangent.general import RowsOf, jacobian


class Raw(nn.Module):
    """Holds its weights itself, uses one twice, and has factors outside linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(4, 2))
        self.again = nn.Parameter(torch.randn(4, 4))
        self.bias = nn.Parameter(torch.randn(4))
        self.last = nn.Linear(4, 2, bias=False)
        self.slopes = nn.Parameter(torch.rand(4))
        self.factor = nn.Parameter(torch.tensor(1.5))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.slopes * nn.functional.linear(x, self.first))
        for _ in range(2):
            x = torch.tanh(nn.functional.linear(x, self.again, self.bias))
        return self.factor * self.last(x)


class Strips(nn.Module):
    """A linear layer acts on an axis behind that of the points."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.inner, self.last = nn.Linear(2, 6), nn.Linear(2, 3), nn.Linear(9, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.first(x))
        h = torch.tanh(self.inner(h.reshape(*h.shape[:-1], 3, 2)))
        return self.last(h.reshape(*h.shape[:-2], 9))


class Elsewhere(nn.Module):
    """A weight that acts in a linear layer and outside."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(x))) * self.last.weight.square().sum()


def partly_frozen() -> nn.Module:
    network = MLP(2, 2, width=3, depth=3, factorized=True)
    scaled, fixed, _ = network.hidden
    scaled.scale.requires_grad_(False)  # type: ignore[union-attr]
    fixed.direction.requires_grad_(False)  # type: ignore[union-attr]
    return network


NETWORKS: dict[str, Any] = {
    "mlp": lambda: MLP(2, 2, width=6, depth=2),
    "silu": lambda: MLP(2, 2, width=5, depth=1, activation="silu"),
    "factorized": lambda: MLP(2, 2, width=5, depth=2, factorized=True),
    "partly-frozen": partly_frozen,
    "siren": lambda: SIREN(2, 2, width=4, depth=2, frequency=2.0),
    "fourier": lambda: FourierFeatures(2, 2, features=3, width=5, depth=1),
    "gated": lambda: ModifiedMLP(2, 2, width=5, depth=2, factorized=True),
    "residual": lambda: PirateNet(2, 2, width=4, depth=2, alpha=0.3),
    "separate": lambda: Separate([MLP(2, 1, width=4, depth=1), SIREN(2, 1, width=3, depth=1)]),
    "patches": lambda: PatchedFactory(partial(MLP, width=12, depth=2), 2, find_window("smooth"))(
        2, 2
    ),
    "trunk": lambda: PatchedFactory(
        partial(MLP, width=8, depth=2),
        (2, 1),
        find_window("smooth"),
        global_width=2,
        shared_trunk=True,
    )(2, 2),
    "raw": Raw,
    "strips": Strips,
}


@pytest.mark.parametrize("name", [*NETWORKS, "elsewhere"])
def test_equals_one_reverse_pass_a_row(
    name: str, problem: Problem, points: dict[str, Points], by_autograd: Any
) -> None:
    residuals = Residuals(problem, {**NETWORKS, "elsewhere": Elsewhere}[name]())
    tangent = Tangent(residuals, points)
    z, jacobian = by_autograd(residuals, points)
    assert tangent.shape == jacobian.shape
    # The same products summed in another order: round-off alone.
    torch.testing.assert_close(tangent.dense(), jacobian, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(tangent.values(), z, rtol=1e-10, atol=1e-10)
    assert set(tangent.general) == (set(points) if name == "elsewhere" else {"mass"})


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


def test_a_step_along_v_changes_the_rows_by_j_v(
    problem: Problem, points: dict[str, Points]
) -> None:
    residuals = Residuals(problem, MLP(2, 2, width=4, depth=1))
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


def test_sees_the_parameters_of_the_moment(problem: Problem, points: dict[str, Points]) -> None:
    residuals = Residuals(problem, MLP(2, 2, width=4, depth=1))
    tangent = Tangent(residuals, points)
    before = tangent.dense()
    with torch.no_grad():
        for p in residuals.parameters():
            p += 0.1
    assert not torch.allclose(tangent.dense(), before)
    torch.testing.assert_close(tangent.dense(), Tangent(residuals, points).dense())


def test_frozen_parameters_have_no_columns(problem: Problem, points: dict[str, Points]) -> None:
    network = MLP(2, 2, width=4, depth=2)
    everything = Tangent(Residuals(problem, network), points).dense()
    network.hidden.requires_grad_(False)
    tangent = Tangent(Residuals(problem, network), points)
    assert list(tangent.columns) == ["model.last.weight", "model.last.bias", "unknowns.nu"]
    torch.testing.assert_close(tangent.dense(), everything[:, -tangent.shape[1] :])


def test_some_conditions_and_single_precision(problem: Problem, points: dict[str, Points]) -> None:
    residuals = Residuals(problem, MLP(2, 2, width=4, depth=1))
    some = {name: points[name] for name in ("walls", "momentum")}
    exact = Tangent(residuals, some).dense()
    tangent = Tangent(residuals.float(), some)
    assert tangent.rows == {"momentum": slice(0, 7), "walls": slice(7, 10)}
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
def test_networks_that_refuse_jets(
    problem: Problem, points: dict[str, Points], by_autograd: Any
) -> None:
    residuals = Residuals(problem, RefusesJets(2, 2))
    few = {name: p.select(slice(0, 2)) for name, p in points.items()}
    tangent = Tangent(residuals, few)
    assert "torch.func inside" in tangent.general["momentum"]
    z, jacobian = by_autograd(residuals, few)
    torch.testing.assert_close(tangent.dense(), jacobian, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(tangent.linearize().z, z, rtol=1e-10, atol=1e-10)


class Mixing(nn.Module):
    """Every output depends on all points."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.tanh(self.layer(x))
        return y - y.mean(0) if isinstance(y, Tensor) else y


def test_bad_input(problem: Problem, points: dict[str, Points]) -> None:
    residuals = Residuals(problem, MLP(2, 2, width=3, depth=1))
    walls = {"walls": points["walls"]}
    with pytest.raises(ValueError, match="the trained conditions are"):
        Tangent(residuals, {"wall": points["walls"]})
    with pytest.raises(ValueError, match="the trained conditions are"):
        Tangent(residuals, {})
    with pytest.raises(ValueError, match="no points"):
        Tangent(residuals, {"walls": points["walls"].select(slice(0))})
    with pytest.raises(ValueError, match="positive"):
        Tangent(residuals, points, max_bytes=0)
    with pytest.raises(ValueError, match="acts on each point for itself"):
        Tangent(Residuals(problem, Mixing()), walls)
    tangent = Tangent(residuals, walls)
    with pytest.raises(ValueError, match="v has shape"):
        tangent.jvp(torch.zeros(3))
    with pytest.raises(ValueError, match="w has shape"):
        tangent.vjp(torch.zeros(3, 1))
    with pytest.raises(ValueError, match="out has shape"):
        tangent.dense(torch.zeros(3, 1))
    with pytest.raises(ValueError, match="got points of"):
        tangent.at(points)
    with pytest.raises(ValueError, match=r"weights\['walls'\] has shape \(2,\)"):
        tangent.linearize({"walls": torch.ones(2)})
    with pytest.raises(ValueError, match=r"weights\['start'\]"):
        tangent.linearize({"start": 2.0})
    with pytest.raises(ValueError, match="Several processes"):
        next(Tangent(residuals, walls, shard=(1, 2)).blocks())
    with pytest.raises(ValueError, match="No parameter is trained"):
        Tangent(residuals.requires_grad_(False), points)
