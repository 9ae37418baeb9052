"""Samplers: where the conditions of a problem are asked for, step by step."""

from pdenet.sampling.adaptive import AdaptiveSampler, Turn
from pdenet.sampling.adversarial import AdversarialSampler
from pdenet.sampling.base import Sampler, Score, Share
from pdenet.sampling.das import DeepAdaptiveSampler
from pdenet.sampling.determinantal import DeterminantalSampler
from pdenet.sampling.even import (
    EvenSampler,
    LatinHypercubeSampler,
    SobolSampler,
    UniformSampler,
)
from pdenet.sampling.failure_informed import FailureInformedSampler
from pdenet.sampling.quadrature import QuadratureSampler
from pdenet.sampling.r3 import RetainResampleRelease
from pdenet.sampling.rad import ResidualAdaptiveSampler
from pdenet.sampling.rar import ResidualRefinement, ResidualRefinementDistribution
from pdenet.sampling.stratified import StratifiedSampler

SAMPLERS: dict[str, type[Sampler]] = {
    "uniform": UniformSampler,
    "sobol": SobolSampler,
    "latin-hypercube": LatinHypercubeSampler,
    "stratified": StratifiedSampler,
    "quadrature": QuadratureSampler,
    "rar": ResidualRefinement,
    "rar-d": ResidualRefinementDistribution,
    "rad": ResidualAdaptiveSampler,
    "determinantal": DeterminantalSampler,
    "r3": RetainResampleRelease,
    "das": DeepAdaptiveSampler,
    "failure-informed": FailureInformedSampler,
    "adversarial": AdversarialSampler,
}
"""Name on the command line -> class whose keywords are its options."""

__all__ = [
    "SAMPLERS",
    "AdaptiveSampler",
    "AdversarialSampler",
    "DeepAdaptiveSampler",
    "DeterminantalSampler",
    "EvenSampler",
    "FailureInformedSampler",
    "LatinHypercubeSampler",
    "QuadratureSampler",
    "ResidualAdaptiveSampler",
    "ResidualRefinement",
    "ResidualRefinementDistribution",
    "RetainResampleRelease",
    "Sampler",
    "Score",
    "Share",
    "SobolSampler",
    "StratifiedSampler",
    "Turn",
    "UniformSampler",
]
