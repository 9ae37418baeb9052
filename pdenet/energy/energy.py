"""Energies: sums of integrals that a solution minimizes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor

from pdenet.conditions import Condition, Value, argument_names, evaluate, with_signature
from pdenet.energy.base import Functional
from pdenet.energy.integrand import Integrand
from pdenet.geometry import Region


@dataclass(frozen=True, eq=False)
class Energy(Functional):
    r"""An energy :math:`\int_\Omega W(x, u, \nabla u, \dots) + \sum_k \int_{\Gamma_k} w_k`.

    Args:
        density: W, a function of named fields, coordinates and unknowns, as a residual; one number
            a point.
        on: Where it is integrated, in general ``domain.interior``.
        boundary: Further integrals, by name: loads and springs on the boundary, other materials.
        conditions: Essential conditions beside those of the problem, by name.
        essential: Names of the problem's conditions that fields must satisfy by themselves; None
            takes given values, periodicity and integrals, and with second partials in a density
            given normal derivatives.
        at_least: Lower bounds by scalar field, each a number or a torch function of coordinates: an
            obstacle. How far a field is below it becomes a condition ``"u at least"``.
        inequality: How bounds enter: projection takes the energy of the larger of field and bound,
            which is an admissible field, and draws the field itself to its bound by a penalty that
            vanishes where it is kept; penalty takes the energy of the field as it is, which ends up
            below its bound by a share of one over the penalty.
        exact: The minimum, where it is known; in units of the energy.

    Attributes:
        bounds: How far fields are below their lower bounds, as conditions by name.

    Raises:
        ValueError: A density is no function of names, or the minimum is not finite.

    Example:
        >>> from pdenet.geometry import Interval
        >>> rod = Interval(x=(0, 1))
        >>> energy = Energy(
        ...     lambda u: 0.5 * u.x**2,
        ...     on=rod.interior,
        ...     boundary={"pull": Integrand(lambda u: -2 * u, on=rod.face(x=1))},
        ...     exact=-2.0,
        ... )
        >>> list(energy.terms)
        ['energy', 'pull']
    """

    density: Callable[..., Any]
    on: Region
    at_least: Mapping[str, Value] = field(default_factory=dict, kw_only=True)
    inequality: Literal["projection", "penalty"] = field(default="projection", kw_only=True)
    exact: float | None = field(default=None, kw_only=True)
    bounds: Mapping[str, Condition] = field(init=False, repr=False)
    _terms: Mapping[str, Integrand] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "at_least", MappingProxyType(dict(self.at_least)))
        if self.exact is not None and not math.isfinite(self.exact):
            raise ValueError(f"Energy(exact={self.exact}) is not finite; leave it out if unknown.")
        if "energy" in self.boundary:
            raise ValueError("boundary['energy'] has the name of the density; rename it.")
        if self.inequality not in ("projection", "penalty"):
            raise ValueError(f"inequality={self.inequality!r} must be projection or penalty.")
        terms = {"energy": Integrand(self.density, self.on), **self.boundary}
        if self.projected:
            terms = {name: _projected(term, self.at_least) for name, term in terms.items()}
        object.__setattr__(self, "_terms", MappingProxyType(terms))
        bounds = {f"{n} at least": _violation(n, v, self.on) for n, v in self.at_least.items()}
        object.__setattr__(self, "bounds", MappingProxyType(bounds))
        object.__setattr__(self, "conditions", MappingProxyType({**self.conditions, **bounds}))

    @property
    def projected(self) -> bool:
        """Whether fields are projected onto what an obstacle allows."""
        return bool(self.at_least) and self.inequality == "projection"

    @property
    def terms(self) -> Mapping[str, Integrand]:
        """All integrals, by name; the density's is called ``energy``."""
        return self._terms

    def value(self, integrals: Mapping[str, Tensor]) -> Tensor:
        """The sum of all integrals.

        Args:
            integrals: By name, shape (1,).

        Returns:
            Scalar.
        """
        return torch.cat(list(integrals.values())).sum()


def _projected(part: Integrand, bounds: Mapping[str, Value]) -> Integrand:
    """A density of the larger of each field and its bound."""
    density = part.residual
    names = argument_names(inspect.signature(density).parameters, bounds.values())

    def residual(**known: Any) -> Any:
        kept = dict(known)
        for name, bound in bounds.items():
            if name in known:
                kept[name] = torch.maximum(known[name], _at(bound, known))
        return density(**{n: kept[n] for n in inspect.signature(density).parameters})

    return part._moved(residual=with_signature(residual, names))


def _at(bound: Value, known: Mapping[str, Any]) -> Any:
    """A bound at coordinates, in a form that is differentiated."""
    if not callable(bound):
        return torch.as_tensor(bound)
    return bound(**{name: known[name] for name in inspect.signature(bound).parameters})


def _violation(name: str, bound: Value, on: Region) -> Condition:
    """How far a field is below its bound."""

    def residual(**known: Any) -> Any:
        gap = evaluate(bound, known) - known[name]
        return torch.relu(getattr(gap, "value", gap))

    return Condition(with_signature(residual, argument_names([name], [bound])), on)
