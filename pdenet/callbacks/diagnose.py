"""All callbacks that say why training is slow, with one probe between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pdenet.callbacks.diagnosis import Diagnosis
from pdenet.callbacks.effective_rank import EffectiveRank
from pdenet.callbacks.kernel_spectrum import KernelSpectrum
from pdenet.callbacks.lazy_or_rich import LazyOrRich
from pdenet.callbacks.probe import Probe
from pdenet.callbacks.training_stages import TrainingStages
from pdenet.callbacks.weight_spectrum import WeightSpectrum
from pdenet.diagnostics import plateau_cause

DIAGNOSES: Mapping[str, type[Diagnosis]] = {
    "rank": EffectiveRank,
    "spectrum": KernelSpectrum,
    "stages": TrainingStages,
    "regime": LazyOrRich,
    "weights": WeightSpectrum,
}


def diagnose(*names: str, every: int = 100, points: int | None = None) -> list[Diagnosis]:
    """Callbacks for a Trainer that say why training is slow; J is computed once for all of them.

    Args:
        names: Some of rank, spectrum, stages, regime, weights; all of them by default.
        every: Optimizer steps between two looks.
        points: Probe points in the interior; see :class:`~pdenet.callbacks.Probe`.

    Returns:
        The callbacks, in the order of the names.

    Raises:
        ValueError: A name is unknown or comes twice, or a number is below 1.

    Example:
        >>> [type(callback).__name__ for callback in diagnose("rank", "stages")]
        ['EffectiveRank', 'TrainingStages']
    """
    wanted = check_diagnoses(names) or tuple(DIAGNOSES)
    probe = Probe(points)
    return [DIAGNOSES[name](every=every, probe=probe) for name in wanted]


def check_diagnoses(names: Iterable[str]) -> tuple[str, ...]:
    """Refuses names that are unknown or come twice.

    Args:
        names: The names.

    Returns:
        The names.

    Raises:
        ValueError: One is unknown, or comes twice.
    """
    found = tuple(names)
    wrong = [name for name in found if name not in DIAGNOSES or found.count(name) > 1]
    if wrong:
        raise ValueError(
            f"Diagnoses {wrong} are unknown or come twice; there are {', '.join(DIAGNOSES)}."
        )
    return found


def findings(diagnoses: Iterable[Diagnosis], *, reached: bool) -> dict[str, Any]:
    """What callbacks saw, as a record holds it.

    Args:
        diagnoses: The callbacks.
        reached: Whether training met its target, or converged.

    Returns:
        Plain data by topic; where training ended on a plateau, the cause under ``plateau``.
        Under ``skipped`` stands why something was not looked at.
    """
    out: dict[str, Any] = {}
    for diagnosis in diagnoses:
        if (summary := diagnosis.summary()) is not None:
            out[diagnosis.topic] = summary
        if reason := diagnosis.skipped or (not diagnosis.history and diagnosis.trouble):
            out.setdefault("skipped", {})[diagnosis.topic] = reason
    stages = out.get("stages", {}).get("stages", [])
    if stages and stages[-1]["name"] != "descent":
        out["plateau"] = _cause(out.get("effective_rank"), reached)
    return out


def _cause(measured: dict[str, Any] | None, reached: bool) -> str | None:
    if measured is None:
        return plateau_cause(reached=reached, rank=None, modes=None, floor=None)
    last, probe = measured["history"][-1], measured["probe"]
    return plateau_cause(
        reached=reached,
        rank=last["effective_rank"],
        modes=min(probe["rows"], probe["parameters"]),
        floor=last.get("least_squares_floor"),
    )
