"""A problem as frozen data: a region, fields, and the conditions that they satisfy.

Nothing here knows of networks. Residuals are plain functions whose parameters are names of fields,
coordinates, normals (``nx``) and unknowns; the names are checked when the problem is built.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import combinations
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from pdenet.conditions import (
    Condition,
    Dirichlet,
    Initial,
    Neumann,
    Value,
    prescribed_values,
    stack_rows,
)
from pdenet.energy import Functional, Integrand
from pdenet.functions import InputFunction
from pdenet.geometry import Domain, Points
from pdenet.jets import Demand, Jet, Layout, discover
from pdenet.record import plain

PROBE_POINTS = 5  # few enough to be free; not as many as rows, columns or components


class Reference(Protocol):
    """What a problem's solution is compared with; see :mod:`pdenet.references`."""

    kind: ClassVar[Any]  # Any: each class has a literal type of its own
    """One of exact, spectral, finite-elements, file."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that it knows."""
        ...

    def __call__(self, **coordinates: Tensor) -> dict[str, Tensor]:
        """Values of its fields, each of shape (n,) or (n, k), at coordinates of shape (n,)."""
        ...


@dataclass(frozen=True)
class Unknown:
    """A constant to be found from data, as in an inverse problem.

    Args:
        start: Value that training starts from.
        exact: True value, where it is known; for errors only, training never sees it.

    Raises:
        ValueError: A value is not finite.
    """

    start: float
    exact: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("start", self.start), ("exact", self.exact)):
            if value is not None and not math.isfinite(value):
                raise ValueError(f"Unknown({name}={value}) is not finite; give a finite number.")


