"""All options of a run as frozen data, and as the YAML file that reproduces it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
import yaml

from pdenet.callbacks import DIAGNOSES, check_diagnoses
from pdenet.record import plain
from pdenet.selection import DEFAULT_NAMES

PARTS = ("solver", "network", "initializer", "sampler", "optimizer", "balance")

_NUMBER, _WHOLE, _WORD = ((int, float), "a number"), ((int,), "a whole number"), ((str,), "a word")
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("max_seconds", "target_error"), _NUMBER),
    **dict.fromkeys(("max_steps", "seed", "precision", "corrections"), _WHOLE),
    **dict.fromkeys(("device", "compile", "diagnose"), _WORD),
}


@dataclass(frozen=True)
class Settings:
    """What reproduces a run.

    Args:
        problem: ``{name, ...parameters}``; the name is one of the catalogue's or ``FILE.py:name``.
        solver: ``{name, ...arguments}``, `auto` chooses; so do the next five.
        network: The network.
        initializer: Where it starts from; `auto` tries some, glorot is what networks draw.
        sampler: Where the training points come from.
        optimizer: How it is trained.
        balance: Weights of the conditions.
        max_seconds: Training seconds, or None without a limit.
        max_steps: Optimizer steps, or None without a limit.
        target_error: Relative L2 error at which training ends; None takes the problem's.
        seed: Seed of every random draw.
        precision: Bits of the floating point numbers, 32 or 64.
        device: auto, cpu, cuda, cuda:1, ...
        compile: Whether to compile residuals: yes, no, or auto where the run is long enough.
        windows: Time windows that are solved one after the other; `auto` cuts time where patches
            of random features follow what moves on an interval.
        corrections: Networks that are trained after the first, one after the other, each on the
            error that is left.
        diagnose: What to find out about training: no, yes for all there is, or some of rank,
            spectrum, stages, regime, weights, with commas between them.

    Raises:
        ValueError: A number is out of range or a device is not there.
    """

    problem: dict[str, Any]
    solver: dict[str, Any] = field(default_factory=lambda: {"name": "auto"})
    network: dict[str, Any] = field(default_factory=lambda: {"name": "auto"})
    initializer: dict[str, Any] = field(default_factory=lambda: {"name": "glorot"})
    sampler: dict[str, Any] = field(default_factory=lambda: {"name": "auto"})
    optimizer: dict[str, Any] = field(default_factory=lambda: {"name": "auto"})
    balance: dict[str, Any] = field(default_factory=lambda: {"name": "auto"})
    max_seconds: float | None = 120.0
    max_steps: int | None = None
    target_error: float | None = None
    seed: int = 0
    precision: int = 64
    device: str = "auto"
    compile: str = "auto"
    windows: int | str = "auto"
    corrections: int = 0
    diagnose: str = "no"

    def __post_init__(self) -> None:
        self._check_types()
        limits = {"max_seconds": self.max_seconds, "target_error": self.target_error}
        for name, value in limits.items():
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{_option(name)} {value} must be positive and finite.")
        if self.max_steps is not None and self.max_steps < 1:
            raise ValueError(f"--max-steps {self.max_steps} must be at least 1.")
        whole = isinstance(self.windows, int) and not isinstance(self.windows, bool)
        if self.windows != "auto" and not (whole and int(self.windows) >= 1):
            raise ValueError(f"--windows {self.windows} must be auto, or a whole number from 1 on.")
        if self.corrections < 0:
            raise ValueError(f"--corrections {self.corrections} must be 0 or more.")
        if self.corrections and self.precision != 64:
            raise ValueError(
                "--corrections need --precision 64: what is left over is below the round-off of "
                "single precision."
            )
        if self.max_seconds is None and self.max_steps is None:
            raise ValueError("Without --max-seconds and --max-steps a run has no end; give one.")
        if self.precision not in (32, 64):
            raise ValueError(f"--precision {self.precision} must be 32 or 64.")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed} must be 0 or more.")
        if self.compile not in ("auto", "yes", "no"):
            raise ValueError(f"--compile {self.compile} must be auto, yes or no.")
        self.diagnoses()
        self.torch_device()

    def _check_types(self) -> None:
        for name, (kinds, what) in _TYPES.items():
            value = getattr(self, name)
            fits = isinstance(value, kinds) and not isinstance(value, bool)
            optional = value is None and name in ("max_seconds", "max_steps", "target_error")
            if not (fits or optional):
                raise ValueError(f"{_option(name)} {value!r} must be {what}.")

    def diagnoses(self) -> tuple[str, ...]:
        """Names of what to diagnose.

        Returns:
            Some of ``pdenet.callbacks.DIAGNOSES``.

        Raises:
            ValueError: A name is unknown or comes twice.
        """
        if self.diagnose in ("no", "yes"):
            return tuple(DIAGNOSES) if self.diagnose == "yes" else ()
        try:
            return check_diagnoses(name.strip() for name in self.diagnose.split(","))
        except ValueError as error:
            raise ValueError(f"--diagnose {self.diagnose}: yes, no, or a list. {error}") from error

    @property
    def dtype(self) -> torch.dtype:
        """The precision as torch's type."""
        return torch.float64 if self.precision == 64 else torch.float32

    def torch_device(self) -> torch.device:
        """The device, after a look whether it is there.

        Returns:
            The device; `auto` is a GPU where CUDA has one.

        Raises:
            ValueError: The device is unknown, not there, or has no float64.
        """
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
        except RuntimeError as error:
            raise ValueError(f"--device {self.device} is unknown; use cpu or cuda:0.") from error
        count = {"cpu": 1, "cuda": torch.cuda.device_count()}.get(device.type, 0)
        if device.type == "mps" and torch.backends.mps.is_available():
            if self.precision == 64:
                raise ValueError("--device mps has no float64; add --precision 32.")
            return device
        if (device.index or 0) >= count:
            raise ValueError(
                f"--device {self.device} is not there: torch sees {torch.cuda.device_count()} CUDA "
                "device(s). Use --device cpu."
            )
        return device

    def to_yaml(self) -> str:
        """The settings as YAML text; the options of the command line under their names."""
        return yaml.safe_dump(plain(vars(self)), sort_keys=False)

    @classmethod
    def from_yaml(cls, path: Path) -> Settings:
        """Reads what :meth:`to_yaml` wrote.

        Args:
            path: The file.

        Returns:
            The settings.

        Raises:
            ValueError: The file cannot be read or holds other keys.
        """
        return cls.from_mapping(read_yaml(path), str(path))

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], where: str) -> Settings:
        """Settings from plain data; ``where`` says in errors where they came from."""
        known = [f.name for f in fields(cls)]
        if unknown := [key for key in data if key not in known]:
            raise ValueError(f"{where} has unknown keys {unknown}; known are {known}.")
        if "problem" not in data:
            raise ValueError(f"{where} names no problem; add 'problem: {{name: burgers}}'.")
        named: dict[str, Any] = {
            k: _named(k, v, where) for k, v in data.items() if k in ("problem", *PARTS)
        }
        for name in ("compile", "diagnose"):
            if isinstance(data.get(name), bool):  # YAML reads a bare yes as true
                named[name] = "yes" if data[name] else "no"
        return cls(**{**data, **named})


def _named(key: str, value: Any, where: str) -> dict[str, Any]:
    """A problem or a part as a mapping with a name."""
    if isinstance(value, str):
        return {"name": value}
    default = DEFAULT_NAMES.get(key)
    if isinstance(value, Mapping) and isinstance(value.get("name", default), str):
        return dict(value)
    raise ValueError(
        f"{where} has {key}: {value!r}; write a name, or {{name: ...}} with its arguments."
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """A mapping from a YAML file.

    Args:
        path: The file.

    Returns:
        What it holds.

    Raises:
        ValueError: It cannot be read, or holds no mapping.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path} holds no options; --print-config writes an example.")
    return data


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
