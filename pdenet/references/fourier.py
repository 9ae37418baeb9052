"""Periodic equations in one dimension, integrated in Fourier space."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from pdenet.references.etdrk4 import Etdrk4
from pdenet.references.trajectory import Segment, Trajectory, trimmed

Function = Callable[[np.ndarray], np.ndarray]

_PROJECTION = 2**19  # samples of the start value
_SNAPSHOTS = 32  # fewest in a segment


@dataclass(frozen=True)
class Resolution:
    """How finely an equation is solved.

    Args:
        modes: Grid points of one period: Fourier modes up to half of them.
        step: Longest time step.
        every: Steps from one snapshot to the next, at most.
        octaves: How often the first stretch of time is halved: 0 for a start value that is smooth,
            more for one with kinks, near whose time everything is steep.

    Raises:
        ValueError: A number out of range.
    """

    modes: int
    step: float
    every: float = 16
    octaves: int = 0

    def __post_init__(self) -> None:
        if self.modes < 8 or not 0 < self.step < np.inf or self.every <= 0 or self.octaves < 0:
            raise ValueError(
                f"{self} cannot be solved with: modes must be at least 8, step positive and "
                f"finite, every positive, octaves not negative."
            )

    def coarser(self) -> "Resolution":
        """Return half the modes and twice the step, with the same snapshots."""
        return replace(self, modes=self.modes // 2, step=2 * self.step, every=self.every / 2)

    def finer(self, *, modes: bool) -> "Resolution":
        """Return half the step, and twice the modes if asked, with the same snapshots."""
        more = self.modes * (2 if modes else 1)
        return replace(self, modes=more, step=self.step / 2, every=2 * self.every)


@dataclass(frozen=True)
class PeriodicEquation:
    r"""u_t = L u + F g(u) on a periodic interval, with L and F diagonal in Fourier space.

    Args:
        symbol: L as a function of the angular wavenumbers k, (m,) -> (m,).
        flux: g, a pointwise function of u (a numpy array).
        factor: F as a function of k: ``lambda k: -0.5j * k`` makes g = u^2 to -u u_x.
        start: u at t = 0 as a function of x (a numpy array); complex values make u complex.
        interval: Both ends of the period.
        padding: Grid points per mode where g is evaluated: 1.5 removes the aliasing of
            quadratic terms, 2 of cubic ones.

    Raises:
        ValueError: An empty interval, or functions whose values do not fit or are not finite.
    """

    symbol: Function
    flux: Function
    factor: Function
    start: Function
    interval: tuple[float, float]
    padding: float = 1.5

    def __post_init__(self) -> None:
        low, high = self.interval
        if not (-np.inf < low < high < np.inf and self.padding >= 1):
            raise ValueError(
                f"interval={self.interval} must be finite with low < high, and "
                f"padding={self.padding} at least 1."
            )
        for name, values in self.samples().items():
            if values.shape != (64,) or not np.isfinite(values).all():
                raise ValueError(
                    f"{name} maps 64 samples to shape {values.shape} or to values that are not "
                    f"finite. It must be a numpy function, finite and pointwise."
                )

    @property
    def length(self) -> float:
        """Length of the period."""
        return self.interval[1] - self.interval[0]

    def samples(self) -> dict[str, np.ndarray]:
        """Return values that tell this equation from others, by the name of the function."""
        k = 2 * np.pi / self.length * np.arange(64)
        u = self.sampled_start(64)
        values = {"start": u, "flux": self.flux(u)}
        return values | {"symbol": self.symbol(k) + 0 * k, "factor": self.factor(k) + 0 * k}

    def sampled_start(self, n: int) -> np.ndarray:
        """Return the start value at n equidistant points."""
        return np.asarray(self.start(self.interval[0] + self.length * np.arange(n) / n))

    def solve(self, t_final: float, resolution: Resolution) -> Trajectory:
        """Integrate from 0 to t_final.

        Args:
            t_final: Last time.
            resolution: Modes, step and snapshots.

        Returns:
            Snapshots that can be evaluated anywhere.

        Raises:
            FloatingPointError: The solution grew beyond all numbers.
        """
        space = _Space(self, resolution.modes)
        v, begin = space.start(), 0.0
        segments = []
        for end in t_final * 2.0 ** np.arange(-resolution.octaves, 1):
            stored = _march(space, v, end - begin, resolution)
            v = stored[-1]
            if not np.isfinite(v).all():
                raise FloatingPointError(f"The solution is not finite at t = {end}.")
            modes = trimmed(space.ordered(stored), space.complex)
            segments.append(Segment(begin, float(end), modes, space.complex))
            begin = float(end)
        return Trajectory(segments)


def _march(space: "_Space", v: np.ndarray, duration: float, resolution: Resolution) -> np.ndarray:
    """Return snapshots at equal distances over the duration, the first one included."""
    distance = resolution.every * resolution.step
    snapshots = max(_SNAPSHOTS, ceil(duration / distance * (1 - 1e-12)))
    # Even, so that twice the step reaches the same snapshots.
    substeps = 2 * ceil(duration / (2 * resolution.step * snapshots) * (1 - 1e-12))
    advance = Etdrk4(space.symbol, duration / (snapshots * substeps))
    stored = [v]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(snapshots):
            for _ in range(substeps):
                v = advance(v, space.nonlinear)
            stored.append(v)
    return np.array(stored)


class _Space:
    """Fourier modes of an equation: one half of them for real functions, all for complex ones."""

    def __init__(self, equation: PeriodicEquation, modes: int) -> None:
        self._equation = equation
        self._half = modes // 2
        self._points = 2 * ceil(equation.padding * self._half)
        self.complex = np.iscomplexobj(equation.sampled_start(64))
        self._fft, self._ifft = (
            (np.fft.fft, np.fft.ifft) if self.complex else (np.fft.rfft, np.fft.irfft)
        )
        # The mode at half the grid's points is left out: it has no derivative.
        number = np.arange(self._half)
        if self.complex:
            number = np.concatenate([number, np.arange(1 - self._half, 0)])
        k = 2 * np.pi / equation.length * number
        self.symbol = equation.symbol(k) + 0 * k
        self._factor = equation.factor(k) + 0 * k

    def start(self) -> np.ndarray:
        """Return the start value's own coefficients.

        They come from many more samples than there are modes: interpolation on the coarse grid
        would alias the slowly falling coefficients of a kink into all modes.
        """
        n = max(_PROJECTION, 2 * self._points)
        # The first sample sits at the interval's left end, which becomes phase 0.
        return self._cut(self._fft(self._equation.sampled_start(n)) / n)

    def nonlinear(self, v: np.ndarray) -> np.ndarray:
        """Return the coefficients of F g(u)."""
        u = self._ifft(self._padded(v) * self._points, self._points)
        return self._factor * self._cut(self._fft(self._equation.flux(u)) / self._points)

    def ordered(self, modes: np.ndarray) -> np.ndarray:
        """Return the modes by rising wavenumber, as a segment keeps them."""
        if not self.complex:
            return modes
        return np.concatenate([modes[..., self._half :], modes[..., : self._half]], axis=-1)

    def _cut(self, v: np.ndarray) -> np.ndarray:
        low = v[: self._half]
        return np.concatenate([low, v[1 - self._half :]]) if self.complex else low

    def _padded(self, v: np.ndarray) -> np.ndarray:
        if not self.complex:
            return v  # irfft pads
        zeros = np.zeros(self._points - len(v), complex)
        return np.concatenate([v[: self._half], zeros, v[self._half :]])
