"""How fast a problem's data vary along each coordinate: what a network should be ready for."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pdenet.conditions import Condition, Data, Initial
from pdenet.problem import Problem
from pdenet.residuals import Residuals, tensors

POINTS = 1000
STEP = 1e-4  # of half the domain's length; central differences are then right to 1e-6
CONSTANT = 1e-9  # relative; what varies less is round-off

# Of half a length, for residuals of a trained network: near round-off themselves, so that a longer
# difference loses less. Waves of 100 radians lose a hundredth.
RESIDUAL_STEP = 3e-3


def frequencies(problem: Problem) -> dict[str, float]:
    r"""Typical angular frequency of a problem's data along each coordinate.

    For prescribed values, and for what the equations leave over when the fields are held at their
    start values (sources above all), it is the ratio of root mean squares

    .. math:: \omega_i = \|\partial_i g\| / \|g - \bar g\|.

    Time is also judged by the rate at which the equations move the start values,
    :math:`\partial_t^m u = v`:

    .. math:: \omega_t^m = \|v_\perp\| / \|u\|,

    where for m = 1 only the part of v that is orthogonal to u counts: the other grows or decays.

    It is a guess from the data alone. A solution may steepen or turn chaotic later.

    Args:
        problem: The problem.

    Returns:
        By coordinate, radians per half the domain's length: the unit of inputs that are scaled to
        [-1, 1]. Zero where the data do not vary.

    Example:
        >>> from pdenet.problems.advection_1d import advection_1d
        >>> found = frequencies(advection_1d(speed=50))
        >>> round(found["x"]), round(found["t"])
        (3, 25)
    """
    held = Residuals(problem, HeldFields(problem))
    found = dict.fromkeys(problem.coordinates, 0.0)
    for condition, function in _data(problem, held):
        x = condition.on.sample(POINTS, seed=0).x
        for axis, name in enumerate(problem.coordinates):
            if _may_move(condition, name):
                frequency = _variation(function, x, axis, _half(problem, name))
                found[name] = max(found[name], frequency)
    if problem.domain.time is not None:
        found["t"] = max(found["t"], _rate(problem, held) * _half(problem, "t"))
    return found


def residual_frequencies(residuals: Residuals) -> dict[str, float]:
    r"""Typical angular frequency of what a network leaves of the equations, along each coordinate.

    The ratio of root mean squares over all equations r,
    :math:`\omega_i^2 = \sum_r \|\partial_i r\|^2 / \sum_r \|r\|^2`.

    Args:
        residuals: Problem and trained network.

    Returns:
        By coordinate, radians per half the domain's length; zero where nothing is left.
    """
    problem = residuals.problem
    inside = {
        name: condition
        for name, condition in residuals.conditions.items()
        if condition.on.dimension == len(problem.coordinates)
        and not (condition.paired or condition.integral or isinstance(condition, Data))
    }
    slopes, size = dict.fromkeys(problem.coordinates, 0.0), 0.0
    for name, condition in inside.items():
        function, x = _left_over(residuals, name, condition), condition.on.sample(POINTS, seed=0).x
        size += _mean_square(function(x))
        for axis, coordinate in enumerate(problem.coordinates):
            shift = torch.zeros_like(x)
            shift[:, axis] = RESIDUAL_STEP * _half(problem, coordinate)
            change = (function(x + shift) - function(x - shift)) / (2 * RESIDUAL_STEP)
            slopes[coordinate] += _mean_square(change)
    return {name: math.sqrt(slope / size) if size > 0 else 0.0 for name, slope in slopes.items()}


class HeldFields(nn.Module):
    """Fields held at their start values at all times, zero where there are none.

    ``drift`` adds ``(t - t0)^order / order!`` to one column.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.coordinates = problem.coordinates
        self.first = problem.domain.bounds.get("t", (0.0, 0.0))[0]
        self.values = _start_values(problem)
        self.drift: tuple[int, int] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, coordinates) to (n, outputs)."""
        known = {name: x[..., i] for i, name in enumerate(self.coordinates)}
        zero = 0 * x[..., 0]
        columns = [zero + _at(value, known) for value in self.values]
        if self.drift is not None:
            column, order = self.drift
            moved = (known["t"] - self.first) ** order / math.factorial(order)
            columns[column] = columns[column] + moved
        return torch.stack(columns, dim=-1)


def _at(value: Any, known: Mapping[str, Any]) -> Any:
    """A number, or a function at tensors or at jets."""
    if not callable(value):
        return value
    return value(**{name: known[name] for name in inspect.signature(value).parameters})


def _start_values(problem: Problem) -> list[Any]:
    """A number or function for each scalar component."""
    given: dict[str, Any] = {}
    for condition in problem.conditions.values():
        if isinstance(condition, Initial):
            given |= condition.values
    columns: list[Any] = []
    for name, shape in problem.shapes.items():
        value = given.get(name, 0.0)
        size = math.prod(shape)
        columns += list(value) if isinstance(value, tuple) else [value] * size
    return columns


def _data(
    problem: Problem, held: Residuals
) -> Iterator[tuple[Condition, Callable[[Tensor], Tensor]]]:
    """Conditions whose data are functions, each with rows (n, k) as a function of x (n, d)."""
    for name, condition in problem.conditions.items():
        if condition.paired or condition.integral or isinstance(condition, Data):
            continue
        if condition.values:
            yield condition, _prescribed(problem, condition)
        elif condition.on.dimension == len(problem.coordinates):
            yield condition, _left_over(held, name, condition)


def _prescribed(problem: Problem, condition: Condition) -> Callable[[Tensor], Tensor]:
    values: list[Any] = []
    for value in condition.values.values():
        values += value if isinstance(value, tuple) else (value,)

    def rows(x: Tensor) -> Tensor:
        known = {name: x[:, i] for i, name in enumerate(problem.coordinates)}
        return torch.stack([_at(v, known) + 0 * x[:, 0] for v in values], dim=-1)

    return rows


def _left_over(held: Residuals, name: str, condition: Condition) -> Callable[[Tensor], Tensor]:
    points = condition.on.sample(POINTS, seed=0)

    @torch.no_grad()
    def rows(x: Tensor) -> Tensor:
        batch = tensors(condition, points, x) | {"x": x}
        return held.rows(name, batch).reshape(len(x), -1)

    return rows


def _may_move(condition: Condition, name: str) -> bool:
    """Whether points may be shifted along a coordinate without leaving the region's faces."""
    region = condition.on
    low, high = region.bounds[name]
    inside = region.dimension == len(region.coordinates)
    return low < high and (inside or name not in region.space or len(region.pieces()) == 1)