@dataclass(frozen=True, eq=False)
class Problem:
    """A boundary value problem, in any dimension, for any number of fields.

    Args:
        domain: Region on which the fields live; its coordinates are the networks' inputs.
        fields: A name (``"u"``), several (``("u", "v", "p")``), or a mapping from name to shape
            (``{"velocity": 2, "stress": (2, 2), "p": ()}``).
        conditions: What the fields satisfy, by name: equations, boundary and initial values, data.
            Those that an energy implies may be left out.
        energy: What the fields minimize, for the Deep Ritz method: an
            :class:`~pdenet.energy.Energy` or a :class:`~pdenet.energy.Rayleigh` quotient.
        unknowns: Constants to be found, by name, each a start value or an :class:`Unknown`.
        reference: Solution to compare with, or None.
        target: Relative L2 error at which the problem counts as solved, dimensionless.
        modulo_constant: Fields that the conditions fix up to a constant only (a pressure).
        regions: Where a field lives, by name, if it is not the whole domain: the two sides of an
            interface. It is judged and drawn there; conditions say by themselves where they hold.
        inputs: Functions that the solution depends on, by name: sources, start values,
            coefficients. Residuals take their values, and partials, as they take fields'. The
            problem is then one for each such function, and its solution an operator.
        core: Part of the domain where the solution lives, if that is a tiny one: errors are
            measured there as well as over the whole domain.
        source: Where the problem comes from: author, year, equation.
        name: The problem's name; the catalogue fills it in.
        parameters: Arguments that built it; the catalogue fills them in.

    Raises:
        ValueError: Names collide or are unknown, a residual asks for a partial along a coordinate
            that is not there or returns rows of a wrong shape, data are not finite, two conditions
            contradict each other or the energy, or an option is out of range.

    Attributes:
        demands: Which partials each of ``known`` needs.
        known: Conditions and the energy's own, and the energy's integrals, by name.
    """

    domain: Domain
    fields: str | Sequence[str] | Mapping[str, int | tuple[int, ...]]
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    unknowns: Mapping[str, float | Unknown] = field(default_factory=dict)
    reference: Reference | None = None
    target: float = 1e-3
    modulo_constant: tuple[str, ...] = ()
    regions: Mapping[str, Domain] = field(default_factory=dict)
    core: Domain | None = None
    inputs: Mapping[str, InputFunction] = field(default_factory=dict)
    source: str = ""
    name: str = "problem"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    energy: Functional | None = None
    demands: Mapping[str, Demand] = field(init=False, repr=False)
    known: Mapping[str, Condition] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._freeze()
        self._check_names()
        self._check_references()
        if self.energy is not None:
            self.energy.check_fields(self.shapes)
        demands = {n: self._discover(n, c) for n, c in self.known.items()}
        object.__setattr__(self, "demands", MappingProxyType(demands))
        self._check_contradictions()
        if self.energy is not None:
            self._check_energy(self.energy)

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shape of each field: () for a scalar, (k,) for a vector, (k, l) for a tensor."""
        assert isinstance(self.fields, Mapping)
        return self.fields  # type: ignore[return-value]

    @property
    def essential(self) -> Mapping[str, Condition]:
        """Conditions that minimizers of the energy are sought under, by name."""
        if self.energy is None:
            return {}
        order = max(self.demands[name].layout.order for name in self.energy.terms)
        names = self.energy.essential_names(self.conditions, order)
        return {**{n: self.conditions[n] for n in names}, **self.energy.conditions}

    @property
    def has_equations(self) -> bool:
        """Whether the conditions say all, without the energy."""
        return self.energy is None or not self.conditions.keys() <= self.essential.keys()

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the coordinates, in the order of the networks' inputs."""
        return self.domain.coordinates

    def where(self, name: str, x: Tensor) -> Tensor:
        """Mask of the points where a field lives.

        Args:
            name: The field.
            x: Points of the domain, shape (n, d).

        Returns:
            Shape (n,).
        """
        if name not in self.regions:
            return torch.ones(len(x), dtype=torch.bool, device=x.device)
        return self.regions[name].contains(x)

    @property
    def outputs(self) -> int:
        """Number of scalar components over all fields: the networks' outputs."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def named(self, name: str, parameters: Mapping[str, Any] | None = None) -> Problem:
        """The same problem under a name, with the parameters that built it."""
        return replace(self, name=name, parameters=dict(parameters or {}))

    def at_time(self, start: float, end: float, values: Mapping[str, Any] | None = None) -> Problem:
        """The same problem between two times, from a given state: one window of time marching.

        Args:
            start: First time of the window.
            end: Last time of the window.
            values: Start values by field, as functions of the coordinates; None keeps the
                problem's own.

        Returns:
            A problem on the window.

        Raises:
            ValueError: A condition cannot be cut into windows: it holds at the first time without
                being an :class:`Initial`, at the last time, or pairs different times.
        """
        if self.energy is not None:
            raise ValueError(
                f"Problem {self.name!r} has an energy, which belongs to all times and cannot be "
                "cut into windows; solve without."
            )
        if self.inputs:
            raise ValueError(
                f"Problem {self.name!r} has input functions, whose solutions are learned for all "
                "times at once; time windows cannot be marched through. Leave windows out."
            )
        conditions = {}
        for name, condition in self.conditions.items():
            self._check_window(name, condition, start, end)
            moved = condition.at_time(start, end, values)
            if moved is not None:
                conditions[name] = moved
        return replace(
            self,
            domain=self.domain.at_time(start, end),
            conditions=conditions,
            regions={name: r.at_time(start, end) for name, r in self.regions.items()},
            core=None,  # a window may not even meet it
        )

    def _check_window(self, name: str, condition: Condition, start: float, end: float) -> None:
        """Whether it is known what takes a condition's place in a window."""
        first, last = self.domain.bounds.get("t", (start, end))
        at = condition.on.bounds.get("t", (first, last))
        why = None
        if at == (first, first) and start > first and not isinstance(condition, Initial):
            why = "holds at the first time; write it as Initial(u=..., rate={'u': ...})"
        elif at == (last, last) and end < last:
            why = "holds at the last time, which other windows do not reach"
        elif condition.shift is not None and condition.shift[0] == "t":
            why = "pairs different times"
        if why is not None:
            raise ValueError(
                f"Condition {name!r} of problem {self.name!r} {why}: time windows cannot carry it. "
                "Change it, or solve without windows."
            )

    def __deepcopy__(self, memo: dict[int, Any]) -> Problem:
        return self  # nothing in it changes

    # -- construction ------------------------------------------------------------------------

    def _freeze(self) -> None:
        unknowns = {
            n: u if isinstance(u, Unknown) else Unknown(float(u)) for n, u in self.unknowns.items()
        }
        frozen = {
            "fields": MappingProxyType(_field_shapes(self.fields)),
            "conditions": MappingProxyType(dict(self.conditions)),
            "unknowns": MappingProxyType(unknowns),
            "parameters": MappingProxyType(plain(self.parameters, "A problem's parameter")),
            "modulo_constant": tuple(self.modulo_constant),
            "regions": MappingProxyType(dict(self.regions)),
            "inputs": MappingProxyType(dict(self.inputs)),
        }
        for name, value in frozen.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "known", MappingProxyType(self._known()))

    def _known(self) -> dict[str, Condition]:
        energy = self.energy
        if energy is None:
            return dict(self.conditions)
        if not isinstance(energy, Functional):
            raise ValueError(
                f"Problem(energy={energy!r}) is no energy; write Energy(lambda u: ..., "
                "on=domain.interior)."
            )
        parts = (dict(self.conditions), energy.conditions, energy.terms)
        known = {name: c for part in parts for name, c in part.items()}
        if len(known) < sum(map(len, parts)):
            raise ValueError(
                f"Conditions {list(self.conditions)} of problem {self.name!r}, those of its energy "
                f"{list(energy.conditions)} and its integrals {list(energy.terms)} share a name; "
                "rename one."
            )
        return known

    def _check_names(self) -> None:
        if not isinstance(self.domain, Domain):
            raise ValueError(
                f"Problem(domain={self.domain!r}) needs a region of full dimension, such as "
                "Box(x=(0, 1))."
            )
        if not self.conditions and self.energy is None:
            raise ValueError(
                f"Problem {self.name!r} has no conditions; give at least its equation."
            )
        if not (math.isfinite(self.target) and self.target > 0):
            raise ValueError(f"target={self.target} must be positive and finite, such as 1e-3.")
        normals = ["n" + name for name in self.domain.space]
        seen: dict[str, str] = {}
        for kind, names in (
            ("coordinate", self.coordinates),
            ("normal", normals),
            ("field", self.shapes),
            ("unknown", self.unknowns),
            ("input function", self.inputs),
        ):
            for name in names:
                if not name.isidentifier():
                    raise ValueError(f"The {kind} name {name!r} is not a Python identifier.")
                if name in seen:
                    raise ValueError(
                        f"{name!r} names both a {seen[name]} and a {kind} of problem "
                        f"{self.name!r}; rename one of them."
                    )
                seen[name] = kind

    def _check_references(self) -> None:
        for name in self.modulo_constant:
            self._require(name, self.shapes, "modulo_constant")
        core = self.core
        if core is not None and (
            not isinstance(core, Domain) or core.coordinates != self.coordinates
        ):
            raise ValueError(
                f"core of problem {self.name!r} is {core!r}; give a domain with the coordinates "
                f"{self.coordinates}."
            )
        for name, region in self.regions.items():
            self._require(name, self.shapes, "regions")
            if not isinstance(region, Domain) or region.coordinates != self.coordinates:
                raise ValueError(
                    f"regions[{name!r}] of problem {self.name!r} is {region!r}; give a domain with "
                    f"the coordinates {self.coordinates}."
                )
        for name in self.reference.fields if self.reference is not None else ():
            self._require(name, {**self.shapes, **self.unknowns}, "The reference")
        self._check_inputs()

    def _check_inputs(self) -> None:
        for name, given in self.inputs.items():
            if not isinstance(given, InputFunction):
                raise ValueError(
                    f"inputs[{name!r}] of problem {self.name!r} is {given!r}; give an "
                    "InputFunction(space, sensors=...)."
                )
            if strangers := [c for c in given.coordinates if c not in self.coordinates]:
                raise ValueError(
                    f"Input function {name!r} of problem {self.name!r} is a function of "
                    f"{given.coordinates}, but the problem has no coordinates {strangers}; it has "
                    f"{self.coordinates}."
                )
        # One that solves for any input functions, or did so for those that are given.
        solves = hasattr(self.reference, "solutions") or hasattr(self.reference, "given")
        if self.reference is not None and solves != bool(self.inputs):
            raise ValueError(
                f"Problem {self.name!r} has the input functions {tuple(self.inputs)}, but its "
                f"reference is a {type(self.reference).__name__}; with input functions, and only "
                "then, give a reference that solves for them, such as ExactOperator."
            )

    def _require(self, name: str, known: Mapping[str, Any], who: str) -> None:
        if name not in known:
            raise ValueError(
                f"{who} of problem {self.name!r} names {name!r}, but there are {sorted(known)}. "
                + _likely(name, known)
            )

    def layout(self, name: str) -> Layout:
        """The derivatives that a condition needs of the network's fields, inputs left out.

        Args:
            name: The condition.

        Returns:
            Their layout.
        """
        demand = self.demands[name]
        inputs = {*self.inputs, *(f"{n}_to" for n in self.inputs)}
        layouts = [layout for n, layout in demand.layouts.items() if n not in inputs]
        return Layout(self.coordinates).union(*layouts)

    def _discover(self, name: str, condition: Condition) -> Demand:
        """Runs the residual once on a few points: learns its partials, checks names and shapes."""
        kind = "The energy's integral" if isinstance(condition, Integrand) else "Condition"
        where = f"{kind} {name!r} of problem {self.name!r}"
        if not isinstance(condition, Condition):
            raise ValueError(
                f"{where} is a {type(condition).__name__}; wrap the function: "
                "Condition(residual, on=domain.interior)."
            )
        if condition.on.coordinates != self.coordinates:
            raise ValueError(
                f"{where} lives on a region with coordinates {condition.on.coordinates}, but the "
                f"domain has {self.coordinates}, in this order; take the region from the domain, "
                "such as domain.face(x=0), or name the data's coordinates in this order."
            )
        points = condition.on.sample(PROBE_POINTS, seed=0)
        fields = self._fields_for(where, condition)
        given = self._given(condition, points)
        self._check_signature(where, condition, {**fields, **given})
        try:
            _check_data(condition, points)
            demand = discover(
                condition.residual,
                fields=fields,
                coordinates=self.coordinates,
                space=self.domain.space,
                given=given,
            )
            _try(demand, points.x, given)
        except (ValueError, AttributeError, TypeError) as error:
            raise ValueError(f"{where}: {error}") from error
        except Exception as error:
            raise ValueError(f"{where}: {type(error).__name__}: {error}") from error
        return demand

    def _fields_for(self, where: str, condition: Condition) -> dict[str, tuple[int, ...]]:
        known = {**self.shapes, **dict.fromkeys(self.inputs, ())}
        if condition.to is None:
            return known
        partners = {f"{n}_to": s for n, s in known.items()}
        if clash := partners.keys() & {*known, *self.unknowns, *self.coordinates}:
            raise ValueError(
                f"{where} is paired, so that {sorted(clash)} means a field at the partner points; "
                "rename the field or constant of that name."
            )
        return {**known, **partners}

    def _given(self, condition: Condition, points: Points) -> dict[str, Tensor]:
        """Values that a residual may take besides fields and coordinates."""
        normals = {}
        if points.normals is not None:
            normals = {f"n{name}": points[f"n{name}"] for name in points.space}
        starts = {
            n: torch.tensor(u.start) for n, u in self.unknowns.items() if isinstance(u, Unknown)
        }
        return {**normals, **starts, **condition.data(points)}

    def _check_signature(self, where: str, condition: Condition, known: Mapping[str, Any]) -> None:
        names = {*known, *self.coordinates}
        parameters = inspect.signature(condition.residual).parameters
        for name, parameter in parameters.items():
            if name not in names and parameter.default is parameter.empty:
                normal = name in {f"n{c}" for c in self.domain.space}
                raise ValueError(
                    f"{where} asks for {name!r}, but the problem has coordinates "
                    f"{self.coordinates}, fields {tuple(self.shapes)}, unknowns "
                    f"{tuple(self.unknowns)}"
                    + (f", input functions {tuple(self.inputs)}" if self.inputs else "")
                    + (f"; {condition.on.label!r} has no normals. " if normal else ". ")
                    + _likely(name, names)
                )
        given = {f"n{c}" for c in self.domain.space} | set(self.inputs)
        if not set(parameters) & (set(known) - given):
            raise ValueError(
                f"{where} names no field and no unknown, so that nothing can be trained to satisfy "
                f"it; its residual is a function such as lambda {next(iter(self.shapes))}: ..."
            )

    def _check_energy(self, energy: Functional) -> None:
        order = max(self.demands[name].layout.order for name in energy.terms)
        try:
            energy.check(self.conditions, self.essential, order)
        except ValueError as error:
            raise ValueError(f"Problem {self.name!r}: {error}") from error

    def _check_contradictions(self) -> None:
        for first, second in combinations(self.conditions, 2):
            a, b = self.conditions[first], self.conditions[second]
            kinds = [isinstance(c, Dirichlet | Initial) for c in (a, b)]
            if not (all(kinds) or (isinstance(a, Neumann) and isinstance(b, Neumann))):
                continue
            for piece in set(a.on.pieces()) & set(b.on.pieces()):
                points = piece.sample(16, seed=0)
                for name in a.values.keys() & b.values.keys():
                    if not _agree(a.values[name], b.values[name], points):
                        raise ValueError(
                            f"Conditions {first!r} and {second!r} of problem {self.name!r} give "
                            f"{name!r} different values on {piece.label!r}; remove one of them."
                        )


