"""Single functions as a person gives them: formulas, or values at sensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pdenet.functions.base import Functions


class Formulas(Functions):
    """Functions given by formulas of named coordinates: ``lambda x: torch.sin(x)``.

    Args:
        functions: Each takes some of the coordinates by name, tensors of shape (n,), and returns
            shape (n,) or a number.
        coordinates: Names of the columns of the points.

    Raises:
        ValueError: There are none, or one asks for another name.
    """

    def __init__(self, functions: Sequence[Callable[..., Any]], coordinates: Sequence[str]) -> None:
        self.functions, self.coordinates = tuple(functions), tuple(coordinates)
        if not self.functions:
            raise ValueError("An input function is missing; give at least one.")
        self._names = [self._checked(function) for function in self.functions]

    def _checked(self, function: Callable[..., Any]) -> list[str]:
        try:
            parameters = inspect.signature(function).parameters
        except ValueError:  # torch.sin and its like do not tell
            raise ValueError(
                f"{function!r} has parameters without names; wrap it: "
                f"lambda {self.coordinates[0]}: ...({self.coordinates[0]})."
            ) from None
        names = [n for n, p in parameters.items() if p.default is p.empty]
        if strangers := [n for n in names if n not in self.coordinates]:
            raise ValueError(
                f"An input function asks for {strangers}, but it is a function of "
                f"{self.coordinates}; name those."
            )
        return names

    def __len__(self) -> int:
        return len(self.functions)

    def __getitem__(self, index: slice | Sequence[int]) -> Formulas:
        chosen = range(len(self))[index] if isinstance(index, slice) else index
        return Formulas([self.functions[int(i)] for i in chosen], self.coordinates)

    def _evaluate(self, x: Any) -> Any:
        known = {name: x[..., i] for i, name in enumerate(self.coordinates)}
        pairs = zip(self.functions, self._names, strict=True)
        # 0 * x makes a column of a formula that is a number.
        columns = [f(**{n: known[n] for n in names}) + 0 * x[..., 0] for f, names in pairs]
        return torch.stack(columns, dim=-1)


class AtSensors(Functions):
    """Functions of which nothing is known but their values at sensors.

    Args:
        sensors: Where, shape (s, d).
        values: Shape (m, s).
        coordinates: Names of the columns of ``sensors``.

    Raises:
        ValueError: Shapes do not fit, or a value is not finite.
    """

    everywhere = False

    def __init__(self, sensors: Tensor, values: Tensor, coordinates: Sequence[str]) -> None:
        if values.ndim != 2 or values.shape[1] != len(sensors):
            raise ValueError(
                f"Values at sensors have shape {tuple(values.shape)}; expected "
                f"(functions, {len(sensors)}), one value for each sensor."
            )
        if bad := int((~values.isfinite()).sum()):
            raise ValueError(f"{bad} values at sensors are not finite; remove those functions.")
        self.sensors, self.values = sensors, values
        self.coordinates = tuple(coordinates)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: slice | Sequence[int]) -> AtSensors:
        return AtSensors(self.sensors, self.values[index], self.coordinates)

    def _evaluate(self, x: Any) -> Any:
        same = isinstance(x, Tensor) and x.shape == self.sensors.shape
        if same and torch.allclose(x, self.sensors.to(x), rtol=1e-6, atol=1e-9):
            return self.values.T.to(x)
        raise ValueError(
            "The input function is known at its sensors only, so that it has no value elsewhere, "
            "where a residual or a reference asks for it. Give a formula, or a draw of a space."
        )
