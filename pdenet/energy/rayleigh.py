"""Rayleigh quotients: eigenvalues as minima."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from pdenet.conditions import Condition, Dirichlet, evaluate, prescribed_values, with_signature
from pdenet.energy.base import Functional
from pdenet.energy.integrand import Integrand
from pdenet.geometry import Region
from pdenet.jets import Vector


@dataclass(frozen=True, eq=False)
class Rayleigh(Functional):
    r"""A Rayleigh quotient :math:`\int N(u) / \int D(u)`, whose minimum is the lowest eigenvalue.

    Both densities are quadratic in u. The two integrals are kept apart: a quotient is no integral
    of a density. Several levels come in two ways:

    - one after the other, ``orthogonal_to`` the states found before. The quotient gets
      :math:`s \sum_k \langle u, \psi_k \rangle^2 / (\langle u, u \rangle \langle \psi_k, \psi_k
      \rangle)` with the scalar product of D, which lifts their eigenvalues by s and leaves the
      others as they are;
    - all at once, with ``states`` above 1: the problem's field is a vector of so many states. The
      sum of as many lowest eigenvalues is the minimum of the trace :math:`\operatorname{tr}
      (\mathsf D^{-1} \mathsf N)` of their matrices (Ky Fan), and the states are those of the
      Rayleigh-Ritz method. Densities are written for one state.

    Args:
        numerator: N, a function of one field, coordinates and partials; one number a point.
        denominator: D, the same, positive.
        on: Where both are integrated.
        boundary: Further integrals of the numerator, by name.
        conditions: Essential conditions beside those of the problem, by name.
        essential: Names of the problem's conditions that fields must satisfy by themselves.
        states: How many levels the problem's field holds.
        orthogonal_to: Functions of the coordinates, earlier states; any scale.
        shift: s; larger than the difference of the wanted eigenvalue to the lowest one.
        exact: Exact eigenvalues from the lowest wanted one on, where they are known.

    Raises:
        ValueError: A density is no function of names, a number is out of range, or states are
            wanted both at once and one after the other.

    Reference:
        Fan, On a theorem of Weyl concerning eigenvalues of linear transformations I, Proc. Natl.
        Acad. Sci. 35 (1949), 652-655. E and Yu, The Deep Ritz method, Commun. Math. Stat. 6
        (2018), 1-12.
    """

    numerator: Callable[..., Any]
    denominator: Callable[..., Any]
    on: Region
    states: int = field(default=1, kw_only=True)
    orthogonal_to: Sequence[Callable[..., Any]] = field(default=(), kw_only=True)
    shift: float | None = field(default=None, kw_only=True)
    exact: Sequence[float] = field(default=(), kw_only=True)
    _terms: Mapping[str, Integrand] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "orthogonal_to", tuple(self.orthogonal_to))
        object.__setattr__(self, "exact", tuple(float(value) for value in self.exact))
        self._check_numbers()
        parts = {
            "numerator": Integrand(self.numerator, self.on),
            "denominator": Integrand(self.denominator, self.on),
            **self.boundary,
        }
        if self.states > 1:
            parts = {name: _polarized(part) for name, part in parts.items()}
        if self.orthogonal_to:
            parts["denominator"] = _with_products(parts["denominator"], self.orthogonal_to)
        object.__setattr__(self, "_terms", MappingProxyType(parts))

    @property
    def terms(self) -> Mapping[str, Integrand]:
        """All integrals, by name: ``numerator``, ``denominator``, and those on the boundary.

        With several states a row for each pair, (0, 0), (0, 1), ...; with earlier ones the
        denominator is followed by the products with each of them and their own squared norms.
        """
        return self._terms

    @property
    def level_names(self) -> tuple[str, ...]:
        """What the eigenvalues are called: ``eigenvalue``, or ``eigenvalue 1``, ..."""
        if self.states == 1:
            return ("eigenvalue",)
        return tuple(f"eigenvalue {i + 1}" for i in range(self.states))

    @property
    def own_rows(self) -> tuple[int, ...]:
        """Rows of the pairs (i, i)."""
        ends = itertools.accumulate(range(self.states, 1, -1), initial=0)
        return tuple(ends)

    def matrices(self, integrals: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The states' matrices.

        Args:
            integrals: By name, shape (k,).

        Returns:
            Numerator's and denominator's, shape (states, states).
        """
        pairs = self.states * (self.states + 1) // 2
        upper = torch.stack([v for n, v in integrals.items() if n != "denominator"]).sum(0)
        return _symmetric(upper, self.states), _symmetric(
            integrals["denominator"][:pairs], self.states
        )

    def value(self, integrals: Mapping[str, Tensor]) -> Tensor:
        """The quotient, or the trace over several states; with what lifts earlier states.

        Args:
            integrals: By name, shape (k,).

        Returns:
            Scalar.
        """
        upper, lower = self.matrices(integrals)
        if self.states > 1:
            return torch.linalg.solve(lower, upper).diagonal().sum()
        total = (upper / lower).squeeze()
        if self.shift is not None and self.orthogonal_to:
            products, squares = integrals["denominator"][1:].reshape(2, -1)
            total = total + self.shift * (products.square() / (lower[0, 0] * squares)).sum()
        return total

    def levels(self, integrals: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Eigenvalues, and the states as combinations of the fields.

        Args:
            integrals: By name, shape (k,).

        Returns:
            In ascending order, shape (states,), and columns C such that the fields times C are
            orthonormal states, shape (states, states).
        """
        upper, lower = self.matrices(integrals)
        root = torch.linalg.inv(torch.linalg.cholesky(lower))
        values, vectors = torch.linalg.eigh(root @ upper @ root.mT)
        return values, root.mT @ vectors

    def check_fields(self, fields: Mapping[str, tuple[int, ...]]) -> None:
        """Refuses fields that it is no quotient of.

        Args:
            fields: Shape by field.

        Raises:
            ValueError: There are several fields, or the field is no vector of the states.
        """
        if len(fields) != 1 or (self.states > 1 and set(fields.values()) != {(self.states,)}):
            wanted = f"a vector of {self.states}" if self.states > 1 else "one"
            raise ValueError(
                f"A Rayleigh quotient of {self.states} states needs {wanted} field; the problem "
                f"has {dict(fields)}. Write fields={{'u': {self.states}}}."
            )

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

    def _check_numbers(self) -> None:
        if not all(map(math.isfinite, self.exact)):
            raise ValueError(f"Rayleigh(exact={self.exact}) is not finite; give numbers.")
        if not isinstance(self.states, int) or self.states < 1:
            raise ValueError(f"Rayleigh(states={self.states}) must be a whole number, at least 1.")
        if self.orthogonal_to and self.states > 1:
            raise ValueError(
                "orthogonal_to is for one state; several states find their levels by themselves."
            )
        if self.orthogonal_to and not (self.shift is not None and 0 < self.shift < math.inf):
            raise ValueError(
                f"Rayleigh(orthogonal_to=..., shift={self.shift}): give a positive shift, larger "
                "than the wanted eigenvalue's distance to the lowest one."
            )
        if clash := {"numerator", "denominator"} & set(self.boundary):
            raise ValueError(f"boundary names {sorted(clash)}, which are the quotient's; rename.")


def _polarized(part: Integrand) -> Integrand:
    """A quadratic density as the symmetric form of every pair of states."""
    density = part.residual
    names = list(inspect.signature(density).parameters)

    def residual(**known: Any) -> tuple[Any, ...]:
        (name,) = (n for n, value in known.items() if isinstance(value, Vector))
        states = list(known[name])
        squares = [density(**{**known, name: u}) for u in states]
        rows = []
        for i, j in itertools.combinations_with_replacement(range(len(states)), 2):
            if i == j:
                rows.append(squares[i])
            else:
                both = density(**{**known, name: states[i] + states[j]})
                rows.append(0.5 * (both - squares[i] - squares[j]))
        return tuple(rows)

    return part._moved(residual=with_signature(residual, names))


def _with_products(part: Integrand, states: Sequence[Callable[..., Any]]) -> Integrand:
    """A quadratic density, its symmetric form with earlier states, and their own."""
    density = part.residual
    parameters = list(inspect.signature(density).parameters)
    taken = [n for state in states for n in inspect.signature(state).parameters]
    # The field is the only name that is no coordinate.
    (name,) = (n for n in parameters if n not in part.on.coordinates)

    def residual(**known: Any) -> tuple[Any, ...]:
        mine = {n: v for n, v in known.items() if n in parameters}
        square = density(**mine)
        earlier = [evaluate(state, known) for state in states]
        squares = [density(**{**mine, name: psi}) for psi in earlier]
        both = [density(**{**mine, name: mine[name] + psi}) for psi in earlier]
        products = [0.5 * (b - square - s) for b, s in zip(both, squares, strict=True)]
        return (square, *products, *squares)

    return part._moved(residual=with_signature(residual, [*parameters, *taken]))


def _symmetric(entries: Tensor, n: int) -> Tensor:
    """A symmetric matrix from its upper triangle, row by row."""
    rows, columns = torch.triu_indices(n, n)
    matrix = entries.new_zeros(n, n)
    matrix = matrix.index_put((rows, columns), entries)
    return matrix.index_put((columns, rows), entries)
