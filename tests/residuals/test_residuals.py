"""Problem and network at points give rows: counted, chunked, and compared with nested autograd."""

import resource
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pdenet import Condition, Data, Dirichlet, Initial, Integral, Periodic, Problem
from pdenet.geometry import Box, Points
from pdenet.networks import MLP
from pdenet.residuals import Residuals, tensors
from pdenet.residuals import residuals as module

DOMAIN = Box(x=(-1, 1), t=(0, 1))


def burgers() -> Problem:
    """Every way in which conditions share points, or do not."""
    interior = DOMAIN.interior
    return Problem(
        domain=DOMAIN,
        fields=("u", "v"),
        conditions={
            "momentum": Condition(lambda u, nu: u.t + u * u.x - nu * u.xx, on=interior),
            "transport": Condition(lambda u, v, x: (v.t + u * v.x, v - x), on=interior),
            # An equal region, built anew, is the same region.
            "third": Condition(lambda v: v.xt, on=Box(x=(-1, 1), t=(0, 1)).interior),
            "start": Initial(u=lambda x: -torch.sin(x), on=DOMAIN.initial),
            "walls": Dirichlet(u=0, on=DOMAIN.face(x=(-1, 1))),
            "ring": Periodic("v", on=DOMAIN.face(x=-1), to=DOMAIN.face(x=1), order=2),
            "mass": Integral(lambda v: v.x, on=interior, equals=0.5),
            "mean": Integral(lambda v: v**2, on=DOMAIN.final, equals=0.5, mean=True),
            "data": Data({"x": [0.1, 0.2], "t": [0.3, 0.4]}, u=[1.0, 2.0]),
        },
        unknowns={"nu": 0.25},
    )


