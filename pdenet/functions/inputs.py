"""An input function of a problem: its law, and where a network sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdenet.functions.base import Functions, FunctionSpace
from pdenet.functions.given import AtSensors, Formulas
from pdenet.geometry import Box, Domain, PointCloud, Region

CLOSE = 1e-6  # of the region's extent: sensors on a boundary may lie outside by a rounding


@dataclass(frozen=True, eq=False)
class InputFunction:
    """A function that the solution depends on, such as a source or a start value.

    Args:
        space: Law that training and test functions are drawn from.
        on: Region on which it lives; that of the space by default.
        sensors: Points at which a network sees it: how many (a grid on a box, low-discrepancy
            points elsewhere), or their coordinates, shape (s, d) or by name.
        transform: What is done to values before a network sees them, such as ``torch.log`` of a
            positive coefficient; None leaves them as they are.

    Attributes:
        x: The sensors, shape (s, d), float64.

    Raises:
        ValueError: The space is none, the region has other coordinates than the space, or sensors
            lie outside the region, coincide or are not finite.

    Example:
        >>> from pdenet.functions import RBF, GaussianField
        >>> from pdenet.geometry import Interval
        >>> v = InputFunction(GaussianField(Interval(x=(0, 1)), RBF(0.2)), sensors=5)
        >>> v.x[:, 0].tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """

    space: FunctionSpace
    on: Region | None = None
    sensors: int | Any = 64
    transform: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.space, FunctionSpace):
            raise ValueError(
                f"InputFunction({self.space!r}) needs a space of functions, such as "
                "GaussianField(Interval(x=(0, 1)), RBF(0.2))."
            )
        region = self.space.on if self.on is None else self.on
        if region.coordinates != self.space.coordinates:
            raise ValueError(
                f"The input function lives on a region with coordinates {region.coordinates}, but "
                f"its space has {self.space.coordinates}; give both the same, in this order."
            )
        object.__setattr__(self, "on", region)
        object.__setattr__(self, "x", self._sensors(region))

    x: Tensor = None  # type: ignore[assignment]

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of its arguments."""
        return self.space.coordinates

    def seen(self, functions: Functions) -> Tensor:
        """What a network sees: values at the sensors, transformed.

        Args:
            functions: Functions of the same coordinates.

        Returns:
            Shape (m, s), float64.

        Raises:
            ValueError: The transform makes values that are not finite.
        """
        values = functions(self.x).T.contiguous()
        if self.transform is None:
            return values
        shown = self.transform(values)
        lost = values.isfinite() & ~shown.isfinite()
        if shown.shape != values.shape or bool(lost.any()):
            raise ValueError(
                f"A network is shown {getattr(self.transform, '__name__', 'a transform')} of the "
                f"function of {self.coordinates}, which has no finite value at "
                f"{int(lost.sum())} of {values.numel()} values at sensors, between "
                f"{float(values.min()):.4g} and {float(values.max()):.4g}."
            )
        return shown

    def functions(self, given: Any) -> Functions:
        """Functions from what a person may give.

        Args:
            given: Functions of a space, a formula of named coordinates, a number, or values at the
                sensors, shape (s,) or (m, s).

        Returns:
            The functions.

        Raises:
            ValueError: It is something else, or does not fit.
        """
        if isinstance(given, Functions):
            if given.coordinates != self.coordinates:
                raise ValueError(
                    f"The input is a function of {given.coordinates}; expected {self.coordinates}."
                )
            return given
        if isinstance(given, Callable):
            return Formulas([given], self.coordinates)
        try:
            values = torch.as_tensor(np.asarray(given, dtype=float))
        except (TypeError, ValueError):
            raise ValueError(
                f"An input function is {given!r}; give a function of {self.coordinates}, draws of "
                f"a space, or values at the {len(self.x)} sensors."
            ) from None
        if values.ndim == 0:
            number = float(values)
            return Formulas([lambda: number], self.coordinates)
        return AtSensors(self.x, torch.atleast_2d(values), self.coordinates)

    def _sensors(self, region: Region) -> Tensor:
        x = _points(region, self.sensors)
        if not bool(x.isfinite().all()):
            raise ValueError("A sensor's coordinates are not finite.")
        low, high = torch.tensor([region.bounds[c] for c in region.coordinates]).T
        slack = CLOSE * (high - low)
        inside = ((x >= low - slack) & (x <= high + slack)).all(1)
        if isinstance(region, Domain) and not isinstance(region, Box):
            inside &= region.contains(x)
        if not bool(inside.all()):
            raise ValueError(
                f"{int((~inside).sum())} of {len(x)} sensors lie outside the region "
                f"{region.label!r} with bounds {region.bounds}, such as {x[~inside][0].tolist()}."
            )
        if len(x.unique(dim=0)) < len(x):
            raise ValueError("Two sensors are at the same point; remove one of them.")
        return x


def _points(region: Region, sensors: Any) -> Tensor:
    """Coordinates of sensors, shape (s, d)."""
    if isinstance(sensors, bool) or (isinstance(sensors, int) and sensors < 1):
        raise ValueError(f"sensors={sensors} must be a whole number, 1 or more, or points.")
    if isinstance(sensors, int):
        return _spread(region, sensors)
    names = region.coordinates
    if isinstance(sensors, Mapping):
        if set(sensors) != set(names):
            raise ValueError(f"Sensors have coordinates {list(sensors)}; expected {names}.")
        sensors = np.stack([np.asarray(sensors[name], dtype=float) for name in names], axis=-1)
    try:
        x = torch.as_tensor(np.asarray(sensors, dtype=float))
    except (TypeError, ValueError):
        raise ValueError(
            f"sensors={sensors!r} are no points; give shape (s, {len(names)})."
        ) from None
    if x.ndim == 1 and len(names) == 1:
        x = x[:, None]
    if x.ndim != 2 or x.shape[1] != len(names) or not len(x):
        raise ValueError(
            f"Sensors have shape {tuple(x.shape)}; expected (s, {len(names)}), one column for each "
            f"of {names}."
        )
    return x


def _spread(region: Region, n: int) -> Tensor:
    if isinstance(region, PointCloud):
        return region.x
    if not isinstance(region, Box):
        return region.sample(n, seed=0, method="sobol").x
    d = len(region.coordinates)
    side = max(1, round(n ** (1 / d)))
    ends = [region.bounds[c] for c in region.coordinates]
    axes = [torch.linspace(a, b, side, dtype=torch.float64) if side > 1
            else torch.tensor([(a + b) / 2], dtype=torch.float64) for a, b in ends]  # fmt: skip
    return torch.cartesian_prod(*axes).reshape(-1, d)
