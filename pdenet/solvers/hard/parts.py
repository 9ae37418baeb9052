"""What each component of the fields is given, and on which parts of the boundary."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pdenet.conditions import Dirichlet, Initial, Neumann, Value
from pdenet.geometry import Domain, Region
from pdenet.problem import Problem
from pdenet.solvers.hard.lifts import Face


class RefusedError(Exception):
    """A condition cannot be imposed exactly.

    Args:
        reason: Why, in words that end a sentence.
        conditions: Names of those that could give way, the first choice first.
    """

    def __init__(self, reason: str, *conditions: str):
        super().__init__(reason)
        self.reason = reason
        self.conditions = conditions


@dataclass(frozen=True)
class Component:
    """One output of the network: a scalar field, or a component of a vector or tensor."""

    field: str
    index: int
    shape: tuple[int, ...]

    def of(self, values: Mapping[str, Any]) -> Any:
        """This component's part of values by field; None where the field is not named."""
        if self.field not in values:
            return None
        return _flat(values[self.field], self.shape)[self.index]


@dataclass(frozen=True, eq=False)
class Constraint:
    """What one condition gives one component."""

    condition: str
    part: Region
    value: Value
    rate: Value | None
    strict: bool


def components(problem: Problem) -> list[Component]:
    """All outputs of the network, in their order.

    Args:
        problem: The problem.

    Returns:
        Fields in their order, tensors flattened by rows.
    """
    return [
        Component(field, index, shape)
        for field, shape in problem.shapes.items()
        for index in range(math.prod(shape))
    ]


def constraints(
    problem: Problem, component: Component, names: Collection[str], kinds: tuple[type, ...]
) -> list[Constraint]:
    """What the named conditions of some kinds give a component.

    Args:
        problem: The problem.
        component: The component.
        names: The conditions to look at.
        kinds: Classes of conditions, among Dirichlet, Initial and Neumann.

    Returns:
        One constraint for each condition that names the component's field.
    """
    found = []
    for name in names:
        condition = problem.conditions[name]
        assert isinstance(condition, Dirichlet | Initial | Neumann)
        value = component.of(condition.values)
        if isinstance(condition, kinds) and value is not None:
            rate = component.of(getattr(condition, "rate", {}))
            strict = condition.hard is True
            found.append(Constraint(name, condition.on, value, rate, strict))
    return found


def is_box(domain: Domain) -> bool:
    """Whether a domain fills its bounding box."""
    lengths = [high - low for low, high in domain.bounds.values()]
    return math.isclose(domain.measure, math.prod(lengths), rel_tol=1e-9)


def whole_faces(part: Region, domain: Domain) -> tuple[Face, ...] | None:
    """The whole faces, of constant coordinate, that a part of the boundary consists of.

    Args:
        part: The part.
        domain: The domain.

    Returns:
        The faces; None if the part is anything else.
    """
    faces = [_whole_face(piece, domain) for piece in part.pieces()]
    return tuple(face for face in faces if face is not None) if all(faces) else None


def _whole_face(piece: Region, domain: Domain) -> Face | None:
    for name, (low, high) in domain.bounds.items():
        at = piece.bounds[name]
        if at[0] == at[1] and at[0] in (low, high):
            # A part of a face, or a face of another shape, has another measure.
            whole = math.isclose(piece.measure * (high - low), domain.measure, rel_tol=1e-9)
            return Face(name, int(at[0] == high), low, high) if whole else None
    return None


def _flat(value: Any, shape: tuple[int, ...]) -> list[Any]:
    if not shape:
        return [value]
    parts = value if isinstance(value, tuple) else (value,) * shape[0]
    return [entry for part in parts for entry in _flat(part, shape[1:])]
