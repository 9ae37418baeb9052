"""The lazy knob: outputs times a factor, less what they were at the start."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from pdenet.networks.partition_of_unity import PatchedFactory


class OutputScale(nn.Module):
    r"""Network :math:`\alpha\,(N_\theta(x) - N_{\theta_0}(x))`.

    For large :math:`\alpha` small changes of the parameters suffice, and training is that of the
    linearized network (lazy); for small ones features are learnt (rich). The kernel grows with
    :math:`\alpha^2`: divide the rate of gradient descent by :math:`\alpha^2` to move outputs at the
    same speed. Adam's steps have a length of their own: divide its rate by :math:`\alpha`.

    Args:
        network: The network.
        alpha: The factor.

    Raises:
        ValueError: ``alpha`` is not positive and finite.

    Reference:
        Chizat, Oyallon and Bach, On lazy training in differentiable programming, NeurIPS 2019.
    """

    def __init__(self, network: nn.Module, alpha: float) -> None:
        super().__init__()
        check_scale(alpha)
        self.network, self.alpha = network, float(alpha)
        self.start = _constant(copy.deepcopy(network))

    def restart(self) -> None:
        """Takes the network of this moment as the start."""
        self.start.load_state_dict(self.network.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., outputs) from (..., inputs)."""
        return (self.network(x) - self.start(x)) * self.alpha

    def extra_repr(self) -> str:
        """Returns the factor, for ``print(network)``."""
        return f"alpha={self.alpha}"


def _constant(network: nn.Module) -> nn.Module:
    """A network whose parameters are buffers: nobody counts or trains them."""
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, parameter.detach())
    return network


@dataclass(frozen=True)
class ScaledFactory:
    """Puts :class:`OutputScale` around what another factory makes.

    Args:
        factory: The other factory.
        alpha: The factor.
    """

    factory: Callable[[int, int], nn.Module]
    alpha: float

    def __call__(self, inputs: int, outputs: int) -> OutputScale:
        """Builds the network."""
        return OutputScale(self.factory(inputs, outputs), self.alpha)


@dataclass(frozen=True)
class ScaledPatches:
    """The same for patches, which take periodic inputs as they are.

    Args:
        factory: The patches' factory.
        alpha: The factor.
    """

    factory: PatchedFactory
    alpha: float

    def __call__(self, inputs: int, outputs: int) -> OutputScale:
        """Builds the network."""
        return OutputScale(self.factory(inputs, outputs), self.alpha)

    def with_periods(self, periods: Mapping[int, float], harmonics: int) -> ScaledPatches:
        """The factory that knows which inputs are periodic."""
        return ScaledPatches(self.factory.with_periods(periods, harmonics), self.alpha)


def check_scale(alpha: float) -> None:
    """Refuses a factor that is not positive and finite.

    Args:
        alpha: The factor.

    Raises:
        ValueError: It is none.
    """
    if not (math.isfinite(alpha) and alpha > 0):
        raise ValueError(
            f"output_scale={alpha} must be positive and finite: above 1 towards lazy training, "
            "below 1 towards learning features."
        )
