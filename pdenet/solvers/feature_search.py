"""Fits networks of random features one after the other, and keeps the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor, nn

from pdenet.frequencies import HeldFields
from pdenet.geometry import Points
from pdenet.linear_fit import (
    CUT,
    MAX_BYTES,
    TallFactor,
    coefficients,
    is_linear,
    most_columns,
    row_maker,
)
from pdenet.networks import Factory, PatchedFactory, build_network, find_window
from pdenet.networks.initializers import Glorot, Initializer, PartitionOfUnity
from pdenet.networks.layers import make_generator
from pdenet.problem import Problem
from pdenet.record import StoppedBy
from pdenet.residuals import Residuals
from pdenet.sampling import DeterminantalSampler, Sampler
from pdenet.solvers.drawing import Drawing
from pdenet.solvers.feature_trials import (
    Result,
    Trial,
    best_of,
    first_patches,
    next_trial,
    read_trial,
    rectangular,
    resized,
    width_of,
)
from pdenet.solvers.grading import (
    Edges,
    finer_edges,
    graded_edges,
    is_graded,
    is_rectangle,
    moved_all,
)
from pdenet.solvers.hard.plan import HardPlan
from pdenet.solvers.network_fit import Check, NetworkFit
from pdenet.solvers.scales import output_scales

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
        linear: Whether the problem is linear.
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
        self.problem, self.sampler, self.plan = problem, sampler, plan
        self.initializer = Glorot() if initializer is None else initializer
        self.seed, self.separate, self.seconds = seed, separate, seconds
        self.most_columns = most_columns(max_bytes)
        self._network, self._width = network, width_of(network)
        self.refine = refine and self._width is not None
        self._numbers = sampler.points, sampler.boundary_points
        self._arguments = {
            "weights": dict(weights or {}), "scaled": scaled, "weighted": sampler.weighted,
            "cut": cut, "max_bytes": max_bytes,
        }  # fmt: skip
        self.linear = is_linear(problem)
        self.results: list[Result] = []
        axes = 2 if patches > 1 and is_rectangle(problem) else 1
        edges = self._graded(patches, HeldFields(problem), start_only=True)
        self._first = self.trial = self.shown = Trial(self._width or 0, 1.0, patches, axes, edges)
        self.residuals = self._built(self.trial)
        # What has no last layer, or does not fit in memory, is refused before any work.
        if patches == 1:
            TallFactor(sum(p.numel() for p in coefficients(self.residuals)), max_bytes)
        self.drawing = self._drawn(self.trial, self.residuals)
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
        self.initializer, device = initializer, self.device
        self.residuals = self._built(self.shown).to(device)
        self.drawing = self._drawn(self.shown, self.residuals)
        self._work = self._check = self._stopped = None

    def state(self) -> dict[str, Any]:
        """What was tried, which network is the best, and the fit at work; plain data."""
        return {
            "trial": asdict(self.trial),
            "shown": asdict(self.shown),
            "least": self._least,
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
            self.residuals = self._built(shown).to(device)
        self.trial, self.shown = read_trial(state["trial"]), shown
        self._least, self._work, self._stopped = state["least"], None, state["fit"]
        self.results = [Result.from_plain(result) for result in state["results"]]
        self.drawing = self._drawn(shown, self.residuals)

    def _begin(self) -> NetworkFit:
        again = self.trial == self.shown
        residuals = self.residuals if again else self._built(self.trial).to(self.device)
        if not again:
            self.drawing = self._drawn(self.trial, residuals)
        fresh = again and math.isinf(self._least)
        work = NetworkFit(
            residuals,
            self.points,
            self._checked(residuals),
            start=None if fresh else self.residuals,
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
            begun = self.shown == self._first
            first = self.residuals if begun else self._built(self._first).to(self.device)
            points = self._drawn(self._first, first).points
            weights, scaled = self._arguments["weights"], self._arguments["scaled"]
            self._check = Check(first, points, weights, scaled, self._first.edges)
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
            local=self._local,
        )
        if not isinstance(turn, Trial):
            return turn
        if turn.axes > 1 and self.trial.axes > 1:
            edges = finer_edges(self.trial.edges, work.left_in_patches())
            turn = rectangular(self.trial, edges)
        elif turn.patches > 1:
            model, device = self.residuals.model, self.device
            edges = self._graded(turn.patches, lambda x: model(x.to(device)))
            turn = replace(turn, edges=edges)
        if turn.axes > self.trial.axes:
            self._least = math.inf  # its rows are scaled otherwise
        self.trial = turn
        return None

    @property
    def _local(self) -> Trial | None:
        """The first patches that may be tried, where the user asked for no structure."""
        if self.initializer.rebuilds or isinstance(self._network, PatchedFactory):
            return None
        return first_patches(self.problem)

    def _graded(
        self, patches: int, values: Callable[[Tensor], Tensor], start_only: bool = False
    ) -> Edges:
        """Edges where patches follow the solution; else they are equal."""
        if patches == 1 or not is_graded(self.problem):
            return ()
        return graded_edges(values, self.problem, patches, start_only=start_only)

    def _drawn(self, trial: Trial, residuals: Residuals) -> Drawing:
        """Points in proportion to the features; on boundaries as their dimension asks."""
        ratio = trial.width / self._width if self._width else 1.0
        d = self.problem.domain.dimension
        inside, edge = self._numbers
        # Along an interval boundaries grow with the patches, around a rectangle with their root.
        rows = trial.patches / self._first.patches if trial.axes == 1 else 1.0
        self.sampler.points = round(inside * ratio)
        self.sampler.boundary_points = round(edge * rows * (ratio / rows) ** ((d - 1) / d))
        self.sampler.bind({n: c.on for n, c in residuals.conditions.items()}, self.seed)
        if isinstance(self.sampler, DeterminantalSampler):
            self.sampler.tell(row_maker(residuals))
        drawing = Drawing(residuals, self.sampler)
        drawing.at(0)
        drawing.points = moved_all(drawing.points, self.problem, trial.edges)
        return drawing

    def _built(self, trial: Trial) -> Residuals:
        """Problem and network of a trial."""
        problem, network, plan = self.problem, self._network, self.plan
        owned = isinstance(network, nn.Module)
        imposed = () if plan is None else plan.imposed
        scales, means = ({}, {}) if owned else output_scales(problem, imposed)
        if self._width is not None:
            network = resized(network, trial, self._first)
        if not isinstance(network, nn.Module):
            network = self._structured(trial, network)
        core = build_network(
            network,
            coordinates=problem.coordinates,
            fields=problem.shapes,
            bounds=problem.domain.bounds,
            periodic=None if plan is None else plan.periodic,
            separate=self.separate,
            scale=scales,
            mean=means,
            seed=None if owned else self.seed,
            dtype=torch.float64,
        )
        if getattr(self.initializer, "R", None) is not None:
            self.initializer.draw(core, make_generator(self.seed))
        return Residuals(problem, core if plan is None else plan.wrap(core), imposed)

    def _structured(self, trial: Trial, network: Factory) -> Factory:
        if trial.patches == 1:
            return self.initializer.structure(network)
        names = self.problem.coordinates
        order = max(demand.layout.order for demand in self.problem.demands.values())
        if "t" not in names and trial.axes == 1:
            window = "smooth" if order <= 2 else "infinitely-smooth"
            return PartitionOfUnity(trial.patches, window).structure(network)
        # A local basis in two coordinates is too short for windows that overlap.
        counts = tuple(1 if name == "t" else trial.patches for name in names)
        if trial.axes > 1:
            counts = tuple(len(edges) - 1 for edges in trial.edges)
        nodes = {axis: edges for axis, edges in enumerate(trial.edges) if edges}
        return PatchedFactory(network, counts, find_window("hard"), nodes=nodes)


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
