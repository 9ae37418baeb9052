"""The adversary's player on one region: a flow that ascends, and what it remembers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pdenet.geometry import Points
from pdenet.sampling.adaptive import Turn
from pdenet.sampling.candidates import Candidates
from pdenet.sampling.law import CollapseError, FlowLaw
from pdenet.sampling.objective import entropy, expected, gain, roughness

if TYPE_CHECKING:
    from pdenet.sampling.adversarial import AdversarialSampler

EXPLORED = 0.5  # share of the candidates that are uniform, so that no residual stays unseen
COLLAPSED = 0.1  # of the uniform density: what is left of the flow's where the residual is
PEAK = 4.0  # logarithm of the density's contrast that the entropy rule aims at
SPARE = 4  # candidates for each point that is chosen among them, at least


class Player:
    """A flow at play on one region, with its optimizer and its memory of the residual.

    Args:
        rules: The sampler, for its options.
        law: The flow's law.
        seed: Of the flow's hidden weights.

    Raises:
        ValueError: The pathwise estimator has no box.
    """

    def __init__(self, rules: AdversarialSampler, law: FlowLaw, seed: int) -> None:
        self.rules, self.law, self.seed = rules, law, seed
        self.mean, self.start, self.peak = 0.0, 0.0, 0.0
        self.gain = 1.0
        self.found: Candidates | None = None
        self.optimizer = self._optimizer()
        if rules.estimator == "pathwise" and not law.exact:
            raise ValueError(
                f"estimator='pathwise' on {law.region!r} with flow={rules.flow!r}: points must not "
                "leave the region. Take a box and bounded-krnet, or estimator='score'."
            )

    def reset(self) -> None:
        """Back to the uniform law."""
        self.law.flow.reset(self.seed)
        self.found = None
        self.law.mass = self.law.volume
        self.optimizer = self._optimizer()

    @property
    def beta(self) -> float:
        """Weight of the regularization now, in units of the squared residual."""
        return self._strength * self.mean

    @property
    def _strength(self) -> float:
        """Weight of the regularization over the mean square of the residual."""
        if self.rules.beta is not None:
            return self.rules.beta / self.start
        if self.rules.regularization == "entropy":
            return self.peak / (PEAK * self.mean)
        length = self.rules.smoothing * len(self.law.edges) ** 0.5
        return 0.5 * length**2

    @torch.enable_grad()
    def ascend(self, turn: Turn, epochs: int) -> None:
        """Steps of ascent, on candidates that are drawn anew for each epoch.

        None are taken where points are chosen among candidates, and the uniform ones of these are
        enough: where the residual has no narrow peaks.

        Args:
            turn: The adaptation.
            epochs: Number of epochs, each of the sampler's number of steps.

        Raises:
            CollapseError: The flow has lost the residual, or its densities are not usable.
        """
        for epoch in range(epochs):
            words = (*turn.words, 3, epoch)
            self.found = found = self._candidates(turn, words)
            if not self.mean > 0 or self._plenty(found, turn):
                return
            pool = found
            for k in range(self.rules.flow_steps):
                if k % self.rules.reuse == 0:
                    pool = found.pool(self.rules.pool, (*words, k))
                self._step(turn, pool, (*words, 4, k))
            with torch.no_grad():
                law = self.law.mixed(found.u, self.rules.floor)
            self.gain = gain(found.squares, law, found.q)
        if self.gain < self.rules.floor + COLLAPSED * (1 - self.rules.floor):
            raise CollapseError(
                f"the density is {self.gain:.2g} of the uniform one where the residual is large"
            )

    def _plenty(self, found: Candidates, turn: Turn) -> bool:
        """Whether uniform candidates hold more of the residual, effectively, than is drawn."""
        if self.rules.drawn_from == "flow":
            return False
        drawn = (1 - self.rules.retain**turn.missed) * turn.share.count
        return found.effective_share * EXPLORED * len(found.q) > drawn

    def points(self, n: int, words: tuple[int, ...]) -> Points:
        """Points of the next set, by the law that the rules ask for.

        Args:
            n: Number of points.
            words: Seed.

        Returns:
            Points with densities and weights.
        """
        if self.found is None or self.rules.drawn_from == "flow" or not self.mean > 0:
            return self.law.points(n, words)
        return self.law.weighted(*self.found.chosen(n, self.rules.floor, words))

    def _candidates(self, turn: Turn, words: tuple[int, ...]) -> Candidates:
        most = max(self.rules.candidates, SPARE * turn.share.count)
        u, q = self.law.draw(most, words, EXPLORED)
        squares = turn.squares(self.law.at(u))
        self.mean, self.peak = float((squares / q).mean()), float(squares.max())
        self.start = self.start or self.mean
        return Candidates(u, q, squares)

    def _step(self, turn: Turn, pool: Candidates, words: tuple[int, ...]) -> None:
        """One step of the optimizer."""
        u = pool.u.detach().requires_grad_(self.rules.regularization == "sobolev")
        log_p = self.law.log_density(u)
        if self.rules.estimator == "score":
            goal = expected(pool.squares / self.mean, log_p, pool.q)
        else:
            goal = self._through_points(turn, words)
        if self.rules.regularization == "sobolev":
            mass = (log_p.exp() / pool.q).mean()
            goal = goal - self._strength * roughness(log_p, u, pool.q, mass)
        else:
            goal = goal + self._strength * entropy(log_p, pool.q)
        if not bool(goal.isfinite()):
            raise CollapseError("densities vanish or are not finite")
        parameters = list(self.law.flow.parameters())
        for p, g in zip(parameters, torch.autograd.grad(-goal, parameters), strict=True):
            p.grad = g
        self.optimizer.step()

    def _through_points(self, turn: Turn, words: tuple[int, ...]) -> Tensor:
        """A scalar whose gradient is that of the mean residual, through the points."""
        noise = self.law.flow.draw_noise(self.rules.pool // 2, seed=words)
        u = self.law.flow.push(noise).clamp(0, 1)
        at = u.detach().requires_grad_()
        squares = turn.squares(self.law.at(at)) / self.mean
        (slope,) = torch.autograd.grad(squares.sum(), at)
        return (slope * u).sum(1).mean()

    def _optimizer(self) -> torch.optim.Adam:
        return torch.optim.Adam(self.law.flow.parameters(), lr=self.rules.lr)

    def state(self) -> dict[str, Any]:
        """Tensors and plain data, for a checkpoint."""
        memory = {"mean": self.mean, "start": self.start, "peak": self.peak, "gain": self.gain}
        return {**self.law.state(), "optimizer": self.optimizer.state_dict(), **memory}

    def load(self, state: Mapping[str, Any]) -> None:
        """Takes back what :meth:`state` gave."""
        self.law.load({"flow": state["flow"], "mass": state["mass"]})
        self.optimizer.load_state_dict(state["optimizer"])
        for name in ("mean", "start", "peak", "gain"):
            setattr(self, name, state[name])