def _half(problem: Problem, name: str) -> float:
    low, high = problem.domain.bounds[name]
    return (high - low) / 2


def _variation(function: Callable[[Tensor], Tensor], x: Tensor, axis: int, half: float) -> float:
    """Root mean square slope over root mean square deviation, per half length."""
    shift = torch.zeros_like(x)
    shift[:, axis] = STEP * half
    middle, slope = function(x), (function(x + shift) - function(x - shift)) / (2 * STEP)
    # Points beside the region may be where a root or logarithm ends.
    finite = torch.isfinite(middle).all(-1) & torch.isfinite(slope).all(-1)
    middle, slope = middle[finite], slope[finite]
    size = _rms(middle - middle.mean(0))
    return _rms(slope) / size if size > CONSTANT * max(1.0, _rms(middle)) else 0.0


def _rate(problem: Problem, held: Residuals) -> float:
    """Angular frequency in time of the start values' motion."""
    axis = problem.coordinates.index("t")
    inside = {
        name: condition
        for name, condition in problem.conditions.items()
        if condition.on.dimension == len(problem.coordinates) and not condition.integral
    }
    orders = [c.count(axis) for n in inside for c in problem.demands[n].layout.channels]
    order, model = max(orders, default=0), held.model
    assert isinstance(model, HeldFields)
    if order == 0 or not inside:
        return 0.0
    u, v = _motion(problem, held, inside, model, order)
    size = u.square().sum()
    if size == 0:
        return 0.0
    if order == 1:
        v = v - u * ((u * v).sum() / size)
    return float((v.square().sum() / size).sqrt()) ** (1 / order)


@torch.no_grad()
def _motion(
    problem: Problem,
    held: Residuals,
    inside: dict[str, Condition],
    model: HeldFields,
    order: int,
) -> tuple[Tensor, Tensor]:
    """Fields at the first time, and their time derivatives of the equations' order: both (n, m)."""
    x = problem.domain.sample(POINTS, seed=0).x
    x[:, problem.coordinates.index("t")] = model.first
    rows = [_left_over(held, name, condition) for name, condition in inside.items()]

    def left_over(drift: tuple[int, int] | None) -> Tensor:
        model.drift = drift
        found = torch.cat([function(x) for function in rows], dim=1)
        model.drift = None
        return found

    rest = left_over(None)
    # How each row answers to each field's derivative: the equation's coefficients.
    answers = [(left_over((k, order)) - rest).mean(0) for k in range(problem.outputs)]
    return model(x), -rest @ torch.linalg.pinv(torch.stack(answers, dim=1)).T


def _mean_square(values: Tensor) -> float:
    """Over those that are numbers: points beside the region may be where a root ends."""
    return float(values[values.isfinite()].square().mean())


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())
