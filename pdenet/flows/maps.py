"""What a torch Transform does, with the types that its annotations leave open."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.distributions import Transform


def image(transform: Transform, x: Tensor) -> Tensor:
    """Image of points, shape (n, d) -> (n, d)."""
    value = transform(x)
    assert isinstance(value, Tensor)
    return value


def preimage(transform: Transform, y: Tensor) -> Tensor:
    """Points of an image, shape (n, d) -> (n, d)."""
    value = transform.inv(y)
    assert isinstance(value, Tensor)
    return value


def image_and_ladj(transform: Transform, x: Tensor) -> tuple[Tensor, Tensor]:
    """Image, and logarithm of the determinant's size, in one pass; zuko adds that to torch."""
    adorned: Any = transform
    return adorned.call_and_ladj(x)
