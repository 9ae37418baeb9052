"""Steps in torch: ours eager and compiled, nested reverse mode, and bare matrix products."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.step_speed.case import CHANNELS, DEPTH, LEARNING_RATE, VISCOSITY, WIDTH, Case, Steps
from pdenet import Condition, Problem
from pdenet.geometry import Box
from pdenet.jets import biharmonic, laplacian
from pdenet.residuals import Residuals


def _problem(operator: str) -> Problem:
    if operator == "burgers":
        box = Box(x=(0, 1), t=(0, 1))
        return _one(box, lambda u: u.t + u * u.x - VISCOSITY * u.xx)
    box = Box(x=(0, 1), y=(0, 1))
    return _one(box, laplacian if operator == "laplacian" else biharmonic)


def _one(box: Box, operator: Callable) -> Problem:
    def equation(u):
        return operator(u)

    return Problem(
        domain=box, fields="u", conditions={"equation": Condition(equation, on=box.interior)}
    )


def pdenet_eager(case: Case) -> Steps:
    """Our residuals, eager."""
    return _ours(case, compiled=False)


def pdenet_compiled(case: Case) -> Steps:
    """Our residuals, compiled by inductor as one graph."""
    return _ours(case, compiled=True)


def _ours(case: Case, compiled: bool) -> Steps:
    residuals = Residuals(_problem(case.operator), case.network())
    x = torch.from_numpy(case.points())
    batch = {"equation": {"x": x, "weight": torch.full_like(x[:, 0], 1 / case.n)}}

    def loss() -> Tensor:
        return 0.5 * residuals(batch)["equation"].square().mean()

    return _steps(torch.compile(loss, fullgraph=True) if compiled else loss, residuals)


def nested_torch(case: Case) -> Steps:
    """Nested torch.autograd.grad, as most PINN code is written."""
    network = case.network()
    x = torch.from_numpy(case.points())

    def loss() -> Tensor:
        points = x.detach().requires_grad_()
        return 0.5 * _nested(case.operator, network(points)[:, 0], points).square().mean()

    return _steps(loss, network)


def _nested(operator: str, u: Tensor, x: Tensor) -> Tensor:
    def gradient(v: Tensor) -> Tensor:
        return torch.autograd.grad(v.sum(), x, create_graph=True)[0]

    def laplace(v: Tensor) -> Tensor:
        g = gradient(v)
        return gradient(g[:, 0])[:, 0] + gradient(g[:, 1])[:, 1]

    if operator == "laplacian":
        return laplace(u)
    if operator == "biharmonic":
        return laplace(laplace(u))
    g = gradient(u)
    return g[:, 1] + u * g[:, 0] - VISCOSITY * gradient(g[:, 0])[:, 0]


def matrix_products(case: Case) -> Steps:
    """The products alone that a forward and a backward sweep of all channels need: a floor."""
    rows = CHANNELS[case.operator] * case.n
    hidden = torch.randn(rows, WIDTH, dtype=case.dtype)
    weight = torch.randn(WIDTH, WIDTH, dtype=case.dtype)
    out, back = torch.empty_like(hidden), torch.empty_like(weight)

    def step() -> None:
        for _ in range(DEPTH - 1):
            torch.mm(hidden, weight, out=out)
            torch.mm(hidden, weight.T, out=out)
            torch.mm(hidden.T, out, out=back)

    return timed(step)


def _steps(loss: Callable[[], Tensor], module: nn.Module) -> Steps:
    parameters = list(module.parameters())
    optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE)

    def step() -> None:
        # The last bias has no gradient where only derivatives count.
        gradients = torch.autograd.grad(loss(), parameters, allow_unused=True)
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g
        optimizer.step()

    return timed(step)


def timed(step: Callable[[], object]) -> Steps:
    """Seconds of each of so many calls.

    Args:
        step: What is timed.

    Returns:
        A function of the number of calls.
    """

    def run(count: int) -> list[float]:
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        return seconds

    return run
