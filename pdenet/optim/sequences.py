"""Sequences of phases that have a name on the command line."""

from __future__ import annotations

from collections.abc import Callable

from pdenet.optim.broyden import Update
from pdenet.optim.first_order import Adam, AdamW
from pdenet.optim.gauss_newton_sequences import (
    engd,
    engd_w,
    gauss_newton_cg,
    levenberg_marquardt,
    levenberg_marquardt_ssbroyden,
    spring,
    variable_projection,
)
from pdenet.optim.muon import Muon
from pdenet.optim.phases import Phase
from pdenet.optim.schedules import Decay
from pdenet.optim.second_order import LBFGS, Broyden
from pdenet.optim.soap import SOAP
from pdenet.optim.stopping import Stopping


def adam(
    steps: int | None = None,
    lr: float = 1e-3,
    decay: Decay = "exponential",
    decay_rate: float = 0.9,
    decay_every: int = 2000,
    warmup: int = 0,
) -> tuple[Phase, ...]:
    """Adam alone.

    Args:
        steps: Optimizer steps; none means until the run ends.
        lr: Learning rate at the start.
        decay: Form of the learning rate's decay.
        decay_rate: Factor by which it falls every decay_every steps (exponential).
        decay_every: Steps of one such fall.
        warmup: Steps over which it first grows linearly.

    Returns:
        One phase.
    """
    return (
        Adam(
            steps=steps,
            lr=lr,
            decay=decay,
            decay_rate=decay_rate,
            decay_every=decay_every,
            warmup=warmup,
        ),
    )


def adamw(
    steps: int | None = None,
    lr: float = 1e-3,
    weight_decay: float = 1e-4,
    decay: Decay = "exponential",
    decay_rate: float = 0.9,
    decay_every: int = 2000,
    warmup: int = 0,
) -> tuple[Phase, ...]:
    """Adam with decoupled weight decay.

    Args:
        steps: Optimizer steps; none means until the run ends.
        lr: Learning rate at the start.
        weight_decay: Each step shrinks the parameters by lr times this.
        decay: Form of the learning rate's decay.
        decay_rate: Factor by which it falls every decay_every steps (exponential).
        decay_every: Steps of one such fall.
        warmup: Steps over which it first grows linearly.

    Returns:
        One phase.
    """
    return (
        AdamW(
            steps=steps,
            lr=lr,
            weight_decay=weight_decay,
            decay=decay,
            decay_rate=decay_rate,
            decay_every=decay_every,
            warmup=warmup,
        ),
    )


def muon(
    steps: int | None = None,
    lr: float = 1e-3,
    momentum: float = 0.95,
    decay: Decay = "exponential",
    decay_rate: float = 0.9,
    decay_every: int = 2000,
    warmup: int = 0,
) -> tuple[Phase, ...]:
    """Muon for hidden matrices, Adam for the rest.

    Args:
        steps: Optimizer steps; none means until the run ends.
        lr: Learning rate at the start.
        momentum: Decay of the sum of gradients of matrices.
        decay: Form of the learning rate's decay.
        decay_rate: Factor by which it falls every decay_every steps (exponential).
        decay_every: Steps of one such fall.
        warmup: Steps over which it first grows linearly.

    Returns:
        One phase.
    """
    return (
        Muon(
            steps=steps,
            lr=lr,
            momentum=momentum,
            decay=decay,
            decay_rate=decay_rate,
            decay_every=decay_every,
            warmup=warmup,
        ),
    )


def soap(
    steps: int | None = None,
    lr: float = 1e-3,
    frequency: int = 2,
    decay: Decay = "exponential",
    decay_rate: float = 0.9,
    decay_every: int = 2000,
    warmup: int = 0,
) -> tuple[Phase, ...]:
    """Adam in the eigenbasis of Shampoo's preconditioner; needs the extra `soap`.

    Args:
        steps: Optimizer steps; none means until the run ends.
        lr: Learning rate at the start.
        frequency: The eigenbasis is refreshed every so many steps.
        decay: Form of the learning rate's decay.
        decay_rate: Factor by which it falls every decay_every steps (exponential).
        decay_every: Steps of one such fall.
        warmup: Steps over which it first grows linearly.

    Returns:
        One phase.
    """
    return (
        SOAP(
            steps=steps,
            lr=lr,
            frequency=frequency,
            decay=decay,
            decay_rate=decay_rate,
            decay_every=decay_every,
            warmup=warmup,
        ),
    )


