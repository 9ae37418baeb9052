"""Rayleigh quotients: eigenvalues as minima."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch

from pdenet.conditions import Condition, Dirichlet, prescribed_values
from pdenet.energy.base import Functional
from pdenet.energy.integrand import Integrand
from pdenet.geometry import Region


@dataclass(frozen=True, eq=False)
class Rayleigh(Functional):
    r"""A Rayleigh quotient :math:`\int N(u) / \int D(u)`, whose minimum is the lowest eigenvalue.

    Both densities are quadratic in one scalar state u. The two integrals are kept apart: a quotient
    is no integral of a density. Several levels come in two ways:

    - one after the other, ``orthogonal_to`` the states found before. The quotient gets
      :math:`s \sum_k \langle u, \psi_k \rangle^2 / (\langle u, u \rangle \langle \psi_k, \psi_k
      \rangle)` with the scalar product of D, which lifts their eigenvalues by s and leaves the
      others as they are;
    - all at once, where the problem's field is a vector of k states: then the sum of the k lowest
      eigenvalues is the minimum of the trace :math:`\operatorname{tr} (\mathsf D^{-1} \mathsf N)`
      of their matrices (Ky Fan), and the states are those of the Rayleigh-Ritz method.

    Args:
        numerator: N, a function of the field's name, coordinates and partials; one number a point.
        denominator: D, the same, positive.
        on: Where both are integrated.
        boundary: Further integrals of the numerator, by name.
        conditions: Essential conditions beside those of the problem, by name.
        essential: Names of the problem's conditions that fields must satisfy by themselves.
        orthogonal_to: Functions of the coordinates, earlier states; any scale.
        shift: s; larger than the difference of the wanted eigenvalue to the lowest one.
        exact: Exact eigenvalues from the lowest wanted one on, where they are known.

    Raises:
        ValueError: A density is no function of names, a number is not finite, or the shift is not
            positive.

    Reference:
        Fan, On a theorem of Weyl concerning eigenvalues of linear transformations I, Proc. Natl.
        Acad. Sci. 35 (1949), 652-655. E and Yu, The Deep Ritz method, Commun. Math. Stat. 6
        (2018), 1-12.
    """

    numerator: Callable[..., Any]
    denominator: Callable[..., Any]
    on: Region
    orthogonal_to: Sequence[Callable[..., Any]] = field(default=(), kw_only=True)
    shift: float | None = field(default=None, kw_only=True)
    exact: Sequence[float] = field(default=(), kw_only=True)
    _terms: Mapping[str, Integrand] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "orthogonal_to", tuple(self.orthogonal_to))
        object.__setattr__(self, "exact", tuple(float(value) for value in self.exact))
        if not all(map(math.isfinite, self.exact)):
            raise ValueError(f"Rayleigh(exact={self.exact}) is not finite; give numbers.")
        if self.orthogonal_to and not (self.shift is not None and 0 < self.shift < math.inf):
            raise ValueError(
                f"Rayleigh(orthogonal_to=..., shift={self.shift}): give a positive shift, larger "
                "than the wanted eigenvalue's distance to the lowest one."
            )
        if clash := {"numerator", "denominator"} & set(self.boundary):
            raise ValueError(f"boundary names {sorted(clash)}, which are the quotient's; rename.")
        own = {n: Integrand(getattr(self, n), self.on) for n in ("numerator", "denominator")}
        object.__setattr__(self, "_terms", MappingProxyType({**own, **self.boundary}))

    @property
    def terms(self) -> Mapping[str, Integrand]:
        """All integrals, by name: ``numerator``, ``denominator``, and those on the boundary."""
        return self._terms

    def shapes(self, fields: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """The field as the densities see it: one state.

        Args:
            fields: Shape of the problem's only field, () or (k,).

        Returns:
            A scalar under its name.

        Raises:
            ValueError: There are several fields, or a tensor field.
        """
        if len(fields) != 1 or any(len(shape) > 1 for shape in fields.values()):
            raise ValueError(
                f"A Rayleigh quotient is one of one field, a scalar or a vector of states; the "
                f"problem has {dict(fields)}."
            )
        if self.orthogonal_to and any(fields.values()):
            raise ValueError(
                "orthogonal_to is for one state; a vector of states finds all levels by itself."
            )
        return dict.fromkeys(fields, ())

    def check(
        self, conditions: Mapping[str, Condition], essential: Mapping[str, Condition], order: int
    ) -> None:
        """Looks for conditions that contradict what minimizers satisfy.

        Args:
            conditions: The problem's conditions.
            essential: Those of them, and of the quotient, that are essential.
            order: Highest order of a partial in the densities.

        Raises:
            ValueError: There is a contradiction, or a value other than 0 is given: eigenfunctions
                have any scale.
        """
        super().check(conditions, essential, order)
        for name, condition in essential.items():
            if not isinstance(condition, Dirichlet):
                continue
            points = condition.on.sample(16, seed=0)
            for value in condition.values.values():
                if bool(torch.any(prescribed_values(value, points) != 0)):
                    raise ValueError(
                        f"Condition {name!r} gives values other than 0, but an eigenfunction times "
                        "any number is one too. Give zero."
                    )
