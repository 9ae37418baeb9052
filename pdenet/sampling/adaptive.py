"""What samplers share whose interior points follow the residual."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry import Points, Region
from pdenet.sampling.base import Sampler, Score, Share
from pdenet.sampling.history import History

ADAPTATION = 0x5241440  # one more word of the seed, so that a pool is not the set drawn before


class NoResidualError(Exception):
    """No condition on a region has a residual at each point: all of them are integrals."""


@dataclass(frozen=True)
class Turn:
    """One adaptation of one region's points.

    Args:
        share: The region with its conditions.
        score: Gives residuals of a condition at points.
        words: Seed of everything that is drawn.
        step: Step of the training.
        missed: Epochs since the last adaptation, at least 1.
        now: The points so far.
    """

    share: Share
    score: Score
    words: tuple[int, ...]
    step: int
    missed: int
    now: Points

    @property
    def region(self) -> Region:
        """The region."""
        return self.share.region

    @cached_property
    def before(self) -> Tensor:
        """Squared residuals at the points so far, shape (n,)."""
        return self.squares(self.now)

    def squares(self, points: Points) -> Tensor:
        """Squared residuals, summed over conditions and their equations.

        Args:
            points: Points of the region; a graph is kept where ``points.x`` requires gradients.

        Returns:
            Shape (n,), float64 on the CPU.

        Raises:
            NoResidualError: No condition has a residual at each point.
            ValueError: A residual is not finite.
        """
        found = []
        for name in self.share.names:
            rows = self.score(name, points)
            rows = rows if points.x.requires_grad else rows.detach()
            rows = rows.to(device="cpu", dtype=torch.float64)
            if rows.shape[:1] != (len(points),):
                continue
            if not bool(rows.isfinite().all()):
                raise ValueError(
                    f"Condition {name!r} has residuals that are not finite at some points of "
                    f"{self.region.label!r}, so none can be chosen by them. Check its formula "
                    "there."
                )
            found.append(rows.square().reshape(len(points), -1).sum(1))
        if not found:
            raise NoResidualError
        return torch.stack(found).sum(0)

    def uniform(self, n: int, method: str = "uniform", word: int = ADAPTATION) -> Points:
        """Uniform points of the region.

        Args:
            n: Number of points.
            method: As for :meth:`Region.sample`.
            word: One more word of the seed.

        Returns:
            The points.
        """
        return self.region.sample(n, seed=(*self.words, word), method=method)


class AdaptiveSampler(Sampler):
    """Interior points that are renewed by the residual; fresh uniform ones elsewhere.

    Until the first adaptation the interior's points are uniform. Where several conditions hold on
    a region, squares of their residuals are added.

    Args:
        points: Points in the interior; several regions of full dimension share them by measure.
        boundary_points: Points on each region of lower dimension.
        every: A new set every so many steps.
        counts: Points of single conditions by name.

    Attributes:
        adapted: Epoch of the last adaptation.
        history: What the adaptations did, for record and figures.

    Raises:
        ValueError: A number is below 1.
    """

    def __init__(
        self,
        *,
        points: int = 2048,
        boundary_points: int = 256,
        every: int = 500,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(points=points, boundary_points=boundary_points, every=every, counts=counts)
        if every is None:
            raise ValueError("An adaptive sampler needs every, the steps between adaptations.")
        self.adapted = 0
        self.history = History()
        self._sets: dict[str, dict[str, Tensor]] = {}

    @abstractmethod
    def renew(self, turn: Turn) -> Points:
        """The region's next points."""

    def first(self, share: Share) -> int:
        """Number of points before the first adaptation."""
        return share.count

    def bind(self, regions: Mapping[str, Any], seed: int) -> None:
        """Says where points are wanted; forgets what was adapted to other regions.

        Args:
            regions: Region of each condition, by the condition's name.
            seed: Non-negative whole number that all points depend on.
        """
        if self.shares:
            self.forget()
        super().bind(regions, seed)

    def forget(self) -> None:
        """Back to the state before any adaptation."""
        self.adapted, self._sets, self.history = 0, {}, History()

    def version(self, step: int) -> object:
        """Epoch of the boundary points, and of the last adaptation."""
        return self.epoch(step), self.adapted

    def draw_share(self, share: Share, step: int) -> Points:
        """Points of one region.

        Args:
            share: The region and its number of points.
            step: Step of the training.

        Returns:
            The adapted set in the interior, once there is one; else uniform points.
        """
        known = self._sets.get(share.names[0])
        if known is not None:
            region = share.region
            return Points(region.coordinates, **known, space=region.space)
        epoch = 0 if share.interior else self.epoch(step)
        count = self.first(share) if share.interior else share.count
        return share.region.sample(count, seed=share.words(self.seed, epoch))

    def due(self, step: int) -> bool:
        """Whether a new set is to be adapted before the points of this step are drawn."""
        return self.epoch(step) > self.adapted

    def adapt(self, score: Score, step: int) -> None:
        """Renews the points of every region of full dimension.

        Args:
            score: Gives residuals of a condition at points, shape (n,) or (n, k). A condition
                without a value at each point (an integral) is left out.
            step: Step of the training, from 0.

        Raises:
            ValueError: A residual is not finite.
        """
        epoch = self.epoch(step)
        for share in (s for s in self.shares if s.interior):
            words = share.words(self.seed, epoch)
            missed = max(1, epoch - self.adapted)
            turn = Turn(share, score, words, step, missed, self.draw_share(share, step))
            try:
                points = self.renew(turn)
            except NoResidualError:
                continue
            kept = {"x": points.x, "weight": points.weight, "density": points.density}
            self._sets[share.names[0]] = kept
            self.history.add(turn, points)
        self.adapted = epoch

    def report(self) -> dict[str, Any] | None:
        """What the adaptations did, as plain data; None before the first one."""
        return self.history.plain()

    def get_extra_state(self) -> dict[str, Any]:
        """The adapted sets; not buffers, because those would follow the model's precision."""
        return {"adapted": self.adapted, "sets": self._sets, "history": self.history.state()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what :meth:`get_extra_state` gave."""
        self.adapted = state["adapted"]
        self.history = History.load(state["history"])
        self._sets = {
            name: {key: value.to("cpu") for key, value in values.items()}
            for name, values in state["sets"].items()
        }
        self._drawn = None


def joined(now: Points, more: Points, measure: float) -> Points:
    """Two sets as one, with equal weights: the law of the whole is not known.

    Args:
        now: Points.
        more: Points of the same region.
        measure: Its measure, which the weights sum to.

    Returns:
        All points.
    """
    both = Points.concatenate([now, more])
    weight = torch.full_like(both.weight, measure / len(both))
    return Points.trusted(
        both.coordinates, both.x, weight, both.density, None, both.space, both.index
    )


def require(owner: object, **conditions: tuple[object, bool, str]) -> None:
    """Refuses arguments out of range.

    Args:
        owner: Whose arguments they are.
        conditions: Value, whether it is right, and what is right, by the argument's name.

    Raises:
        ValueError: One is wrong.
    """
    for name, (value, right, wanted) in conditions.items():
        if not right:
            raise ValueError(f"{type(owner).__name__}({name}={value!r}): it must be {wanted}.")
