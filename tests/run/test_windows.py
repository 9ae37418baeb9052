"""Time marching: what windows hand over, and how runs of several windows are resumed."""

from math import pi
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

import pdenet
from pdenet import Condition, Data, Dirichlet, Initial, Integral, Problem, Solution
from pdenet.geometry import Box, Interval
from pdenet.networks import MLP
from pdenet.run.march import Windows, continuation, extrapolated, remembered, window_edges
from pdenet.sampling import UniformSampler
from pdenet.solvers import LeastSquares

TINY: dict[str, Any] = {
    "network": {"name": "mlp", "width": 6, "depth": 2},
    "sampler": {"name": "uniform", "points": 40, "boundary_points": 10},
    "optimizer": {"name": "adam-lbfgs", "adam_steps": 8},
    "compile": "no",
    "max_steps": 30,
}
DOMAIN = Box(x=(0, 1), t=(0, 2))


def wave(**more: Any) -> Problem:
    return Problem(
        domain=DOMAIN,
        fields="u",
        conditions={
            "wave": Condition(lambda u: u.tt - u.xx, on=DOMAIN.interior),
            "start": Initial(
                u=lambda x: torch.sin(pi * x),
                rate={"u": 0},
                on=DOMAIN.initial,
                hard=more.pop("hard", None),
            ),
            "ends": Dirichlet(u=0, on=DOMAIN.face(x=(0, 1))),
            **more.pop("conditions", {}),
        },
        **more,
    )


def solved(problem: Problem | None = None, windows: int = 2, **options: Any) -> Solution:
    return pdenet.solve(problem or wave(), windows=windows, **{**TINY, **options})


@pytest.fixture(scope="module")
def marched(tmp_path_factory: pytest.TempPathFactory) -> Solution:
    """A wave over two windows, written."""
    torch.set_default_dtype(torch.float64)
    return solved(out=tmp_path_factory.mktemp("runs") / "wave")


def at_hand_over(solution: Solution, x: Tensor, time: float) -> list[tuple[Tensor, Tensor]]:
    """Value and velocity on both sides of a time, from the networks before and after it."""
    windows = solution.residuals.model
    assert isinstance(windows, Windows)
    points = torch.stack([x, torch.full_like(x, time)], -1).requires_grad_()
    found = []
    for model in windows.models:
        u = model(points)[:, 0]
        (slope,) = torch.autograd.grad(u.sum(), points)
        found.append((u.detach(), slope[:, 1]))
    return found


def test_value_and_velocity_are_handed_over(marched: Solution) -> None:
    x = torch.linspace(0.05, 0.95, 19)
    (u, v), (u_next, v_next) = at_hand_over(marched, x, 1.0)
    assert v.abs().max() > 0.01  # otherwise there is nothing to hand over
    # Imposed by the later network's form: round-off; the rate is a difference of fourth order.
    torch.testing.assert_close(u_next, u, rtol=0, atol=1e-13)
    torch.testing.assert_close(v_next, v, rtol=1e-9, atol=1e-9)


def test_each_window_answers_for_its_times(marched: Solution) -> None:
    windows = marched.residuals.model
    assert isinstance(windows, Windows)
    x = torch.tensor([[0.3, 0.0], [0.3, 0.99], [0.3, 1.01], [0.3, 2.0]])
    first, second = (model(x)[:, 0] for model in windows.models)
    expected = torch.cat([first[:2], second[2:]]).detach()
    assert torch.equal(marched(x=x[:, 0], t=x[:, 1])["u"], expected)
    # Derivatives come from the window's own network too.
    speed = marched.derived(lambda u: u.t, x=0.3, t=[0.5, 1.5])
    inputs = torch.tensor([[0.3, 0.5], [0.3, 1.5]], requires_grad=True)
    for i, model in enumerate(windows.models):
        (slope,) = torch.autograd.grad(model(inputs)[i, 0], inputs)
        torch.testing.assert_close(speed[i], slope[i, 1])


