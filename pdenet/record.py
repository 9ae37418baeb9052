"""What a run leaves behind, as plain data: every table and figure is made from Records."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

SCHEMA = 1

StoppedBy = Literal[
    "target",
    "converged",
    "no-progress",
    "max-seconds",
    "max-steps",
    "nan",
    "unbounded",
    "out-of-memory",
    "interrupted",
]
Verdict = Literal["solved", "doubtful", "failed"]

_PACKAGES = ("pdenet", "torch", "numpy", "scipy", "pytorch-lightning", "scikit-fem", "meshio")


@dataclass(frozen=True)
class Curve:
    """What was measured while training, one entry a measurement.

    Args:
        step: Optimizer steps taken.
        seconds: Training seconds so far.
        loss: Training loss, dimensionless.
        error: Worst relative L2 error over the fields, or None where there is no reference.
        terms: Mean squared residual of each condition, by name.
        phase: Name of the optimizer at work.
    """

    step: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    error: list[float | None] = field(default_factory=list)
    terms: list[dict[str, float]] = field(default_factory=list)
    phase: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Record:
    """Configuration, measurements and verdict of one run; ``record.json`` in a run folder.

    Args:
        problem: ``{name, parameters}``.
        solver: ``{name, ...arguments}``; so are network, initializer, sampler, optimizer, balance.
        parameters: Number of trained parameters.
        seed: Seed of every random draw.
        precision: Bits of the floating point numbers, 32 or 64.
        chosen: What was chosen automatically and why, one sentence each.
        steps: Optimizer steps taken.
        seconds: ``{setup, training, evaluation, total}``.
        stopped_by: Why training ended.
        stop_reason: The same in words.
        reference: Kind of the reference, or None.
        errors: ``{field: {relative_l2, relative_max}}``, or None without a reference.
        unknowns: Found values of unknown constants, by name.
        indicators: Residuals on training and on fresh points, boundary misfit, estimated error.
        effective_rank: ``{initial, final, convention}``, or None where it was not computed.
        verdict: solved, doubtful or failed.
        reasons: Why, one sentence each.
        curve: What was measured while training.
        sampling: What an adaptive sampler did: ``{history, frames, warnings}``; else None.
        diagnostics: What callbacks saw of training, by topic, or None.
        fits: What each network of a run reached that trained several, windows of time and
            corrections, in turn: ``{window, correction, steps, seconds, loss, error, stopped_by}``,
            and of corrections ``{residual, frequency, scale}``; else empty.
    """

    problem: dict[str, Any]
    solver: dict[str, Any]
    network: dict[str, Any]
    initializer: dict[str, Any]
    sampler: dict[str, Any]
    optimizer: dict[str, Any]
    balance: dict[str, Any]
    parameters: int
    seed: int
    precision: int
    chosen: list[str]
    steps: int
    seconds: dict[str, float]
    stopped_by: StoppedBy
    stop_reason: str
    reference: str | None
    errors: dict[str, dict[str, float]] | None
    unknowns: dict[str, float]
    indicators: dict[str, Any]
    effective_rank: dict[str, Any] | None
    verdict: Verdict
    reasons: list[str]
    curve: Curve
    sampling: dict[str, Any] | None = None
    diagnostics: dict[str, Any] | None = None
    fits: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=lambda: versions())
    machine: dict[str, Any] = field(default_factory=lambda: machine())
    schema: int = SCHEMA

    @property
    def worst_error(self) -> float | None:
        """Largest relative L2 error over the fields, or None without a reference."""
        if self.errors is None:
            return None
        # A number that was not finite is null in a record that was read back.
        found = [e["relative_l2"] for e in self.errors.values()]
        return None if None in found else max(found)

    def save(self, path: Path) -> None:
        """Writes the record as strict JSON; numbers that are not finite become null."""
        path.write_text(self.to_json() + "\n", encoding="utf-8")

    def to_json(self) -> str:
        """The record as strict JSON text."""
        return json.dumps(_finite(asdict(self)), indent=1, allow_nan=False)

    @classmethod
    def load(cls, path: Path) -> Record:
        """Reads ``record.json``.

        Args:
            path: The file.

        Returns:
            The record.

        Raises:
            ValueError: The file is not a record of this schema.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["schema"] != SCHEMA:
                raise ValueError(f"schema {data['schema']}, expected {SCHEMA}")
            return cls(**{**data, "curve": Curve(**data["curve"])})
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} is not a record of a run ({error}); give a run folder that "
                "solve-problem wrote."
            ) from error


def versions(more: tuple[str, ...] = ()) -> dict[str, str]:
    """Versions of the packages that decide a run's numbers.

    Args:
        more: Further packages, such as those compared with.

    Returns:
        Version by package; those that are not installed are left out.
    """
    found = {"python": platform.python_version()}
    for name in (*_PACKAGES, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Processor, cores and system: what seconds depend on."""
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
    }


def _finite(value: Any) -> Any:
    """JSON has no NaN or infinity: null says that there is no number."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def plain(value: Any, what: str = "A setting") -> Any:
    """What JSON, YAML and checkpoints can hold: numbers, text, lists, mappings, nothing else.

    Args:
        value: Numbers of numpy and torch count as numbers, tuples as lists.
        what: What it is, for the message.

    Returns:
        The same in Python's own types.

    Raises:
        ValueError: It is something else.

    Example:
        >>> plain({"points": (1, 2.5)})
        {'points': [1, 2.5]}
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v, what) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, what) for v in value]
    if not isinstance(value, str) and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, Path):
        return str(value)
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if value is None:
        return None
    raise ValueError(
        f"{what} is {value!r}, which a run folder cannot hold; give numbers, text, or lists of "
        "them."
    )
