"""Muon for the matrices of hidden layers, Adam for everything else, as one optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pdenet.optim.checks import require
from pdenet.optim.first_order import Adam, can_fuse


@dataclass(frozen=True, kw_only=True)
class Muon(Adam):
    """Muon: momentum whose matrices are made orthogonal, so that all directions move alike.

    Steps of matrices have the size of Adam's, so that one learning rate serves both. Parameters
    that are no matrices, or thin ones (inputs, outputs), are trained by Adam.

    Args:
        steps: Optimizer steps, or None: until the run ends.
        resample_every: Points change every so many steps at most; None leaves it to the sampler.
        lr: Learning rate at the start, dimensionless.
        betas: Decay of Adam's averages of the gradient and of its square.
        eps: Added to the root of Adam's second average.
        decay: Form of the learning rate's decay: constant, exponential, cosine.
        decay_rate: Factor by which the rate falls every ``decay_every`` steps (exponential).
        decay_every: Steps of one such fall.
        warmup: Steps over which the rate first grows linearly.
        momentum: Decay of the sum of gradients of matrices.
        thin: Matrices with a side shorter than this are left to Adam.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Jordan et al., Muon, 2024; step sizes of Liu et al., arXiv 2502.16982.
    """

    momentum: float = 0.95
    thin: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "momentum", 0 <= self.momentum < 1, "in [0, 1)")
        require(self, "thin", self.thin >= 1, "at least 1")

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "muon"

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """Muon and Adam over these parameters.

        Args:
            parameters: What is trained.

        Returns:
            One optimizer, or Adam alone where there is no matrix.

        Raises:
            ValueError: This torch has no Muon.
        """
        parameters = list(parameters)
        matrices = [p for p in parameters if p.ndim == 2 and min(p.shape) >= self.thin]
        if not matrices:
            return super().build(parameters)
        if not hasattr(torch.optim, "Muon"):
            raise ValueError(
                f"Muon came with torch 2.9, this is {torch.__version__}; upgrade it or take adam."
            )
        chosen = {id(p) for p in matrices}
        rest = [p for p in parameters if id(p) not in chosen]
        parts = [
            torch.optim.Muon(
                matrices,
                lr=self.lr,
                momentum=self.momentum,
                weight_decay=0.0,
                # Gradients near a solution are small; the default would leave them as they are.
                eps=1e-20,
                adjust_lr_fn="match_rms_adamw",
            )
        ]
        if rest:
            adam = torch.optim.Adam(
                rest, lr=self.lr, betas=self.betas, eps=self.eps, fused=can_fuse(rest)
            )
            return Together([*parts, adam])
        return parts[0]


class Together(Optimizer):
    """Several optimizers over different parameters, stepped, scheduled and saved as one.

    Args:
        parts: The optimizers; each keeps its own groups.
    """

    def __init__(self, parts: Iterable[Optimizer]) -> None:
        self.parts = list(parts)
        groups = [{**group} for part in self.parts for group in part.param_groups]
        super().__init__(groups, {})
        self._join()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Steps every part.

        Args:
            closure: Evaluates the loss and sends gradients back; called once.

        Returns:
            What the closure returns.
        """
        loss: Tensor | float | None = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The states of the parts."""
        states = [part.state_dict() for part in self.parts]
        groups = [group for state in states for group in state["param_groups"]]
        return {"state": dict(enumerate(s["state"] for s in states)), "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes back what :meth:`state_dict` gave."""
        groups = iter(state_dict["param_groups"])
        for k, part in enumerate(self.parts):
            mine = [next(groups) for _ in part.param_groups]
            part.load_state_dict({"state": state_dict["state"][k], "param_groups": mine})
        self._join()

    def _join(self) -> None:
        """Shares the parts' groups, so that a scheduler of the whole reaches the parts."""
        self.param_groups = [group for part in self.parts for group in part.param_groups]