def test_record_tells_of_all_windows(marched: Solution) -> None:
    record = marched.record
    assert (record.steps, record.stopped_by) == (30, "max-steps")
    assert record.curve.step == sorted(record.curve.step)
    assert {15, 30} <= set(record.curve.step)
    assert record.parameters == sum(p.numel() for p in marched.residuals.parameters())
    assert set(record.indicators["training"]) == {"wave"}


def test_load_gives_it_back(marched: Solution) -> None:
    assert marched.folder is not None
    again = pdenet.load(marched.folder, problem=wave())
    x, t = torch.rand(50), 2 * torch.rand(50)
    assert torch.equal(again(x=x, t=t)["u"], marched(x=x, t=t)["u"])


class StopIn(pl.Callback):
    """Interrupts a window after some steps."""

    def __init__(self, window: int, step: int) -> None:
        self.window, self.step = window, step

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        start = pl_module.problem.domain.bounds["t"][0]
        if start == float(self.window) and pl_module.progress.step >= self.step:
            pl_module.stop("interrupted", "asked to")


@pytest.mark.parametrize("window", [0, 1])
def test_resumed_equals_uninterrupted(
    window: int, marched: Solution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pdenet.run.setup.BLOCK", 3)
    stopped = solved(callbacks=[StopIn(window, 6)], out=tmp_path / "run")
    assert stopped.record.stopped_by == "interrupted"
    assert stopped.record.steps < 30
    resumed = pdenet.resume(tmp_path / "run", problem=wave())
    for a, b in zip(resumed.residuals.parameters(), marched.residuals.parameters(), strict=True):
        assert torch.equal(a, b)
    assert (resumed.record.steps, resumed.record.stopped_by) == (30, "max-steps")
    # What was measured before the interruption is there once, and what came after follows.
    curve = resumed.record.curve
    assert curve.step == sorted(set(curve.step))
    assert curve.step[: len(stopped.record.curve.step)] == stopped.record.curve.step
    assert curve.seconds == sorted(curve.seconds)


def test_trained_starts_are_handed_over_too() -> None:
    solution = solved(wave(hard=False), max_steps=8)
    x = torch.linspace(0.05, 0.95, 9)
    (u, _), (u_next, _) = at_hand_over(solution, x, 1.0)
    # Not imposed: a few steps do not join them, but the second network was asked to.
    assert not torch.allclose(u, u_next)
    assert set(solution.record.indicators["training"]) == {"wave", "start"}


def test_the_users_own_parts_are_not_shared_between_windows() -> None:
    network = MLP(2, 1, width=4, depth=1)
    sampler = UniformSampler(points=20, boundary_points=5)
    solution = solved(network=network, sampler=sampler, max_steps=6)
    windows = solution.residuals.model
    assert isinstance(windows, Windows)
    first, second = (next(model.parameters()) for model in windows.models)
    assert not torch.equal(first, second)


def test_measurements_in_some_windows_only() -> None:
    data = Data({"x": [0.5, 0.25], "t": [1.5, 1.75]}, u=[1.0, 2.0])
    problem = wave(conditions={"data": data})
    balance = {"name": "static", "weights": {"data": 10.0, "start": 2.0}}
    solution = solved(problem, max_steps=6, balance=balance)
    assert set(solution.record.indicators["training"]) == {"wave", "data"}


def test_windows_of_vectors_tensors_and_odes() -> None:
    def swirl(s: Any, v: Any) -> tuple[Any, ...]:
        return (*(s[i][j].t - i * v[j] for i in range(2) for j in range(2)), v.t - v.xx)

    problem = Problem(
        domain=DOMAIN,
        fields={"s": (2, 2), "v": 2},
        conditions={
            "it": Condition(swirl, on=DOMAIN.interior),
            "start": Initial(s=((1, 2), (3, lambda x: x)), v=(5, 6), on=DOMAIN.initial),
        },
    )
    solution = solved(problem, max_steps=4)
    x = torch.linspace(0, 1, 5)
    before, after = (
        model(torch.stack([x, 0 * x + 1], -1)) for model in solution.residuals.model.models
    )
    torch.testing.assert_close(after, before, rtol=0, atol=1e-13)
    start = solution(x=x, t=0)["s"]
    torch.testing.assert_close(start[:, 1, 1], x)
    torch.testing.assert_close(start[:, 1, 0], 0 * x + 3)

    line = Interval(t=(0, 3))
    decay = Problem(
        domain=line,
        fields="y",
        conditions={
            "decay": Condition(lambda y: y.tt + y, on=line.interior),
            "start": Initial(y=1.0, rate={"y": 2.0}, on=line.initial),
        },
    )
    solution = solved(decay, windows=3, max_steps=60)
    t = torch.tensor([[1.0], [2.0]], requires_grad=True)
    found = []
    for model in solution.residuals.model.models:
        y = model(t)[:, 0]
        (slope,) = torch.autograd.grad(y.sum(), t)
        found.append((y.detach(), slope[:, 0]))
    for k in (0, 1):
        torch.testing.assert_close(found[k + 1][0][k], found[k][0][k], rtol=0, atol=1e-13)
        torch.testing.assert_close(found[k + 1][1][k], found[k][1][k], rtol=1e-9, atol=1e-9)


def test_rates_are_of_fourth_order() -> None:
    problem = wave().at_time(0.0, 0.5)

    class Rising(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            return (torch.sin(8 * pi * x[..., 1]) * x[..., 0]).unsqueeze(-1)

    residuals = pdenet.residuals.Residuals(problem, Rising())
    values = continuation(wave(), residuals, 0.5)
    x = torch.linspace(0, 1, 5)
    torch.testing.assert_close(values["u"](x=x), torch.zeros(5), rtol=0, atol=1e-13)
    # (8 pi h)^4 / 30 with h = 1e-3 of the window's half: 1e-9; round-off of 1e-16 / h is less.
    torch.testing.assert_close(values["u.t"](x=x), 8 * pi * x, rtol=1e-8, atol=0)


def test_extrapolation_is_exact_for_parabolas_in_time() -> None:
    problem = wave().at_time(0.5, 1.5)

    class Parabola(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (torch.sin(x[:, 0]) * (1 + x[:, 1] - 3 * x[:, 1] ** 2)).unsqueeze(-1)

    network = Parabola()
    network.register_parameter("unused", nn.Parameter(torch.zeros(())))
    values = extrapolated(wave(), pdenet.residuals.Residuals(problem, network), 1.5)
    x = wave().domain.sample(50, seed=0).x.double()
    # Round-off of sums of terms of size ten.
    torch.testing.assert_close(values(x), network(x), atol=1e-13, rtol=0)


def front(start: float = 0.0, end: float = 0.2) -> Problem:
    """A front that travels: u = 1/2 - tanh((x - t/2) / (4 nu)) / 2, nu = 0.02."""
    domain = Box(x=(-1, 1), t=(start, end))

    def exact(x: Tensor, t: Tensor) -> Tensor:
        return 0.5 - 0.5 * torch.tanh((x - t / 2) / 0.08)

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "momentum": Condition(lambda u: u.t + u * u.x - 0.02 * u.xx, on=domain.interior),
            "start": Initial(u=lambda x: exact(x, torch.tensor(start)), on=domain.initial),
            "ends": Dirichlet(u=exact, on=domain.boundary),
        },
        reference=pdenet.references.Exact(u=exact),
    )


def test_windows_start_near_what_the_last_one_says() -> None:
    solver = {"name": "least-squares", "patches": 12, "refine": False}
    solution = pdenet.solve(front(), solver, windows=4)
    steps = [one["steps"] for one in solution.record.fits]
    # From zero each of these takes as many steps as the first.
    assert steps == [2, 1, 1, 1]
    # 120 features a patch resolve a front as wide as a patch: 1e-11 as measured.
    assert solution.record.worst_error < 1e-9


def test_rows_are_scaled_alike_wherever_a_fit_starts() -> None:
    scales = []
    for near in (None, lambda x: 0.5 + 0.1 * torch.sin(x[:, :1])):
        solver = LeastSquares(front(), patches=8, refine=False)
        if near is not None:
            solver.start_near(near)
        solver.search.step()
        work = solver.search._work
        assert work is not None
        scales.append(work.state()["scales"])
    torch.testing.assert_close(scales[0], scales[1], rtol=1e-12, atol=0)


def test_a_solution_that_is_zero_is_found_at_once() -> None:
    domain = Box(x=(-1, 1), t=(0, 1))
    problem = Problem(
        domain=domain,
        fields="u",
        conditions={
            "momentum": Condition(lambda u: u.t + u * u.x - u.xx, on=domain.interior),
            "start": Initial(u=0.0, on=domain.initial),
            "ends": Dirichlet(u=0.0, on=domain.boundary),
        },
        reference=pdenet.references.Exact(u=lambda x, t: 0 * x),
    )
    solver = {"name": "least-squares", "patches": 8, "refine": False}
    solution = pdenet.solve(problem, solver, windows=2)
    assert [one["steps"] for one in solution.record.fits] == [1, 1]
    x = domain.sample(20, seed=0).x
    assert float(solution(x=x[:, 0], t=x[:, 1])["u"].abs().max()) == 0.0


def test_a_start_that_is_worse_than_zero_is_not_taken() -> None:
    solvers = [LeastSquares(front(), patches=8, refine=False) for _ in range(2)]
    solvers[1].start_near(lambda x: 50 + 0 * x[:, :1])
    for solver in solvers:
        solver.search.run()
    plain, misled = (s.search.residuals.state_dict() for s in solvers)
    for name, value in plain.items():
        assert torch.equal(value, misled[name])


def test_values_at_the_same_points_are_computed_once() -> None:
    calls: list[int] = []

    def double(**given: Any) -> Any:
        calls.append(len(given["x"]))
        return 2 * given["x"]

    function = remembered(double, most=2)
    points = [torch.linspace(0, 1, n) for n in (3, 4, 5)]
    for x in (points[0], points[0].clone(), points[1], points[0]):
        torch.testing.assert_close(function(x=x), 2 * x)
    assert calls == [3, 4]
    function(x=points[2])
    function(x=points[0])  # the oldest of three was forgotten
    assert calls == [3, 4, 5, 3]
    # Other digits of the same size, and what is differentiated, are computed.
    assert float(function(x=points[0] + 1)[0]) == 2.0
    assert function(x=points[0].requires_grad_()).requires_grad


@pytest.mark.parametrize(
    "transform",
    [
        vmap,
        jacrev,
        lambda f: torch.compile(f, fullgraph=True, backend="eager"),
    ],
    ids=["vmap", "jacrev", "compile"],
)
def test_what_is_computed_once_passes_through_transforms(transform: Any) -> None:
    function = remembered(lambda x: 2 * x)
    x = torch.linspace(0, 1, 3)
    function(x=x)  # known already
    result = transform(lambda x: function(x=x))(x)
    expected = 2 * (torch.eye(3) if result.ndim == 2 else x)
    torch.testing.assert_close(result, expected.to(x.dtype), rtol=0, atol=0)


def test_edges() -> None:
    assert window_edges(wave(), 4) == [0.0, 0.5, 1.0, 1.5, 2.0]


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (
            wave(conditions={"mean": Integral(lambda u: u, on=DOMAIN.interior)}),
            "cannot be cut into windows",
        ),
        (wave(conditions={"end": Dirichlet(u=0, on=DOMAIN.final)}), "last time"),
        (wave(conditions={"more": Condition(lambda u: u, on=DOMAIN.initial)}), "first time"),
    ],
)
def test_what_cannot_be_marched_is_refused_before_anything_is_trained_or_written(
    problem: Problem, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        solved(problem, out=tmp_path / "run")
    assert not list(tmp_path.iterdir())
