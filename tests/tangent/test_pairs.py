"""J of operators: rows of every function at every point, from two factors."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pdenet import Condition, Dirichlet, Integral, Periodic, Problem, operators
from pdenet.conditions import OperatorData
from pdenet.functions import RBF, Ensemble, GaussianField, InputFunction
from pdenet.geometry import Box, Interval, Points
from pdenet.networks import MLP, PirateNet
from pdenet.networks.deeponet import Branch, DeepONet
from pdenet.operators import OperatorResiduals, OperatorRows
from pdenet.tangent import Tangent

DOMAIN = Box(x=(0, 1), t=(0, 1))
M, SENSORS, BASIS = 3, 5, 4

# The same products summed in another order: round-off alone.
assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)


@pytest.fixture
def problem() -> Problem:
    inside = DOMAIN.interior
    space = GaussianField(Interval(x=(0, 1)), RBF(0.5))
    return Problem(
        domain=DOMAIN,
        fields=("u", "w"),
        inputs={"v": InputFunction(space, sensors=SENSORS)},
        conditions={
            "motion": Condition(lambda u, v, k: u.t + u * v * u.x - k * u.xx, on=inside),
            "pair": Condition(lambda u, w, x: (w.xt + u * w.x, w - x), on=inside),
            "start": Condition(lambda u, v: u - v, on=DOMAIN.initial),
            "walls": Dirichlet(u=0, on=DOMAIN.face(x=(0, 1))),
            "ring": Periodic("w", on=DOMAIN.face(x=0), to=DOMAIN.face(x=1)),
            "mass": Integral(lambda w: w.x * w, on=inside, equals=0.5),
        },
        unknowns={"k": 0.25},
    )


def operator(trunk: nn.Module, core: nn.Module | None, outputs: int = 2) -> DeepONet:
    generator = torch.Generator().manual_seed(0)
    encoding = torch.randn(4, SENSORS, generator=generator)
    branch = Branch(torch.zeros(SENSORS), encoding, core, outputs * BASIS, generator)
    return DeepONet(
        trunk,
        {"v": branch},
        outputs=outputs,
        basis=BASIS,
        coordinates=("x", "t"),
        distance=[lambda x: 1 + x, None],
    )


NETWORKS: dict[str, Any] = {
    "shared": lambda: operator(MLP(2, BASIS, width=5, depth=2), MLP(4, 2 * BASIS, width=6)),
    "own": lambda: operator(MLP(2, 2 * BASIS, width=5, depth=1), None),
    "loose": lambda: operator(
        PirateNet(2, BASIS, width=4, depth=1, alpha=0.2),
        PirateNet(4, 2 * BASIS, width=4, depth=1, alpha=0.3, factorized=True),
    ),
}


def rows_of(problem: Problem, network: nn.Module, **data: OperatorData) -> OperatorRows:
    residuals = OperatorResiduals(problem, network, data=data)  # type: ignore[arg-type]
    return OperatorRows(residuals, Ensemble.training(problem.inputs, M, seed=1))


def by_autograd(source: OperatorRows, points: Mapping[str, Points]) -> tuple[Tensor, Tensor]:
    """The oracle: z and J, one reverse pass a row."""
    rows = [
        (source.scale(n, p) * source.rows(n, source.batch(n, p))).flatten()
        for n, p in points.items()
    ]
    z, trained = torch.cat(rows), [p for p in source.parameters() if p.requires_grad]
    grad = partial(torch.autograd.grad, retain_graph=True, allow_unused=True)
    lines = [grad(v, trained, materialize_grads=True) for v in z]
    return z.detach(), torch.stack([torch.cat([g.flatten() for g in line]) for line in lines])


@pytest.mark.parametrize("name", NETWORKS)
def test_equals_one_reverse_pass_a_row(name: str, problem: Problem) -> None:
    source = rows_of(problem, NETWORKS[name]())
    # As many points as functions too: shapes alone do not tell one from the other.
    points = {n: c.on.sample(M if n == "walls" else 2, seed=2) for n, c in problem.known.items()}
    tangent = Tangent(source, points)
    assert set(tangent.general) == {"mass"}
    z, dense = by_autograd(source, points)
    # Squares of all rows add up to their mean over pairs.
    with torch.no_grad():
        rows = source.residuals(_batches(source, points))
    assert float(z.square().sum()) == pytest.approx(
        sum(float(r.square().sum() / len(r)) for r in rows.values()), rel=1e-10
    )
    v, w = torch.randn(dense.shape[1]), torch.randn(dense.shape[0])
    for form in (tangent, tangent.linearize()):
        assert_close(form.values(), z)
        assert_close(form.dense(), dense)
        assert_close(form.jvp(v), dense @ v)
        assert_close(form.vjp(w), w @ dense)
        assert_close(form.squared_norms(), dense.square().sum(1))
        assert_close(form.gram(), dense @ dense.T)
        assert_close(form.normal()[0], dense.T @ dense)


def _batches(source: OperatorRows, points: Mapping[str, Points]) -> dict[str, Any]:
    found: dict[str, Any] = {operators.SENSORS: source.ensemble.tensors(torch.zeros(()))}
    for n, p in points.items():
        batch = source.batch(n, p)
        turned = {k: t.movedim(0, 1) for k, t in batch.items() if k.startswith(operators.CHANNELS)}
        found[n] = batch | turned
    return found


@pytest.mark.parametrize("max_bytes", [1, 20_000])
def test_any_memory_bound_gives_the_same(max_bytes: int, problem: Problem) -> None:
    source = rows_of(problem, NETWORKS["shared"]())
    points = {n: problem.known[n].on.sample(5, seed=2) for n in ("pair", "start")}
    tangent = Tangent(source, points)
    dense = tangent.dense()
    tangent.max_bytes = max_bytes
    kept, v = tangent.linearize(), torch.randn(dense.shape[1])
    assert not kept.frozen
    blocks = [block for _, block in kept.blocks()]
    assert len(blocks) > 2
    assert_close(torch.cat(blocks), dense)
    assert_close(kept.jvp(v), dense @ v)
    assert_close(kept.squared_norms(), dense.square().sum(1))


def test_rows_of_data(problem: Problem) -> None:
    at, own = torch.rand(2, 6).numpy(), torch.rand(2, M, 6).numpy()
    values = torch.randn(M, 6).numpy()
    data = {
        "shared": OperatorData({"x": at[0], "t": at[1]}, u=values, w=2 * values),
        "own": OperatorData({"x": own[0], "t": own[1]}, u=values),
    }
    source = rows_of(problem, NETWORKS["shared"](), **data)
    points = {n: d.on.quadrature(1) for n, d in data.items()}
    tangent = Tangent(source, points)
    assert set(tangent.general) == {"own"}  # each pair has a point of its own
    z, dense = by_autograd(source, points)
    assert_close(tangent.values(), z)
    assert_close(tangent.dense(), dense)
    assert_close(tangent.gram(), dense @ dense.T)
    some = {n: p.select(slice(0, 6, 2)) for n, p in points.items()}
    assert_close(tangent.at(some).dense(), by_autograd(source, some)[1])


class Tied(nn.Module):
    """Trunk and branch with a layer in common."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return torch.tanh(self.layer(x))


def test_shared_parameters_take_the_general_path(problem: Problem) -> None:
    layer = nn.Linear(2, BASIS)
    network = DeepONet(
        Tied(layer),
        {"v": nn.Sequential(nn.Linear(SENSORS, 2), Tied(layer), nn.Linear(BASIS, 2 * BASIS))},
        outputs=2,
        basis=BASIS,
    )
    source = rows_of(problem, network)
    points = {"walls": problem.known["walls"].on.sample(2, seed=2)}
    tangent = Tangent(source, points)
    assert "share parameters" in tangent.general["walls"]
    assert_close(tangent.dense(), by_autograd(source, points)[1])
