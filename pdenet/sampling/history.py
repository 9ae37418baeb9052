"""What adaptations did: numbers over the steps, a few frames of points, and warnings."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pdenet.geometry import Points, Region

if TYPE_CHECKING:
    from pdenet.sampling.adaptive import Turn

PROBES = 512  # uniform points at which the residual is looked at before every adaptation
DIRECTIONS = 32  # of the sliced Wasserstein distance
MOST_ENTRIES = 128
MOST_FRAMES = 8
MOST_WARNINGS = 20
FRAME_POINTS = 400
_PROBE_WORD = 0x50524F


class History:
    """A record of adaptations, of bounded size: where they are many, every second is dropped.

    Attributes:
        entries: One mapping of numbers an adaptation: step, region, mean square and variance of
            the residual over the points before it, Wasserstein distance of the squared residual
            from the uniform law, effective share of the new points, and what a sampler adds.
        frames: Points, their densities relative to the uniform law, and residuals at probes, of a
            few adaptations.
        warnings: What went wrong and was answered.
        latest: The last adaptation's numbers by region, kept or not.
    """

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self.latest: dict[str, dict[str, float]] = {}
        self._extra: dict[str, float] = {}
        self._numbers: dict[str, int] = {}
        self._strides = [1, 1]

    def note(self, **more: float) -> None:
        """Adds numbers of a sampler's own to the entry that comes next."""
        self._extra = more

    def warn(self, text: str) -> None:
        """Adds a warning."""
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(text)

    def add(self, turn: Turn, after: Points) -> None:
        """Notes one adaptation.

        Args:
            turn: The adaptation.
            after: The points that it chose.
        """
        name = turn.share.names[0]
        number = self._numbers.get(name, 0)
        self._numbers[name] = number + 1
        extra, self._extra = self._extra, {}
        self.latest[name] = {
            "mean_square": float(turn.before.mean()),
            "variance": float(turn.before.var(correction=0)),
            **extra,
        }
        if number % self._strides[0] == 0:
            self._measure(turn, after, number)

    def _measure(self, turn: Turn, after: Points, number: int) -> None:
        name, region = turn.share.names[0], turn.region
        probes = region.sample(PROBES, seed=_PROBE_WORD, method="sobol")
        squares = turn.squares(probes)
        self.latest[name] |= {
            "wasserstein": sliced_wasserstein(scaled(probes.x, region), squares),
            "effective_share": effective_share(turn.squares(after), after),
        }
        self.entries.append({"step": turn.step, "region": name, **self.latest[name]})
        if number % self._strides[1] == 0:
            some = after.select(slice(0, None, max(1, -(-len(after) // FRAME_POINTS))))
            frame = {"step": turn.step, "region": name, "coordinates": list(after.coordinates)}
            frame |= {"x": some.x, "density": some.density * region.measure}
            self.frames.append({**frame, "probes": probes.x, "residual": squares.sqrt()})
        for i, (kept, most) in enumerate(
            ((self.entries, MOST_ENTRIES), (self.frames, MOST_FRAMES))
        ):
            if len(kept) > most * len(self._numbers):
                kept[:] = [v for v in kept if v["step"] != turn.step][::2] + kept[-1:]
                self._strides[i] *= 2

    def plain(self) -> dict[str, Any] | None:
        """Everything as numbers and lists of four digits; None where nothing happened."""
        if not self.entries:
            return None
        frames = [{k: _rounded(v) for k, v in frame.items()} for frame in self.frames]
        return {"history": self.entries, "frames": frames, "warnings": self.warnings}

    def state(self) -> dict[str, Any]:
        """Tensors and plain data, for a checkpoint."""
        return {name.lstrip("_"): value for name, value in vars(self).items() if name != "_extra"}

    @classmethod
    def load(cls, state: Mapping[str, Any]) -> History:
        """What :meth:`state` gave, as a history again."""
        history = cls()
        for name in vars(history):
            if name != "_extra":
                setattr(history, name, copy.deepcopy(state[name.lstrip("_")]))
        return history


def effective_share(values: Tensor, points: Points) -> float:
    r"""Effective sample size of an integral of non-negative values over the points, as a share.

    .. math:: \frac{(\sum_i v_i w_i)^2}{n \sum_i v_i^2 w_i^2}

    It is 1 where the density is proportional to the values, and 1 / n where one point carries all.

    Args:
        values: Shape (n,), such as squared residuals.
        points: With their weights.

    Returns:
        Between 0 and 1, dimensionless.

    Example:
        >>> from pdenet.geometry import Box
        >>> points = Box(x=(0, 1)).sample(10, seed=0)
        >>> effective_share(torch.ones(10), points)
        1.0
    """
    parts = values * points.weight
    largest = parts.max()
    if not largest > 0:
        return 1.0
    parts = parts / largest  # squares of tiny residuals underflow
    return float(parts.sum().square() / (len(parts) * parts.square().sum()))


def scaled(x: Tensor, region: Region) -> Tensor:
    """Points of a region in its bounding box, scaled to the unit cube, shape (n, d)."""
    low, high = torch.tensor(list(region.bounds.values()), dtype=torch.float64).T
    return (x - low) / (high - low)


def sliced_wasserstein(x: Tensor, values: Tensor) -> float:
    """Wasserstein-1 distance between a density given at even points and the uniform law, sliced.

    The largest distance between projections on fixed directions, the axes among them: a lower
    bound of the distance itself, and zero with it.

    Args:
        x: Evenly spread points in the unit cube, shape (n, d).
        values: Non-negative values of the density at them up to a factor, shape (n,).

    Returns:
        In units of the cube's edge.

    Example:
        >>> x = (torch.arange(1000, dtype=torch.float64) + 0.5)[:, None] / 1000
        >>> round(sliced_wasserstein(x, torch.ones(1000)), 6)
        0.0
        >>> round(sliced_wasserstein(x, (x[:, 0] > 0.999).double()), 2)
        0.5
    """
    total = values.sum()
    if not total > 0:
        return 0.0
    excess = values / total - 1 / len(values)
    along, order = (x @ directions(x.shape[1])).sort(dim=0)
    # The distance on a line is the area between the two distribution functions.
    gaps = excess[order].cumsum(0)[:-1].abs()
    return float((gaps * along.diff(dim=0)).sum(0).max())


def directions(dimension: int) -> Tensor:
    """The axes and fixed random unit vectors, as columns, shape (d, m)."""
    generator = torch.Generator().manual_seed(DIRECTIONS)
    size = (dimension, DIRECTIONS if dimension > 1 else 0)
    drawn = torch.randn(size, generator=generator, dtype=torch.float64)
    return torch.cat([torch.eye(dimension, dtype=torch.float64), drawn / drawn.norm(dim=0)], 1)


def _rounded(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    return [
        _digits(v) if not isinstance(v, list) else [_digits(n) for n in v] for v in value.tolist()
    ]


def _digits(value: float) -> float:
    return float(f"{value:.4g}") if math.isfinite(value) else value