def _try(demand: Demand, x: Tensor, given: Mapping[str, Tensor]) -> None:
    """Runs a residual on numbers, as training will: what it returns must be rows."""
    generator = torch.Generator().manual_seed(0)

    def draw(shape: tuple[int, ...]) -> Jet:
        size = (len(demand.layout.channels), len(x), *shape)
        # Positive, so that roots and logarithms exist.
        return Jet(demand.layout, 0.5 + torch.rand(size, generator=generator, dtype=x.dtype))

    jets = {name: draw(shape) for name, shape in demand.fields.items()}
    stack_rows(demand.function(**demand.arguments(jets, x, given)), len(x))


def _field_shapes(fields: Any) -> dict[str, tuple[int, ...]]:
    if isinstance(fields, str):
        fields = (fields,)
    names = list(fields)
    if not names:
        raise ValueError("A problem needs at least one field, such as fields='u'.")
    if len(set(names)) < len(names):
        raise ValueError(f"fields={names} names a field twice.")
    if not isinstance(fields, Mapping):
        return dict.fromkeys(names, ())
    shapes = {n: (s,) if isinstance(s, int) else tuple(s) for n, s in fields.items()}
    for name, shape in shapes.items():
        if any(not isinstance(k, int) or k < 1 for k in shape) or len(shape) > 2:
            raise ValueError(
                f"Field {name!r} has shape {shape}; use () for a scalar, 2 or (2,) for a vector, "
                "(2, 2) for a tensor."
            )
    return shapes


def _check_data(condition: Condition, points: Points) -> None:
    known = {*points.coordinates, *(f"n{name}" for name in points.space)}
    for name, value in condition.prescribed.items():
        for part in value if isinstance(value, tuple) else (value,):
            if callable(part) and not inspect.signature(part).parameters.keys() <= known:
                continue  # it takes an unknown constant
            if not torch.isfinite(prescribed_values(part, points)).all():
                raise ValueError(f"{name!r} is given values that are not finite; check its data.")


def _agree(one: Value, other: Value, points: Points) -> bool:
    a, b = (prescribed_values(value, points) for value in (one, other))
    while a.ndim < b.ndim:  # one number for all components
        a = a.unsqueeze(-1)
    while b.ndim < a.ndim:
        b = b.unsqueeze(-1)
    return torch.allclose(a, b, atol=1e-9)


def _likely(name: str, known: Any) -> str:
    close = get_close_matches(name, list(known), n=1)
    return (
        f"Did you mean {close[0]!r}?" if close else "Rename the argument or add it to the problem."
    )
