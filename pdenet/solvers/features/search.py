"""Fits networks of random features one after the other, and keeps the best."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import nn

from pdenet.geometry import Points
from pdenet.linear_fit import (
    CUT,
    MAX_BYTES,
    TallFactor,
    coefficients,
    is_linear,
    most_columns,
)
from pdenet.networks import Factory
from pdenet.networks.initializers import Initializer
from pdenet.problem import Problem
from pdenet.record import StoppedBy
from pdenet.residuals import Residuals
from pdenet.sampling import Sampler
from pdenet.solvers.features.builder import TrialBuilder
from pdenet.solvers.features.fit import Check, NetworkFit, Values
from pdenet.solvers.features.grading import finer_edges
from pdenet.solvers.features.trials import Result, Trial, best_of, read_trial, rectangular
from pdenet.solvers.features.turns import next_trial
from pdenet.solvers.hard.plan import HardPlan

Ending = tuple[StoppedBy, str]


class FeatureSearch:
    """One network after the other, each fitted from where the best one stands.

    Args:
        problem: What to solve.
        network: A factory of random features, whose size is searched; or any other factory or
            module, which is fitted as it is.
        sampler: Where the points come from; their number grows with that of the features.
        initializer: Structure around the features, such as patches; one with ranges of its own also
            draws them.
        patches: Patches along every space coordinate that are tried first.
        plan: Conditions that the network's form satisfies, or None.
        separate: Whether each field has features of its own.
        weights: Factor of each condition's squares; 1 where absent.
        refine: Whether further networks are tried.
        seconds: Training seconds to plan for.
        seed: Seed of features and points.
        scaled: Whether rows are scaled.
        cut: Relative cut of the pivots.
        max_bytes: Bound on the memory of a least-squares problem.

    Raises:
        ValueError: The network does not end in a linear layer, or has too many coefficients.

    Attributes:
        residuals: Problem, and the best network so far.
        results: What finished networks came to.
        terms: Means of the squares of each condition's residuals, of the best network so far.
        linear: Whether the problem is linear.
        near: Values near the solution, of points (n, coordinates), where they are known.
    """

    def __init__(
        self,
        problem: Problem,
        network: nn.Module | Factory,
        sampler: Sampler,
        *,
        initializer: Initializer | None = None,
        patches: int = 1,
        plan: HardPlan | None = None,
        separate: bool = False,
        weights: Mapping[str, float] | None = None,
        refine: bool = True,
        seconds: float = 60.0,
        seed: int = 0,
        scaled: bool = True,
        cut: float = CUT,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.builder = TrialBuilder(
            problem,
            network,
            sampler,
            initializer=initializer,
            patches=patches,
            plan=plan,
            separate=separate,
            seed=seed,
        )
        self.problem, self.seconds = problem, seconds
        self.most_columns = most_columns(max_bytes)
        self.refine = refine and self.builder.width is not None
        self._arguments = {
            "weights": dict(weights or {}), "scaled": scaled, "weighted": sampler.weighted,
            "cut": cut, "max_bytes": max_bytes,
        }  # fmt: skip
        self.linear = is_linear(problem)
        self.near: Values | None = None
        self.results: list[Result] = []
        self.terms: dict[str, float] = {}
        self.trial = self.shown = self.builder.first
        self.residuals = self.builder.residuals(self.trial)
        # What has no last layer, or does not fit in memory, is refused before any work.
        if patches == 1:
            TallFactor(sum(p.numel() for p in coefficients(self.residuals)), max_bytes)
        self.drawing = self.builder.drawing(self.trial, self.residuals)
        self._check: Check | None = None
        self._least = math.inf
        self._work: NetworkFit | None = None
        self._stopped: dict[str, Any] | None = None

    @property
    def points(self) -> dict[str, Points]:
        """The points of the last fit."""
        return self.drawing.points

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.residuals.model.parameters()).device

    def step(self) -> Ending | None:
        """One solve.

        Returns:
            Why there is nothing more to do; None where there is.

        Raises:
            ValueError: A number is not finite.
        """
        if self._work is None:
            self._work = self._begin()
        work = self._work
        work.step()
        if not math.isfinite(work.fresh):
            raise ValueError("A residual at fresh points is not finite.")
        if work.fresh < self._least or work.residuals is self.residuals:
            self._least, self.shown = work.fresh, self.trial
            self.residuals = self.drawing.residuals = work.residuals
            self.terms = work.terms()
        if not work.reason:
            return None
        self.results.append(_result(self.trial, work))
        self._work = None
        ending = self._turn(work)
        if ending is not None:
            self._check = None  # its rows are large, and windows of time keep their searches
        return ending

    def run(self) -> Ending:
        """Steps to the end.

        Returns:
            The end.
        """
        while (ending := self.step()) is None:
            pass
        return ending

    def restart(self, initializer: Initializer) -> None:
        """Begins anew with another structure.

        Args:
            initializer: The structure.
        """
        self.builder.initializer, device = initializer, self.device
        self.residuals = self.builder.residuals(self.shown).to(device)
        self.drawing = self.builder.drawing(self.shown, self.residuals)
        self._work = self._check = self._stopped = None

    def state(self) -> dict[str, Any]:
        """What was tried, which network is the best, and the fit at work; plain data."""
        return {
            "trial": asdict(self.trial),
            "shown": asdict(self.shown),
            "least": self._least,
            "terms": self.terms,
            "results": [result.plain() for result in self.results],
            "fit": self._stopped if self._work is None else self._work.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes back what :meth:`state` gave; the network has the right size then, not its weights.

        A fit that was not done goes on where it was.

        Args:
            state: What :meth:`state` gave.
        """
        shown, device = read_trial(state["shown"]), self.device
        if shown != self.shown:
            self.residuals = self.builder.residuals(shown).to(device)
        self.trial, self.shown = read_trial(state["trial"]), shown
        self._least, self._work, self._stopped = state["least"], None, state["fit"]
        self.terms = dict(state["terms"])
        self.results = [Result.from_plain(result) for result in state["results"]]
        self.drawing = self.builder.drawing(shown, self.residuals)

    def _begin(self) -> NetworkFit:
        again = self.trial == self.shown
        residuals = self.residuals if again else self.builder.residuals(self.trial).to(self.device)
        if not again:
            self.drawing = self.builder.drawing(self.trial, residuals)
        fresh = again and math.isinf(self._least)
        work = NetworkFit(
            residuals,
            self.points,
            self._checked(residuals),
            start=None if fresh else self.residuals,
            near=self.near,
            linear=self.linear,
            **self._arguments,
        )
        if self._stopped is not None:
            work.load_state(self._stopped)
            self._stopped = None
        return work

    def _checked(self, residuals: Residuals) -> Check:
        """The check by the first network's features, also after a resume.

        Few of its points lie in the smallest patches of a rectangle, which have their own checks.

        Args:
            residuals: Problem and the trial's network.

        Returns:
            The check.
        """
        if self.trial.axes > 1:
            weights, scaled = self._arguments["weights"], self._arguments["scaled"]
            return Check(residuals, self.points, weights, scaled, self.trial.edges)
        if self._check is None:
            first = self.builder.first
            begun = self.shown == first
            network = self.residuals if begun else self.builder.residuals(first).to(self.device)
            points = self.builder.drawing(first, network).points
            weights, scaled = self._arguments["weights"], self._arguments["scaled"]
            self._check = Check(network, points, weights, scaled, first.edges)
        return self._check

    def _turn(self, work: NetworkFit) -> Ending | None:
        if not self.refine:
            return "converged" if work.converged else "no-progress", work.reason
        dimension = self.problem.domain.dimension
        turn = next_trial(
            self.results,
            dimension,
            self.linear,
            self.seconds,
            self.most_columns,
            local=self.builder.local,
        )
        if not isinstance(turn, Trial):
            return turn
        if turn.axes > 1 and self.trial.axes > 1:
            edges = finer_edges(self.trial.edges, work.left_in_patches())
            turn = rectangular(self.trial, edges)
        elif turn.patches > 1:
            model, device = self.residuals.model, self.device
            edges = self.builder.graded(turn.patches, lambda x: model(x.to(device)))
            turn = replace(turn, edges=edges)
        if turn.axes > self.trial.axes:
            self._least = math.inf  # its rows are scaled otherwise
        self.trial = turn
        return None


def _result(trial: Trial, work: NetworkFit) -> Result:
    report = work.report
    assert report is not None
    return Result(
        trial=trial,
        columns=report.columns,
        rank=report.rank,
        numerical_rank=report.numerical_rank,
        rows=report.rows,
        condition=report.condition,
        residual=work.fresh,
        steps=work.steps,
        reason=work.reason,
        converged=work.converged,
    )


def summary(search: FeatureSearch) -> dict[str, Any]:
    """Size, rank and condition of the best least-squares problem, as plain data.

    Args:
        search: The search.

    Returns:
        Empty where no fit is done.
    """
    if not search.results:
        return {}
    best = best_of(search.results).plain()
    best["trial"].pop("edges")
    return {**best, "linear": search.linear, "tried": len(search.results)}
