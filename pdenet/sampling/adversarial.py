"""Adversarial adaptive sampling: a flow seeks the residual while the network lowers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pdenet.flows import FLOWS
from pdenet.geometry import Points, Region
from pdenet.sampling.adaptive import AdaptiveSampler, Turn, require
from pdenet.sampling.base import Share
from pdenet.sampling.law import CollapseError, FlowLaw
from pdenet.sampling.player import Player

MOST_MISSED = 10  # epochs whose steps of the flow are made up for at once


class AdversarialSampler(AdaptiveSampler):
    r"""Points drawn from a flow p that maximizes the residual which the network minimizes (AAS).

    .. math:: \min_\theta \max_p \int r^2(x; \theta) \, p(x) \, dx - \beta \int |\nabla p|^2 dx

    with the region scaled to the unit cube. Every ``every`` steps many ``candidates`` are scored,
    half of them uniform and half from the flow; the flow takes its steps of ascent on pools drawn
    of them by the residual, with their densities; then a part of the training set is drawn anew. A
    share ``floor`` of uniform points is in what is drawn, and in every density. The loss is the
    plain mean over the set: weighting by p is what the method is.

    With ``draw="candidates"`` the flow says where to look, and the new points are chosen of its
    candidates in proportion to the residual. A second-order method solves a set of few points all
    but exactly, and what is left lies between them in peaks that a smooth density of few steps
    averages over: in trials on two-peaks-2d the mean square was 1e-6 on the set and 1e3 elsewhere.
    Where the uniform candidates alone hold enough of the residual, as on smooth problems, the flow
    takes no steps. With ``draw="flow"`` all points are the flow's own.

    The set keeps a part of its points, ``retain``, for a second-order method solves a set of few
    points all but exactly, and would forget what lies between where all of them moved at once.

    Without ``beta`` the Sobolev penalty follows the residual: :math:`\beta = \tfrac12 \ell^2
    \overline{r^2}` smooths over a length l, ``smoothing`` times the diameter of the scaled region.
    A given ``beta`` is the first value, and falls with the mean square of the residual. With the
    entropy :math:`\beta H(p)` in place of the penalty, the best p is proportional to
    :math:`\exp(r^2 / \beta)`.

    Limits: points go where the residual is large, which helps where uniform ones miss it, and
    where the network is able to lower it there. Fewer points than parameters leave false layers
    between them, which adaptation moves but does not remove; layers of width 3e-3 and less were
    found neither by this sampler nor by RAD or uniform points, of which 200 were tried for 400
    steps. In ten dimensions peaks were not found within 120 steps; points placed there by hand
    lead to them with some seeds only. Where uniform points do as well, the time for adapting is
    lost. A flow step costs as much as a few steps of a small network, and more with the
    dimension: in ten dimensions take fewer ``flow_steps``, a smaller ``pool`` and fewer
    ``candidates``.

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
        pool: Points on which the flow is trained in a step.
        reuse: Steps of the flow on the same pool.
        candidates: Points that are scored at an adaptation; at least four times the set's.
        retain: Share of the set that stays at an adaptation, the newest ones.
        floor: Share of uniform points among the new ones.
        draw: Where new points come from: candidates (chosen by the residual), or flow (its own).
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
        flow_steps: int = 10,
        lr: float = 3e-2,
        pool: int = 500,
        reuse: int = 5,
        candidates: int = 10_000,
        retain: float = 0.75,
        floor: float = 0.15,
        draw: Literal["candidates", "flow"] = "candidates",
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
            candidates=(candidates, candidates >= pool, f"at least pool={pool}"),
            retain=(retain, 0 <= retain < 1, "at least 0 and below 1"),
            floor=(floor, 0 <= floor < 1, "at least 0 and below 1"),
            draw=(draw, draw in ("candidates", "flow"), "candidates or flow"),
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
        self.candidates, self.retain = candidates, retain
        self.floor, self.drawn_from = floor, draw
        self.regularization, self.estimator = regularization, estimator
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
            fresh = share.count - round(self.retain * share.count)
            floor = round(self.floor * fresh)
            if fresh - floor < 1 or (self.floor > 0 and floor < 1):
                raise ValueError(
                    f"{share.count} points on {share.region.label!r} cannot hold a floor="
                    f"{self.floor} of uniform points beside the flow's, among the {fresh} that are "
                    f"drawn with retain={self.retain}; give more points."
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
        # Of a turn that was missed, the points would have been the newest ones.
        kept = round(self.retain**turn.missed * turn.share.count)
        count = turn.share.count - kept
        try:
            player.ascend(turn, min(turn.missed, MOST_MISSED))
            points = player.points(count, turn.words)
        except CollapseError as error:
            player.reset()
            self.history.warn(
                f"Step {turn.step}: the flow collapsed ({error}); it starts again from the uniform "
                "law."
            )
            points = player.points(count, turn.words)
        self.history.note(beta=player.beta, gain=player.gain)
        return extended(points, turn.now.select(slice(0, kept))) if kept else points

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


def extended(fresh: Points, kept: Points) -> Points:
    """Points of several laws as one set; each keeps its own density.

    Weights 1 / (n q) by the law that a point came from estimate integrals with each part of the
    set, and so with the whole.

    Args:
        fresh: Points.
        kept: Points of the same region, from laws before.

    Returns:
        All of them.
    """
    both = Points.concatenate([fresh, kept])
    weight = 1 / (len(both) * both.density)
    return Points.trusted(both.coordinates, both.x, weight, both.density, None, both.space)
