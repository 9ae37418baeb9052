"""Networks that are tried in turn, and what each came to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pdenet.solvers.features.grading import Edges


@dataclass(frozen=True)
class Trial:
    """One size of the network.

    Args:
        width: Features.
        stretch: What the range that was started from is multiplied by.
        patches: Patches along every space coordinate, which share the features.
        axes: Coordinates that are cut into so many patches.
        edges: Of patches of unequal width; empty for equal ones.
    """

    width: int
    stretch: float = 1.0
    patches: int = 1
    axes: int = 1
    edges: Edges = ()


@dataclass(frozen=True)
class Result:
    """What a trial came to.

    Args:
        trial: The trial.
        columns: Coefficients.
        rank: Columns that were used.
        numerical_rank: Columns above the cut.
        rows: Rows of the least-squares problem.
        condition: Estimated condition number of what was used.
        residual: Root mean square of the scaled residual at fresh points, over its start value.
        steps: Gauss-Newton steps.
        reason: Why it ended.
        converged: Whether that was a minimum.
    """

    trial: Trial
    columns: int
    rank: int
    numerical_rank: int
    rows: int
    condition: float
    residual: float
    steps: int
    reason: str
    converged: bool

    def plain(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Result:
        """What :meth:`plain` gave."""
        return cls(**{**data, "trial": read_trial(data["trial"])})


def read_trial(data: Mapping[str, Any]) -> Trial:
    """A trial from plain data.

    Args:
        data: Its fields.

    Returns:
        The trial.
    """
    return Trial(**{**data, "edges": tuple(tuple(edges) for edges in data["edges"])})


def best_of(results: Sequence[Result]) -> Result:
    """The result of the least residual; of patches of a rectangle, where there are any."""
    return min(alike(results), key=lambda result: result.residual)


def alike(results: Sequence[Result]) -> list[Result]:
    """Results whose residuals are compared: rows of patches of a rectangle are scaled otherwise.

    Args:
        results: All of them.

    Returns:
        Those of patches of a rectangle, where there are any; else all.
    """
    axes = max(result.trial.axes for result in results)
    return [result for result in results if result.trial.axes == axes]


def rectangular(trial: Trial, edges: Edges) -> Trial:
    """A trial with other patches of a rectangle, each with as many features as before.

    Args:
        trial: Patches of a rectangle.
        edges: The edges of others along both coordinates.

    Returns:
        The trial.
    """
    before, behind = (math.prod(len(along) - 1 for along in e) for e in (trial.edges, edges))
    most = max(len(along) - 1 for along in edges)
    return replace(trial, width=trial.width // before * behind, patches=most, edges=edges)
