"""What energies and Rayleigh quotients have in common."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from torch import Tensor

from pdenet.conditions import Condition, Dirichlet, Integral, Neumann, Periodic
from pdenet.energy.integrand import Integrand


@dataclass(frozen=True, eq=False, kw_only=True)
class Functional(ABC):
    """What a solution minimizes among all fields that satisfy the essential conditions.

    Args:
        boundary: Further integrals, by name: loads and springs on the boundary, other materials.
        conditions: Essential conditions beside those of the problem, by name, where the problem's
            strong form has them in one condition with natural ones.
        essential: Names of the problem's conditions that fields must satisfy by themselves; None
            takes given values, periodicity and integrals, and with second partials in a density
            given normal derivatives. All others are natural: the minimizer satisfies them.
    """

    boundary: Mapping[str, Integrand] = field(default_factory=dict)
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    essential: Collection[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "boundary", MappingProxyType(dict(self.boundary)))
        object.__setattr__(self, "conditions", MappingProxyType(dict(self.conditions)))
        if isinstance(self.essential, str):
            raise ValueError(
                f"essential={self.essential!r} is a word; give a tuple of names: "
                f"({self.essential!r},)."
            )
        for name, part in self.boundary.items():
            if not isinstance(part, Integrand):
                raise ValueError(
                    f"boundary[{name!r}] of an energy is {part!r}; write "
                    "Integrand(lambda u: ..., on=domain.face(x=1))."
                )

    def __deepcopy__(self, memo: dict[int, Any]) -> Functional:
        return self  # nothing in it changes

    @property
    @abstractmethod
    def terms(self) -> Mapping[str, Integrand]:
        """All integrals, by name."""

    @property
    def own_rows(self) -> tuple[int, ...]:
        """Those rows of an integral that are its density, one a state; the first in general."""
        return (0,)

    @abstractmethod
    def value(self, integrals: Mapping[str, Tensor]) -> Tensor:
        """What is minimized.

        Args:
            integrals: Integrals of every row of :attr:`terms`, by name, shape (k,).

        Returns:
            Scalar.
        """

    def check_fields(self, fields: Mapping[str, tuple[int, ...]]) -> None:
        """Refuses fields that it is no functional of.

        Args:
            fields: Shape by field.
        """
        return

    def essential_names(self, conditions: Mapping[str, Condition], order: int) -> tuple[str, ...]:
        """Which of a problem's conditions fields must satisfy by themselves.

        Args:
            conditions: The problem's conditions.
            order: Highest order of a partial in the densities.

        Returns:
            Their names, in the problem's order.

        Raises:
            ValueError: ``essential`` names a condition that is not there.
        """
        if self.essential is not None:
            if unknown := set(self.essential) - set(conditions):
                raise ValueError(
                    f"essential names {sorted(unknown)}, but the problem's conditions are "
                    f"{list(conditions)}."
                )
            return tuple(name for name in conditions if name in self.essential)
        kinds: tuple[type[Any], ...] = (Dirichlet, Periodic, Integral)
        if order > 1:
            kinds = (*kinds, Neumann)
        return tuple(name for name, c in conditions.items() if isinstance(c, kinds))

    def check(
        self, conditions: Mapping[str, Condition], essential: Mapping[str, Condition], order: int
    ) -> None:
        """Looks for conditions that contradict what minimizers satisfy.

        Args:
            conditions: The problem's conditions.
            essential: Those of them, and of the energy, that are essential.
            order: Highest order of a partial in the densities.

        Raises:
            ValueError: There is a contradiction.
        """
        for name, part in self.boundary.items():
            _check_load(name, part, essential)
        if order <= 1:
            loaded = {piece for part in self.boundary.values() for piece in part.on.pieces()}
            for name, condition in conditions.items():
                if isinstance(condition, Neumann) and name not in essential:
                    _check_flux(name, condition, loaded)


def _check_load(name: str, part: Integrand, essential: Mapping[str, Condition]) -> None:
    """A load where the field is given does no work, so that nobody can have meant it."""
    taken = set(inspect.signature(part.residual).parameters)
    pieces = set(part.on.pieces())
    given: dict[str, set[Any]] = {}
    for condition in essential.values():
        if isinstance(condition, Dirichlet):
            for field_name in condition.values:
                given.setdefault(field_name, set()).update(condition.on.pieces())
    if part.on.dimension == len(part.on.coordinates):
        return
    for fixed in sorted(taken & given.keys()):
        if pieces <= given[fixed]:
            raise ValueError(
                f"The energy's integral {name!r} is over {part.on.label!r}, where {fixed!r} is "
                "given, so that it is a constant; a given value and a load exclude each other. "
                "Remove one of them."
            )


def _check_flux(name: str, condition: Neumann, loaded: set[Any]) -> None:
    """Minimizers have no flux where the energy has no integral."""
    free = set(condition.on.pieces()) - loaded
    zero = all(value == 0 for value in condition.values.values() if not callable(value))
    if free and not (zero and not any(callable(v) for v in condition.values.values())):
        raise ValueError(
            f"Condition {name!r} gives a normal derivative other than 0 on {condition.on.label!r}, "
            "where the energy has no integral, so that its minimizer has none. Add the load to the "
            "energy: boundary={'load': Integrand(lambda u: -load * u, on=...)}."
        )
