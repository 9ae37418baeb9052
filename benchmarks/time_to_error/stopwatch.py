"""Seconds and errors of a contender in training, measured alike for all of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pdenet.accuracy import Comparison
from pdenet.metrics import field_errors
from pdenet.problem import Problem

Predict = Callable[[np.ndarray], np.ndarray]
"""Coordinates (n, d) to values (n, fields), in the order of the problem's fields."""

FIRST, SHARE = 0.05, 0.04
"""Least seconds between two looks, and their least share of the seconds so far."""


class Stopwatch:
    """Counts the seconds of training, without those of looking at the error.

    Args:
        problem: The problem, whose reference on a quadrature tells the error.
        target: Error at which a contender is through.
        cap: CPU seconds that it has.
        path: File that gets a line of JSON for every look.
    """

    def __init__(self, problem: Problem, target: float, cap: float, path: Path) -> None:
        comparison = Comparison.of(problem)
        assert isinstance(comparison, Comparison)
        self.problem, self.comparison = problem, comparison
        self.x = comparison.points.x.numpy()
        self.target, self.cap, self.path = target, cap, path
        self.last = 0.0
        self.ended: str | None = None
        self.start()

    def start(self) -> None:
        """Sets both clocks to zero."""
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    @property
    def cpu(self) -> float:
        """CPU seconds of training, all threads together."""
        return time.process_time() - self._cpu

    @property
    def wall(self) -> float:
        """Seconds of training by the clock on the wall."""
        return time.perf_counter() - self._wall

    def share(self, part: float) -> bool:
        """Whether this part of the seconds is spent."""
        return self.cpu >= part * self.cap

    def look(self, predict: Predict, always: bool = False) -> bool:
        """Measures, if it is time to.

        Args:
            predict: The contender's answer.
            always: Measure in any case.

        Returns:
            Whether the contender is to stop.
        """
        if self.ended is not None:
            return True
        cpu, wall = self.cpu, self.wall
        over = cpu >= self.cap
        if not (always or over or cpu - self.last >= max(FIRST, SHARE * cpu)):
            return False
        error = self._error(predict)
        self.note(cpu=cpu, wall=wall, error=error)
        if error is None:
            self.end("its answer is not finite")
        elif error <= self.target:
            self.end(f"reached {self.target:g}")
        elif over:
            self.end(f"{self.cap:g} CPU seconds are over")
        self.last = cpu
        self._cpu += self.cpu - cpu
        self._wall += self.wall - wall
        return self.ended is not None

    def end(self, reason: str) -> None:
        """Says why it ended; what comes first counts."""
        if self.ended is None:
            self.ended = reason
            self.note(ended=reason)

    def note(self, **values: Any) -> None:
        """Writes a line at once, so that a contender that is killed leaves what it did."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def _error(self, predict: Predict) -> float | None:
        """Relative L2 error of the worst field; None where a value is not finite."""
        values = torch.from_numpy(np.asarray(predict(self.x), dtype=np.float64))
        if not bool(values.isfinite().all()):
            return None
        found = {name: values[:, k] for k, name in enumerate(self.problem.fields)}
        errors = field_errors(
            found,
            self.comparison.exact,
            self.comparison.points.weight,
            modulo_constant=set(self.problem.modulo_constant),
        )
        return max(e.relative_l2 for e in errors.values())
