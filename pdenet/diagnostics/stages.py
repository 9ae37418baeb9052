"""Stages of training, read off the loss: plateaus and descents, with the steps of every change."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Literal

import numpy as np

from pdenet.diagnostics.segments import Array, scatter, straightened

StageName = Literal["initial plateau", "descent", "plateau"]
PlateauCause = Literal["converged", "conditioning", "capacity or noise"]

FLAT = 0.2  # fall of log loss per e-fold of the steps: 13 % when they double
WINDOWS = 100
ONSET = 0.01  # of all steps: before it time counts evenly, after it by its logarithm
LEAST_FALL = 0.1  # of log loss, that makes a descent
LEAST_WINDOWS = 3  # that make a plateau,
LEAST_TIME, LEAST_SHARE = 0.5, 0.1  # and e-folds of the steps, or the share of all steps
INITIAL = 0.9  # of the first loss, that an initial plateau keeps
MOTION = 0.1  # of the largest change of amplitudes, above which they still move
LOW_RANK = 0.1  # of the modes there could be
SUFFICIENT = 0.5  # of the residual, which features that suffice can go below


@dataclass(frozen=True)
class Stage:
    """One stage of training.

    Args:
        name: Descent: the loss falls by 13 % or more when the steps double. Plateau: by less.
            Initial plateau: the first one, before the loss has fallen.
        start: First step.
        end: Last step, the first one of the next stage.
        slope: Mean fall of log loss per e-fold of the steps, dimensionless; steps count from one
            hundredth of all.
        moving: In a plateau, whether the amplitudes of neurons go on changing; None where that is
            not known, and in descents.
    """

    name: StageName
    start: int
    end: int
    slope: float
    moving: bool | None = None


def training_stages(steps: Sequence[int], loss: Sequence[float]) -> list[Stage]:
    r"""Splits training into stages, plateaus and descents in turn.

    The logarithm of the loss is averaged over windows that are even in
    :math:`\log(1 + t / t_1)`, with :math:`t_1` one hundredth of the steps, and fitted by straight
    pieces: as few as the scatter from window to window justifies. Pieces are long where nothing
    happens, so that their slopes are known in spite of the noise of changing points. A jump
    upwards, as after a change of points, is no stage of its own.

    Args:
        steps: Steps at which the loss was taken, increasing.
        loss: The loss; what is not positive or not finite is left out.

    Returns:
        Stages in their order; none for fewer than four losses.

    Raises:
        ValueError: Lengths differ, or steps do not increase.

    Reference:
        Chen, Luo, Wang, Analyzing multi-stage loss curve, arXiv 2410.20119, for the stages; the
        rules that tell them apart are ours.

    Example:
        >>> steps = list(range(1000))
        >>> loss = [1.0 if t < 200 else max(1e-3, 10.0 ** -((t - 200) / 50)) for t in steps]
        >>> [stage.name for stage in training_stages(steps, loss)]
        ['initial plateau', 'descent', 'plateau']
    """
    at, logs = _clean(steps, loss)
    if len(at) < 4:
        return []
    clock = _Clock(at[0], max(1.0, ONSET * (at[-1] - at[0])))
    x, y, count = _windows(clock.of(at), logs)
    if len(x) < LEAST_WINDOWS:
        return []
    noise = scatter(y, count)
    fit, pieces = straightened(x, y, noise)
    # The outer windows reach to the first and the last loss.
    edges = np.concatenate([[0.0], x[1:-1], clock.of(at[-1:])])
    falling = _merged(_falling(x, fit, pieces, noise), edges, fit)
    return list(_stages(falling, clock.steps(edges), edges, fit, float(logs[0])))


def with_motion(
    stages: Sequence[Stage], steps: Sequence[int], changes: Sequence[float]
) -> list[Stage]:
    """Says of each plateau whether the amplitudes of neurons still change in it.

    Args:
        stages: From :func:`training_stages`.
        steps: Steps at which amplitudes were taken.
        changes: Their Wasserstein distance to those taken before; any units.

    Returns:
        The stages; those within which nothing was taken stay as they are.

    Raises:
        ValueError: Lengths differ.
    """
    if len(steps) != len(changes):
        raise ValueError(f"{len(steps)} steps do not go with {len(changes)} changes.")
    largest = max(changes, default=0.0)
    out = []
    for stage in stages:
        within = [c for t, c in zip(steps, changes, strict=True) if stage.start < t <= stage.end]
        known = stage.name != "descent" and within and largest > 0
        moving = bool(np.median(within) > MOTION * largest) if known else None
        out.append(replace(stage, moving=moving))
    return out


def plateau_cause(
    *, reached: bool, rank: float | None, modes: int | None, floor: float | None
) -> PlateauCause | None:
    """Why the loss has stopped falling, as far as numbers tell.

    Args:
        reached: Whether the target is met, or the optimizer found nothing to descend.
        rank: Effective rank, or None where it is not known.
        modes: How large it could be: the lesser of rows and parameters.
        floor: What :func:`~pdenet.diagnostics.least_squares_floor` gave, or None.

    Returns:
        "converged"; or "conditioning", where the last layer alone could halve the residual, or
        effective rank is below a tenth of the modes; or "capacity or noise", where neither is so;
        None without numbers. The bounds are rules of thumb.

    Example:
        >>> plateau_cause(reached=False, rank=5.0, modes=256, floor=None)
        'conditioning'
    """
    if reached:
        return "converged"
    if floor is not None and floor < SUFFICIENT:
        return "conditioning"
    if rank is None or modes is None:
        return None if floor is None else "capacity or noise"
    return "conditioning" if rank < LOW_RANK * modes else "capacity or noise"


@dataclass(frozen=True)
class _Clock:
    """Time that counts evenly up to the onset, and by its logarithm later."""

    origin: float
    onset: float

    def of(self, steps: Array) -> Array:
        return np.log1p((steps - self.origin) / self.onset)

    def steps(self, times: Array) -> list[int]:
        return [round(self.origin + self.onset * math.expm1(t)) for t in times]


def _clean(steps: Sequence[int], loss: Sequence[float]) -> tuple[Array, Array]:
    at, values = np.asarray(steps, dtype=float), np.asarray(loss, dtype=float)
    if at.shape != values.shape or at.ndim != 1 or (np.diff(at) <= 0).any():
        raise ValueError(
            f"Expected increasing steps and one loss for each; got {at.shape} steps and "
            f"{values.shape} losses."
        )
    good = np.isfinite(values) & (values > 0)
    return at[good], np.log(values[good])


def _windows(clock: Array, logs: Array) -> tuple[Array, Array, Array]:
    """Means over windows of the clock, and of how many; windows without a loss are left out."""
    place = np.minimum((clock / clock[-1] * WINDOWS).astype(int), WINDOWS - 1)
    count = np.bincount(place, minlength=WINDOWS)
    full = count > 0
    x, y = (np.bincount(place, v, minlength=WINDOWS)[full] / count[full] for v in (clock, logs))
    return x, y, count[full].astype(float)


def _falling(x: Array, fit: Array, pieces: Sequence[slice], noise: Array) -> list[bool]:
    """Whether the fit falls from each window to the next."""
    falling = list((fit[:-1] - fit[1:]) > FLAT * np.diff(x))
    for before, piece in pairwise(pieces):
        jump = piece.start - 1
        # Where two pieces meet, a fall within the noise is none.
        if fit[jump] - fit[jump + 1] < max(3 * noise[jump], LEAST_FALL):
            falling[jump] = before.stop - before.start > 1 and falling[jump - 1]
    return [bool(f) for f in falling]


def _merged(falling: list[bool], x: Array, fit: Array) -> list[bool]:
    """Without descents that lead nowhere, and without plateaus too short to be sure of."""
    out = list(falling)
    for run in _runs(out):
        if out[run.start] and fit[run.start] - fit[run.stop] < LEAST_FALL:
            out[run] = [False] * (run.stop - run.start)
    for run in _runs(out):
        if not out[run.start] and _short(run, x) and any(out):
            out[run] = [True] * (run.stop - run.start)
    for run in _runs(out):  # those that rises have joined may not fall on the whole
        if fit[run.start] - fit[run.stop] < FLAT * (x[run.stop] - x[run.start]):
            out[run] = [False] * (run.stop - run.start)
    return out


def _short(run: slice, x: Array) -> bool:
    """Whether a plateau is over too soon to be one."""
    few = run.stop - run.start < LEAST_WINDOWS
    share = (math.exp(x[run.stop]) - math.exp(x[run.start])) / math.expm1(x[-1])
    return few or bool(x[run.stop] - x[run.start] < LEAST_TIME and share < LEAST_SHARE)


def _runs(flags: Sequence[bool]) -> Iterator[slice]:
    start = 0
    for _, group in groupby(list(flags)):
        stop = start + len(list(group))
        yield slice(start, stop)
        start = stop


def _stages(
    falling: Sequence[bool], steps: Sequence[int], times: Array, fit: Array, first: float
) -> Iterator[Stage]:
    for run in _runs(falling):
        name: StageName = "descent" if falling[run.start] else "plateau"
        level = float(np.mean(fit[run.start : run.stop + 1]))
        if name == "plateau" and run.start == 0 and level >= first + math.log(INITIAL):
            name = "initial plateau"
        fall = float(fit[run.start] - fit[run.stop])
        slope = fall / float(times[run.stop] - times[run.start])
        yield Stage(name, steps[run.start], steps[run.stop], slope)
