"""What every region can do.

Corner policy: faces and edges are open. A corner belongs to none of the faces that meet there, and
points drawn at random never lie on one (Gauss-Legendre nodes neither). It matters where two
conditions disagree at a corner, as in a driven cavity: neither is asked for there.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pdenet.geometry.names import TIME, check_count, check_names
from pdenet.geometry.points import Points
from pdenet.geometry.unit import unit_points

_QUADRATURE_SEED = 20240
_MOST_DRAWS = 200_000_000


class Placed(NamedTuple):
    """Images of points of the unit cube.

    Attributes:
        x: Coordinates, shape (n, d).
        normals: Shape (n, len(space)), or None.
        keep: Mask of those that lie in the region, shape (n,); None where all do.
    """

    x: Tensor
    normals: Tensor | None = None
    keep: Tensor | None = None


class Rule(NamedTuple):
    """A quadrature rule.

    Attributes:
        x: Nodes, shape (n, d).
        weight: Shape (n,), summing to the measure.
        normals: Shape (n, len(space)), or None.
    """

    x: Tensor
    weight: Tensor
    normals: Tensor | None = None


class Region(ABC):
    """Anything that points can be drawn from.

    A region is immutable, and equal to another that was built from the same values. To define one,
    set its attributes by `_set`, and map the unit cube to it (`place`); `rule` and `_distance` are
    there where a formula exists.
    """

    coordinates: tuple[str, ...]
    """Names of the columns of x."""
    parameters: tuple[str, ...]
    """Those of them that are parameters of the problem."""
    label: str
    """Readable name: "interior", "boundary", "x=0"."""
    dimension: int
    """Of the manifold; 0 for points."""
    measure: float
    """Length, area, volume...; the number of points in dimension 0."""
    bounds: dict[str, tuple[float, float]]
    """Smallest and largest value of each coordinate (a box that holds the region)."""
    unit: int
    """Dimension of the unit cube that `place` maps to the region."""
    envelope: float
    """Measure of what `place` maps to, before points are rejected."""
    has_distance: bool = False
    """Whether `distance` exists."""
    smooth: bool = True
    """Whether `place` is continuous, in each of the `pieces`."""

    def _set(
        self,
        *,
        coordinates: tuple[str, ...],
        label: str,
        dimension: int,
        measure: float,
        bounds: dict[str, tuple[float, float]],
        unit: int,
        parameters: tuple[str, ...] = (),
        envelope: float | None = None,
        **more: Any,
    ) -> None:
        attributes = dict(
            coordinates=check_names(coordinates, parameters),
            parameters=parameters,
            label=label,
            dimension=dimension,
            measure=measure,
            bounds=bounds,
            unit=unit,
            envelope=measure if envelope is None else envelope,
            **more,
        )
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    def _key(self) -> Hashable:
        """Return the values that tell this region from others of its class."""
        return id(self)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Region) and type(self) is type(other) and self._key() == other._key()
        )

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"Regions are immutable; build a new one instead of setting {name!r}.")

    @property
    def time(self) -> str | None:
        """The time coordinate: ``"t"`` or None."""
        return TIME if TIME in self.coordinates else None

    @property
    def space(self) -> tuple[str, ...]:
        """The coordinates that are neither time nor parameters."""
        return tuple(c for c in self.coordinates if c != TIME and c not in self.parameters)

    def pieces(self) -> tuple[Region, ...]:
        """Return the smooth pieces that the region consists of.

        Returns:
            At least one region.
        """
        return (self,)

    @abstractmethod
    def place(self, u: Tensor) -> Placed:
        """Map the unit cube to the region, uniform law to uniform law.

        Args:
            u: Points of the cube, shape (n, unit), float64.

        Returns:
            Their images.
        """

    def rule(self, n: int) -> Rule | None:
        """Return a Gauss rule of about ``n`` nodes, None where there is none.

        Args:
            n: Number of nodes wanted.

        Returns:
            The rule.
        """
        return None

    def sample(self, n: int, *, seed: int | Sequence[int], method: str = "uniform") -> Points:
        """Draw points: a pure function of the arguments, in float64 on the CPU.

        A region of dimension 0 has no more points than it has: there ``sample`` returns each of
        them once, or ``n`` of them, chosen without repetition, where they are more.

        Args:
            n: Number of points.
            seed: A non-negative whole number, or several.
            method: ``"uniform"`` (independent), ``"sobol"`` (scrambled) or ``"latin-hypercube"``.

        Returns:
            Points with equal weights measure / n.
        """
        n = check_count(n)
        if self.dimension == 0:
            return self._some(n, seed)
        share = min(1.0, self.measure / self.envelope)
        draws = n if share == 1 else math.ceil(1.1 * n / share) + 32
        while True:
            placed = self.place(unit_points(draws, self.unit, seed, method))
            x, normals, keep = placed
            if keep is not None:
                x, normals = x[keep][:n], None if normals is None else normals[keep][:n]
            if len(x) == n:
                return self._points(x, normals)
            draws = self._more(2 * draws)

    def quadrature(self, n: int) -> Points:
        """Return a rule with about ``n`` nodes.

        Gauss-Legendre and its relatives where the region is a mapped box, else Sobol points of a
        fixed seed with equal weights.

        Args:
            n: Number of nodes wanted.

        Returns:
            Points whose weights sum to the measure.
        """
        rule = self.rule(check_count(n))
        if rule is None:
            return self.sample(n, seed=_QUADRATURE_SEED, method="sobol")
        density = torch.full_like(rule.weight, 1 / self.measure)
        return Points.trusted(
            self.coordinates, rule.x, rule.weight, density, rule.normals, self.space
        )

    def at_time(self, start: float, end: float) -> Region:
        """Return the same region over another interval of time, for time marching.

        Args:
            start: First time.
            end: Last time.

        Returns:
            The region between them; a face at the first (last) time moves to ``start`` (``end``).

        Raises:
            ValueError: The region has no time.
        """
        raise ValueError(
            f"Region '{self.label}' with coordinates {self.coordinates} has no time. Multiply it "
            f"by Interval(t=(start, end))."
        )

    def where(self, predicate: Callable[..., Any], name: str) -> Region:
        """Return the part where a predicate holds, under a name of the user's.

        Args:
            predicate: Takes coordinates by name, each a tensor of shape (n,), and returns a
                boolean tensor of shape (n,): ``lambda x: x > 0.5``.
            name: Label of the part.

        Returns:
            The part. Its measure is exact to rounding on curves, and estimated to about 1e-3 of
            the region's measure elsewhere.
        """
        from pdenet.geometry.parts import part  # parts are regions: they need this module

        return part(self, predicate, name)

    def distance(self, **coordinates: Any) -> Any:
        """Smooth function that vanishes on this boundary part only and is positive inside.

        Dimensionless, of order 1, with a slope of order 1 / length. It uses arithmetic and torch
        functions alone, so that truncated series pass through it as tensors do.

        Args:
            **coordinates: Values by name, tensors or anything that behaves alike; names that the
                region does not need are ignored.

        Returns:
            The function's values, of the same kind.

        Raises:
            ValueError: No such function is known, or a coordinate is missing.
        """
        if not self.has_distance:
            raise ValueError(
                f"No smooth distance to region '{self.label}' is known. Impose the condition "
                f"softly, or on a whole face or boundary."
            )
        missing = [name for name in self.coordinates if name not in coordinates]
        if missing:
            raise ValueError(
                f"The distance to '{self.label}' needs {self.coordinates}; {missing} are missing."
            )
        return self._distance(coordinates)

    def __mul__(self, other: Region) -> Region:
        """Return the product of two regions with different coordinates."""
        from pdenet.geometry.product import product  # products are regions: they need this module

        return product(self, other) if isinstance(other, Region) else NotImplemented

    def __or__(self, other: Region) -> Region:
        """Return the union of two parts that overlap nowhere, such as two faces."""
        from pdenet.geometry.union import union  # unions are regions: they need this module

        return union([self, other]) if isinstance(other, Region) else NotImplemented

    def _distance(self, values: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _points(self, x: Tensor, normals: Tensor | None) -> Points:
        n = len(x)
        weight = torch.full((n,), self.measure / n, dtype=torch.float64)
        density = torch.full((n,), 1 / self.measure, dtype=torch.float64)
        return Points.trusted(self.coordinates, x, weight, density, normals, self.space)

    @cached_property
    def _all(self) -> Points:
        return self.quadrature(1)

    def _some(self, n: int, seed: int | Sequence[int]) -> Points:
        points = self._all
        if n >= len(points):
            return points
        order = unit_points(len(points), 1, seed, "uniform")[:, 0].argsort()
        chosen = points.select(order[:n])
        return Points.trusted(
            chosen.coordinates,
            chosen.x,
            chosen.weight * (len(points) / n),
            chosen.density,
            chosen.normals,
            chosen.space,
            chosen.index,
        )

    def _more(self, draws: int) -> int:
        if draws > _MOST_DRAWS:
            raise ValueError(
                f"Region '{self.label}' is so small a part of what it is cut from that drawing "
                f"points in it fails. Describe it by a shape of its own size."
            )
        return draws


def join_rules(regions: Sequence[Region], n: int) -> Rule | None:
    """Join the rules of regions that overlap nowhere, sized by their measures.

    Args:
        regions: At least one.
        n: Number of nodes wanted in all.

    Returns:
        The rule; None where a region has none.
    """
    whole = sum(region.measure for region in regions)
    rules = [region.rule(max(1, round(n * region.measure / whole))) for region in regions]
    known = [rule for rule in rules if rule is not None]
    if len(known) < len(rules):
        return None
    return Rule(
        torch.cat([rule.x for rule in known]),
        torch.cat([rule.weight for rule in known]),
        join_normals([rule.normals for rule in known]),
    )


def join_normals(normals: Sequence[Tensor | None]) -> Tensor | None:
    """Join normals where all parts have them.

    Args:
        normals: Shape (n_i, s) each, or None.

    Returns:
        Shape (sum n_i, s), or None.
    """
    known = [part for part in normals if part is not None]
    return torch.cat(known) if len(known) == len(normals) else None
