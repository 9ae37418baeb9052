"""Solutions of a problem for whatever input functions come."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from pdenet.functions import Functions
from pdenet.references.base import Kind, Reference
from pdenet.references.cache import cached

CHUNK = 50  # functions solved for at once
_PROBES = 61  # points whose values tell input functions from others
_SCHEME = "operators 1"  # part of every cache key: changes when stored numbers would

Progress = Callable[[int, int], None]
"""Told how many functions are solved for, and of how many."""


def unheard(done: int, total: int) -> None:
    """The progress that nobody looks at."""


class OperatorReference(Reference):
    """A reference that solves for any input functions. Instances are frozen.

    Attributes:
        inputs: Names of the input functions.
    """

    inputs: tuple[str, ...]

    def solutions(
        self, inputs: Mapping[str, Functions], x: Tensor, progress: Progress = unheard
    ) -> dict[str, Tensor]:
        """Every field for every input function at every point.

        Args:
            inputs: Functions by name, the same number of each.
            x: Points, shape (n, d), columns in the order of ``coordinates``.
            progress: Told how far it is.

        Returns:
            Values by field, shape (m, n), float64.

        Raises:
            ValueError: An input function is missing, or their numbers differ.
        """
        counts = {name: len(functions) for name, functions in inputs.items()}
        if set(counts) != set(self.inputs) or len(set(counts.values())) != 1:
            raise ValueError(
                f"This reference solves for the input functions {self.inputs}, the same number of "
                f"each; got {counts}."
            )
        return self._solutions(inputs, x.detach().to("cpu", torch.float64), progress)

    def at(self, inputs: Mapping[str, Functions]) -> Reference:
        """The reference for one input function of each kind."""
        return _AtInputs(self, MappingProxyType(dict(inputs)))

    @abstractmethod
    def _solutions(
        self, inputs: Mapping[str, Functions], x: Tensor, progress: Progress
    ) -> dict[str, Tensor]:
        """Return every field, (m, n); names and numbers are already checked."""

    def _evaluate(self, coordinates: Mapping[str, Tensor]) -> dict[str, Tensor]:
        raise ValueError(
            f"The solution depends on the input functions {self.inputs}; give one of each: "
            "reference.at({...})."
        )


@dataclass(frozen=True, eq=False)
class _AtInputs(Reference):
    """An operator's reference at one input function of each kind."""

    kind: ClassVar[Any]  # that of the operator; set below, on the instance
    operator: OperatorReference
    given: Mapping[str, Functions]

    def __post_init__(self) -> None:
        operator = self.operator
        for name in ("kind", "fields", "coordinates", "tolerance"):
            object.__setattr__(self, name, getattr(operator, name))

    def _evaluate(self, coordinates: Mapping[str, Tensor]) -> dict[str, Tensor]:
        like = coordinates[self.coordinates[0]]
        x = torch.stack([coordinates[name] for name in self.coordinates], dim=-1)
        found = self.operator.solutions(self.given, x)
        return {name: values[0].to(like) for name, values in found.items()}


@dataclass(frozen=True, eq=False, init=False)
class ExactOperator(OperatorReference):
    """Solutions by formulas of the input functions.

    Args:
        tolerance: Relative accuracy, for formulas that hold a quadrature.
        **functions: One function a field. Its parameters are names of coordinates, which come as
            tensors of shape (n,), and of input functions, which come as functions of their own
            coordinates by name that return shape (n, m). It returns shape (n, m).

    Raises:
        ValueError: There is no field.

    Example:
        >>> moved = ExactOperator(("v",), ("x", "t"), u=lambda v, x, t: v(x=x - t))
        >>> moved.fields, moved.inputs
        (('u',), ('v',))
    """

    kind: ClassVar[Kind] = "exact"
    inputs: tuple[str, ...]
    coordinates: tuple[str, ...]
    fields: tuple[str, ...]
    tolerance: float
    functions: Mapping[str, Callable[..., Tensor]]

    def __init__(
        self,
        inputs: tuple[str, ...],
        coordinates: tuple[str, ...],
        *,
        tolerance: float = 1e-12,
        **functions: Callable[..., Tensor],
    ) -> None:
        if not functions:
            raise ValueError("ExactOperator has no field; give one: u=lambda v, x: ...")
        values = {
            "inputs": inputs,
            "coordinates": coordinates,
            "fields": tuple(functions),
            "tolerance": tolerance,
            "functions": MappingProxyType(functions),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _solutions(
        self, inputs: Mapping[str, Functions], x: Tensor, progress: Progress
    ) -> dict[str, Tensor]:
        known: dict[str, Any] = dict(zip(self.coordinates, x.unbind(1), strict=True))
        known |= {name: _by_name(functions) for name, functions in inputs.items()}
        fields = {}
        for name, function in self.functions.items():
            taken = inspect.signature(function).parameters
            fields[name] = function(**{n: v for n, v in known.items() if n in taken}).T
        return fields


def _by_name(functions: Functions) -> Callable[..., Tensor]:
    """Functions that take their coordinates by name."""

    def values(**coordinates: Tensor) -> Tensor:
        return functions(torch.stack([coordinates[c] for c in functions.coordinates], dim=-1))

    return values


class GridOperator(OperatorReference):
    """A numerical method whose solutions are values at nodes, kept in the user's cache."""

    def _solutions(
        self, inputs: Mapping[str, Functions], x: Tensor, progress: Progress
    ) -> dict[str, Tensor]:
        probe = self._probe(x.numpy())
        values = probe @ self._stored(inputs, progress).T
        return {self.fields[0]: torch.as_tensor(np.ascontiguousarray(values.T))}

    def _stored(self, inputs: Mapping[str, Functions], progress: Progress) -> np.ndarray:
        content = (_SCHEME, type(self).__name__, *self._content(), *map(_told, inputs.values()))
        found = cached("operator", content, lambda: {"nodal": self._nodal(inputs, progress)})
        return found["nodal"]

    def _nodal(self, inputs: Mapping[str, Functions], progress: Progress) -> np.ndarray:
        count = len(next(iter(inputs.values())))
        parts = []
        for start in range(0, count, CHUNK):
            progress(start, count)
            some = {n: f[slice(start, start + CHUNK)] for n, f in inputs.items()}
            parts.append(self._solve(some))
        progress(count, count)
        found = np.concatenate(parts)
        if not np.isfinite(found).all():
            raise ValueError(
                f"{type(self).__name__} found solutions that are not finite: the equation has none "
                "for some input function, or steps are too long."
            )
        return found

    @abstractmethod
    def _content(self) -> tuple[object, ...]:
        """Return what tells this equation and its resolution from others."""

    @abstractmethod
    def _solve(self, inputs: Mapping[str, Functions]) -> np.ndarray:
        """Return values at the nodes, (m, nodes), for a few functions."""

    @abstractmethod
    def _probe(self, x: np.ndarray) -> csr_matrix:
        """Return the matrix (n, nodes) from values at the nodes to those at points (n, d)."""


def _told(functions: Functions) -> np.ndarray:
    """Values that tell functions from others, at irrational points of the unit cube and around."""
    steps = torch.arange(1, 1 + _PROBES, dtype=torch.float64)
    roots = torch.tensor([2.0, 3.0, 5.0, 7.0], dtype=torch.float64).sqrt()
    x = (steps[:, None] * roots[: len(functions.coordinates)]) % 1
    return functions(x).numpy()
