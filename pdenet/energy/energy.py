"""Energies: sums of integrals that a solution minimizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

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
            obstacle. What a field lacks to its bound becomes a condition ``"u at least"``, whose
            rows shall not be positive.
        exact: The minimum, where it is known; in units of the energy.

    Attributes:
        bounds: What fields lack to their lower bounds, as conditions by name.

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
        own = {"energy": Integrand(self.density, self.on)}
        object.__setattr__(self, "_terms", MappingProxyType({**own, **self.boundary}))
        bounds = {f"{n} at least": _lack(n, v, self.on) for n, v in self.at_least.items()}
        object.__setattr__(self, "bounds", MappingProxyType(bounds))
        object.__setattr__(self, "conditions", MappingProxyType({**self.conditions, **bounds}))

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


def _lack(name: str, bound: Value, on: Region) -> Condition:
    """What a field lacks to its bound."""

    def residual(**known: Any) -> Any:
        return evaluate(bound, known) - known[name]

    return Condition(with_signature(residual, argument_names([name], [bound])), on)
