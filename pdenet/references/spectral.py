"""Periodic equations in one dimension, by Fourier series and exponential time differencing."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from torch import Tensor

from pdenet.references.base import Kind, Reference, through_numpy
from pdenet.references.cache import Arrays, cached
from pdenet.references.fourier import Function, PeriodicEquation, Resolution
from pdenet.references.trajectory import Trajectory

_SCHEME = "spectral 1"  # part of every cache key: changes when stored numbers would
_REFINEMENTS = 3


@dataclass(frozen=True, eq=False)
class Spectral(Reference):
    """Solution of a periodic equation, computed at the first call and kept.

    It is solved twice, the second time with twice the modes and half the step, and refined until
    both agree to ``tolerance``; the finer one serves. So the tolerance is proven for whatever
    parameters the equation has, and on the safe side by the order of the scheme.

    Args:
        equation: The equation and its start value.
        t_final: Last time.
        resolution: The finer of the first two.
        tolerance: Largest relative L2 difference in space and time.
        fields: One name; for complex equations two, the real and the imaginary part.
        coordinates: Names of space and time.

    Raises:
        ValueError: A time or tolerance out of range, or a number of names that does not fit.
    """

    kind: ClassVar[Kind] = "spectral"
    equation: PeriodicEquation
    t_final: float
    resolution: Resolution
    tolerance: float
    fields: tuple[str, ...] = ("u",)
    coordinates: tuple[str, ...] = ("x", "t")

    def __post_init__(self) -> None:
        if not (0 < self.t_final < np.inf and 0 < self.tolerance < 1):
            raise ValueError(
                f"t_final={self.t_final} must be positive and finite, and "
                f"tolerance={self.tolerance} between 0 and 1."
            )
        parts = 2 if np.iscomplexobj(self.equation.sampled_start(64)) else 1
        if len(self.fields) != parts or len(self.coordinates) != 2:
            raise ValueError(
                f"fields={self.fields} should have {parts} name(s) (a complex solution has a real "
                f"and an imaginary part) and coordinates={self.coordinates} two, space and time."
            )

    @property
    def measured(self) -> float:
        """Relative L2 difference in space and time from half the resolution; solves if needed."""
        return float(self._solved["measured"])

    @property
    def trajectory(self) -> Trajectory:
        """The solution's Fourier coefficients; solves if needed."""
        return self._trajectory

    @cached_property
    def _trajectory(self) -> Trajectory:
        return Trajectory.from_arrays(self._solved)

    @cached_property
    def _solved(self) -> Arrays:
        samples = self.equation.samples().values()
        numbers = (self.equation.interval, self.equation.padding, self.t_final, self.tolerance)
        content = (_SCHEME, *samples, numbers, self.resolution)
        return cached("spectral", content, self._solve)

    def _solve(self) -> Arrays:
        resolution, finest = self.resolution.coarser(), self.resolution
        measured = np.inf
        previous = None
        for level in range(_REFINEMENTS + 2):
            current = None
            with suppress(FloatingPointError):
                current = self.equation.solve(self.t_final, resolution)
            if current is not None and previous is not None:
                measured = current.distance(previous)
                if measured <= self.tolerance:
                    return {**current.arrays(), "measured": np.array(measured)}
            finest, previous = resolution, current
            crowded = current is None or current.tail(resolution.modes) > self.tolerance / 100
            resolution = resolution.finer(modes=crowded or level == 0)
        raise ValueError(
            f"The spectral reference did not converge up to t = {self.t_final}: runs with "
            f"{finest.modes} modes and step {finest.step:.1e} and with half of that differ by "
            f"{measured:.1e}, not {self.tolerance:.1e}. Shorten t_final, loosen the tolerance, "
            f"or give more modes and a smaller step."
        )

    def _evaluate(self, coordinates: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return through_numpy(self._at, [coordinates[name] for name in self.coordinates])

    def _at(self, x: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        # Single precision may overshoot the last time by a rounding.
        slack = 1e-6 * self.t_final
        if len(t) and not (t.min() >= -slack and t.max() <= self.t_final + slack):
            raise ValueError(
                f"Times from {t.min():g} to {t.max():g} were asked of a reference that covers "
                f"0 to {self.t_final:g}. Build it with t_final={t.max():g}."
            )
        t = t.clip(0, self.t_final)
        low = self.equation.interval[0]
        phase = np.mod((x - low) / self.equation.length, 1.0)
        u = self._trajectory(phase, t)
        # The series of a start value with a kink misses it; the start value is known.
        first = t == 0
        u[first] = self.equation.start(low + self.equation.length * phase[first])
        parts = (np.real(u), np.imag(u))[: len(self.fields)]
        return dict(zip(self.fields, parts, strict=True))


def spectral_reference(
    *,
    symbol: Function,
    flux: Function,
    factor: Function,
    start: Function,
    interval: tuple[float, float],
    t_final: float,
    modes: int,
    step: float,
    tolerance: float,
    padding: float = 1.5,
    octaves: int = 0,
    fields: tuple[str, ...] = ("u",),
    coordinates: tuple[str, ...] = ("x", "t"),
) -> Spectral:
    r"""Reference for u_t = L u + F g(u) on a periodic interval, L and F diagonal in Fourier space.

    Solved by ETDRK4 (Kassam and Trefethen 2005) when first called; the result is kept in memory and
    in the user's cache directory.

    Args:
        symbol: L as a function of the angular wavenumbers k: ``lambda k: -nu * k**2`` for nu u_xx.
        flux: g, a pointwise function of u.
        factor: F as a function of k: ``lambda k: -0.5j * k`` and g = u^2 give -u u_x.
        start: u at t = 0 as a numpy function of x; complex values make u complex.
        interval: Both ends of the period.
        t_final: Last time.
        modes: Grid points of one period.
        step: Longest time step.
        tolerance: Relative L2 accuracy in space and time; the solver refines until it is met.
        padding: 1.5 removes the aliasing of quadratic terms, 2 of cubic ones.
        octaves: How often the first stretch of time is halved, for start values with kinks.
        fields: One name; for complex equations two, the real and the imaginary part.
        coordinates: Names of space and time.

    Returns:
        The reference.

    Example:
        Heat conduction, u = exp(-t) sin x:

        >>> heat = spectral_reference(
        ...     symbol=lambda k: -(k**2), flux=lambda u: 0 * u, factor=lambda k: 0 * k,
        ...     start=np.sin, interval=(0, 2 * np.pi), t_final=1.0, modes=16, step=0.1,
        ...     tolerance=1e-10)
        >>> import torch
        >>> heat(x=torch.tensor([0.5 * torch.pi]), t=torch.ones(1))["u"]
        tensor([0.3679])
    """
    equation = PeriodicEquation(symbol, flux, factor, start, interval, padding)
    resolution = Resolution(modes, step, octaves=octaves)
    return Spectral(equation, t_final, resolution, tolerance, fields, coordinates)
