"""Adversarial adaptive sampling: a flow seeks the residual while the network lowers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from pdenet.flows import FLOWS
from pdenet.geometry import Points, Region
from pdenet.sampling.adaptive import AdaptiveSampler, Turn, require
from pdenet.sampling.base import Share
from pdenet.sampling.law import CollapseError, FlowLaw
from pdenet.sampling.objective import (
    effective_ratio,
    entropy,
    expected,
    gain,
    roughness,
)

MOST_MISSED = 10  # epochs whose steps of the flow are made up for at once
STALE = 0.3  # effective share of a pool under which it is drawn anew
COLLAPSED = 2.0  # times the floor: what is left of the density where the residual is
PEAK = 4.0  # logarithm of the density's contrast that the entropy rule aims at


class AdversarialSampler(AdaptiveSampler):
    r"""Points drawn from a flow p that maximizes the residual which the network minimizes (AAS).

    .. math:: \min_\theta \max_p \int r^2(x; \theta) \, p(x) \, dx - \beta \int |\nabla p|^2 dx

    with the region scaled to the unit cube. Every ``every`` steps the flow takes its steps of
    ascent on a pool of its own points, kept for a few steps by the ratios of densities; then a
    fresh training set is drawn from it. A share ``floor`` of uniform points is in every set, and
    in every density. The loss is the plain mean over the set: weighting by p is what the method is.

    Without ``beta`` the Sobolev penalty follows the residual: :math:`\beta = \tfrac12 \ell^2
    \overline{r^2}` smooths over a length l, ``smoothing`` times the diameter of the scaled region.
    A given ``beta`` is the first value, and falls with the mean square of the residual. With the
    entropy :math:`\beta H(p)` in place of the penalty, the best p is proportional to
    :math:`\exp(r^2 / \beta)`.

    Limits: points go where the residual is large, which helps where uniform ones miss it. With a
    small network a layer of width 1e-3 was lost by it, as by ``rad``: the layer's residual
    outweighs all else before the outer solution is found; 1000 fresh uniform points found it. A
    flow step costs as much as a few steps of a small network, and more with the dimension: in ten
    dimensions take fewer ``flow_steps`` and a smaller ``pool``.

    Args:
        points: Points in the interior; several regions of full dimension share them by measure.
        boundary_points: Points on each region of lower dimension.
        every: A fresh set every so many steps.
        counts: Points of single conditions by name.
        flow: The density: bounded-krnet, krnet.
        depth: Couplings in each stage of the flow.
        width: Neurons in the flow's hidden layers.
        flow_steps: Steps of the flow at each adaptation; missed adaptations are made up for.
        lr: Learning rate of the flow.
        pool: Points on which the flow is trained.
        reuse: Steps of the flow on the same pool.
        floor: Share of uniform points.
        regularization: sobolev, entropy.
        beta: Its weight at first, in units of the squared residual; None follows the rule.
        smoothing: Length of the rule, relative to the diameter.
        estimator: How the gradient of the mean residual is found: score (from densities), or
            pathwise (through the points; needs a box, and derivatives of the residual).

    Raises:
        ValueError: A number is out of range, or an option unknown.

    Reference:
        Tang, Zhai, Wan and Yang, Adversarial Adaptive Sampling, ICLR 2024, arXiv 2305.18702.
    """

    def __init__(
        self,
        *,
        points: int = 2048,
        boundary_points: int = 256,
        every: int = 100,
        counts: Mapping[str, int] | None = None,
        flow: str = "bounded-krnet",
        depth: int = 2,
        width: int = 16,
        flow_steps: int = 20,
        lr: float = 1e-2,
        pool: int = 1000,
        reuse: int = 5,
        floor: float = 0.1,
        regularization: Literal["sobolev", "entropy"] = "sobolev",
        beta: float | None = None,
        smoothing: float = 0.1,
        estimator: Literal["score", "pathwise"] = "score",
    ) -> None:
        super().__init__(points=points, boundary_points=boundary_points, every=every, counts=counts)
        positive = "positive and finite"
        require(
            self,
            flow=(flow, flow in FLOWS, f"one of {', '.join(FLOWS)}"),
            depth=(depth, depth >= 1, "at least 1"),
            width=(width, width >= 1, "at least 1"),
            flow_steps=(flow_steps, flow_steps >= 1, "at least 1"),
            lr=(lr, 0 < lr < float("inf"), positive),
            pool=(pool, pool >= 10, "at least 10"),
            reuse=(reuse, reuse >= 1, "at least 1"),
            floor=(floor, 0 <= floor < 1, "at least 0 and below 1"),
            regularization=(
                regularization,
                regularization in ("sobolev", "entropy"),
                "sobolev or entropy",
            ),
            beta=(beta, beta is None or 0 < beta < float("inf"), positive),
            smoothing=(smoothing, 0 < smoothing < float("inf"), positive),
            estimator=(estimator, estimator in ("score", "pathwise"), "score or pathwise"),
        )
        self.flow, self.depth, self.width = flow, depth, width
        self.flow_steps, self.lr, self.pool, self.reuse = flow_steps, lr, pool, reuse
        self.floor, self.regularization, self.estimator = floor, regularization, estimator
        self.beta, self.smoothing = beta, smoothing
        self.players: dict[str, Player] = {}
        self._saved: dict[str, Any] = {}

    def bind(self, regions: Mapping[str, Region], seed: int) -> None:
        """Says where points are wanted; forgets what was adapted to other regions.

        Args:
            regions: Region of each condition, by the condition's name.
            seed: Non-negative whole number that all points depend on.

        Raises:
            ValueError: No region has a volume, a region has no membership test, the floor leaves
                the flow no points, or the pathwise estimator has no box.
        """
        super().bind(regions, seed)
        shares = [s for s in self.shares if s.interior]
        if not shares:
            raise ValueError(
                "AdversarialSampler needs a condition on a region with a volume; there are "
                f"{[s.region.label for s in self.shares]}. Take --sampler uniform."
            )
        for share in shares:
            floor = round(self.floor * share.count)
            if share.count - floor < 1 or (self.floor > 0 and floor < 1):
                raise ValueError(
                    f"{share.count} points on {share.region.label!r} cannot hold a floor="
                    f"{self.floor} of uniform points beside the flow's; give more points."
                )
        self.players = {s.names[0]: self._player(s) for s in shares}
        self._load_players()

    def forget(self) -> None:
        """Back to uniform flows."""
        super().forget()
        self.players = {}

    def renew(self, turn: Turn) -> Points:
        """Lets the flow take its steps, and draws a set from it.

        Args:
            turn: The adaptation.

        Returns:
            The set.
        """
        player = self.players[turn.share.names[0]]
        try:
            player.ascend(turn, self.flow_steps * min(turn.missed, MOST_MISSED))
            points = player.law.points(turn.share.count, turn.words)
        except CollapseError as error:
            player.reset()
            self.history.warn(
                f"Step {turn.step}: the flow collapsed ({error}); it starts again from the uniform "
                "law."
            )
            points = player.law.points(turn.share.count, turn.words)
        self.history.note(beta=player.beta, gain=player.gain)
        return points

    def _player(self, share: Share) -> Player:
        d, seed = len(share.region.coordinates), share.words(self.seed, 0)[-1]
        flow = FLOWS[self.flow](d, depth=self.depth, width=self.width, seed=seed)  # type: ignore[call-arg]
        return Player(self, FlowLaw(share.region, flow, self.floor), seed)

    def get_extra_state(self) -> dict[str, Any]:
        """Sets, history, and each flow with its optimizer."""
        players = {name: player.state() for name, player in self.players.items()}
        return {**super().get_extra_state(), "players": players}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what :meth:`get_extra_state` gave."""
        super().set_extra_state(state)
        self._saved = state["players"]
        if self.players:
            self._load_players()

    def _load_players(self) -> None:
        """A checkpoint may be read before flows are built, by ``bind``."""
        for name, saved in self._saved.items():
            self.players[name].load(saved)
        self._saved = {}


