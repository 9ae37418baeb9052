r"""A further network that fits what a trained one leaves over: :math:`u = u_0 + \epsilon u_1`.

Where one network has stalled, a second one of the same size, scaled by the size and the frequency
of the remaining error, reaches orders of magnitude below. Hard conditions hold for the sum, since
the correction satisfies them with zero data; trained ones are residuals of the sum.

`auto` takes none: the first network reaches targets of 1e-3 in seconds. A correction pays below,
where training has slowed down. On poisson-2d by Levenberg-Marquardt (networks of 1297 parameters,
3000 points, two seeds) 60 steps reach 2e-7 and 1e-7, and 60 of a correction 1e-11, in 35 CPU
seconds; 200 steps of one network (one seed) 1e-9 in 51. With 337 parameters and 1500 points (two
seeds) 60 and 60 steps reach 2e-9 and 9e-10 in 5.6 seconds, 180 steps of one network 1e-8 in 8; a
second correction of that size gained nothing, since what was left varied too fast for it. On a
nonlinear Poisson problem whose first network had not slowed down, at 5e-5, both ways were alike.

Reference:
    Wang and Lai, Multi-stage neural networks: function approximator of machine precision, arXiv
    2307.08934.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pdenet.frequencies import residual_frequencies
from pdenet.geometry import Points
from pdenet.linear_fit import last_layer
from pdenet.networks import WaveMLP, build_network
from pdenet.problem import Problem
from pdenet.residuals import Residuals
from pdenet.solvers.base import Solver
from pdenet.solvers.corrected_rows import CorrectedRows
from pdenet.solvers.hard.plan import HardPlan
from pdenet.solvers.pinn import PINN

POINTS, SEED = 1000, 4_241  # where what is left over is measured
PROBE = 1e-4  # of the fields: rows answer to it linearly, and above round-off
HARMONICS = 3

# First-layer weights reach to this share of the residual's frequency. On Poisson problems errors
# are least for shares of 0.25 to 0.5: the error is smoother than its residual.
SHARE = 0.4


@dataclass(frozen=True)
class LeftOver:
    """What a trained network leaves over, and how a correction is scaled to it.

    Args:
        residual: Root mean square of all conditions' rows.
        frequency: By coordinate, radians per half the domain's length.
        scale: epsilon, the size of a correction whose rows are as large as the residual, relative
            to the fields.
    """

    residual: float
    frequency: dict[str, float]
    scale: float


class Correction(Solver):
    """Trains a correction of a network that stays as it is.

    Args:
        before: A solver that has trained a network on residuals, or a correction of one.
        width: Neurons in each hidden layer of the correction.
        depth: Number of its hidden layers.
        seed: Seed of the correction's start and of the points.
        dtype: Precision; float64.
        training: Arguments of :class:`Solver`: sampler, optimizer, balance, block, compile_after.

    Attributes:
        left_over: What the network before left over.

    Raises:
        ValueError: The precision is not float64, or the solver before trains no residuals.

    Example:
        >>> from pdenet.problems.poisson_1d import poisson_1d
        >>> solver = Correction(PINN(poisson_1d()), width=8, depth=2)
        >>> solver.residuals.model(torch.ones(1, 1, dtype=torch.float64)).abs().item() < 1e-12
        True
    """

    def __init__(
        self,
        before: Solver,
        *,
        width: int = 24,
        depth: int = 3,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
        **training: Any,
    ) -> None:
        if not isinstance(before, PINN | Correction):
            raise ValueError(
                f"A correction is trained by residuals, as the solver 'pinn' trains; not after "
                f"{type(before).__name__}."
            )
        if dtype != torch.float64:
            raise ValueError(
                f"A correction needs float64, got {dtype}: what is left over is below the "
                "round-off of single precision. Use --precision 64."
            )
        self.plan: HardPlan | None = before.plan
        earlier = plain_residuals(before.residuals)
        frequency = residual_frequencies(earlier)
        correction = _network(earlier.problem, frequency, self.plan, width, depth, seed)
        sizes = _field_sizes(earlier)
        points = {
            name: c.on.quadrature(POINTS) if c.integral else c.on.sample(POINTS, seed=SEED)
            for name, c in earlier.conditions.items()
        }
        size, answer = _sizes_of_rows(earlier, correction, sizes, points)
        left_over = LeftOver(size, frequency, size / answer)
        _silence(correction, earlier.problem)
        rows = CorrectedRows(earlier, correction, left_over.scale * sizes, size)
        super().__init__(rows, seed=seed, **training)
        self.left_over = left_over

    def objective(self, rows: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> Tensor:
        """Half the weighted sum of mean squares, relative to those before."""
        return self.drawing.half_mean_squares(rows, weights)

    @property
    def loss(self) -> float:
        """The loss at the last step, in units of the problem; NaN before the first."""
        return super().loss * self.left_over.residual**2

    def measured(self, name: str, rows: Tensor) -> Tensor:
        """The mean square of a condition's rows, in units of the problem."""
        return super().measured(name, rows) * self.left_over.residual**2

    def describe(self) -> dict[str, Any]:
        """What it corrects, as plain data: ``{residual, frequency, scale}``."""
        return asdict(self.left_over)


