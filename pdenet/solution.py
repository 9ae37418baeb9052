"""A trained network as a function of named coordinates, with what is known of its accuracy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdenet.functions import Ensemble
from pdenet.geometry import Points
from pdenet.jets import discover
from pdenet.operators import OperatorResiduals
from pdenet.problem import Problem
from pdenet.record import Record
from pdenet.residuals import Residuals


class Solution:
    """What :func:`pdenet.solve` returns and :func:`pdenet.load` gives back.

    Args:
        residuals: The trained network with its problem.
        record: What the run left behind.
        folder: Where the run was written, if it was.

    Example:
        >>> solution = pdenet.solve("poisson-1d", max_steps=10)  # doctest: +SKIP
        >>> solution(x=[0.25, 0.5])["u"]  # doctest: +SKIP
    """

    def __init__(self, residuals: Residuals, record: Record, folder: Path | None = None) -> None:
        self.residuals = residuals.eval()
        self.record = record
        self.folder = folder

    @property
    def problem(self) -> Problem:
        """The problem that was solved."""
        return self.residuals.problem

    @property
    def unknowns(self) -> dict[str, float]:
        """Found values of the unknown constants, by name."""
        return {name: float(value.detach()) for name, value in self.residuals.unknowns.items()}

    def __call__(self, **coordinates: Any) -> dict[str, Tensor]:
        """Every field at points.

        Args:
            coordinates: Each coordinate by name: numbers, lists, arrays or tensors of shape (n,);
                numbers are repeated.

        Returns:
            Values by field: shape (n,) for a scalar field, (n, k) for a vector.
        """
        x = self._columns(coordinates)
        return fields_at(self.residuals, x)

    def at(self, **inputs: Any) -> Solution:
        """The solution for one input function of each kind, where the problem has such.

        Args:
            inputs: By name, a formula of named coordinates, one draw of a space, a number, or
                values at the sensors, shape (s,).

        Returns:
            A solution of coordinates, as any other.

        Raises:
            ValueError: The problem has no input functions, or what is given does not fit them.
        """
        if not isinstance(self.residuals, OperatorResiduals):
            raise ValueError(
                f"Problem {self.problem.name!r} has no input functions, or they are given already; "
                "call the solution with coordinates."
            )
        ensemble = Ensemble.given(self.problem.inputs, inputs)
        return Solution(self.residuals.at(ensemble), self.record, self.folder)

    def derived(self, function: Callable[..., Any], **coordinates: Any) -> Tensor:
        """A quantity made of fields and their partials, such as ``lambda u: u.x ** 2``.

        Args:
            function: Function of named fields, coordinates and unknowns, as a residual.
            coordinates: As for a call.

        Returns:
            Values of shape (n,), or (n, k) where the function returns a tuple.
        """
        problem, x = self.problem, self._columns(coordinates)
        given = dict(self.residuals.unknowns.items())
        demand = discover(
            function,
            fields=dict(problem.shapes),
            coordinates=problem.coordinates,
            space=problem.domain.space,
            given={n: p.detach() for n, p in given.items()},
        )
        return self.residuals.evaluate(function, demand, x)

    def residual(self, condition: str, points: Points) -> Tensor:
        """Rows of one condition at any number of points, shape (n,) or (n, k)."""
        return self.residuals.in_chunks({condition: points})[condition]

    def _columns(self, coordinates: Mapping[str, Any]) -> Tensor:
        names = self.problem.coordinates
        if isinstance(self.residuals, OperatorResiduals):
            raise ValueError(
                f"The solution of {self.problem.name!r} depends on the input functions "
                f"{tuple(self.problem.inputs)}: solution.at("
                f"{', '.join(f'{n}=...' for n in self.problem.inputs)})({names[0]}=...)."
            )
        if set(coordinates) != set(names):
            raise ValueError(
                f"The solution of {self.problem.name!r} is a function of {names}; got "
                f"{tuple(coordinates)}."
            )
        like = next(self.residuals.model.parameters())
        columns = [
            torch.as_tensor(
                c if isinstance(c, Tensor) else np.asarray(c, dtype=float),
                dtype=like.dtype,
                device=like.device,
            )
            for c in (coordinates[n] for n in names)
        ]
        shapes = {tuple(c.shape) for c in columns if c.ndim}
        if len(shapes) > 1 or any(len(s) > 1 for s in shapes):
            raise ValueError(
                f"Coordinates have shapes {[tuple(c.shape) for c in columns]}; give numbers, or "
                "arrays of one common shape (n,)."
            )
        n = shapes.pop()[0] if shapes else 1
        return torch.stack([c.expand(n) for c in columns], dim=-1)


def fields_at(residuals: Residuals, x: Tensor) -> dict[str, Tensor]:
    """Values of every field at coordinates (n, d), in chunks of bounded memory.

    Args:
        residuals: Network with its problem.
        x: Coordinates, shape (n, d), in the network's precision and on its device.

    Returns:
        Values by field, shape (n, *field shape).
    """
    with torch.no_grad():
        values = torch.cat([residuals.model(part) for part in x.split(residuals.value_chunk)])
    return split_fields(values, residuals.problem)


def split_fields(values: Tensor, problem: Problem) -> dict[str, Tensor]:
    """Columns (n, m) of a network's output as named fields of their shapes."""
    sizes = [int(np.prod(shape)) for shape in problem.shapes.values()]
    parts = values.split(sizes, dim=-1)
    return {
        name: part.reshape(len(values), *shape)
        for (name, shape), part in zip(problem.shapes.items(), parts, strict=True)
    }


__all__ = ["Solution", "fields_at", "split_fields"]
