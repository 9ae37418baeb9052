"""Prescribed values, and residual functions written from them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry import Points, Region
from pdenet.jets import Field, Vector

Value = float | Callable[..., Any] | tuple[Any, ...]
"""A number, a function of coordinates, or a tuple of these for a vector field."""


def with_signature(function: Callable[..., Any], names: Iterable[str]) -> Callable[..., Any]:
    """Gives a function of keywords the signature that :func:`pdenet.jets.discover` reads."""
    kind = inspect.Parameter.KEYWORD_ONLY
    unique = dict.fromkeys(names)
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in unique]
    )
    return function


def checked(where: str, value: Any, on: Region, *, unknowns: bool = False) -> Any:
    """A prescribed value, after a look whether it can be one.

    Args:
        where: Who gives it, for messages: ``"Dirichlet(u=...)"``.
        value: A number, a function of coordinates and normals, or a tuple of these.
        on: Region on which it is given.
        unknowns: Whether functions may take more than that: unknown constants.

    Returns:
        Numbers as float. Functions as they are; parameters with a default that name no coordinate
        keep it and are hidden, so that ``lambda x, k=k: sin(k * x)`` is a function of x.

    Raises:
        ValueError: It is something else, a number is not finite, or a function takes what is not
            there.
    """
    if isinstance(value, tuple):
        return tuple(checked(where, v, on, unknowns=unknowns) for v in value)
    if callable(value):
        return _checked_function(where, value, on, unknowns)
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"{where} is {value!r}; give a number, a function of coordinates, or for a vector a "
            "tuple of these."
        ) from None
    if not math.isfinite(number):
        raise ValueError(f"{where} is {number}; give a finite number.")
    return number


def _checked_function(
    where: str, function: Callable[..., Any], on: Region, unknowns: bool
) -> Callable[..., Any]:
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:
        raise ValueError(
            f"{where} is {function!r}, whose parameters have no names; wrap it: "
            f"lambda {on.coordinates[0]}: ...({on.coordinates[0]})."
        ) from None
    known = (*on.coordinates, *(f"n{name}" for name in on.space))
    fixed = [n for n, p in parameters.items() if n not in known and p.default is not p.empty]
    names = [n for n in parameters if n not in fixed]
    strangers = [n for n in names if n not in known]
    variadic = any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters.values())
    if strangers and (variadic or not unknowns):
        raise ValueError(
            f"{where} is a function of {', '.join(parameters)}, but on {on.label!r} there are "
            f"{', '.join(on.coordinates)} (and normals on a boundary). Name those; with an unknown "
            "constant or another field write Condition(lambda u, k: u - k, on=...)."
        )
    return with_signature(lambda **k: function(**k), names) if fixed else function


def evaluate(value: Any, known: Mapping[str, Any]) -> Any:
    """A number as it is; a function at those of the known values that it names.

    Nothing differentiates prescribed values, so functions get plain tensors, and may be any that
    take those: networks, interpolations, numpy.

    Args:
        value: A number or a function.
        known: What the function may take, by name.

    Returns:
        A number, or one for each point, shape (n,), in the precision of the known values.
    """
    if not callable(value):
        return value
    names = inspect.signature(value).parameters
    plain = {n: v.value if isinstance(v, Field) else v for n, v in known.items() if n in names}
    result = value(**plain)
    if isinstance(result, int | float | tuple):
        return result
    like = next(iter(plain.values()), None)
    found = torch.as_tensor(result)
    return found if like is None else found.to(like)


def prescribed_values(value: Any, points: Points) -> Tensor:
    """A prescribed value at points.

    Args:
        value: A number, a function of coordinates and normals, or a tuple of these.
        points: Where.

    Returns:
        Shape (n,), or (n, k) for a tuple of k values.

    Raises:
        ValueError: A function returns another shape than (n,).
    """
    if isinstance(value, tuple):
        return torch.stack([prescribed_values(v, points) for v in value], dim=-1)
    names = list(points.coordinates)
    if points.normals is not None:
        names += [f"n{name}" for name in points.space]
    result = evaluate(value, {name: points[name] for name in names})
    if isinstance(result, tuple):
        raise ValueError(
            f"A prescribed function returned a tuple of {len(result)}; give a tuple of functions, "
            "one for each component."
        )
    found = torch.as_tensor(result, dtype=points.x.dtype, device=points.x.device)
    if found.shape not in {(), (len(points),)}:
        raise ValueError(
            f"A prescribed value has shape {tuple(found.shape)} at {len(points)} points; return "
            "one number for each point, shape (n,), from coordinates of shape (n,)."
        )
    return found.expand(len(points))


def argument_names(first: Iterable[str], values: Iterable[Any]) -> list[str]:
    """The first names, and those that functions among the values take."""
    taken = [n for v in flat(values) if callable(v) for n in inspect.signature(v).parameters]
    return [*first, *taken]


def flat(values: Iterable[Any]) -> list[Any]:
    """Values with the entries of tuples among them, of tuples in tuples too."""
    return [f for v in values for f in (flat(v) if isinstance(v, tuple) else (v,))]


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
