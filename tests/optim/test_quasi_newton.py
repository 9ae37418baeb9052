"""Quasi-Newton runs: termination, accuracy, guards and economy."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pdenet.optim import (
    FactoredInverse,
    LimitedMemoryInverse,
    NonFiniteError,
    QuasiNewton,
    Stopping,
    Wolfe,
    objective_changed,
    stop_reason,
)

UPDATES = ("bfgs", "ssbfgs", "ssbfgs-ol", "ssbroyden1", "ssbroyden2")
EXACT = Wolfe(c1=1e-9, c2=1e-8, evaluations=60)  # exact, as far as theory is concerned


def dense(update: str) -> Callable[[Tensor], FactoredInverse]:
    return lambda like: FactoredInverse(like, update)  # type: ignore[arg-type]


def limited(memory: int = 20) -> Callable[[Tensor], LimitedMemoryInverse]:
    return lambda like: LimitedMemoryInverse(like, memory)


METHODS = {u: dense(u) for u in UPDATES} | {"lbfgs": limited()}


class Run:
    """A function of one vector, its minimizer, and the losses along the way."""

    def __init__(self, function, start, inverse, **options) -> None:
        self.function = function
        self.x = nn.Parameter(torch.as_tensor(start).clone())
        options.setdefault("stopping", Stopping(patience=10_000))
        self.optimizer = QuasiNewton([self.x], inverse, **options)
        self.losses = [float(function(self.x.detach()))]

    def closure(self) -> Tensor:
        self.optimizer.zero_grad()
        loss = self.function(self.x)
        loss.backward()
        return loss

    def go(self, steps: int, until: float = 0.0) -> Run:
        for _ in range(steps):
            if self.optimizer.stop_reason is not None or self.losses[-1] <= until:
                break
            self.losses.append(self.optimizer.step(self.closure))
        return self


def rosenbrock(x: Tensor) -> Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def quadratic(n: int, condition: float) -> Callable[[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(n)
    q, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    A = q * torch.logspace(0, math.log10(condition), n, dtype=torch.float64) @ q.T
    solution = torch.randn(n, generator=generator, dtype=torch.float64)
    return lambda x: 0.5 * (x - solution) @ A @ (x - solution)


def hilbert(n: int, rows: int) -> Callable[[Tensor], Tensor]:
    """Least squares with the columns 1, x, x^2, ...: condition number 1e15 at n = 12."""
    points = torch.linspace(0, 1, rows)
    powers = points[:, None] ** torch.arange(n)
    return lambda w: 0.5 * (powers @ w - torch.exp(points)).square().mean()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [2, 5, 12])
def test_a_quadratic_is_solved_in_n_plus_one_iterations(method, n):
    run = Run(quadratic(n, 100.0), torch.zeros(n), METHODS[method], wolfe=EXACT)
    run.go(n + 1)
    # Every Broyden update with exact steps, scaled or not, and L-BFGS that remembers n of them,
    # takes conjugate directions. One more step corrects what round-off left.
    assert run.losses[-1] < 1e-16 * run.losses[0]
    assert run.losses[n // 2] > 1e-6 * run.losses[0]  # no sooner: the test would see a cheat


def test_the_inverse_hessian_of_a_quadratic_is_found():
    n = 6
    run = Run(quadratic(n, 10.0), torch.zeros(n), dense("bfgs"), wolfe=EXACT)
    run.go(n)
    A = torch.autograd.functional.hessian(run.function, torch.zeros(n))
    H = run.optimizer.inverse.factor @ run.optimizer.inverse.factor.T
    # Six exact steps fill the space; each leaves the line search's error.
    torch.testing.assert_close(H @ A, torch.eye(n), atol=1e-6, rtol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [2, 10])
def test_rosenbrock_to_round_off(method, n):
    run = Run(rosenbrock, [-1.2, 1.0] * (n // 2), METHODS[method]).go(300, until=1e-24)
    assert run.losses[-1] < 1e-20
    assert torch.allclose(run.x, torch.ones(n), atol=1e-9)  # the valley's curvature is near 1
    assert run.optimizer.evaluations < 300


@pytest.mark.parametrize("method", ["bfgs", "ssbfgs", "ssbroyden1", "ssbroyden2"])
def test_convergence_is_superlinear(method):
    run = Run(rosenbrock, [-1.2, 1.0], METHODS[method]).go(100, until=1e-27)
    # Four steps near the end win ten digits of the loss. A method of one rate that needs 35 to 50
    # iterations to 1e-27 wins three. (Scaling by 1/b in every step, ssbfgs-ol, has one rate.)
    assert run.losses[-1] < 1e-10 * run.losses[-5]


@pytest.mark.parametrize("method", METHODS)
def test_logarithm_of_the_loss_has_the_same_minimizer(method):
    run = Run(lambda x: rosenbrock(x) + 1e-3, [-1.2, 1.0], METHODS[method], log_loss=True).go(100)
    # The loss 1e-3 + f cannot tell f from 0 below 1e-19: distances below 1e-8 are round-off.
    assert torch.allclose(run.x, torch.ones(2), atol=1e-6)
    assert run.losses[-1] == pytest.approx(1e-3, rel=1e-12)


def test_logarithm_does_not_feel_the_scale_of_the_loss():
    runs = [
        Run(lambda x, c=c: c * rosenbrock(x), [-1.2, 1.0], dense("bfgs"), log_loss=True).go(12)
        for c in (1.0, 2.0**-40)
    ]
    # Scaling by a power of two changes log L by a constant and its gradient not at all.
    torch.testing.assert_close(runs[0].x, runs[1].x, rtol=1e-9, atol=1e-9)


def test_logarithm_of_zero_is_the_end():
    run = Run(lambda x: (x**2).sum(), [1.0], dense("bfgs"), log_loss=True).go(50)
    assert run.losses[-1] < 1e-20
    with pytest.raises(ValueError, match="log_loss"):
        Run(lambda x: (x - 5).sum(), [1.0], dense("bfgs"), log_loss=True).go(1, until=-9)


def test_ill_conditioned_least_squares_needs_dense_curvature():
    function = hilbert(10, 50)
    start = torch.zeros(10)
    ours = Run(function, start, dense("ssbroyden2")).go(500, until=1e-17)
    plain = Run(function, start, limited(5)).go(500, until=1e-17)
    assert ours.losses[-1] <= 1e-17  # of a least-squares floor of 1e-21 or so
    assert plain.losses[-1] > 1e-13


@pytest.mark.parametrize("method", UPDATES)
def test_curvature_survives_a_condition_number_at_round_off(method):
    scales = torch.logspace(0, 16, 9)
    run = Run(lambda x: 0.5 * (scales * (x - 1) ** 2).sum(), torch.zeros(9), METHODS[method])
    run.go(400, until=1e-25)
    # Every x has its own scale, so that the loss itself is exact. L-BFGS needs thousands.
    assert torch.allclose(run.x, torch.ones(9), atol=1e-10)
    spectrum = torch.linalg.svdvals(run.optimizer.inverse.factor)
    assert 1e14 < (spectrum[0] / spectrum[-1]) ** 2 < 1e20  # H itself would be indefinite


def network_run(inverse, steps: int, **options) -> tuple[QuasiNewton, float]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, 10), nn.Tanh(), nn.Linear(10, 10), nn.Tanh(), nn.Linear(10, 1))
    x = torch.linspace(-1, 1, 60)[:, None]
    optimizer = QuasiNewton(net.parameters(), inverse, **options)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = 0.5 * (net(x) - torch.sin(4 * x)).square().mean()
        loss.backward()
        return loss

    loss = math.inf
    for _ in range(steps):
        loss = optimizer.step(closure)
    return optimizer, loss


def test_an_iteration_costs_little_more_than_one_evaluation():
    optimizer, loss = network_run(dense("ssbroyden2"), 300)
    assert loss < 1e-8
    assert optimizer.evaluations < 1.25 * 300


def test_self_scaling_beats_plain_bfgs_on_a_network():
    scaled = network_run(dense("ssbroyden2"), 250)[1]
    plain = network_run(dense("bfgs"), 250)[1]
    # Urban et al. report orders of magnitude; a factor of ten leaves room for the seed.
    assert scaled < 0.1 * plain


def test_several_iterations_in_a_step_are_the_same_iterations():
    one, many = (Run(rosenbrock, [-1.2, 1.0], dense("ssbroyden2"), iterations=k) for k in (1, 5))
    one.go(10)
    many.go(2)
    assert torch.equal(one.x, many.x)
    assert one.losses[10] == many.losses[2]


def test_parameters_of_many_shapes_are_one_vector():
    one = Run(rosenbrock, [-1.2, 1.0, -0.5, 0.3], dense("ssbroyden2")).go(20)
    a, b = nn.Parameter(torch.tensor([[-1.2], [1.0]])), nn.Parameter(torch.tensor([-0.5, 0.3]))
    unused = nn.Parameter(torch.tensor(7.0))
    optimizer = QuasiNewton([a, b], dense("ssbroyden2"))

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = rosenbrock(torch.cat((a[:, 0], b)))
        loss.backward()
        return loss

    for _ in range(20):
        optimizer.step(closure)
    assert torch.equal(torch.cat((a[:, 0], b)), one.x)
    # A parameter that the loss does not know stays where it is.
    optimizer = QuasiNewton([a, b, unused], dense("ssbroyden2"))
    optimizer.step(closure)
    assert unused.item() == 7.0


def test_single_precision_parameters_keep_double_curvature():
    x = nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float32))
    optimizer = QuasiNewton([x], dense("ssbroyden2"))

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        return loss

    for _ in range(60):
        loss = optimizer.step(closure)
    assert x.dtype == torch.float32
    assert loss < 1e-9  # curvature 1e3 times the spacing of floats squared, 1e-14, with room
    assert optimizer.inverse.factor.dtype == torch.float64


def test_a_loss_that_ends_is_searched_within_its_domain():
    # x - log x has its minimum at 1 and no value below 0; the first long steps cross that line.
    run = Run(lambda x: 100 * (x - torch.log(x)).sum(), [0.01, 3.0], dense("ssbroyden2")).go(100)
    assert torch.allclose(run.x, torch.ones(2), atol=1e-7)


def test_a_start_that_is_not_finite_is_an_error():
    for function, what in (
        (lambda x: torch.log(x - 5).sum(), "loss"),
        (lambda x: torch.sqrt(x - 1).sum() + 1, "gradient"),
    ):
        with pytest.raises(NonFiniteError, match=f"The {what} at the start .* learning rate"):
            Run(function, [1.0], dense("bfgs")).go(1)


def test_stop_reasons():
    run = Run(quadratic(3, 10.0), torch.zeros(3), dense("bfgs")).go(200)
    assert str(stop_reason(run.optimizer)).startswith("converged: largest entry of the gradient")
    # |x| has a minimum but no point near it where the gradient is small.
    run = Run(lambda x: x.abs().sum(), [1.0, 0.3], dense("ssbroyden2")).go(500)
    assert str(stop_reason(run.optimizer)).startswith("no progress")
    slow = Stopping(progress=0.5, patience=5)
    run = Run(rosenbrock, [-1.2, 1.0] * 5, limited(), stopping=slow).go(500)
    assert "evaluations lowered the loss by less than" in str(stop_reason(run.optimizer))
    assert stop_reason(torch.optim.SGD([nn.Parameter(torch.ones(1))])) is None


def test_a_stopped_optimizer_still_calls_its_closure():
    calls = []
    run = Run(lambda x: (x**2).sum(), [0.0], dense("bfgs"))

    def closure() -> Tensor:
        calls.append(1)
        return run.closure()

    for expected in (1, 2):
        run.optimizer.step(closure)
        assert len(calls) == expected


def test_a_changed_objective_is_evaluated_anew_and_keeps_the_curvature():
    run = Run(quadratic(8, 1e4), torch.zeros(8), dense("ssbroyden2")).go(60)
    run.optimizer.stop_reason = None
    old = run.function
    run.function = lambda x: old(x - 0.1)  # the same curvature elsewhere, as fresh points give
    objective_changed(run.optimizer)
    run.losses = [float(run.function(run.x.detach()))]
    run.go(12)
    assert run.losses[-1] < 1e-12 * run.losses[0]  # a restart takes 60 iterations again
    objective_changed(torch.optim.SGD([nn.Parameter(torch.ones(1))]))  # of no effect


def test_parameters_moved_by_others_are_noticed():
    run = Run(rosenbrock, [-1.2, 1.0], dense("ssbroyden2")).go(5)
    with torch.no_grad():
        run.x.copy_(torch.tensor([0.5, -0.5]))
    before = float(rosenbrock(run.x.detach()))
    assert run.optimizer.step(run.closure) < before


def test_bad_options_are_refused():
    x = nn.Parameter(torch.ones(2))
    with pytest.raises(ValueError, match="one group"):
        QuasiNewton([{"params": [x]}, {"params": [nn.Parameter(torch.ones(1))]}], limited())
    with pytest.raises(ValueError, match="at least one iteration"):
        QuasiNewton([x], limited(), iterations=0)
    with pytest.raises(ValueError, match="real parameters"):
        QuasiNewton([nn.Parameter(torch.ones(2, dtype=torch.complex128))], limited())
    with pytest.raises(ValueError, match="progress"):
        Stopping(progress=-1)
