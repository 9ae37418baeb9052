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

Constants = Mapping[str, tuple[float, float | None]]
"""Numbers that a method finds beside the fields, with exact ones where known."""


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
    errors, found, constants = (None, {}, {}) if last.broken else _measured(run, fits, residuals)
    sampling = last.solver.sampler.report()
    verdict, reasons = judge(run.problem, errors, found, last.stopped_by, run.target)
    reasons += [] if last.broken else last.solver.remarks(found)
    reasons += [*_cut_short(fits), *([] if sampling is None else sampling["warnings"])]
    unknowns = {n: float(p.detach()) for n, p in residuals.unknowns.items()}
    return Record(
        **_configuration(run, fits),
        parameters=sum(p.numel() for p in residuals.parameters()),
        steps=sum(fit.solver.progress.step for fit in fits),
        seconds=_seconds(run, fits, earlier, start),
        stopped_by=last.stopped_by,
        stop_reason=last.stop_reason,
        errors=None if errors is None else {n: e.plain() for n, e in errors.items()},
        unknowns=unknowns | {n: value for n, (value, _) in constants.items()},
        indicators=found,
        effective_rank=_effective_rank(fits, earlier),
        verdict=verdict,
        reasons=[last.stop_reason, *reasons] if last.broken else reasons,
        curve=_curve(fits),
        sampling=sampling,
        diagnostics=findings(last.diagnoses, reached=last.stopped_by in ("target", "converged")),
        fits=[_summary(one) for one in fits] if len(fits) > 1 else [],
    )


def _measured(
    run: Run, fits: Sequence[Fit], residuals: Residuals
) -> tuple[dict[str, FieldError] | None, dict[str, Any], Constants]:
    """Errors where a reference is, indicators, and numbers that the method found."""
    solver, errors = fits[-1].solver, None
    comparison = Comparison.of(run.problem)
    if comparison is not None:
        errors = {**comparison.errors(residuals), **unknown_errors(residuals)}
    found = {**indicators(residuals, joined_points(fits)), **solver.indicators()}
    constants = solver.constants()
    return _with_constants(errors, constants), found, constants


def _configuration(run: Run, fits: Sequence[Fit]) -> dict[str, Any]:
    """What was solved, with which parts; plain data."""
    problem, reference = run.problem, run.problem.reference
    return {
        "problem": {"name": problem.name, "parameters": dict(problem.parameters)},
        **{kind: part.describe() for kind, part in run.chosen.items()},
        "seed": run.settings.seed,
        "precision": run.settings.precision,
        "chosen": [*run.reasons, *_notes(fits)],
        "reference": None if reference is None else reference.kind,
    }


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
    errors: Mapping[str, FieldError] | None, constants: Constants
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


def _seconds(
    run: Run, fits: Sequence[Fit], earlier: Record | None, since: float
) -> dict[str, float]:
    """Of all fits, of the choice of a start, and of what was measured since; and their sum."""
    kinds = ("setup", "training", "evaluation")
    before = {} if earlier is None else earlier.seconds
    seconds = {k: before.get(k, 0.0) + sum(f.seconds.get(k, 0.0) for f in fits) for k in kinds}
    seconds["setup"] += 0.0 if run.starts is None else run.starts.seconds
    seconds["evaluation"] += time.monotonic() - since
    return {**seconds, "total": sum(seconds.values())}


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
