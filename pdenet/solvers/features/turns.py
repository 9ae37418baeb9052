"""What is tried next, and when to stop: by what was gained, and by counting operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pdenet.record import StoppedBy
from pdenet.solvers.features.trials import Result, Trial, alike, best_of

SATURATED = 0.9  # of the coefficients; features of a wider range still have something to add
LEAST_STRETCH = 1.4
SOLVED = 1e-12  # of the residual at the start; below it round-off is fitted
QUADRUPLE, WORTHWHILE = 4, 0.7  # what four times the coefficients should lower the residual to
OCTUPLE = 8  # the same in a rectangle, where patches are halved some times until they see a peak
OPERATIONS_A_SECOND = 1e10  # of one core of today; too low a guess costs features, not time limits
NEWTON_STEPS = {1: 4, 2: 2}  # by axes: patches of a rectangle start from a good network
POINT_OPERATIONS = 2e6  # that rows of a point of a patch are worth, as measured
CUTS = 2  # further patches along each side of a rectangle, as a rule
# Of the residual: waves of the whole domain do not see a layer, patches do; nor do they converge
# fast where a rectangle has singular corners or peaks.
UNSEEN = {1: 1e-2, 2: 1e-3}
SLOW = 1 / 3


def next_trial(
    results: Sequence[Result],
    dimension: int,
    linear: bool,
    seconds: float,
    most_columns: int,
    local: Trial | None = None,
) -> Trial | tuple[StoppedBy, str]:
    """What to try after so many results, or why to stop.

    Features of a wider range where those there were span less than they count; else twice as many.
    Patches where they leave too much of the residual.

    Args:
        results: Those so far, in turn.
        dimension: Of the domain.
        linear: Whether the problem is linear.
        seconds: Training seconds allowed.
        most_columns: Coefficients that fit in memory.
        local: The first patches that may be tried; None where the user asked for a structure.

    Returns:
        The trial; or the kind of the end, and its reason in words.
    """
    best = best_of(results)
    if best.residual <= SOLVED:
        return "converged", f"the residual fell to {best.residual:.0e} of its start: round-off"
    tried = {replace(result.trial, edges=()) for result in results}
    if local is not None and local not in tried and _patches_pay(local, results, linear, seconds):
        return local
    family = alike(results)
    most = max(result.columns for result in family)
    factor = QUADRUPLE if best.trial.axes == 1 else OCTUPLE
    small = [result for result in family if factor * result.columns <= most]
    if small and best.residual > WORTHWHILE * best_of(small).residual:
        return "no-progress", (
            f"{best.columns} coefficients leave {best.residual:.0e} of the residual, and neither "
            "more features nor a wider range lower it much further"
        )
    left = [trial for trial in _candidates(best, dimension) if trial not in tried]
    costs = [_cost(trial, results, linear) for trial in left]
    pairs = list(zip(left, costs, strict=True))
    # Of patches no dense problem is made.
    fitting = [t for t, (columns, _) in pairs if columns <= most_columns or t.patches > 1]
    for trial, (_, needed) in pairs:
        if trial in fitting and needed <= seconds:
            return trial
    if fitting:
        columns, needed = costs[left.index(fitting[0])]
        return "max-seconds", (
            f"a trial of {columns} coefficients would take all trials to about {needed:.0f} s, "
            f"more than {seconds:g}"
        )
    if left:
        return "no-progress", f"{costs[0][0]} coefficients would not fit in memory"
    return "no-progress", (
        f"neither twice as many features nor a wider range lowered the residual of {best.columns} "
        "coefficients"
    )


def _patches_pay(local: Trial, results: Sequence[Result], linear: bool, seconds: float) -> bool:
    """Whether features of the whole domain miss what patches may see, in the seconds allowed."""
    if len(results) < 2 or best_of(results).residual <= UNSEEN[local.axes]:
        return False
    # Smooth solutions of many waves are seen at last, and then converge faster than by patches.
    slow = results[-1].residual > SLOW * results[-2].residual
    return (local.axes == 1 or slow) and _cost(local, results, linear)[1] <= seconds


def _candidates(best: Result, dimension: int) -> list[Trial]:
    """Steps from the best trial, the likeliest to pay first."""
    share = best.numerical_rank / best.columns
    # The span of waves grows like the volume of the box that their frequencies fill.
    factor = min(2.0, max(LEAST_STRETCH, (0.97 / max(share, 0.01)) ** (1 / dimension)))
    wider = round(best.trial.stretch * factor, 3)
    twice, trial = 2 * best.trial.width, replace(best.trial, edges=())
    if trial.axes > 1:  # where they are cut is seen when it comes to that
        columns, rows = (len(along) - 1 for along in best.trial.edges)
        width = trial.width // (columns * rows) * (columns + CUTS) * (rows + CUTS)
        return [replace(trial, width=width, patches=max(columns, rows) + CUTS)]
    if trial.patches > 1:
        return [replace(trial, width=twice, patches=2 * trial.patches), replace(trial, width=twice)]
    more, wide = replace(trial, width=twice), replace(trial, stretch=wider)
    first = [more, wide] if share >= SATURATED else [wide, more]
    return [*first, Trial(twice, wider)]


def _cost(trial: Trial, results: Sequence[Result], linear: bool) -> tuple[int, float]:
    """Coefficients of a trial, and the seconds of it and of all before, by counting operations."""
    last = results[-1]
    columns = last.columns * trial.width // last.trial.width
    rows = last.rows * trial.width // last.trial.width
    spent = sum(r.steps * _operations(r.rows, r.columns, r.trial) for r in results)
    steps = 1 if linear else NEWTON_STEPS[trial.axes]
    needed = spent + steps * _operations(rows, columns, trial)
    return columns, needed / OPERATIONS_A_SECOND


def _operations(rows: int, columns: int, trial: Trial) -> float:
    """Floating-point operations of one solve: QR of the rows, pivoted QR of the triangle."""
    patches = trial.patches
    if trial.axes > 1:  # a front holds a row of patches and one more
        made = POINT_OPERATIONS * trial.width / columns  # equations share their points
        return rows * (made + (columns * (patches + 1) / patches**2) ** 2)
    if patches > 1:  # rows touch the columns of two; making them costs as much as their factors
        return 30.0 * rows * (2 * columns / patches) ** 2
    return 2.0 * rows * columns**2 + 4.0 * columns**3
