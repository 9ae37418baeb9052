"""Strong Wolfe line search: one evaluation where the first step is good, never many."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

NOISE = 1e-15  # relative round-off of a mean of squares in float64, seen in practice


@dataclass(frozen=True)
class Trial:
    """The function along the line at one step length.

    Args:
        step: Step length.
        value: The function there; infinite or NaN where it cannot be evaluated.
        slope: Its derivative along the direction.
        gradient: Its gradient, kept so that the accepted one need not be evaluated again.
    """

    step: float
    value: float
    slope: float
    gradient: Tensor

    @property
    def finite(self) -> bool:
        """Whether the point can be used; a value of minus infinity, the log of 0, can."""
        return self.value < math.inf and math.isfinite(self.slope)


@dataclass(frozen=True)
class Wolfe:
    r"""Conditions on a step along a descent direction.

    .. math:: f(\alpha) \le f(0) + c_1 \alpha f'(0), \qquad |f'(\alpha)| \le c_2 |f'(0)|

    Where round-off hides the decrease, the first is replaced by its form in slopes,
    :math:`f'(\alpha) \le (2 c_1 - 1) f'(0)` (Hager and Zhang, SIAM J. Optim. 16(1), 2005).

    Args:
        c1: Share of the linear decrease that is asked for, dimensionless.
        c2: Share of the slope that may be left, dimensionless.
        evaluations: Most evaluations in one search.

    Raises:
        ValueError: Not 0 < c1 < 1/2, c1 < c2 < 1 and evaluations >= 1.
    """

    c1: float = 1e-4
    c2: float = 0.9
    evaluations: int = 20

    def __post_init__(self) -> None:
        if not (0 < self.c1 < 0.5 and self.c1 < self.c2 < 1 and self.evaluations >= 1):
            raise ValueError(
                f"Wolfe(c1={self.c1}, c2={self.c2}, evaluations={self.evaluations}): expected "
                "0 < c1 < 1/2, c1 < c2 < 1 and at least one evaluation; usual are 1e-4, 0.9, 20."
            )

    def search(self, phi: Callable[[float], Trial], start: Trial, step: float) -> Trial | None:
        """Looks for a step that satisfies the conditions, trying ``step`` first.

        Args:
            phi: The function along the line.
            start: Its value at step 0, with a negative slope.
            step: First step to try.

        Returns:
            A trial that satisfies both conditions; else the best one that lowers the function
            enough; None where there is none, in the allowed number of evaluations.
        """
        return _Search(self, phi, start).run(step)


class _Search:
    """One search: bracket a good step, then shrink the bracket (Nocedal and Wright, 3.5, 3.6)."""

    def __init__(self, rule: Wolfe, phi: Callable[[float], Trial], start: Trial) -> None:
        self.rule, self.phi, self.start = rule, phi, start
        self.left = rule.evaluations
        self.noise = NOISE * abs(start.value)

    def evaluate(self, step: float) -> Trial:
        self.left -= 1
        return self.phi(step)

    def lowers(self, trial: Trial) -> bool:
        """Sufficient decrease, in values or, within round-off, in slopes."""
        c1, f, slope = self.rule.c1, self.start.value, self.start.slope
        if not trial.finite:
            return False
        if trial.value <= f + c1 * trial.step * slope:
            return True
        return abs(trial.value - f) <= self.noise and trial.slope <= (2 * c1 - 1) * slope

    def flat(self, trial: Trial) -> bool:
        return abs(trial.slope) <= -self.rule.c2 * self.start.slope

    def run(self, step: float) -> Trial | None:
        best = self.start
        while self.left > 0:
            trial = self.evaluate(step)
            if not self.lowers(trial) or trial.value > best.value + self.noise:
                return self.zoom(best, trial)
            if self.flat(trial):
                return trial
            if trial.slope >= 0:
                return self.zoom(trial, best)
            best, step = trial, _extrapolate(best, trial)
        return best if best.step > 0 else None

    def zoom(self, low: Trial, high: Trial) -> Trial | None:
        """``low`` lowers the function most so far and slopes down towards ``high``."""
        while self.left > 0 and abs(high.step - low.step) > 1e-14 * max(low.step, high.step):
            trial = self.evaluate(_interpolate(low, high))
            if not self.lowers(trial) or trial.value > low.value + self.noise:
                high = trial
                continue
            if self.flat(trial):
                return trial
            if trial.slope * (high.step - low.step) >= 0:
                high = low
            low = trial
        return low if low.step > 0 else None


def _minimum_of_cubic(a: Trial, b: Trial) -> float | None:
    """Minimizer of the cubic through two values and slopes; None where it has none."""
    if not (a.finite and b.finite):
        return None
    width = b.step - a.step
    d1 = a.slope + b.slope - 3 * (b.value - a.value) / width
    square = d1 * d1 - a.slope * b.slope
    if square < 0:
        return None
    d2 = math.copysign(math.sqrt(square), width)
    bottom = b.slope - a.slope + 2 * d2
    return b.step - width * (b.slope + d2 - d1) / bottom if bottom != 0 else None


def _interpolate(low: Trial, high: Trial) -> float:
    """A step between, by the cubic, but a tenth of the bracket away from its ends."""
    width = high.step - low.step
    step = _minimum_of_cubic(low, high)
    if step is None:
        # Where the function cannot be evaluated the good steps are usually much shorter.
        return low.step + width * (0.5 if high.finite else 0.1)
    ends = sorted((low.step + 0.1 * width, low.step + 0.9 * width))
    return min(max(step, ends[0]), ends[1])


def _extrapolate(before: Trial, now: Trial) -> float:
    """A longer step, by the cubic, at least 1.5 and at most 10 times the last one."""
    step = _minimum_of_cubic(before, now)
    if step is None or step <= now.step:
        step = 10 * now.step
    return min(max(step, 1.5 * now.step), 10 * now.step)
