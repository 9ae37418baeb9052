"""The solution, its reference and its residual at points, as plain arrays: what is drawn."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import torch
from torch import Tensor

from pdenet.conditions import Condition, Data
from pdenet.geometry import Domain, PointCloud, Points, Region
from pdenet.geometry.parts import Part
from pdenet.solution import Solution

Array = np.ndarray

ALIGNMENT_POINTS = 4_000  # for the free constant of a field such as a pressure


@dataclass(frozen=True, eq=False)
class Sample:
    """Everything that is known at some points.

    Args:
        x: Coordinates, shape (n, d), in the problem's order.
        predicted: The network's values by component, each of shape (n,).
        exact: The reference's values by component, for those that it knows.
        residual: Absolute residual by equation, shape (n,); the Euclidean norm of several rows.
    """

    x: Array
    predicted: Mapping[str, Array]
    exact: Mapping[str, Array] = field(default_factory=dict)
    residual: Mapping[str, Array] = field(default_factory=dict)

    def error(self, component: str) -> Array | None:
        """Absolute error of a component, shape (n,), or None without a reference."""
        if component not in self.exact:
            return None
        return np.abs(self.predicted[component] - self.exact[component])


class Probe:
    """Evaluates a solution for figures and files.

    Fields that the problem fixes up to a constant are shifted to the reference's mean, so that
    their error is the one that counts.

    Args:
        solution: The solution.
    """

    def __init__(self, solution: Solution) -> None:
        self.solution = solution
        self.problem = solution.problem
        self.components = {n: components(n, s) for n, s in self.problem.shapes.items()}
        self.equations = equations(solution)
        self._shift = self._alignment()

    @property
    def names(self) -> tuple[str, ...]:
        """Every component of every field."""
        return tuple(c for parts in self.components.values() for c in parts)

    @property
    def has_reference(self) -> bool:
        """Whether any field has a reference."""
        reference = self.problem.reference
        return reference is not None and any(n in self.components for n in reference.fields)

    def __call__(self, x: Array, *, residual: bool = True) -> Sample:
        """Evaluates at points of the domain; NaN where a field lives on another part of it.

        Args:
            x: Coordinates, shape (n, d), in the problem's order.
            residual: Whether the equations' residuals are wanted; they cost most.

        Returns:
            The values; empty where the points are none.
        """
        x = np.ascontiguousarray(x, dtype=np.float64)
        predicted = self._predicted(x)
        for name, shift in self._shift.items():
            predicted[name] = predicted[name] - shift
        rows = {n: self._residual(n, x) for n in self.equations} if residual else {}
        return Sample(x, predicted, self._exact(x), rows)

    def measurements(self, component: str) -> tuple[Array, Array] | None:
        """Data that a component was fitted to.

        Args:
            component: Name of a scalar field.

        Returns:
            Coordinates (m, d) and values (m,), or None where there are none.
        """
        clouds = [
            (to_array(c.on.x), to_array(c.columns[component]))
            for c in self.problem.conditions.values()
            if isinstance(c, Data) and isinstance(c.on, PointCloud) and component in c.columns
        ]
        if not clouds:
            return None
        return np.concatenate([x for x, _ in clouds]), np.concatenate([v for _, v in clouds])

    def masked(self, x: Array, *, residual: bool = True) -> Sample:
        """As a call, with NaN at points outside the domain.

        Args:
            x: Coordinates, shape (n, d).
            residual: As for a call.

        Returns:
            The values.
        """
        inside = contains(self.problem.domain, x)
        if inside.all():
            return self(x, residual=residual)
        found = self(x[inside], residual=residual)

        def spread(values: Mapping[str, Array]) -> dict[str, Array]:
            wide = {name: np.full(len(x), np.nan) for name in values}
            for name, column in values.items():
                wide[name][inside] = column
            return wide

        return Sample(x, spread(found.predicted), spread(found.exact), spread(found.residual))

    def _predicted(self, x: Array) -> dict[str, Array]:
        values = self.solution(**dict(zip(self.problem.coordinates, x.T, strict=True)))
        return self._split(values, x)

    def _exact(self, x: Array) -> dict[str, Array]:
        if not self.has_reference or self.problem.reference is None:
            return {}
        columns = torch.as_tensor(x).unbind(-1)
        values = self.problem.reference(**dict(zip(self.problem.coordinates, columns, strict=True)))
        return self._split({n: v for n, v in values.items() if n in self.components}, x)

    def _split(self, values: Mapping[str, Tensor], x: Array) -> dict[str, Array]:
        """Values by component, NaN where their field does not live."""
        split = {}
        for name, value in values.items():
            parts = self.components[name]
            lives = to_array(self.problem.where(name, torch.as_tensor(x))) > 0
            table = np.where(lives[:, None], to_array(value).reshape(len(x), len(parts)), np.nan)
            split |= {part: table[:, i] for i, part in enumerate(parts)}
        return split

    def _residual(self, name: str, x: Array) -> Array:
        domain, on = self.problem.domain, self.problem.conditions[name].on
        values = np.full(len(x), np.nan)
        inside = np.ones(len(x), dtype=bool) if on == domain else contains(on, x)
        if not inside.any():
            return values
        part = torch.as_tensor(x[inside])
        ones = torch.ones(len(part), dtype=torch.float64)
        points = Points(domain.coordinates, part, ones, ones, space=domain.space)
        rows = to_array(self.solution.residual(name, points)).reshape(len(part), -1)
        with np.errstate(over="ignore"):
            values[inside] = np.linalg.norm(rows, axis=-1)
        return values

    def _alignment(self) -> dict[str, float]:
        names = [n for n in self.problem.modulo_constant if self.has_reference]
        if not names:
            return {}
        x = to_array(self.problem.domain.quadrature(ALIGNMENT_POINTS).x)
        predicted, exact = self._predicted(x), self._exact(x)
        parts = [part for name in names for part in self.components[name] if part in exact]
        return {part: _mean(predicted[part] - exact[part]) for part in parts}


def components(name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Names of a field's components, as they are written in a residual.

    Args:
        name: The field.
        shape: Its shape.

    Returns:
        One name a component.

    Example:
        >>> components("v", (2,))
        ('v[0]', 'v[1]')
    """
    if not shape:
        return (name,)
    indices = product(*(range(k) for k in shape))
    return tuple(f"{name}[{', '.join(map(str, i))}]" for i in indices)


