"""What fields satisfy: equations, boundary and initial values, periodicity, integrals, data.

Every condition is a residual function of names, on a region. The named kinds below write that
function for the user and keep their data, so that it can be imposed exactly instead of trained.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from pdenet.geometry import PointCloud, Points, Region
from pdenet.jets import Vector, normal_derivative

Value = float | Callable[..., Any] | tuple[Any, ...]


class Condition:
    """A residual that is to vanish on a region.

    Args:
        residual: Function of named fields, coordinates, normals (``nx``) and unknowns. Returns
            rows of shape (n,), or a tuple of such rows. Fields at the partner points of a paired
            condition carry the suffix ``_to``.
        on: Region on which it holds.
        to: Region whose points are paired with those of ``on``; it must be ``on`` shifted along
            one coordinate.

    Raises:
        ValueError: ``on`` is not a region, the residual is not a function of names, or the paired
            regions are not shifts of each other.
    """

    integral = False
    normalization = 1.0
    values: Mapping[str, Value] = {}
    hard: bool | None = False

    def __init__(self, residual: Callable[..., Any], on: Region, to: Region | None = None) -> None:
        for region in (on,) if to is None else (on, to):
            if not isinstance(region, Region):
                raise ValueError(
                    f"{type(self).__name__}(on=...) got {region!r}; give a region such as "
                    "domain.interior or domain.face(x=0)."
                )
        if not callable(residual):
            raise ValueError(f"A residual is a function of named fields; got {residual!r}.")
        self.residual = residual
        self.on = on
        self.to = to
        self.shift = None if to is None else _shift(on, to)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(on={self.on.label!r})"

    def data(self, points: Points) -> dict[str, Tensor]:
        """Measured values at points of the region, by the name that the residual takes."""
        return {}

    def at_time(self, start: float, end: float, values: Mapping[str, Value] | None) -> Condition:
        """The same condition between other times; ``values`` replace initial data."""
        return self._moved(start, end)

    def _moved(self, start: float, end: float) -> Self:
        moved = object.__new__(type(self))
        moved.__dict__.update(self.__dict__)
        moved.on = self.on.at_time(start, end)
        moved.to = None if self.to is None else self.to.at_time(start, end)
        return moved


class Dirichlet(Condition):
    """Given values of fields: ``Dirichlet(u=0, on=domain.boundary)``.

    Args:
        on: Part of the boundary.
        hard: True imposes them exactly by the network's form, or refuses; False trains them; None
            imposes them where the geometry allows.
        values: By field, a number or a function of coordinates; a tuple of these for a vector.
    """

    def __init__(self, on: Region, hard: bool | None = None, **values: Value) -> None:
        _require_values(self, values)
        super().__init__(_difference(values), on)
        self.values = values
        self.hard = hard


class Initial(Condition):
    """Given values at the first time, and given rates where the equation is of second order.

    Args:
        on: ``domain.initial``.
        hard: As for :class:`Dirichlet`.
        rate: Time derivatives by field, as numbers or functions of coordinates.
        values: By field, a number or a function of the coordinates.

    Raises:
        ValueError: A rate is given for a field without a value.
    """

    def __init__(
        self,
        on: Region,
        hard: bool | None = None,
        rate: Mapping[str, Value] | None = None,
        **values: Value,
    ) -> None:
        _require_values(self, values)
        self.rate = dict(rate or {})
        if not self.rate.keys() <= values.keys():
            raise ValueError(
                f"Initial(rate=...) names {sorted(self.rate)}, but values are given for "
                f"{sorted(values)}; a rate needs its field's value too."
            )
        super().__init__(_difference(values, self.rate), on)
        self.values = values
        self.hard = hard

    def at_time(self, start: float, end: float, values: Mapping[str, Value] | None) -> Condition:
        """The start of another window; ``values`` hold ``u`` and, for a rate, ``u.t``."""
        on = self.on.at_time(start, end)
        if values is None:
            return Initial(on, self.hard, self.rate, **self.values)
        rate = {name: values[f"{name}.t"] for name in self.rate}
        return Initial(on, self.hard, rate, **{name: values[name] for name in self.values})


class Neumann(Condition):
    """Given outward normal derivatives: ``Neumann(u=0, on=domain.face(x=1))``.

    Args:
        on: Part of the boundary.
        hard: As for :class:`Dirichlet`; possible where the field's value is imposed exactly on the
            same part, as on a clamped edge.
        values: By scalar field, a number or a function of coordinates.
    """

    def __init__(self, on: Region, hard: bool | None = None, **values: Value) -> None:
        _require_values(self, values)
        super().__init__(_robin({n: (0.0, 1.0, v) for n, v in values.items()}, on), on)
        self.values = values
        self.hard = hard


class Robin(Condition):
    """``a u + b du/dn = g``: ``Robin(u=(a, b, g), on=...)``.

    Args:
        on: Part of the boundary.
        terms: By scalar field, the triple (a, b, g) of numbers or functions of coordinates.

    Raises:
        ValueError: A field's terms are not three.
    """

    def __init__(self, on: Region, **terms: tuple[Value, Value, Value]) -> None:
        _require_values(self, terms)
        for name, triple in terms.items():
            if not isinstance(triple, tuple) or len(triple) != 3:
                raise ValueError(
                    f"Robin({name}={triple!r}) needs three terms (a, b, g) of a u + b du/dn = g."
                )
        super().__init__(_robin(terms, on), on)


class Periodic(Condition):
    """Equal values and derivatives on two opposite faces.

    Args:
        fields: Names of the periodic fields.
        on: One face.
        to: The opposite face.
        order: Highest derivative across the face that is matched; the equation's order less one.
        hard: True imposes it exactly by a periodic embedding, or refuses; False trains it; None
            imposes it where possible.

    Raises:
        ValueError: No field is named, or ``order`` is negative.
    """

    def __init__(
        self, *fields: str, on: Region, to: Region, order: int = 1, hard: bool | None = None
    ) -> None:
        if not fields or order < 0:
            raise ValueError(
                f"Periodic{fields} with order={order}: name at least one field, order 0 or more."
            )
        names = [*fields, *(f"{name}_to" for name in fields)]
        super().__init__(lambda: None, on, to)
        self.coordinate, self.period = _shift(on, to)
        self.fields, self.order, self.hard = fields, order, hard

        def residual(**known: Any) -> tuple[Any, ...]:
            def jump(name: str, k: int) -> Any:
                along = (self.coordinate,) * k
                here, there = known[name], known[f"{name}_to"]
                return _partial(here, along) - _partial(there, along)

            return tuple(jump(name, k) for name in fields for k in range(order + 1))

        self.residual = with_signature(residual, names)


class Interface(Condition):
    """Two fields meet on an interface: a jump of the value, and a jump of the flux.

    Args:
        left: Field on the side that the normal leaves.
        right: Field on the side that the normal enters.
        on: Curve or surface with normals.
        conductivity: Coefficients of the normal derivatives on the two sides.
        jump: Value of ``left - right``.
        flux: Value of ``k_left dn(left) - k_right dn(right)``.
    """

    def __init__(
        self,
        left: str,
        right: str,
        on: Region,
        conductivity: tuple[Value, Value] = (1.0, 1.0),
        jump: Value = 0.0,
        flux: Value = 0.0,
    ) -> None:
        normals = [f"n{name}" for name in on.space]
        data = (*conductivity, jump, flux)

        def residual(**known: Any) -> tuple[Any, ...]:
            inside, outside = known[left], known[right]
            k_in, k_out, gap, source = (evaluate(v, known) for v in data)
            normal = [known[name] for name in normals]
            flux_in = k_in * normal_derivative(inside, *normal)
            return inside - outside - gap, flux_in - k_out * normal_derivative(
                outside, *normal
            ) - source

        names = _names([left, right, *normals], data)
        super().__init__(with_signature(residual, names), on)


class Integral(Condition):
    """An integral has a given value: a flux, a mean, a total mass. One row.

    Args:
        integrand: Function of names, as a residual; rows of shape (n,).
        on: Region of integration.
        equals: Value of the integral, in the integrand's units times the region's measure.
        mean: Whether ``equals`` is the mean over the region instead.
    """

    integral = True

    def __init__(
        self, integrand: Callable[..., Any], on: Region, equals: float = 0.0, mean: bool = False
    ) -> None:
        self.normalization = on.measure if mean else 1.0
        target = float(equals) * self.normalization / on.measure
        names = list(inspect.signature(integrand).parameters)

        def residual(**known: Any) -> Any:
            return integrand(**known) - target

        super().__init__(with_signature(residual, names), on)


class Data(Condition):
    """Measured values at points: ``Data({"x": x}, u=values)``.

    Args:
        at: Coordinates of the points by name, each of shape (n,).
        values: Measurements by field, each of shape (n,).

    Raises:
        ValueError: Lengths differ, or a value is not finite.
    """

    def __init__(self, at: Mapping[str, Any], **values: Any) -> None:
        _require_values(self, values)
        self.columns = {name: _column(name, v) for name, v in values.items()}
        on = PointCloud(label="data", **at)
        for name, column in self.columns.items():
            if len(column) != on.measure:
                raise ValueError(
                    f"Data(u=...) has {len(column)} values of {name!r} at {on.measure:.0f} points; "
                    "give one value for each point."
                )

        def residual(**known: Any) -> tuple[Any, ...]:
            return tuple(known[name] - known[f"{name}_data"] for name in self.columns)

        names = [*self.columns, *(f"{name}_data" for name in self.columns)]
        super().__init__(with_signature(residual, names), on)

    def data(self, points: Points) -> dict[str, Tensor]:
        """The measurements at some of the points, named ``u_data``."""
        index = points.index
        assert index is not None
        return {
            f"{name}_data": column.to(points.x)[index.to(points.x.device)]
            for name, column in self.columns.items()
        }

    def at_time(self, start: float, end: float, values: Mapping[str, Value] | None) -> Condition:
        """The measurements between two times."""
        cloud = self.on
        assert isinstance(cloud, PointCloud)
        times = cloud.x[:, cloud.coordinates.index("t")]
        kept = (times >= start) & (times <= end)
        at = {name: cloud.x[kept, i] for i, name in enumerate(cloud.coordinates)}
        return Data(at, **{name: column[kept] for name, column in self.columns.items()})


def _column(name: str, values: Any) -> Tensor:
    column = torch.as_tensor(np.asarray(values, dtype=float))
    if column.ndim != 1 or not bool(column.isfinite().all()):
        raise ValueError(
            f"Data({name}=...) has shape {tuple(column.shape)}; one finite number for each point, "
            "shape (n,), is needed. Remove missing measurements first."
        )
    return column


def with_signature(function: Callable[..., Any], names: Any) -> Callable[..., Any]:
    """Gives a function of keywords the signature that :func:`pdenet.jets.discover` reads."""
    kind = inspect.Parameter.KEYWORD_ONLY
    unique = dict.fromkeys(names)
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in unique]
    )
    return function


def evaluate(value: Any, known: Mapping[str, Any]) -> Any:
    """A number as it is; a function at those of the known values that it names."""
    if not callable(value):
        return value
    return value(**{name: known[name] for name in inspect.signature(value).parameters})


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


def _partial(u: Any, along: tuple[str, ...]) -> Any:
    return u.d(*along) if along else u


def _names(first: list[str], values: Any) -> list[str]:
    """The first names, and those that functions among the values take."""
    flat = [v for value in values for v in (value if isinstance(value, tuple) else (value,))]
    taken = [n for v in flat if callable(v) for n in inspect.signature(v).parameters]
    return [*first, *taken]


def _minus(u: Any, value: Any, known: Mapping[str, Any]) -> list[Any]:
    if isinstance(u, Vector):
        parts = value if isinstance(value, tuple) else (value,) * len(u)
        if len(parts) != len(u):
            raise ValueError(f"{len(u)} components, but {len(parts)} values are given.")
        return [row for c, v in zip(u, parts, strict=True) for row in _minus(c, v, known)]
    if isinstance(value, tuple):
        raise ValueError(f"a scalar field is given {len(value)} values; give one.")
    return [u - evaluate(value, known)]


def _rate(u: Any) -> Any:
    return Vector([_rate(c) for c in u]) if isinstance(u, Vector) else u.d("t")


def _difference(
    values: Mapping[str, Any], rates: Mapping[str, Any] | None = None
) -> Callable[..., Any]:
    rates = rates or {}

    def residual(**known: Any) -> tuple[Any, ...]:
        rows = [row for name, v in values.items() for row in _minus(known[name], v, known)]
        rows += [row for name, v in rates.items() for row in _minus(_rate(known[name]), v, known)]
        return tuple(rows)

    return with_signature(residual, _names(list(values), [*values.values(), *rates.values()]))


def _robin(terms: Mapping[str, tuple[Any, Any, Any]], on: Region) -> Callable[..., Any]:
    normals = [f"n{name}" for name in on.space]

    def residual(**known: Any) -> tuple[Any, ...]:
        normal = [known[name] for name in normals]
        rows = []
        for name, triple in terms.items():
            a, b, g = (evaluate(v, known) for v in triple)
            rows.append(a * known[name] + b * normal_derivative(known[name], *normal) - g)
        return tuple(rows)

    values = [v for triple in terms.values() for v in triple]
    return with_signature(residual, _names([*terms, *normals], values))


def _require_values(condition: Condition, values: Mapping[str, Any]) -> None:
    if not values:
        kind = type(condition).__name__
        raise ValueError(f"{kind}(on=...) names no field; write for example {kind}(u=0, on=...).")


def _shift(on: Region, to: Region) -> tuple[str, float]:
    """The coordinate along which two regions differ, and by how much."""
    moved = {
        name: to.bounds[name][0] - on.bounds[name][0]
        for name in on.coordinates
        if to.bounds.get(name) != on.bounds[name]
    }
    lengths = [np.subtract(*region.bounds[n]) for n in moved for region in (on, to)]
    if len(moved) != 1 or not np.allclose(lengths, lengths[:1]):
        raise ValueError(
            f"Paired regions {on.label!r} and {to.label!r} must be shifts of each other along one "
            "coordinate, such as domain.face(x=0) and domain.face(x=1)."
        )
    return next(iter(moved.items()))
