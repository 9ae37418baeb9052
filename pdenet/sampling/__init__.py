"""Samplers: where the conditions of a problem are asked for, step by step."""

from pdenet.sampling.base import Sampler, Score, Share
from pdenet.sampling.even import (
    EvenSampler,
    LatinHypercubeSampler,
    SobolSampler,
    UniformSampler,
)
from pdenet.sampling.quadrature import QuadratureSampler
from pdenet.sampling.rad import ResidualAdaptiveSampler

SAMPLERS: dict[str, type[Sampler]] = {
    "uniform": UniformSampler,
    "sobol": SobolSampler,
    "latin-hypercube": LatinHypercubeSampler,
    "quadrature": QuadratureSampler,
    "rad": ResidualAdaptiveSampler,
}
"""Name on the command line -> class whose keywords are its options."""

__all__ = [
    "SAMPLERS",
    "EvenSampler",
    "LatinHypercubeSampler",
    "QuadratureSampler",
    "ResidualAdaptiveSampler",
    "Sampler",
    "Score",
    "Share",
    "SobolSampler",
    "UniformSampler",
]
