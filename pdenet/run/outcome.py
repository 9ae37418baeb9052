"""From fits to a Record: errors, indicators, verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pdenet.accuracy import Comparison, indicators, judge, unknown_errors
from pdenet.callbacks import findings
from pdenet.metrics import FieldError
from pdenet.record import Curve, Record
from pdenet.residuals import Residuals
from pdenet.run.chain import joined_points
from pdenet.run.fit import Fit
from pdenet.run.setup import Run
from pdenet.solvers import Correction, LeastSquares


def outcome(run: Run, fits: Sequence[Fit], residuals: Residuals, earlier: Record | None) -> Record:
    """Measures what the fits reached.

    Args:
        run: The run.
        fits: Its windows' fits, one where time is not cut.
        residuals: The network of all windows.
        earlier: Record of the run before it was resumed, or None.

    Returns:
        The record, with curve and seconds of all fits.
    """
    start, last = time.monotonic(), fits[-1]
    errors, found = None, {}
    if not last.broken:
        comparison = Comparison.of(run.problem)
        if comparison is not None:
            errors = {**comparison.errors(residuals), **unknown_errors(residuals)}
        found = {**indicators(residuals, joined_points(fits)), **last.solver.indicators()}
    constants = {} if last.broken else last.solver.constants()
    errors = _with_constants(errors, constants)
    verdict, reasons = judge(run.problem, errors, found, last.stopped_by, run.target)
    reasons += [] if last.broken else last.solver.remarks(found)
    reasons += _cut_short(fits)
    sampling = last.solver.sampler.report()
    reasons += [] if sampling is None else sampling["warnings"]
    seconds = _seconds(fits, earlier)
    seconds["evaluation"] += time.monotonic() - start
    seconds["setup"] += 0.0 if run.starts is None else run.starts.seconds
    seconds["total"] = sum(seconds.values())
    described: dict[str, Any] = {k: part.describe() for k, part in run.chosen.items()}
    reference = run.problem.reference
    return Record(
        problem={"name": run.problem.name, "parameters": dict(run.problem.parameters)},
        solver=described["solver"],
        network=described["network"],
        sampler=described["sampler"],
        optimizer=described["optimizer"],
        balance=described["balance"],
        initializer=described["initializer"],
        parameters=sum(p.numel() for p in residuals.parameters()),
        seed=run.settings.seed,
        precision=run.settings.precision,
        chosen=[*run.reasons, *_notes(fits)],
        steps=sum(fit.solver.progress.step for fit in fits),
        seconds=seconds,
        stopped_by=last.stopped_by,
        stop_reason=last.stop_reason,
        reference=None if reference is None else reference.kind,
        errors=None if errors is None else {n: e.plain() for n, e in errors.items()},
        unknowns={
            **{n: float(p.detach()) for n, p in residuals.unknowns.items()},
            **{n: value for n, (value, _) in constants.items()},
        },
        indicators=found,
        effective_rank=_effective_rank(fits, earlier),
        verdict=verdict,
        reasons=[last.stop_reason, *reasons] if last.broken else reasons,
        curve=_curve(fits),
        sampling=sampling,
        diagnostics=findings(last.diagnoses, reached=last.stopped_by in ("target", "converged")),
        fits=[_summary(one) for one in fits] if len(fits) > 1 else [],
    )


def _cut_short(fits: Sequence[Fit]) -> list[str]:
    """Windows whose end tells nothing, as all later ones start from it."""
    count = sum(
        isinstance(one.solver, LeastSquares) and not one.solver.search.results for one in fits
    )
    if not count or len(fits) == 1:
        return []
    return [
        f"{count} of {len(fits)} windows ended before their first least-squares problem was "
        "solved; allow more --max-seconds, or fewer patches."
    ]


def _summary(one: Fit) -> dict[str, Any]:
    """What one fit of several was for, and what it reached."""
    window, correction = one.place
    corrected = one.solver.describe() if isinstance(one.solver, Correction) else {}
    curve = one.curve
    reached = {
        name: values[-1] if values else None
        for name, values in (
            ("seconds", curve.seconds),
            ("loss", curve.loss),
            ("error", curve.error),
        )
    }
    steps, ended = one.solver.progress.step, one.stopped_by
    return {
        **{"window": window, "correction": correction, **corrected, "steps": steps},
        **{**reached, "stopped_by": ended},
    }


def _with_constants(
    errors: Mapping[str, FieldError] | None, constants: Mapping[str, tuple[float, float | None]]
) -> dict[str, FieldError] | None:
    """Relative errors of the numbers that a method finds, beside those of the fields."""
    known = {n: (v, e) for n, (v, e) in constants.items() if e is not None}
    if errors is None and not known:
        return None
    found = {n: abs(v - e) / (abs(e) or 1.0) for n, (v, e) in known.items()}
    return {**(errors or {}), **{n: FieldError(e, e) for n, e in found.items()}}


def _notes(fits: Sequence[Fit]) -> list[str]:
    """What the optimizers decided on the way, each once."""
    return list(dict.fromkeys(note for fit in fits for note in fit.solver.notes))


def _seconds(fits: Sequence[Fit], earlier: Record | None) -> dict[str, float]:
    kinds = ("setup", "training", "evaluation")
    before = {} if earlier is None else earlier.seconds
    return {k: before.get(k, 0.0) + sum(f.seconds.get(k, 0.0) for f in fits) for k in kinds}


def _effective_rank(fits: Sequence[Fit], earlier: Record | None) -> dict[str, Any] | None:
    """From where training first started to where it ended last."""
    found = [fit.effective_rank for fit in fits if fit.effective_rank is not None]
    if earlier is not None and earlier.effective_rank is not None:
        found.insert(0, earlier.effective_rank)
    return {**found[-1], "initial": found[0]["initial"]} if found else None


def _curve(fits: Sequence[Fit]) -> Curve:
    """All windows' curves in a row."""
    curve = Curve()
    for fit in fits:
        steps = curve.step[-1] if curve.step else 0
        seconds = curve.seconds[-1] if curve.seconds else 0.0
        curve.step.extend(steps + k for k in fit.curve.step)
        curve.seconds.extend(seconds + s for s in fit.curve.seconds)
        for name in ("loss", "error", "terms", "phase"):
            getattr(curve, name).extend(getattr(fit.curve, name))
    return curve
