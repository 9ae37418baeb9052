"""Solutions in closed form, written in torch functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor

from pdenet.references.base import Kind, Reference


@dataclass(frozen=True, eq=False, init=False)
class Exact(Reference):
    """Fields in closed form.

    The functions are called with the coordinates that their parameters name, unchanged: whatever
    torch functions accept (tensors that require gradients, jets, fields) flows through, so the
    exact solution can be put into the equations themselves.

    Args:
        tolerance: Relative accuracy, for closed forms that are evaluated by quadrature or series.
        **functions: One function a field. Parameters without a default are coordinates; a
            function that takes ``**names`` receives all of them. A vector field returns
            shape (n, k) or a tuple of k components of shape (n,).

    Raises:
        ValueError: No field, a parameter that cannot be passed by name, or a tolerance that is
            not a positive number.
        TypeError: A field is not a function.

    Example:
        >>> exact = Exact(u=lambda x, t: torch.exp(-t) * torch.sin(x))
        >>> exact.coordinates
        ('x', 't')
        >>> exact(x=torch.zeros(3), t=torch.ones(3))["u"]
        tensor([0., 0., 0.])
    """

    kind: ClassVar[Kind] = "exact"
    fields: tuple[str, ...]
    coordinates: tuple[str, ...]
    tolerance: float
    functions: Mapping[str, Callable[..., Any]]

    def __init__(self, *, tolerance: float = 1e-14, **functions: Callable[..., Any]) -> None:
        if not functions:
            raise ValueError("Exact() has no field. Name at least one: Exact(u=lambda x: ...).")
        if not 0 < tolerance < 1:
            raise ValueError(f"tolerance is a relative accuracy between 0 and 1, not {tolerance}.")
        needed: dict[str, None] = {}
        for field, function in functions.items():
            needed.update(dict.fromkeys(_coordinates_of(field, function)))
        object.__setattr__(self, "fields", tuple(functions))
        object.__setattr__(self, "coordinates", tuple(needed))
        object.__setattr__(self, "tolerance", float(tolerance))
        object.__setattr__(self, "functions", MappingProxyType(dict(functions)))

    def _evaluate(self, coordinates: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            field: _as_field(_call(function, coordinates), coordinates)
            for field, function in self.functions.items()
        }


def _coordinates_of(field: str, function: Callable[..., Any]) -> list[str]:
    if not callable(function):
        raise TypeError(
            f"Field '{field}' of Exact() is {function!r}, not a function. "
            f"Write {field}=lambda x: ... with the problem's coordinates as parameters."
        )
    try:
        parameters = signature(function).parameters.values()
    except ValueError as error:
        name = getattr(function, "__name__", "f")
        raise ValueError(
            f"Field '{field}' of Exact() is a built-in function that does not name its parameters. "
            f"Write {field}=lambda x: {name}(x)."
        ) from error
    names = []
    for parameter in parameters:
        if parameter.kind in {Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL}:
            raise ValueError(
                f"Field '{field}' of Exact() takes '{parameter}', which cannot be passed by name. "
                f"Name the coordinates as parameters, or take all of them by **names."
            )
        if parameter.kind is not Parameter.VAR_KEYWORD and parameter.default is Parameter.empty:
            names.append(parameter.name)
    return names


def _call(function: Callable[..., Any], coordinates: Mapping[str, Tensor]) -> Any:
    parameters = signature(function).parameters
    if any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values()):
        return function(**coordinates)
    return function(**{name: coordinates[name] for name in parameters if name in coordinates})


def _as_field(value: Any, coordinates: Mapping[str, Tensor]) -> Any:
    if isinstance(value, tuple) and all(isinstance(part, Tensor) for part in value):
        return torch.stack(value, dim=-1)
    if isinstance(value, int | float):
        # A constant solution still has one value a point.
        return value + 0 * next(iter(coordinates.values()))
    return value
