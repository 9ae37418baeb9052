"""Where training stands, and the loader that counts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pdenet.record import StoppedBy


@dataclass
class Progress:
    """Where training stands: plain numbers, saved in the checkpoint.

    Args:
        step: Optimizer steps taken.
        phase: Index of the phase at work.
        phase_start: Step at which it began.
        stopped_by: Why training ended, or None.
        stop_reason: The same in words.
    """

    step: int = 0
    phase: int = 0
    phase_start: int = 0
    stopped_by: StoppedBy | None = None
    stop_reason: str = ""

    @property
    def done(self) -> int:
        """Steps taken in the phase at work."""
        return self.step - self.phase_start

    def turn(self) -> None:
        """Goes on to the next phase."""
        self.phase += 1
        self.phase_start = self.step

    def end(self, stopped_by: StoppedBy, reason: str, *, overrule: bool = False) -> None:
        """Keeps the first reason why training ended.

        Args:
            stopped_by: Why.
            reason: The same in words.
            overrule: Whether reasons that came before count less than this one.
        """
        if overrule or self.stopped_by is None:
            self.stopped_by, self.stop_reason = stopped_by, reason


class StepCounter:
    """A sized loader of nothing: points are drawn inside the training step.

    An unsized loader would be prefetched one batch ahead, and adaptive samplers would lag.
    Its position is the trainer's to keep, so it has no state of its own.

    Args:
        steps: Its length.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.steps))

    def state_dict(self) -> dict[str, Any]:
        """Nothing: a counter resumes wherever the trainer says."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""
