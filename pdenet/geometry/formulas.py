"""Domains as Boolean formulas of half-spaces and round shapes, for distances by R-functions.

Formulas are simplified so that no two sub-formulas vanish along a common face: an R-function of two
that do has no derivative there.
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pdenet.geometry.motion import Motion
from pdenet.geometry.rfunctions import conjunction, disjunction
from pdenet.geometry.unit import unit_points

if TYPE_CHECKING:
    from pdenet.geometry.domain import Domain

_DIGITS = 12
_PROBES = 512
_OPPOSITE = {"and": "or", "or": "and"}


@dataclass(frozen=True)
class HalfSpace:
    """Where normal . x + offset > 0.

    Attributes:
        normal: Components of the unit normal by coordinate.
        offset: In units of length.
    """

    normal: Mapping[str, float] = field(compare=False)
    offset: float = field(compare=False)
    key: tuple[Any, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Round to a key, so that faces that differ by rounding are one."""
        terms = ((c, round(v, _DIGITS)) for c, v in sorted(self.normal.items()))
        key = (*(term for term in terms if term[1] != 0), round(self.offset, _DIGITS) + 0.0)
        object.__setattr__(self, "key", key)

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Return the height above the face."""
        terms = [values[c] * v for c, v in self.normal.items() if v != 0]
        return functools.reduce(operator.add, terms) + self.offset

    def __neg__(self) -> HalfSpace:
        return HalfSpace({c: -v for c, v in self.normal.items()}, -self.offset)

    def moved(self, coordinates: Sequence[str], motion: Motion) -> HalfSpace:
        """Return the half-space after a motion.

        Args:
            coordinates: Names that the motion refers to.
            motion: The motion.

        Returns:
            The moved half-space.
        """
        normal = torch.tensor([self.normal.get(c, 0.0) for c in coordinates], dtype=torch.float64)
        turned = (motion.rows @ normal).tolist()
        offset = self.offset - sum(n * s for n, s in zip(turned, motion.shift, strict=True))
        return HalfSpace(dict(zip(coordinates, turned, strict=True)), offset)

    def zeros(self, domain: Domain) -> Tensor:
        """Return points of the face in a domain's box.

        Args:
            domain: The domain.

        Returns:
            Points, shape (n, d).
        """
        low, high = torch.tensor(list(domain.bounds.values()), dtype=torch.float64).T
        x = low + unit_points(_PROBES, len(low), 0, "sobol") * (high - low)
        normal = [self.normal.get(c, 0.0) for c in domain.coordinates]
        normal = torch.tensor(normal, dtype=torch.float64)
        return x - (x @ normal + self.offset)[:, None] * normal


@dataclass(frozen=True)
class Inside:
    """Where a shape's own function is positive, or negative.

    Attributes:
        domain: The shape, before it moved.
        height: Its function of values by coordinate: positive inside, of unit slope.
        motions: Names and motions, in the order in which they happened.
        sign: 1 inside, -1 outside.
    """

    domain: Domain
    height: Callable[[dict[str, Any]], Any] = field(compare=False)
    motions: tuple[tuple[tuple[str, ...], Motion], ...] = ()
    sign: int = 1

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Return the shape's function, moved."""
        values = dict(values)
        for coordinates, motion in reversed(self.motions):
            values |= motion.backward_values(coordinates, values)
        height = self.height(values)
        return height if self.sign > 0 else -height

    def __neg__(self) -> Inside:
        return replace(self, sign=-self.sign)

    def moved(self, coordinates: Sequence[str], motion: Motion) -> Inside:
        """Return the shape after a motion.

        Args:
            coordinates: Names that the motion refers to.
            motion: The motion.

        Returns:
            The moved shape.
        """
        return replace(self, motions=(*self.motions, (tuple(coordinates), motion)))

    def zeros(self, domain: Domain) -> Tensor:
        """Return points of the shape's boundary, where it is one of the domain's own.

        Args:
            domain: The domain.

        Returns:
            Points, shape (n, d).
        """
        if self.domain.coordinates != domain.coordinates:
            return torch.empty(0, len(domain.coordinates), dtype=torch.float64)
        x = self.domain.boundary.quadrature(_PROBES).x
        for _, motion in self.motions:
            x = motion.forward(x)
        return x


@dataclass(frozen=True)
class Node:
    """Several formulas joined.

    Attributes:
        kind: "and" or "or".
        parts: The formulas, none of the same kind.
    """

    kind: str
    parts: tuple[Formula, ...]


