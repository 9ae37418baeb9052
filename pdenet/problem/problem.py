"""A problem as frozen data: a region, fields, and the conditions that they satisfy.

Nothing here knows of networks. Residuals are plain functions whose parameters are names of fields,
coordinates, normals (``nx``) and unknowns; the names are checked when the problem is built.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from pdenet.conditions import Condition
from pdenet.energy import Functional
from pdenet.functions import InputFunction
from pdenet.geometry import Domain
from pdenet.jets import Demand, Layout
from pdenet.problem.checks import (
    check_contradictions,
    check_energy,
    check_names,
    check_references,
    check_window,
)
from pdenet.problem.discovery import discover_demand
from pdenet.problem.parts import Reference, Unknown, field_shapes
from pdenet.record import plain


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
        check_names(self)
        check_references(self)
        if self.energy is not None:
            self.energy.check_fields(self.shapes)
        demands = {n: discover_demand(self, n, c) for n, c in self.known.items()}
        object.__setattr__(self, "demands", MappingProxyType(demands))
        check_contradictions(self)
        if self.energy is not None:
            check_energy(self, self.energy)

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
            check_window(self, name, condition, start, end)
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

    def __deepcopy__(self, memo: dict[int, Any]) -> Problem:
        return self  # nothing in it changes

    # -- construction ------------------------------------------------------------------------

    def _freeze(self) -> None:
        unknowns = {
            n: u if isinstance(u, Unknown) else Unknown(float(u)) for n, u in self.unknowns.items()
        }
        frozen = {
            "fields": MappingProxyType(field_shapes(self.fields)),
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
