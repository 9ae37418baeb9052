"""A trained operator at new input functions: what is said and written of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pdenet.functions import Ensemble, unlikeness
from pdenet.metrics import FieldError
from pdenet.operator_errors import UNSEEN, OperatorComparison, OperatorError
from pdenet.operators import OperatorResiduals
from pdenet.references.operators import OperatorReference
from pdenet.report.applied_figure import application_figure
from pdenet.report.domain_mesh import domain_mesh
from pdenet.report.mesh_file import CLOUD_POINTS, MESH_DIMENSIONS, write_mesh
from pdenet.report.probe import Array, to_array
from pdenet.report.style import number, save
from pdenet.solution import Solution, split_fields

MESH_POINTS, QUADRATURE = 10_000, 2_000
IN_MESH = 16  # functions of the mesh's file
UNLIKE = 1.5  # times as far out as any of the law: what is said to be unlike it


@dataclass(frozen=True, eq=False)
class Application:
    """Solutions of a trained operator for given input functions.

    Args:
        operator: The operator's solution.
        ensemble: The functions.
    """

    operator: Solution
    ensemble: Ensemble

    @property
    def residuals(self) -> OperatorResiduals:
        """The operator."""
        assert isinstance(self.operator.residuals, OperatorResiduals)
        return self.operator.residuals

    @cached_property
    def solutions(self) -> list[Solution]:
        """One solution of coordinates a function."""
        return [self._one(i) for i in range(len(self.ensemble))]

    @cached_property
    def errors(self) -> dict[str, FieldError]:
        """Errors by field, where the reference can be had for these functions."""
        reference = self.operator.problem.reference
        known = all(f.everywhere for f in self.ensemble.functions.values())
        if not known or not isinstance(reference, OperatorReference):
            return {}
        some = self.ensemble[:UNSEEN]
        points = self.operator.problem.domain.quadrature(QUADRATURE)
        exact = reference.solutions(some.functions, points.x)
        return OperatorComparison(some, points, exact).errors(self.residuals)

    @cached_property
    def unlike(self) -> Array:
        """How far out each function lies, in units of the farthest of the training's law."""
        training = self.residuals.training_functions
        usual = Ensemble.unseen(self.operator.problem.inputs, UNSEEN)
        if training is None:
            return np.full(len(self.ensemble), np.nan)
        found = [
            unlikeness(values, training.seen[name], usual.seen[name])
            for name, values in self.ensemble.seen.items()
        ]
        return to_array(torch.stack(found).amax(0))

    @property
    def labels(self) -> list[str]:
        """Number of each function, and whether it is unlike those of the training."""
        marks = ("", ", unlike the training's")
        return [f"function {i + 1}{marks[bool(u > UNLIKE)]}" for i, u in enumerate(self.unlike)]

    def error(self, i: int) -> float | None:
        """Relative L2 error of the worst field for function ``i``, or None where unknown."""
        each = [e.each for e in self.errors.values() if isinstance(e, OperatorError)]
        found = [float(e[i]) for e in each if e is not None and i < len(e)]
        return max(found, default=None)

    def lines(self, ranges: Mapping[str, Array]) -> Iterator[str]:
        """What is said of each function, one line.

        Args:
            ranges: Least and largest value of each field, by its name, shape (m, 2).

        Yields:
            One line a function.
        """
        usual = _usual(self.operator)
        for i, far in enumerate(self.unlike):
            error = self.error(i)
            kind = getattr(self.operator.problem.reference, "kind", "")
            said = [f"{n} from {r[i, 0]:.4g} to {r[i, 1]:.4g}" for n, r in ranges.items()]
            said.append(usual if error is None else f"relative L2 error {number(error)} ({kind})")
            if far > UNLIKE:
                said.append(
                    f"UNLIKE the training functions: {far:.1f} times as far out as any of theirs"
                )
            yield f"function {i + 1}: {'; '.join(said)}"

    def _one(self, i: int) -> Solution:
        at = self.residuals.at(self.ensemble[[i]])
        return Solution(at, self.operator.record, self.operator.folder)


def write_application(found: Application, folder: Path) -> list[str]:
    """Writes ``solution.npz``, ``solution.vtu`` in up to three coordinates, and ``solution.png``.

    The npz holds points (n,) by coordinate, each field (m, n) or (m, n, k), and of each function
    its values at the sensors (m, s), ``relative_l2`` (NaN where it is not known) and ``unlike``.

    Args:
        found: The application.
        folder: Where, an empty folder.

    Returns:
        One line a function.
    """
    problem = found.operator.problem
    mesh = None
    if len(problem.coordinates) <= MESH_DIMENSIONS:
        mesh = domain_mesh(problem.domain, MESH_POINTS)
        x = mesh.columns(problem.coordinates, {})
    else:
        x = to_array(problem.domain.sample(CLOUD_POINTS, seed=0, method="sobol").x)
    fields = _fields(found, x)
    if mesh is not None:
        write_mesh(mesh, _by_function(fields), folder / "solution.vtu")
    errors = [found.error(i) for i in range(len(found.ensemble))]
    content: dict[str, Any] = dict(zip(problem.coordinates, x.T, strict=True))
    content |= fields | {f"{n} at sensors": v for n, v in _raw(found.ensemble, problem.inputs)}
    content |= {"relative_l2": np.array(errors, dtype=float), "unlike": found.unlike}
    np.savez_compressed(folder / "solution.npz", **content)
    save(application_figure(found.solutions, found.ensemble, found.labels), folder / "solution.png")
    flat = {n: v.reshape(len(v), -1) for n, v in fields.items()}
    return list(found.lines({n: np.stack([v.min(1), v.max(1)], 1) for n, v in flat.items()}))


def _fields(found: Application, x: Array) -> dict[str, Any]:
    """Values by field, shape (m, n) or (m, n, k)."""
    values = found.residuals.values(found.ensemble, torch.as_tensor(x))
    parts = [split_fields(v, found.operator.problem) for v in values]
    return {name: np.stack([to_array(p[name]) for p in parts]) for name in parts[0]}


def _by_function(fields: Mapping[str, Array]) -> dict[str, Array]:
    """Point data of a mesh: a field's name, with the function's number where there are several."""
    found = {}
    for name, values in fields.items():
        for i, one in enumerate(values[:IN_MESH]):
            key = name if len(values) == 1 else f"{name}_{i + 1}"
            found[key] = one if one.ndim == 1 else one.reshape(len(one), -1)
    return found


def _raw(ensemble: Ensemble, inputs: Mapping[str, Any]) -> Iterator[tuple[str, Array]]:
    for name, functions in ensemble.functions.items():
        yield name, to_array(functions(inputs[name].x)).T


def _usual(operator: Solution) -> str:
    """What is known of the error where it cannot be measured."""
    errors = operator.record.errors
    if not errors:
        return "error not known"
    mean, worst = (max(e.get(k, np.nan) for e in errors.values()) for k in ("relative_l2", "worst"))
    return (
        f"error not measured (that of unseen functions was {number(mean)} on average, "
        f"{number(worst)} at worst)"
    )
