"""Lightning callbacks: thin wiring of measuring, stopping and showing into training."""

from pdenet.callbacks.effective_rank import EffectiveRank
from pdenet.callbacks.interrupt import StopOnInterrupt
from pdenet.callbacks.measure import Measure
from pdenet.callbacks.progress import ProgressLine
from pdenet.callbacks.time_limit import TimeLimit

__all__ = ["EffectiveRank", "Measure", "ProgressLine", "StopOnInterrupt", "TimeLimit"]
