"""A periodic function of x and t, kept as Fourier coefficients at snapshots of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

SPACE_DEGREE = 7  # on a grid four times finer than the highest mode needs
TIME_DEGREE = 8
_CHUNK = 20000


@dataclass(frozen=True, eq=False)
class Segment:
    """A stretch of time with snapshots at equal distances.

    Args:
        start: First time.
        stop: Last time.
        modes: Coefficients of exp(i k x), shape (snapshots, m): k = 0 ... m - 1 for real functions,
            k = -(m - 1) / 2 ... (m - 1) / 2 for complex ones. Modes below round-off are left out.
        complex: Whether the function is complex.
    """

    start: float
    stop: float
    modes: np.ndarray
    complex: bool

    @cached_property
    def grid(self) -> np.ndarray:
        """Values on a fine grid of one period, shape (snapshots, points)."""
        snapshots, m = self.modes.shape
        highest = (m - 1) // 2 if self.complex else m - 1
        points = max(32, 1 << int(np.ceil(np.log2(8 * highest + 1))))
        if not self.complex:
            return np.fft.irfft(self.modes * points, points, axis=1)
        padded = np.zeros((snapshots, points), complex)
        padded[:, : highest + 1] = self.modes[:, highest:]
        padded[:, points - highest :] = self.modes[:, :highest]
        return np.fft.ifft(padded * points, axis=1)

    def __call__(self, phase: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return values at phases in [0, 1) of the period, and times within; all (n,)."""
        snapshots, points = self.grid.shape
        row, in_time = _lagrange(
            (t - self.start) / (self.stop - self.start) * (snapshots - 1), TIME_DEGREE, snapshots
        )
        column, in_space = _lagrange(phase * points, SPACE_DEGREE, None)
        stencil = self.grid[row[:, :, None], (column % points)[:, None, :]]
        return np.einsum("nij,ni,nj->n", stencil, in_time, in_space, optimize=True)


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Segments that follow each other in time.

    Args:
        segments: In order of time, without gaps.
    """

    segments: Sequence[Segment]

    def __call__(self, phase: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return values at phases of the period and times, all (n,)."""
        values = np.empty(len(t), complex if self.segments[0].complex else float)
        ends = [segment.stop for segment in self.segments[:-1]]
        at = np.searchsorted(ends, t)
        for i, segment in enumerate(self.segments):
            (chosen,) = np.nonzero(at == i)
            for part in np.split(chosen, range(_CHUNK, len(chosen), _CHUNK)):
                values[part] = segment(phase[part], t[part])
        return values

    def distance(self, other: "Trajectory") -> float:
        """Return the L2 distance in space and time, relative to this one; snapshots must agree."""
        difference = size = 0.0
        for a, b in zip(self.segments, other.segments, strict=True):
            fine, coarse = _widened(a, b)
            length = a.stop - a.start
            difference += length * _mean_square(fine - coarse, a.complex)
            size += length * _mean_square(fine, a.complex)
        return float(np.sqrt(difference / size))

    def tail(self, modes: int) -> float:
        """Return the largest coefficient in the last quarter of a run's modes, over the largest."""
        highest = modes // 2 * 3 // 4
        largest = beyond = 0.0
        for segment in self.segments:
            size = np.abs(segment.modes).max(axis=0)
            if segment.complex:
                size = np.maximum(size, size[::-1])[len(size) // 2 :]
            largest, beyond = max(largest, size.max()), max(beyond, size[highest:].max(initial=0))
        return beyond / largest

    def arrays(self) -> dict[str, np.ndarray]:
        """Return plain arrays to be stored."""
        stored = {f"modes{i}": segment.modes for i, segment in enumerate(self.segments)}
        times = [self.segments[0].start, *(segment.stop for segment in self.segments)]
        return {**stored, "times": np.array(times), "complex": np.array(self.segments[0].complex)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Trajectory":
        """Return the trajectory that gave these arrays."""
        times, is_complex = arrays["times"], bool(arrays["complex"])
        return cls(
            [
                Segment(start, stop, arrays[f"modes{i}"], is_complex)
                for i, (start, stop) in enumerate(pairwise(times.tolist()))
            ]
        )


def trimmed(modes: np.ndarray, is_complex: bool) -> np.ndarray:
    """Return the modes without the high ones that stay below round-off at every snapshot."""
    size = np.abs(modes).max(axis=0)
    (kept,) = np.nonzero(size > 1e-17 * size.max())
    if not is_complex:
        return modes[:, : kept[-1] + 1]
    middle = modes.shape[1] // 2
    highest = int(np.abs(kept - middle).max())
    return modes[:, middle - highest : middle + highest + 1]


def _widened(a: Segment, b: Segment) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets of modes with the same number of columns."""
    widest = max(a.modes.shape[1], b.modes.shape[1])
    missing = [widest - segment.modes.shape[1] for segment in (a, b)]
    pads = [(m // 2, m // 2) if a.complex else (0, m) for m in missing]
    return (
        np.pad(a.modes, ((0, 0), pads[0])),
        np.pad(b.modes, ((0, 0), pads[1])),
    )


def _mean_square(modes: np.ndarray, is_complex: bool) -> float:
    """Return the mean of |u|^2 over space (Parseval) and time (trapezoidal rule)."""
    square = np.abs(modes) ** 2
    in_space = square.sum(axis=1)
    if not is_complex:
        in_space = 2 * in_space - square[:, 0]
    return float(np.trapezoid(in_space)) / (len(modes) - 1)


def _lagrange(
    position: np.ndarray, degree: int, nodes: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return indices and weights, both (n, degree + 1), of the nodes 0, 1, 2, ... around each.

    ``nodes`` bounds the indices; None leaves them free, for periodic grids.
    """
    first = np.floor(position - (degree - 1) / 2).astype(np.int64)
    if nodes is not None:
        first = np.clip(first, 0, nodes - 1 - degree)
    offset = np.arange(degree + 1)
    away = (position - first)[:, None] - offset
    weights = np.ones_like(away)
    for j in offset:
        others = np.delete(offset, j)
        weights[:, j] = np.prod(away[:, others] / (j - others), axis=1)
    return first[:, None] + offset, weights