def lbfgs(
    steps: int | None = None,
    memory: int = 50,
    resample_every: int | None = None,
    log_loss: bool = False,
) -> tuple[Phase, ...]:
    """Limited-memory BFGS alone, on fixed points.

    Args:
        steps: Optimizer steps; none means until it stops or the run ends.
        memory: Number of steps that are remembered.
        resample_every: Points change every so many steps; none keeps them.
        log_loss: Minimize the logarithm of the loss.

    Returns:
        One phase.
    """
    return (LBFGS(steps=steps, memory=memory, resample_every=resample_every, log_loss=log_loss),)


def ssbroyden(
    steps: int | None = None,
    update: Update = "ssbroyden2",
    resample_every: int | None = 500,
    log_loss: bool = False,
    progress: float = 1e-6,
) -> tuple[Phase, ...]:
    """Self-scaled Broyden alone: dense curvature, for networks of a few thousand parameters.

    Args:
        steps: Optimizer steps; none means until it stops or the run ends.
        update: Rule by which the inverse Hessian learns.
        resample_every: Points change every so many steps; none keeps them.
        log_loss: Minimize the logarithm of the loss.
        progress: It stops when 100 evaluations lower the loss by a smaller share. The minimum of an
            energy is not zero, so that small shares still matter.

    Returns:
        One phase.
    """
    return (
        Broyden(
            steps=steps,
            update=update,
            resample_every=resample_every,
            log_loss=log_loss,
            stopping=Stopping(progress=progress),
        ),
    )


def adam_lbfgs(
    adam_steps: int = 2000,
    lr: float = 1e-3,
    steps: int | None = None,
    memory: int = 50,
    resample_every: int | None = None,
) -> tuple[Phase, ...]:
    """Adam, then limited-memory BFGS on fixed points.

    Args:
        adam_steps: Steps of Adam.
        lr: Learning rate of Adam at the start.
        steps: Steps of L-BFGS; none means until it stops or the run ends.
        memory: Number of steps that L-BFGS remembers.
        resample_every: Points change every so many L-BFGS steps; none keeps them.

    Returns:
        Two phases.
    """
    return (*adam(adam_steps, lr=lr), *lbfgs(steps, memory, resample_every))


def adam_ssbroyden(
    adam_steps: int = 2000,
    lr: float = 5e-3,
    steps: int | None = None,
    update: Update = "ssbroyden2",
    resample_every: int | None = 500,
    log_loss: bool = False,
    progress: float = 1e-6,
) -> tuple[Phase, ...]:
    """Adam to find the basin, then self-scaled Broyden to converge in it.

    Args:
        adam_steps: Steps of Adam.
        lr: Learning rate of Adam at the start.
        steps: Steps of self-scaled Broyden; none means until it stops or the run ends.
        update: Rule by which the inverse Hessian learns.
        resample_every: Points change every so many Broyden steps; none keeps them.
        log_loss: Minimize the logarithm of the loss in the second phase.
        progress: Broyden stops when 100 evaluations lower the loss by a smaller share.

    Returns:
        Two phases.
    """
    second = ssbroyden(steps, update, resample_every, log_loss, progress)
    return (*adam(adam_steps, lr=lr), *second)


OPTIMIZERS: dict[str, Callable[..., tuple[Phase, ...]]] = {
    "adam": adam,
    "adamw": adamw,
    "muon": muon,
    "soap": soap,
    "lbfgs": lbfgs,
    "ssbroyden": ssbroyden,
    "adam-lbfgs": adam_lbfgs,
    "adam-ssbroyden": adam_ssbroyden,
    "levenberg-marquardt": levenberg_marquardt,
    "levenberg-marquardt-ssbroyden": levenberg_marquardt_ssbroyden,
    "variable-projection": variable_projection,
    "gauss-newton-cg": gauss_newton_cg,
    "engd": engd,
    "engd-w": engd_w,
    "spring": spring,
}
"""Name on the command line -> function whose keywords are its options."""