Literal = HalfSpace | Inside
Formula = Literal | Node


def join(kind: str, parts: Iterable[Formula]) -> Formula:
    """Join formulas by "and" or "or", and simplify.

    Repetitions go (a & a = a), so does what is known (a & (b | a & c) = a & (b | c), a & (!a | b) =
    a & b), and common parts are factored out ((a | b) & (a | c) = a | b & c); the same for "or".

    Args:
        kind: "and" or "or".
        parts: Formulas.

    Returns:
        The formula.
    """
    flat = _flatten(kind, parts)
    literals = [part for part in flat if not isinstance(part, Node)]
    known = [_assume(part, literals, kind) if isinstance(part, Node) else part for part in flat]
    # A part that decides the whole (a & !a) stays: nothing is left of such a domain anyway.
    left = [
        part if new is (kind == "or") else new
        for part, new in zip(flat, known, strict=True)
        if new is not (kind == "and")
    ]
    formulas = [part for part in left if not isinstance(part, bool)]
    return _factor(kind, flat) if formulas == flat else join(kind, formulas)


def _assume(part: Formula, literals: Sequence[Literal], kind: str) -> Formula | bool:
    """Simplify a part, given that the literals beside it hold (in an "or": do not)."""
    truth = kind == "and"
    if not isinstance(part, Node):
        if part in literals:
            return truth
        return not truth if -part in literals else part
    decides = part.kind == "or"
    parts = [_assume(p, literals, kind) for p in part.parts]
    if any(p is decides for p in parts):
        return decides
    left = [p for p in parts if not isinstance(p, bool)]
    return join(part.kind, left) if left else not decides


def negate(formula: Formula) -> Formula:
    """Return the formula of the complement.

    Args:
        formula: Any formula.

    Returns:
        Its negation.
    """
    if isinstance(formula, Node):
        return Node(_OPPOSITE[formula.kind], tuple(negate(part) for part in formula.parts))
    return -formula


def moved(formula: Formula, coordinates: Sequence[str], motion: Motion) -> Formula:
    """Return the formula of the moved domain.

    Args:
        formula: Any formula.
        coordinates: Names that the motion refers to.
        motion: The motion.

    Returns:
        The formula after it.
    """
    if isinstance(formula, Node):
        parts = tuple(moved(part, coordinates, motion) for part in formula.parts)
        return Node(formula.kind, parts)
    return formula.moved(coordinates, motion)


def evaluate(formula: Formula, values: Mapping[str, Any]) -> Any:
    """Evaluate by R-functions: positive where the formula holds, negative where it does not.

    Args:
        formula: Any formula.
        values: Values by coordinate.

    Returns:
        Values of the same kind, in units of length.
    """
    if not isinstance(formula, Node):
        return formula(values)
    combine = conjunction if formula.kind == "and" else disjunction
    parts = [evaluate(part, values) for part in formula.parts]
    while len(parts) > 1:
        # In pairs rather than one after the other: round-off and slopes suffer less.
        pairs = [combine(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[2 * len(pairs) :]
    return parts[0]


def literals_of(formula: Formula) -> set[Literal]:
    """Return all half-spaces and shapes of a formula.

    Args:
        formula: Any formula.

    Returns:
        Its literals.
    """
    if not isinstance(formula, Node):
        return {formula}
    return set().union(*(literals_of(part) for part in formula.parts))


def _flatten(kind: str, parts: Iterable[Formula]) -> list[Formula]:
    flat: dict[Formula, None] = {}
    for part in parts:
        inner = part.parts if isinstance(part, Node) and part.kind == kind else (part,)
        flat.update(dict.fromkeys(inner))
    return list(flat)


def _factor(kind: str, parts: list[Formula]) -> Formula:
    if len(parts) == 1:
        return parts[0]
    nodes = [part for part in parts if isinstance(part, Node)]
    counts = Counter(p for node in nodes for p in node.parts)
    common, count = counts.most_common(1)[0] if counts else (None, 0)
    if count < 2 or common is None:
        return Node(kind, tuple(parts))
    sharing = [node for node in nodes if common in node.parts]
    rest = [join(_OPPOSITE[kind], [q for q in p.parts if q != common]) for p in sharing]
    factored = join(_OPPOSITE[kind], [common, join(kind, rest)])
    return join(kind, [*(part for part in parts if part not in sharing), factored])
