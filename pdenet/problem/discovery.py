"""Which partials a residual needs, and whether it asks for what there is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pdenet.conditions import Condition, prescribed_values, stack_rows
from pdenet.energy import Integrand
from pdenet.geometry import Points
from pdenet.jets import Demand, Jet, discover
from pdenet.problem.parts import Unknown, likely

if TYPE_CHECKING:
    from pdenet.problem.problem import Problem

PROBE_POINTS = 5  # few enough to be free; not as many as rows, columns or components


def discover_demand(problem: Problem, name: str, condition: Condition) -> Demand:
    """Runs a residual once on a few points: learns its partials, checks names and shapes.

    Args:
        problem: The problem.
        name: The condition's name.
        condition: The condition.

    Returns:
        What it needs.

    Raises:
        ValueError: A name is unknown, the rows have a wrong shape, or data are not finite.
    """
    kind = "The energy's integral" if isinstance(condition, Integrand) else "Condition"
    where = f"{kind} {name!r} of problem {problem.name!r}"
    if not isinstance(condition, Condition):
        raise ValueError(
            f"{where} is a {type(condition).__name__}; wrap the function: "
            "Condition(residual, on=domain.interior)."
        )
    if condition.on.coordinates != problem.coordinates:
        raise ValueError(
            f"{where} lives on a region with coordinates {condition.on.coordinates}, but the "
            f"domain has {problem.coordinates}, in this order; take the region from the domain, "
            "such as domain.face(x=0), or name the data's coordinates in this order."
        )
    points = condition.on.sample(PROBE_POINTS, seed=0)
    fields = _fields_for(problem, where, condition)
    given = _given(problem, condition, points)
    _check_signature(problem, where, condition, {**fields, **given})
    try:
        _check_data(condition, points)
        demand = discover(
            condition.residual,
            fields=fields,
            coordinates=problem.coordinates,
            space=problem.domain.space,
            given=given,
        )
        _try(demand, points.x, given)
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{where}: {error}") from error
    except Exception as error:
        raise ValueError(f"{where}: {type(error).__name__}: {error}") from error
    return demand


def _fields_for(problem: Problem, where: str, condition: Condition) -> dict[str, tuple[int, ...]]:
    known = {**problem.shapes, **dict.fromkeys(problem.inputs, ())}
    if condition.to is None:
        return known
    partners = {f"{n}_to": s for n, s in known.items()}
    if clash := partners.keys() & {*known, *problem.unknowns, *problem.coordinates}:
        raise ValueError(
            f"{where} is paired, so that {sorted(clash)} means a field at the partner points; "
            "rename the field or constant of that name."
        )
    return {**known, **partners}


def _given(problem: Problem, condition: Condition, points: Points) -> dict[str, Tensor]:
    """Values that a residual may take besides fields and coordinates."""
    normals = {}
    if points.normals is not None:
        normals = {f"n{name}": points[f"n{name}"] for name in points.space}
    starts = {
        n: torch.tensor(u.start) for n, u in problem.unknowns.items() if isinstance(u, Unknown)
    }
    return {**normals, **starts, **condition.data(points)}


def _check_signature(
    problem: Problem, where: str, condition: Condition, known: Mapping[str, Any]
) -> None:
    names = {*known, *problem.coordinates}
    parameters = inspect.signature(condition.residual).parameters
    for name, parameter in parameters.items():
        if name not in names and parameter.default is parameter.empty:
            normal = name in {f"n{c}" for c in problem.domain.space}
            raise ValueError(
                f"{where} asks for {name!r}, but the problem has coordinates "
                f"{problem.coordinates}, fields {tuple(problem.shapes)}, unknowns "
                f"{tuple(problem.unknowns)}"
                + (f", input functions {tuple(problem.inputs)}" if problem.inputs else "")
                + (f"; {condition.on.label!r} has no normals. " if normal else ". ")
                + likely(name, names)
            )
    given = {f"n{c}" for c in problem.domain.space} | set(problem.inputs)
    if not set(parameters) & (set(known) - given):
        raise ValueError(
            f"{where} names no field and no unknown, so that nothing can be trained to satisfy "
            f"it; its residual is a function such as lambda {next(iter(problem.shapes))}: ..."
        )


def _check_data(condition: Condition, points: Points) -> None:
    known = {*points.coordinates, *(f"n{name}" for name in points.space)}
    for name, value in condition.prescribed.items():
        for part in value if isinstance(value, tuple) else (value,):
            if callable(part) and not inspect.signature(part).parameters.keys() <= known:
                continue  # it takes an unknown constant
            if not torch.isfinite(prescribed_values(part, points)).all():
                raise ValueError(f"{name!r} is given values that are not finite; check its data.")


def _try(demand: Demand, x: Tensor, given: Mapping[str, Tensor]) -> None:
    """Runs a residual on numbers, as training will: what it returns must be rows."""
    generator = torch.Generator().manual_seed(0)

    def draw(shape: tuple[int, ...]) -> Jet:
        size = (len(demand.layout.channels), len(x), *shape)
        # Positive, so that roots and logarithms exist.
        return Jet(demand.layout, 0.5 + torch.rand(size, generator=generator, dtype=x.dtype))

    jets = {name: draw(shape) for name, shape in demand.fields.items()}
    stack_rows(demand.function(**demand.arguments(jets, x, given)), len(x))