def plain_residuals(residuals: Residuals) -> Residuals:
    """A corrected network with its problem, as one network's rows in units of the problem.

    Args:
        residuals: Rows of a network; those that are no corrected one's are given back.

    Returns:
        Residuals that share the network.
    """
    if not isinstance(residuals, CorrectedRows):
        return residuals
    imposed = set(residuals.problem.conditions) - set(residuals.conditions)
    plain = Residuals(residuals.problem, residuals.model, imposed, inputs=residuals.inputs)
    with torch.no_grad():
        for name, value in residuals.unknowns.items():
            plain.unknowns[name].copy_(value)
    return plain


def _network(
    problem: Problem,
    frequency: Mapping[str, float],
    plan: HardPlan | None,
    width: int,
    depth: int,
    seed: int,
) -> nn.Module:
    """The correction, with the form that keeps hard conditions."""
    periodic = {} if plan is None else plan.periodic
    columns = _columns(problem, frequency, tuple(periodic))
    built = build_network(
        lambda inputs, outputs: WaveMLP(inputs, outputs, columns, width=width, depth=depth),
        coordinates=problem.coordinates,
        fields=problem.shapes,
        bounds=problem.domain.bounds,
        periodic=periodic,
        harmonics=HARMONICS,
        seed=seed,
        dtype=torch.float64,
    )
    return built if plan is None else plan.homogeneous().wrap(built)


def _columns(
    problem: Problem, frequency: Mapping[str, float], periodic: Sequence[str]
) -> list[float]:
    """Largest first-layer weight of each input: plain ones, then cosines and sines."""
    plain = [SHARE * frequency[c] for c in problem.coordinates if c not in periodic]
    # Phases of all harmonics together then turn as fast as that of a plain input.
    together = math.pi * math.sqrt(sum(k**2 for k in range(1, HARMONICS + 1)))
    waves = [SHARE * frequency[c] / together for c in periodic for _ in range(HARMONICS)]
    return [*plain, *waves, *waves]


@torch.no_grad()
def _field_sizes(residuals: Residuals) -> Tensor:
    """Root mean square of every output over the domain, shape (m,); 1 where it vanishes."""
    like = next(residuals.model.parameters())
    x = residuals.problem.domain.sample(POINTS, seed=SEED).x.to(like)
    sizes = residuals.model(x).square().mean(0).sqrt()
    return torch.where(sizes > 0, sizes, 1.0)


def _sizes_of_rows(
    before: Residuals, correction: nn.Module, sizes: Tensor, points: Mapping[str, Points]
) -> tuple[float, float]:
    """Root mean squares: of the rows as they are, and of how they answer to the correction."""
    probe = plain_residuals(CorrectedRows(before, correction, PROBE * sizes, 1.0))
    rows, moved = before.in_chunks(points), probe.in_chunks(points)
    size = math.sqrt(sum(float(r.square().mean()) for r in rows.values()))
    change = math.sqrt(sum(float((moved[n] - r).square().mean()) for n, r in rows.items()))
    tiny = torch.finfo(torch.float64).tiny
    return max(size, tiny), max(change / PROBE, tiny)


def _silence(correction: nn.Module, problem: Problem) -> None:
    """Sets the last layer to zero, so that training begins where it ended before."""
    x = problem.domain.sample(5, seed=0).x.to(next(correction.parameters()))
    with torch.no_grad():
        for parameter in last_layer(correction, x):
            parameter.zero_()