class Player:
    """A flow at play on one region, with its optimizer and its memory of the residual.

    Args:
        rules: The sampler, for its options.
        law: The flow's law.
        seed: Of the flow's hidden weights.
    """

    def __init__(self, rules: AdversarialSampler, law: FlowLaw, seed: int) -> None:
        self.rules, self.law, self.seed = rules, law, seed
        self.mean, self.start, self.peak = 0.0, 0.0, 0.0
        self.gain = 1.0
        self.optimizer = self._optimizer()
        if rules.estimator == "pathwise" and not law.exact:
            raise ValueError(
                f"estimator='pathwise' on {law.region!r} with flow={rules.flow!r}: points must not "
                "leave the region. Take a box and bounded-krnet, or estimator='score'."
            )

    def reset(self) -> None:
        """Back to the uniform law."""
        self.law.flow.reset(self.seed)
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
    def ascend(self, turn: Turn, steps: int) -> None:
        """Steps of ascent, on pools that are drawn anew when they are old or stale.

        Args:
            turn: The adaptation.
            steps: Number of steps.

        Raises:
            CollapseError: The flow has lost the residual, or its densities are not usable.
        """
        used, pool = self.rules.reuse, 0
        u = q = squares = torch.empty(0)
        for k in range(steps):
            if used == self.rules.reuse:
                u, q = self.law.draw(self.rules.pool, (*turn.words, 3, pool))
                squares = turn.squares(self.law.at(u))
                self._remember(squares, q)
                if not self.mean > 0:
                    return
                used, pool = 0, pool + 1
            log_p = self._step(turn, u, q, squares, k)
            used = used + 1 if effective_ratio(log_p, q) > STALE else self.rules.reuse
        self.gain = gain(squares, q)
        if self.rules.floor > 0 and self.gain < COLLAPSED * self.rules.floor:
            raise CollapseError(
                f"the density is {self.gain:.2g} of the uniform one where the residual is large"
            )

    def _remember(self, squares: Tensor, q: Tensor) -> None:
        mean, peak = float((squares / q).mean()), float(squares.max())
        first = self.start == 0
        self.mean = mean if first else 0.5 * (self.mean + mean)
        self.peak = peak if first else max(peak, 0.5 * (self.peak + peak))
        self.start = self.start or mean

    def _step(self, turn: Turn, u: Tensor, q: Tensor, squares: Tensor, k: int) -> Tensor:
        """One step of the optimizer; returns log densities before it."""
        u = u.detach().requires_grad_(self.rules.regularization == "sobolev")
        log_p = self.law.log_density(u)
        if self.rules.estimator == "score":
            goal = expected(squares / self.mean, log_p, q)
        else:
            goal = self._through_points(turn, k)
        if self.rules.regularization == "sobolev":
            mass = (log_p.exp() / q).mean()
            goal = goal - self._strength * roughness(log_p, u, q, mass)
        else:
            goal = goal + self._strength * entropy(log_p, q)
        if not bool(goal.isfinite()):
            raise CollapseError("densities vanish or are not finite")
        parameters = list(self.law.flow.parameters())
        for p, g in zip(parameters, torch.autograd.grad(-goal, parameters), strict=True):
            p.grad = g
        self.optimizer.step()
        return log_p

    def _through_points(self, turn: Turn, k: int) -> Tensor:
        """A scalar whose gradient is that of the mean residual, through the points."""
        noise = self.law.flow.draw_noise(self.rules.pool // 2, seed=(*turn.words, 4, k))
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
