"""Prescribed values, and residual functions written from them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry import Points
from pdenet.jets import Field, Vector

Value = float | Callable[..., Any] | tuple[Any, ...]
"""A number, a function of coordinates, or a tuple of these for a vector field."""


def with_signature(function: Callable[..., Any], names: Any) -> Callable[..., Any]:
    """Gives a function of keywords the signature that :func:`pdenet.jets.discover` reads."""
    kind = inspect.Parameter.KEYWORD_ONLY
    unique = dict.fromkeys(names)
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in unique]
    )
    return function


def evaluate(value: Any, known: Mapping[str, Any]) -> Any:
    """A number as it is; a function at those of the known values that it names.

    Nothing differentiates prescribed values, so functions get plain tensors, and may be any that
    take those: networks, interpolations.

    Args:
        value: A number or a function.
        known: What the function may take, by name.

    Returns:
        A number, or one for each point, shape (n,).
    """
    if not callable(value):
        return value
    named = {name: known[name] for name in inspect.signature(value).parameters}
    return value(**{n: v.value if isinstance(v, Field) else v for n, v in named.items()})


def prescribed_values(value: Any, points: Points) -> Tensor:
    """A prescribed value at points.

    Args:
        value: A number, a function of coordinates, or a tuple of these.
        points: Where.

    Returns:
        Shape (n,), or (n, k) for a tuple of k values.

    Raises:
        ValueError: A function returns another shape than (n,).
    """
    if isinstance(value, tuple):
        return torch.stack([prescribed_values(v, points) for v in value], dim=-1)
    if not callable(value):
        return torch.full(
            (len(points),), float(value), dtype=points.x.dtype, device=points.x.device
        )
    result = evaluate(value, {name: points[name] for name in points.coordinates})
    if not isinstance(result, Tensor):
        return prescribed_values(float(result), points)
    if result.shape not in {(), (len(points),)}:
        raise ValueError(
            f"A prescribed value has shape {tuple(result.shape)} at {len(points)} points; return "
            "one number for each point, shape (n,), from coordinates of shape (n,)."
        )
    return result.expand(len(points))


def argument_names(first: list[str], values: Any) -> list[str]:
    """The first names, and those that functions among the values take."""
    flat = [v for value in values for v in (value if isinstance(value, tuple) else (value,))]
    taken = [n for v in flat if callable(v) for n in inspect.signature(v).parameters]
    return [*first, *taken]


def differences(u: Any, value: Any, known: Mapping[str, Any]) -> list[Any]:
    """A field less its prescribed value, one row a component.

    Args:
        u: Scalar or vector field.
        value: A number or function; for a vector also a tuple of these.
        known: Coordinates by name.

    Returns:
        Rows.

    Raises:
        ValueError: Numbers of components and values differ.
    """
    if isinstance(u, Vector):
        parts = value if isinstance(value, tuple) else (value,) * len(u)
        if len(parts) != len(u):
            raise ValueError(f"{len(u)} components, but {len(parts)} values are given.")
        return [row for c, v in zip(u, parts, strict=True) for row in differences(c, v, known)]
    if isinstance(value, tuple):
        raise ValueError(f"a scalar field is given {len(value)} values; give one.")
    return [u - evaluate(value, known)]
