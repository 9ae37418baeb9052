"""Lightning callbacks: thin wiring of measuring, diagnosing, stopping and showing into training."""

from pdenet.callbacks.adversarial_sampling import AdversarialSampling
from pdenet.callbacks.diagnose import DIAGNOSES, check_diagnoses, diagnose, findings
from pdenet.callbacks.diagnosis import Diagnosis
from pdenet.callbacks.effective_rank import EffectiveRank
from pdenet.callbacks.initialize import Initialize
from pdenet.callbacks.interrupt import StopOnInterrupt
from pdenet.callbacks.kernel_spectrum import KernelSpectrum
from pdenet.callbacks.lazy_or_rich import LazyOrRich
from pdenet.callbacks.measure import Measure
from pdenet.callbacks.probe import Probe
from pdenet.callbacks.progress import ProgressLine
from pdenet.callbacks.time_limit import TimeLimit
from pdenet.callbacks.training_stages import TrainingStages
from pdenet.callbacks.weight_spectrum import WeightSpectrum

__all__ = [
    "DIAGNOSES",
    "AdversarialSampling",
    "Diagnosis",
    "EffectiveRank",
    "Initialize",
    "KernelSpectrum",
    "LazyOrRich",
    "Measure",
    "Probe",
    "ProgressLine",
    "StopOnInterrupt",
    "TimeLimit",
    "TrainingStages",
    "WeightSpectrum",
    "check_diagnoses",
    "diagnose",
    "findings",
]
