"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner, from the package pytorch-optimizer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from torch import nn
from torch.optim import Optimizer

from pdenet.optim.checks import require
from pdenet.optim.first_order import Adam


@dataclass(frozen=True, kw_only=True)
class SOAP(Adam):
    r"""SOAP: Adam of gradients that are rotated to where they are least correlated.

    With gradients G of a matrix of weights, averages of :math:`G G^T` and :math:`G^T G` have
    eigenvectors :math:`Q_L, Q_R`; Adam's second average is that of :math:`Q_L^T G Q_R`, and its
    step is rotated back. Vectors are trained by Adam. The first step learns the bases alone and
    leaves the parameters as they are; orthogonal factors are of single precision.

    Args:
        steps: Optimizer steps, or None: until the run ends.
        resample_every: Points change every so many steps at most; None leaves it to the sampler.
        lr: Learning rate at the start, dimensionless.
        betas: Decay of the averages of the gradient and of its square; the second one also that of
            the preconditioner.
        eps: Added to the root of the second average. Small, because gradients near a solution are.
        decay: Form of the learning rate's decay: constant, exponential, cosine.
        decay_rate: Factor by which the rate falls every ``decay_every`` steps (exponential).
        decay_every: Steps of one such fall.
        warmup: Steps over which the rate first grows linearly.
        frequency: The bases are refreshed every so many steps.

    Raises:
        ValueError: A number is out of range, or the package is not installed.

    Reference:
        Vyas et al., SOAP: Improving and stabilizing Shampoo using Adam, arXiv 2409.11321; with
        these settings for residuals of PDEs Wang et al., arXiv 2502.00604.
    """

    betas: tuple[float, float] = (0.99, 0.999)
    frequency: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "frequency", self.frequency >= 1, "at least 1")
        if find_spec("pytorch_optimizer") is None:
            raise ValueError(
                "soap comes from the package pytorch-optimizer, which is not installed; install "
                "it by pip install 'pdenet[soap]', or take adam or muon."
            )

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "soap"

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """SOAP over these parameters."""
        import pytorch_optimizer

        return pytorch_optimizer.SOAP(
            list(parameters),
            lr=self.lr,
            betas=self.betas,
            eps=self.eps,
            weight_decay=0.0,
            precondition_frequency=self.frequency,
        )
