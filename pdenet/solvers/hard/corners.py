"""Corners of distances, where their higher derivatives grow without bound."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from pdenet.geometry import Domain, Region

SAMPLE = 4096  # of these, some lie within 1e-3 of any corner of a curve
CORNER = 1e-2  # a root that small, relative to its largest value, is one that vanishes


def has_corners(part: Region, domain: Domain) -> bool:
    """Whether the distance to a part of the boundary has corners in the domain.

    R-functions hold the root of a sum of squares, which vanishes at a corner: their second
    derivatives grow there like 1 / r, which a network can live with, third ones like 1 / r**2.

    Args:
        part: A part with a distance.
        domain: The domain.

    Returns:
        Whether a square root that the distance takes vanishes somewhere.
    """
    with _Roots() as roots:
        for region in (domain, part):
            points = region.sample(SAMPLE, seed=0)
            part.distance(**{name: points[name] for name in points.coordinates})
    return roots.smallest < CORNER


class _Roots(TorchFunctionMode):
    """Watches how close the square roots that are taken come to zero, relative to their size."""

    smallest = math.inf

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in (torch.sqrt, torch.Tensor.sqrt):
            self.smallest = min(self.smallest, float(result.min() / result.max()))
        return result
