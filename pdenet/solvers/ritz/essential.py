r"""Essential conditions that are not imposed by the network's form.

With the misfit r = u - g on a part of the boundary, the conormal flux q = n . W'(grad u) and a
penalty b, the energy gets

- penalty: :math:`\tfrac b2 \int r^2` (Courant 1943); its minimizer misses g by q / b;
- Nitsche: :math:`-\int q r + \tfrac b2 \int r^2`; consistent, bounded below for large b only
  (Nitsche, Abh. Math. Sem. Univ. Hamburg 36 (1971), 9-15; for networks Liao and Ming, Deep Nitsche
  method, Commun. Comput. Phys. 29 (2021), 1365-1384, arXiv 1912.01309);
- augmented Lagrangian: :math:`\int \mu r + \tfrac b2 \int r^2` with a multiplier that moves by
  b r every so many steps towards -q (Hestenes 1969, Powell 1969; for networks Huang, Wang, Zhou,
  arXiv 2106.14348).

A field that shall not fall below a bound lacks r = bound - u to it, and the energy gets the same
with r cut off below -m / b, :math:`\tfrac1{2b} \int (m + b r)_+^2 - m^2`; the multiplier moves to
:math:`(m + b r)_+`, the contact force (Rockafellar, J. Optim. Theory Appl. 12 (1973), 555-562; as
an active-set method Hintermueller, Ito, Kunisch, SIAM J. Optim. 13 (2002), 865-888). Without
multipliers the solution sinks in by the contact force over b, and a b for which that is little
makes a boundary layer of width :math:`b^{-1/2}` around the contact that rules do not see. What is
left of r is projected onto the bound in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from pdenet.conditions import Condition, Dirichlet
from pdenet.energy import slopes
from pdenet.problem import Problem
from pdenet.residuals import Batch, Residuals
from pdenet.solvers.hard import plan_hard_conditions
from pdenet.solvers.hard.plan import HardPlan

Method = Literal["augmented-lagrangian", "nitsche", "penalty"]
MOST_AXES = 3  # of a region with multipliers: beyond, a rule has too few nodes along each
METHODS = ("augmented-lagrangian", "nitsche", "penalty")


def plan_essential(problem: Problem, embedding: bool = True) -> HardPlan | None:
    """How a network's form satisfies the essential conditions of a problem's energy.

    Args:
        problem: A problem with an energy.
        embedding: Whether periodicity may be imposed by an embedding of the coordinates.

    Returns:
        The plan; None where there are no such conditions.
    """
    if not problem.essential:
        return None
    essential = replace(problem, conditions=problem.essential, energy=None)
    return plan_hard_conditions(essential, embedding=embedding)


def choose_method(conditions: Mapping[str, Condition], problem: Problem) -> Method:
    """The method that suits conditions.

    Multipliers belong to the nodes of a rule. On a face of nine dimensions that is its centre, and
    the field goes its own way elsewhere: there fresh points are better, by Nitsche's method, or by
    a penalty where that cannot be used.

    Args:
        conditions: Essential conditions that are not imposed by the network's form.
        problem: The problem.

    Returns:
        One of ``METHODS``.
    """
    if all(c.integral or c.on.dimension <= MOST_AXES for c in conditions.values()):
        return "augmented-lagrangian"
    try:
        check_method("nitsche", conditions, problem)
    except ValueError:
        return "penalty"
    return "nitsche"


def check_method(method: str, conditions: Mapping[str, Condition], problem: Problem) -> None:
    """Refuses a method that cannot serve the conditions.

    Args:
        method: One of ``METHODS``.
        conditions: Essential conditions that are not imposed by the network's form.
        problem: The problem.

    Raises:
        ValueError: The method is unknown, or Nitsche's meets what it is not made for.
    """
    if method not in METHODS:
        raise ValueError(f"essential={method!r} must be one of {', '.join(METHODS)}.")
    if method != "nitsche":
        return
    for name, condition in conditions.items():
        if not isinstance(condition, Dirichlet):
            raise ValueError(
                f"Nitsche's method takes given values, Dirichlet(u=..., on=...), but condition "
                f"{name!r} is a {type(condition).__name__}; use essential='augmented-lagrangian'."
            )
    energy = problem.energy
    assert energy is not None
    if problem.demands[next(iter(energy.terms))].layout.order > 1 or len(energy.terms) > 1:
        raise ValueError(
            "Nitsche's method takes a single density of values and first partials; with others "
            "use essential='augmented-lagrangian'."
        )


def conormal_flux(residuals: Residuals, condition: Dirichlet, batch: Batch) -> Tensor:
    """Flux through the boundary that belongs to an energy's only density.

    Args:
        residuals: Network with its problem.
        condition: Given values; their fields' fluxes are wanted.
        batch: Tensors of the condition's points.

    Returns:
        One column a component, in the order of the condition's rows, shape (n, k).
    """
    problem = residuals.problem
    assert problem.energy is not None
    (density,) = problem.energy.terms
    demand = problem.demands[density]
    x = batch["x"]
    jets = residuals.fields(x, demand.layout)
    found = slopes(demand, jets, x, {**batch, **residuals.unknowns})
    columns = []
    for name in condition.values:
        if name not in found:  # the density does not take this field
            columns.append(jets[name].value.reshape(len(x), -1) * 0)
            continue
        parts = []
        for coordinate in problem.domain.space:
            position = demand.layout.find((problem.coordinates.index(coordinate),))
            if position is not None:
                slope = found[name][position[0][1]].reshape(len(x), -1)
                parts.append(batch[f"n{coordinate}"].unsqueeze(-1) * slope)
        columns.append(torch.stack(parts).sum(0))
    return torch.cat(columns, dim=1)
