"""Laws that depend on the sizes of layers alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor

from pdenet.networks.initializers.base import Initializer
from pdenet.networks.initializers.layers import Layers, redraw
from pdenet.networks.layers import Draw, glorot, uniform
from pdenet.networks.siren import SIREN, first_law

Scheme = Literal["glorot", "he"]


def he(n: int, m: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    r"""He's normal law of standard deviation :math:`\sqrt{2/n_{in}}`, zero biases.

    Args:
        n: Number of inputs.
        m: Number of outputs.
        generator: CPU generator; torch's own if None.

    Returns:
        Weight (m, n) and bias (m,).

    Reference:
        He, Zhang, Ren and Sun, Delving deep into rectifiers, ICCV 2015.
    """
    weight = torch.randn(m, n, generator=generator, device="cpu")
    return math.sqrt(2 / n) * weight, torch.zeros(m, device="cpu")


SCHEMES: dict[str, Draw] = {"glorot": glorot, "he": he}


def find_scheme(name: str) -> Draw:
    """The law of this name.

    Args:
        name: One of ``SCHEMES``.

    Returns:
        The law.

    Raises:
        ValueError: There is none.
    """
    if name not in SCHEMES:
        raise ValueError(f"There is no scheme {name!r}; choose one of: {', '.join(SCHEMES)}.")
    return SCHEMES[name]


@dataclass(frozen=True, kw_only=True)
class Glorot(Initializer):
    """What networks draw by themselves: Glorot's normal law, and a SIREN its own.

    Args:
        output_scale: As for every initializer.

    Reference:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
        networks, AISTATS 2010.
    """

    name: ClassVar[str] = "glorot"
    own: ClassVar[bool] = True

    def draw_network(self, layers: Layers, generator: torch.Generator | None) -> None:
        """Draws the layers of one network."""
        draw_own(layers, generator)


@dataclass(frozen=True, kw_only=True)
class He(Initializer):
    """He's normal law of standard deviation sqrt(2 / inputs), zero biases.

    Args:
        output_scale: As for every initializer.

    Reference:
        He, Zhang, Ren and Sun, Delving deep into rectifiers, ICCV 2015.
    """

    name: ClassVar[str] = "he"

    def draw_network(self, layers: Layers, generator: torch.Generator | None) -> None:
        """Draws the layers of one network."""
        refuse_siren(layers, "He's law")
        for layer in layers.every:
            redraw(layer, he, generator)


@dataclass(frozen=True, kw_only=True)
class SirenUniform(Initializer):
    r"""The law of SIREN for other networks of sines.

    First weights are uniform on :math:`\pm\omega/n`, their biases on :math:`\pm\omega/\sqrt n`,
    later weights on :math:`\pm\sqrt{6/n}`, for n inputs of the layer.

    Args:
        frequency: Angular frequency of the first layer, radians per unit of scaled input.
        output_scale: As for every initializer.

    Raises:
        ValueError: The frequency is not positive and finite.

    Reference:
        Sitzmann, Martel, Bergman, Lindell and Wetzstein, Implicit neural representations with
        periodic activation functions, NeurIPS 2020.
    """

    name: ClassVar[str] = "siren"
    frequency: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (math.isfinite(self.frequency) and self.frequency > 0):
            raise ValueError(f"frequency={self.frequency} must be positive and finite.")

    def draw_network(self, layers: Layers, generator: torch.Generator | None) -> None:
        """Draws the layers of one network."""
        refuse_siren(layers, "this law, which it draws by itself")
        if getattr(layers.network, "activation", None) not in (torch.sin, torch.cos):
            raise ValueError(
                f"SIREN's law keeps the variance of sines, which {type(layers.network).__name__} "
                "does not use here; add --network.activation sin."
            )
        for layer in layers.first:
            redraw(layer, partial(_scaled, self.frequency, first_law), generator)
        for layer in (*layers.hidden, *layers.last):
            redraw(layer, _later, generator)


def _scaled(
    factor: float, law: Draw, n: int, m: int, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    weight, bias = law(n, m, generator)
    return factor * weight, factor * bias


def _later(n: int, m: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    weight = uniform((m, n), math.sqrt(6 / n), generator)
    return weight, uniform((m,), 1 / math.sqrt(n), generator)


def draw_own(layers: Layers, generator: torch.Generator | None) -> None:
    """Draws a network's layers by the law that it has by itself.

    Args:
        layers: The layers.
        generator: CPU generator.
    """
    siren = layers.network if isinstance(layers.network, SIREN) else None
    for layer in layers.first:
        redraw(layer, glorot if siren is None else first_law, generator)
    for layer in (*layers.hidden, *layers.last):
        redraw(layer, glorot if siren is None else siren.later_law, generator)


def refuse_siren(layers: Layers, what: str) -> None:
    """Refuses to draw a SIREN by another law.

    Args:
        layers: The layers.
        what: The law, for the message.

    Raises:
        ValueError: The network is a SIREN.
    """
    if isinstance(layers.network, SIREN):
        raise ValueError(
            f"A SIREN needs its own law and cannot take {what}; its range is --network.frequency. "
            "Use --initializer glorot, or partition-of-unity without R."
        )
