"""Phases that need a gradient only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from pdenet.optim.checks import positive, require
from pdenet.optim.phases import Phase
from pdenet.optim.schedules import Decay, learning_rate_factor


@dataclass(frozen=True, kw_only=True)
class Adam(Phase):
    """Adam (Kingma and Ba, arXiv 1412.6980), with a decaying learning rate.

    Args:
        steps: Optimizer steps, or None: until the run ends.
        resample_every: Points change every so many steps at most; None leaves it to the sampler.
        lr: Learning rate at the start, dimensionless.
        betas: Decay of the averages of the gradient and of its square.
        eps: Added to the root of the second average. Small, because gradients near a solution are.
        decay: Form of the learning rate's decay: constant, exponential, cosine.
        decay_rate: Factor by which the rate falls every ``decay_every`` steps (exponential).
        decay_every: Steps of one such fall.
        warmup: Steps over which the rate first grows linearly.

    Raises:
        ValueError: A number is out of range, or a cosine decay has no ``steps``.
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-12
    decay: Decay = "exponential"
    decay_rate: float = 0.9
    decay_every: int = 2000
    warmup: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "lr", "eps", "decay_rate", "decay_every")
        require(self, "decay_rate", self.decay_rate <= 1, "at most 1")
        require(self, "betas", all(0 <= b < 1 for b in self.betas), "two numbers in [0, 1)")
        require(self, "warmup", self.warmup >= 0, "at least 0")
        choices = ("constant", "exponential", "cosine")
        require(self, "decay", self.decay in choices, f"one of {', '.join(choices)}")
        self._factor()

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "adam"

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """Adam over these parameters."""
        parameters = list(parameters)
        return torch.optim.Adam(
            parameters, lr=self.lr, betas=self.betas, eps=self.eps, fused=can_fuse(parameters)
        )

    def scheduler(self, optimizer: Optimizer) -> LRScheduler | None:
        """The decay of the learning rate; None where it is constant."""
        if self.decay == "constant" and not self.warmup:
            return None
        return LambdaLR(optimizer, self._factor())

    def _factor(self) -> Callable[[int], float]:
        return learning_rate_factor(
            self.decay,
            rate=self.decay_rate,
            every=self.decay_every,
            warmup=self.warmup,
            steps=self.steps,
        )


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101).

    Args:
        steps: Optimizer steps, or None: until the run ends.
        resample_every: Points change every so many steps at most; None leaves it to the sampler.
        lr: Learning rate at the start, dimensionless.
        betas: Decay of the averages of the gradient and of its square.
        eps: Added to the root of the second average.
        decay: Form of the learning rate's decay: constant, exponential, cosine.
        decay_rate: Factor by which the rate falls every ``decay_every`` steps (exponential).
        decay_every: Steps of one such fall.
        warmup: Steps over which the rate first grows linearly.
        weight_decay: Each step shrinks the parameters by ``lr * weight_decay``.

    Raises:
        ValueError: A number is out of range, or a cosine decay has no ``steps``.
    """

    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "weight_decay", 0 <= self.weight_decay < float("inf"), "at least 0")

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "adamw"

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """AdamW over these parameters."""
        parameters = list(parameters)
        return torch.optim.AdamW(
            parameters,
            lr=self.lr,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=can_fuse(parameters),
        )


def can_fuse(parameters: list[nn.Parameter]) -> bool:
    """Whether one kernel can update all parameters: many small tensors cost less that way."""
    return all(p.device.type in {"cpu", "cuda"} and p.is_floating_point() for p in parameters)
