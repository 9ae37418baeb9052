"""Sequences of phases that consume the Jacobian, by the names that the command line knows."""

from __future__ import annotations

from pdenet.optim.broyden import Update
from pdenet.optim.damped import Algebra
from pdenet.optim.gauss_newton import (
    ENGD,
    ENGDW,
    SPRING,
    LevenbergMarquardt,
    Search,
    VariableProjection,
)
from pdenet.optim.phases import Phase
from pdenet.optim.second_order import Broyden


def levenberg_marquardt(
    steps: int | None = None,
    damping: float = 1e-3,
    resample_every: int | None = 20,
    algebra: Algebra = "auto",
    geodesic: bool = True,
) -> tuple[Phase, ...]:
    """Levenberg-Marquardt alone: few, costly, far steps.

    Args:
        steps: Optimizer steps; none means until it stops or the run ends.
        damping: First damping, as a share of the norm of J^T J.
        resample_every: Points change every so many steps; none keeps them.
        algebra: auto, cholesky, qr, kernel or cg.
        geodesic: Bend each step along the curvature of the residuals.

    Returns:
        One phase.
    """
    return (
        LevenbergMarquardt(
            steps=steps,
            damping=damping,
            resample_every=resample_every,
            algebra=algebra,
            geodesic=geodesic,
        ),
    )


def variable_projection(
    steps: int | None = None,
    damping: float = 1e-3,
    resample_every: int | None = 20,
) -> tuple[Phase, ...]:
    """Levenberg-Marquardt in all layers but the last, which is solved for at each step.

    For linear equations with smooth solutions; elsewhere levenberg-marquardt is ahead.

    Args:
        steps: Optimizer steps; none means until it stops or the run ends.
        damping: First damping, as a share of the norm of the projected J^T J.
        resample_every: Points change every so many steps; none keeps them.

    Returns:
        One phase.
    """
    return (VariableProjection(steps=steps, damping=damping, resample_every=resample_every),)


def gauss_newton_cg(
    steps: int | None = None,
    damping: float = 1e-3,
    resample_every: int | None = 20,
    rank: int = 100,
    iterations: int = 100,
    tolerance: float = 1e-2,
) -> tuple[Phase, ...]:
    """Levenberg-Marquardt without matrices: for networks whose J does not fit in memory.

    Args:
        steps: Optimizer steps; none means until it stops or the run ends.
        damping: First damping, as a share of the norm of J^T J.
        resample_every: Points change every so many steps; none keeps them.
        rank: Columns of the preconditioner.
        iterations: Most products with J in one step.
        tolerance: Residual at which conjugate gradients end, relative.

    Returns:
        One phase.
    """
    return (
        LevenbergMarquardt(
            steps=steps,
            damping=damping,
            resample_every=resample_every,
            algebra="cg",
            rank=rank,
            iterations=iterations,
            tolerance=tolerance,
        ),
    )


def engd(
    steps: int | None = None,
    cutoff: float = 1e-6,
    search: Search = "grid",
    resample_every: int | None = 20,
) -> tuple[Phase, ...]:
    """Energy natural gradient: undamped Gauss-Newton steps with a line search.

    Args:
        steps: Optimizer steps; none means until it stops or the run ends.
        cutoff: Singular values of J below this share of the largest count as zero.
        search: grid or armijo.
        resample_every: Points change every so many steps; none keeps them.

    Returns:
        One phase.
    """
    return (ENGD(steps=steps, cutoff=cutoff, search=search, resample_every=resample_every),)


def engd_w(
    steps: int | None = None,
    damping: float = 1e-10,
    search: Search = "grid",
    resample_every: int | None = 1,
) -> tuple[Phase, ...]:
    """Energy natural gradient with a fixed damping, in the space of the rows.

    Args:
        steps: Optimizer steps; none means until it stops or the run ends.
        damping: Added to the kernel J J^T.
        search: grid or armijo.
        resample_every: Points change every so many steps; none keeps them.

    Returns:
        One phase.
    """
    return (ENGDW(steps=steps, damping=damping, search=search, resample_every=resample_every),)


def spring(
    steps: int | None = None,
    damping: float = 1e-8,
    momentum: float = 0.8,
    rate: float = 0.1,
    longest: float = 1.0,
) -> tuple[Phase, ...]:
    """ENGD-W with momentum, on the sampler's points and without a line search.

    Args:
        steps: Optimizer steps; none means until the run ends.
        damping: Added to the kernel J J^T.
        momentum: Share of the last direction that is kept.
        rate: Factor of the direction.
        longest: Largest norm of a step.

    Returns:
        One phase.
    """
    return (SPRING(steps=steps, damping=damping, momentum=momentum, rate=rate, longest=longest),)


def levenberg_marquardt_ssbroyden(
    lm_steps: int = 100,
    steps: int | None = None,
    update: Update = "ssbroyden2",
    resample_every: int | None = 500,
    log_loss: bool = False,
) -> tuple[Phase, ...]:
    """Levenberg-Marquardt to find the basin, then self-scaled Broyden to converge in it.

    Args:
        lm_steps: Steps of Levenberg-Marquardt, on fresh points every 20.
        steps: Steps of self-scaled Broyden; none means until it stops or the run ends.
        update: Rule by which the inverse Hessian learns; it starts from the Gauss-Newton inverse.
        resample_every: Points change every so many Broyden steps; none keeps them.
        log_loss: Minimize the logarithm of the loss in the second phase.

    Returns:
        Two phases.
    """
    second = Broyden(
        steps=steps,
        update=update,
        resample_every=resample_every,
        log_loss=log_loss,
        start="gauss-newton",
    )
    return (LevenbergMarquardt(steps=lm_steps), second)
