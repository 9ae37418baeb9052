"""Where a solution is looked at: times, parameter values, lines and the middle of the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pdenet.geometry import Domain
from pdenet.report.probe import Array, contains, to_array

LINE_POINTS = 401


@dataclass(frozen=True)
class Case:
    """Values of the coordinates that a panel holds fixed.

    Args:
        label: Readable, such as ``t = 0.5``; empty where nothing is fixed.
        fixed: Value by coordinate.
    """

    label: str
    fixed: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Line:
    """A straight line through the domain.

    Args:
        label: Name of the coordinate along it.
        abscissa: Where the points are along it, shape (n,).
        x: The points in all coordinates, shape (n, d).
    """

    label: str
    abscissa: Array
    x: Array


@dataclass(frozen=True)
class View:
    """A domain seen by its coordinates: which are drawn and which are held.

    Args:
        domain: The domain.
    """

    domain: Domain

    @cached_property
    def centre(self) -> dict[str, float]:
        """The middle of the bounding box, or the nearest point of the domain to it."""
        domain = self.domain
        middle = np.array([[sum(domain.bounds[c]) / 2 for c in domain.coordinates]])
        if not contains(domain, middle).all():
            x = to_array(domain.sample(2_000, seed=0, method="sobol").x)
            spans = np.array([np.ptp(domain.bounds[c]) for c in domain.coordinates])
            middle = x[[np.argmin(np.linalg.norm((x - middle) / spans, axis=1))]]
        return dict(zip(domain.coordinates, middle[0].tolist(), strict=True))

    def cases(self, drawn: Sequence[str], times: int = 3) -> list[Case]:
        """Values for the coordinates that are not drawn.

        Times from first to last at the middle parameters; then, where there are parameters, their
        low and high ends at the last time. Space is held at the centre.

        Args:
            drawn: Coordinates that a panel draws.
            times: Number of times.

        Returns:
            At least one case.
        """
        levels = self.levels(drawn)
        cases = self.moments(drawn, levels[len(levels) // 2], times)
        if len(levels) == 1:
            return cases
        low, high = (self.moments(drawn, level, times)[-1] for level in (levels[0], levels[-1]))
        return [low, *cases, high]

    def levels(self, drawn: Sequence[str]) -> list[Case]:
        """Low, middle and high values of the parameters that are not drawn; all others at centre.

        Args:
            drawn: Coordinates that a panel draws.

        Returns:
            Three cases, or one where there are no such parameters.
        """
        base = {n: v for n, v in self.centre.items() if n not in drawn}
        held = [p for p in self.domain.parameters if p in base]
        middle = {p: base[p] for p in held}
        ends = [{p: self.domain.bounds[p][side] for p in held} for side in (0, 1)]
        chosen = [ends[0], middle, ends[1]] if held else [middle]
        return [Case(_label(values), base | values) for values in chosen]

    def moments(self, drawn: Sequence[str], level: Case, times: int) -> list[Case]:
        """Times from first to last at some values of the parameters.

        Args:
            drawn: Coordinates that a panel draws.
            level: One of :meth:`levels`.
            times: Number of times.

        Returns:
            One case a time, or the level itself where time is drawn or absent.
        """
        time = self.domain.time
        if time is None or time in drawn:
            return [level]
        moments = np.linspace(*self.domain.bounds[time], times).tolist()
        return [
            Case(joined(_label({time: v}), level.label), {**level.fixed, time: v}) for v in moments
        ]

    def final(self, drawn: Sequence[str]) -> Case:
        """The last time at the middle parameters.

        Args:
            drawn: Coordinates that a panel draws.

        Returns:
            The last but the ends of :meth:`cases`.
        """
        levels = self.levels(drawn)
        return self.moments(drawn, levels[len(levels) // 2], 2)[-1]

    def along(self, name: str, case: Case, n: int = LINE_POINTS) -> Line:
        """The line on which one coordinate varies.

        Args:
            name: The coordinate.
            case: Values of the others.
            n: Number of points.

        Returns:
            The line, from end to end of the bounding box.
        """
        abscissa = np.linspace(*self.domain.bounds[name], n)
        x = np.tile([case.fixed.get(c, 0.0) for c in self.domain.coordinates], (n, 1))
        x[:, self.domain.coordinates.index(name)] = abscissa
        return Line(name, abscissa, x)

    def diagonal(self, case: Case, n: int = LINE_POINTS) -> Line:
        """The space diagonal of the bounding box.

        Args:
            case: Values of time and parameters.
            n: Number of points.

        Returns:
            The line, by fractions of the diagonal from 0 to 1.
        """
        domain, share = self.domain, np.linspace(0, 1, n)
        x = np.tile([case.fixed[c] for c in domain.coordinates], (n, 1))
        for name in domain.space:
            low, high = domain.bounds[name]
            x[:, domain.coordinates.index(name)] = low + share * (high - low)
        return Line("diagonal", share, x)


def joined(*parts: str) -> str:
    """The parts that are not empty, with commas between."""
    return ", ".join(part for part in parts if part)


def _label(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:.3g}" for name, value in values.items())