def equations(solution: Solution) -> tuple[str, ...]:
    """Conditions on the domain or on a full-dimensional part of it: their residuals are drawn."""
    problem, domain = solution.problem, solution.problem.domain
    # An energy's integrals have no residuals; the equations that it implies have.
    known = solution.residuals.conditions if problem.energy is None else problem.conditions

    def drawn(condition: Condition) -> bool:
        alone = condition.to is None and not condition.integral
        return alone and condition.on.dimension == domain.dimension and _bounded(condition.on)

    return tuple(name for name, c in known.items() if drawn(c))


def contains(region: Region, x: Array) -> Array:
    """Mask of the points (n, d) that lie in a domain or in a part of one, shape (n,)."""
    if isinstance(region, Part):
        columns = dict(zip(region.coordinates, torch.as_tensor(x).unbind(-1), strict=True))
        asked = inspect.signature(region.predicate).parameters
        named = any(p.kind is p.VAR_KEYWORD for p in asked.values())
        answer = region.predicate(**{n: c for n, c in columns.items() if named or n in asked})
        holds = torch.as_tensor(answer).to(torch.bool).numpy()
        return np.broadcast_to(holds, len(x)) & contains(region.region, x)
    assert isinstance(region, Domain)
    return region.contains(torch.as_tensor(x)).numpy()


def _mean(values: Array) -> float:
    """Mean of the finite values; zero where there are none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else 0.0


def _bounded(region: Region) -> bool:
    """Whether it is known which points a region holds."""
    return isinstance(region, Domain) or (isinstance(region, Part) and _bounded(region.region))


def to_array(value: Tensor) -> Array:
    """A tensor of any precision and device as a float64 array."""
    return value.detach().to("cpu", torch.float64).numpy()


def largest(values: Array) -> float:
    """Largest of the finite values; NaN where there are none."""
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else math.nan


def rms(values: Array) -> float:
    """Root mean square of the finite values; NaN where there are none."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return math.nan
    largest = float(np.abs(finite).max())
    # Scaled, so that squares of a diverged field do not overflow.
    return largest * float(np.sqrt(np.mean((finite / largest) ** 2))) if largest else 0.0
