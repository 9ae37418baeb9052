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
        domain = self.domain
        base = {n: v for n, v in self.centre.items() if n not in drawn}
        moments = self._moments(drawn, times)
        cases = [base | m for m in moments] or [base]
        held = [p for p in domain.parameters if p not in drawn]
        if held:
            low, high = ({p: domain.bounds[p][side] for p in held} for side in (0, 1))
            last = cases[-1]
            cases = [last | low, *cases, last | high]
        shown = [n for n in (domain.time, *domain.parameters) if n in base]
        return [Case(_label({n: case[n] for n in shown}), case) for case in cases]

    def final(self, drawn: Sequence[str]) -> Case:
        """The last time at the middle parameters.

        Args:
            drawn: Coordinates that a panel draws.

        Returns:
            One of :meth:`cases`.
        """
        held = set(self.domain.parameters) - set(drawn)
        return self.cases(drawn)[-2 if held else -1]

    def _moments(self, drawn: Sequence[str], times: int) -> list[dict[str, float]]:
        time = self.domain.time
        if time is None or time in drawn:
            return []
        return [{time: float(v)} for v in np.linspace(*self.domain.bounds[time], times)]

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


def _label(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:.3g}" for name, value in values.items())
