"""Networks and points of trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pdenet.frequencies import HeldFields
from pdenet.geometry import Region
from pdenet.linear_fit import row_maker
from pdenet.networks import (
    Factory,
    PatchedFactory,
    RandomFeatures,
    build_network,
    find_window,
)
from pdenet.networks.initializers import Glorot, Initializer, PartitionOfUnity
from pdenet.networks.layers import make_generator
from pdenet.problem import Problem
from pdenet.residuals import Residuals
from pdenet.sampling import DeterminantalSampler, Sampler
from pdenet.solvers.drawing import Drawing
from pdenet.solvers.features.defaults import LOCAL_RANGE, first_patches
from pdenet.solvers.features.grading import (
    Edges,
    conditions_at_ends,
    even,
    graded_edges,
    is_evolution,
    is_rectangle,
    moved_all,
)
from pdenet.solvers.features.trials import Trial
from pdenet.solvers.hard.plan import HardPlan
from pdenet.solvers.scales import output_scales


class TrialBuilder:
    """Makes the network of a trial, and draws its points.

    Args:
        problem: What to solve.
        network: A factory of random features, which is resized; or any other factory or module,
            which is taken as it is.
        sampler: Where the points come from; their number grows with that of the features.
        initializer: Structure around the features; one with ranges of its own also draws them.
        patches: Patches along every space coordinate of the first trial.
        plan: Conditions that the network's form satisfies, or None.
        separate: Whether each field has features of its own.
        seed: Seed of features and points.

    Attributes:
        width: Features of the factory; None where it cannot be resized.
        first: The first trial.
    """

    def __init__(
        self,
        problem: Problem,
        network: nn.Module | Factory,
        sampler: Sampler,
        *,
        initializer: Initializer | None,
        patches: int,
        plan: HardPlan | None,
        separate: bool,
        seed: int,
    ) -> None:
        self.problem, self.network, self.sampler, self.plan = problem, network, sampler, plan
        self.initializer = Glorot() if initializer is None else initializer
        self.separate, self.seed = separate, seed
        self.width = width_of(network)
        self._numbers = sampler.points, sampler.boundary_points
        self._counts = dict(sampler.counts)
        axes = 2 if patches > 1 and is_rectangle(problem) else 1
        edges = self.graded(patches, HeldFields(problem), start_only=True)
        self.first = Trial(self.width or 0, 1.0, patches, axes, edges)

    @property
    def local(self) -> Trial | None:
        """The first patches that may be tried, where the user asked for no structure."""
        if self.initializer.rebuilds or isinstance(self.network, PatchedFactory):
            return None
        return first_patches(self.problem)

    def graded(
        self, patches: int, values: Callable[[Tensor], Tensor], start_only: bool = False
    ) -> Edges:
        """Edges where patches follow the solution.

        Args:
            patches: Patches along every space coordinate.
            values: The solution so far, of points (n, coordinates).
            start_only: Whether to look at the first time alone.

        Returns:
            The edges; empty for equal patches.
        """
        if patches > 1 and is_rectangle(self.problem):  # cut later, where most is left
            return even(patches), even(patches)
        if patches == 1 or not is_evolution(self.problem):
            return ()
        return graded_edges(values, self.problem, patches, start_only=start_only)

    def drawing(self, trial: Trial, residuals: Residuals) -> Drawing:
        """Points in proportion to the features; on boundaries as their dimension asks.

        Args:
            trial: The trial.
            residuals: Problem and its network.

        Returns:
            The points, drawn.
        """
        ratio = trial.width / self.width if self.width else 1.0
        d = self.problem.domain.dimension
        inside, edge = self._numbers
        # Along an interval boundaries grow with the patches, around a rectangle with their root.
        rows = trial.patches / self.first.patches if trial.axes == 1 else 1.0
        self.sampler.points = round(inside * ratio)
        self.sampler.boundary_points = round(edge * rows * (ratio / rows) ** ((d - 1) / d))
        regions = {n: c.on for n, c in residuals.conditions.items()}
        self.sampler.counts = self._at_ends(trial, regions) | self._counts
        self.sampler.bind(regions, self.seed)
        if isinstance(self.sampler, DeterminantalSampler):
            self.sampler.tell(row_maker(residuals))
        drawing = Drawing(residuals, self.sampler)
        drawing.at(0)
        drawing.points = moved_all(drawing.points, self.problem, trial.edges)
        return drawing

    def _at_ends(self, trial: Trial, regions: Mapping[str, Region]) -> dict[str, int]:
        """Points at the ends of an interval: one patch's share of those along all patches."""
        if trial.patches == 1:
            return {}
        share = max(1, round(self.sampler.boundary_points / trial.patches))
        told = {regions[name] for name in self._counts if name in regions}
        names = [name for name in conditions_at_ends(self.problem) if name in regions]
        return {name: share for name in names if regions[name] not in told}

    def residuals(self, trial: Trial) -> Residuals:
        """Problem and network of a trial.

        Args:
            trial: The trial.

        Returns:
            Both.
        """
        problem, network, plan = self.problem, self.network, self.plan
        owned = isinstance(network, nn.Module)
        imposed = () if plan is None else plan.imposed
        scales, means = ({}, {}) if owned else output_scales(problem, imposed)
        if self.width is not None:
            network = resized(network, trial, self.first)
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


def width_of(factory: Any) -> int | None:
    """Features of a factory that can be resized; None where it cannot."""
    inner = factory.factory if isinstance(factory, PatchedFactory) else factory
    if isinstance(inner, partial) and inner.func is RandomFeatures and "scale" in inner.keywords:
        return inner.keywords.get("width")
    return None


def resized(factory: Any, trial: Trial, first: Trial) -> Factory:
    """A factory of random features with another width and range.

    Args:
        factory: One that :func:`width_of` knows.
        trial: Width, and what its range is multiplied by.
        first: The first trial: patches that come after features of the whole rectangle have a
            range of their own.

    Returns:
        The factory.
    """
    if isinstance(factory, PatchedFactory):
        return replace(factory, factory=resized(factory.factory, trial, first))
    local = trial.axes > 1 and first.patches == 1
    scale = LOCAL_RANGE[2] if local else factory.keywords["scale"]
    ranges = [scale] if isinstance(scale, int | float) else list(scale)
    stretched = [trial.stretch * value for value in ranges]
    wide = stretched[0] if isinstance(scale, int | float) else stretched
    return partial(factory, width=trial.width, scale=wide)