class Counted(MLP):
    """A network that counts its calls."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x)


def drawn(problem: Problem, n: int = 7) -> dict[str, Points]:
    """Points by condition; equal regions share them, as from a sampler."""
    shared = {c.on: c.on.sample(n, seed=3) for c in problem.conditions.values()}
    return {name: shared[c.on] for name, c in problem.conditions.items()}


def forward(residuals: Residuals, points: Mapping[str, Points]) -> dict[str, Tensor]:
    like = next(residuals.model.parameters())
    return residuals({n: tensors(c, points[n], like) for n, c in residuals.conditions.items()})


@pytest.fixture
def residuals() -> Residuals:
    return Residuals(burgers(), Counted(2, 2, width=6, depth=2))


def test_the_same_points_take_one_sweep(residuals: Residuals) -> None:
    assert isinstance(residuals.model, Counted)
    residuals.model.calls = 0
    rows = forward(residuals, drawn(residuals.problem))
    # Interior, start, walls, both sides of the ring, two integrals, data.
    assert residuals.model.calls == 8
    assert list(rows) == list(residuals.problem.conditions)
    shapes = {name: tuple(r.shape) for name, r in rows.items()}
    assert shapes == {
        "momentum": (7,),
        "transport": (7, 2),
        "third": (7,),
        "start": (7, 1),
        "walls": (7, 1),
        "ring": (7, 3),
        "mass": (1,),
        "mean": (1,),
        "data": (2, 1),
    }


def test_rows_and_their_gradients_equal_nested_autograd(residuals: Residuals) -> None:
    points = drawn(residuals.problem)
    rows = forward(residuals, points)
    x = points["momentum"].x.clone().requires_grad_()
    u, v = residuals.model(x).unbind(-1)

    def d(y: Tensor, column: int) -> Tensor:
        return torch.autograd.grad(y.sum(), x, create_graph=True)[0][:, column]

    nu, ux = residuals.unknowns["nu"], d(u, 0)
    slow = {
        "momentum": d(u, 1) + u * ux - nu * d(ux, 0),
        "transport": torch.stack([d(v, 1) + u * d(v, 0), v - x[:, 0]], -1),
        "third": d(d(v, 0), 1),
    }
    trained = list(residuals.parameters())
    for name, expected in slow.items():
        torch.testing.assert_close(rows[name], expected, rtol=1e-10, atol=1e-10)
        fast, reverse = (
            torch.autograd.grad(
                r.square().sum(),
                trained,
                retain_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
            for r in (rows[name], expected)
        )
        # Two ways of summing the same products: round-off of a few hundred of them.
        torch.testing.assert_close(fast, reverse, rtol=1e-9, atol=1e-9)


def test_chunks_equal_one_sweep(residuals: Residuals, monkeypatch: pytest.MonkeyPatch) -> None:
    points = drawn(residuals.problem, 50)
    whole = forward(residuals, points)
    monkeypatch.setattr(module, "CHUNK_BYTES", 16_000)
    demands = residuals.problem.demands
    assert {residuals.chunk_size(d.layout) for d in demands.values()} <= set(range(5, 90))
    chunked = residuals.in_chunks(points)
    assert isinstance(residuals.model, Counted)
    for name, expected in whole.items():
        torch.testing.assert_close(chunked[name], expected.detach())
        assert not chunked[name].requires_grad


def test_a_chunk_holds_a_point_at_least(
    residuals: Residuals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    points = {"momentum": drawn(residuals.problem, 3)["momentum"]}
    assert residuals.in_chunks(points)["momentum"].shape == (3,)


def test_no_points_give_no_rows(residuals: Residuals) -> None:
    points = drawn(residuals.problem)
    rows = residuals.in_chunks({n: points[n].select(slice(0)) for n in ("transport", "data")})
    assert {n: tuple(r.shape) for n, r in rows.items()} == {"transport": (0, 2), "data": (0, 1)}


def test_imposed_conditions_are_left_out_but_can_be_looked_at() -> None:
    problem = burgers()
    residuals = Residuals(problem, MLP(2, 2, width=4, depth=1), imposed=("walls", "ring"))
    points = drawn(problem)
    assert set(forward(residuals, points)) == set(problem.conditions) - {"walls", "ring"}
    everything = Residuals(problem, residuals.model)
    assert torch.equal(
        residuals.in_chunks({"ring": points["ring"]})["ring"],
        everything.in_chunks(points)["ring"],
    )


def test_single_precision() -> None:
    residuals = Residuals(burgers(), MLP(2, 2, width=4, depth=1).float())
    assert residuals.unknowns["nu"].dtype == torch.float32
    rows = forward(residuals, drawn(residuals.problem))
    assert {r.dtype for r in rows.values()} == {torch.float32}
    assert {r.dtype for r in residuals.in_chunks(drawn(residuals.problem)).values()} == {
        torch.float32
    }


def test_constants_are_trained_and_saved(residuals: Residuals) -> None:
    forward(residuals, drawn(residuals.problem))["momentum"].square().sum().backward()
    gradient = residuals.unknowns["nu"].grad
    assert gradient is not None
    assert gradient != 0
    assert residuals.state_dict()["unknowns.nu"] == 0.25


def test_a_function_of_fields_anywhere(residuals: Residuals) -> None:
    from pdenet.jets import discover

    def function(u: Any, v: Any, x: Any, nu: Any) -> tuple[Any, ...]:
        return nu * u.x, v + x

    problem = residuals.problem
    demand = discover(
        function,
        fields=dict(problem.shapes),
        coordinates=problem.coordinates,
        space=("x",),
        given={"nu": torch.tensor(1.0)},
    )
    x = DOMAIN.sample(9, seed=0).x
    found = residuals.evaluate(function, demand, x)
    inputs = x.clone().requires_grad_()
    u, v = residuals.model(inputs).unbind(-1)
    (gradient,) = torch.autograd.grad(u.sum(), inputs)
    torch.testing.assert_close(
        found, torch.stack([0.25 * gradient[:, 0], v + x[:, 0]], -1).detach()
    )


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (MLP(2, 3, width=4, depth=1), "Give it 2 outputs"),
        (nn.Sequential(nn.Linear(2, 2), nn.Flatten(0)), "to (6,)"),
        (nn.Identity(), "no parameters"),
    ],
    ids=["outputs", "flat", "nothing to train"],
)
def test_networks_that_do_not_fit(model: nn.Module, said: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        Residuals(burgers(), model)
    assert said in str(error.value)


def test_network_with_other_inputs() -> None:
    with pytest.raises(ValueError, match="takes 3 inputs"):
        Residuals(burgers(), MLP(3, 2, width=4, depth=1))


def test_unknown_conditions_are_refused(residuals: Residuals) -> None:
    with pytest.raises(ValueError, match=r"'wall'.* are not conditions"):
        Residuals(burgers(), residuals.model, imposed=("wall",))
    with pytest.raises(ValueError, match=r"has no conditions .'wall'"):
        residuals.in_chunks({"wall": drawn(residuals.problem)["walls"]})


def test_a_constant_with_a_name_of_torch() -> None:
    problem = Problem(
        domain=DOMAIN,
        fields="u",
        conditions={"it": Condition(lambda u, values: values * u, on=DOMAIN.interior)},
        unknowns={"values": 1.0},
    )
    with pytest.raises(ValueError, match=r"'values' .* rename it"):
        Residuals(problem, MLP(2, 1, width=4, depth=1))


MILLION = """
import resource, torch
from pdenet.networks import MLP
from pdenet.residuals import Residuals
from pdenet.problems.burgers import burgers
problem = burgers()
residuals = Residuals(problem, MLP(2, 1, width=64, depth=3).double())
residuals.in_chunks({"momentum": problem.domain.sample(1000, seed=0)})
points = {"momentum": problem.domain.sample(1_000_000, seed=0)}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = residuals.in_chunks(points)["momentum"]
assert rows.shape == (1_000_000,) and rows.isfinite().all()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20)
"""


@pytest.mark.slow
def test_a_million_points_in_bounded_memory() -> None:
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1e4:
        pytest.skip("this system counts in other units than KiB")
    run = subprocess.run(
        [sys.executable, "-c", MILLION], capture_output=True, text=True, check=True
    )
    # In one sweep, 4 channels of 3 layers of 64 numbers would take 6 GiB.
    assert float(run.stdout) < 2.0
