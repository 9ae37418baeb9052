"""Which layers of a network read its inputs, which come later, and which give its outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import nn

from pdenet.networks.blocks import BlockwiseLinear
from pdenet.networks.fourier_features import FourierFeatures
from pdenet.networks.hard import HardConstraint
from pdenet.networks.initializers.output_scale import OutputScale
from pdenet.networks.layers import Draw, FactorizedLinear
from pdenet.networks.mlp import MLP
from pdenet.networks.modified_mlp import ModifiedMLP
from pdenet.networks.partition_of_unity import LocalFeatures, PatchedNetwork
from pdenet.networks.pirate_net import PirateNet
from pdenet.networks.random_features import RandomFeatures
from pdenet.networks.separate import Separate
from pdenet.networks.siren import SIREN

DENSE = (nn.Linear, BlockwiseLinear, FactorizedLinear)

Dense = nn.Linear | BlockwiseLinear | FactorizedLinear


@dataclass(frozen=True)
class Layers:
    """Dense layers of a network by their place.

    Args:
        network: The network.
        first: Those that multiply coordinates.
        hidden: Those behind, in their order.
        last: Those whose outputs are the network's.
        waves: Where coordinates are multiplied by constants instead: which argument scales them.
    """

    network: nn.Module
    first: list[Dense] = field(default_factory=list)
    hidden: list[Dense] = field(default_factory=list)
    last: list[Dense] = field(default_factory=list)
    waves: str = ""

    @property
    def every(self) -> list[Dense]:
        """All of them."""
        return [*self.first, *self.hidden, *self.last]


def layers_of(module: nn.Module) -> Iterator[Layers]:
    """Layers of every network in a module: of each field's, of patches and of the whole domain.

    Args:
        module: A network, or what is put around one or several.

    Yields:
        Their layers. Of an unknown kind of network, dense layers count in the order in which they
        are registered.
    """
    match module:
        case Separate():
            parts: list[nn.Module] = list(module.networks)
        case HardConstraint() | OutputScale():
            parts = [module.network]
        case PatchedNetwork():
            yield from _of_patches(module)
            return
        case nn.Sequential() if hasattr(module, "core"):
            parts = [module.get_submodule("core")]
        case _:
            yield _of_network(module)
            return
    for part in parts:
        yield from layers_of(part)


def _of_patches(network: PatchedNetwork) -> Iterator[Layers]:
    if network.trunk is None:
        yield from layers_of(network.local)
    else:
        for trunk in layers_of(network.trunk):
            later = [*trunk.first, *trunk.hidden]
            yield Layers(network.trunk, _dense(network.local.modules()), later, trunk.last)
    if network.overall is not None:
        yield from layers_of(network.overall)


def _of_network(network: nn.Module) -> Layers:
    match network:
        case RandomFeatures():
            return Layers(network, _dense([network.hidden]), [], _dense([network.last]))
        case MLP():
            first, *hidden = _dense(network.hidden.children())
            return Layers(network, [first], hidden, _dense([network.last]))
        case ModifiedMLP():
            first, *hidden = _dense(network.hidden.children())
            gates = _dense([network.first_gate, network.second_gate])
            return Layers(network, [*gates, first], hidden, _dense([network.last]))
        case FourierFeatures():
            inner = _of_network(network.core)
            return Layers(network, [], [*inner.first, *inner.hidden], inner.last, "scale")
        case PirateNet():
            *hidden, last = _dense(network.modules())
            return Layers(network, [], hidden, [last], "scale")
        case SIREN():
            hidden = _dense(network.hidden.children())
            return Layers(network, _dense([network.first]), hidden, _dense([network.last]))
        case LocalFeatures():
            return Layers(network, _dense(network.modules()))
    dense = _dense(network.modules())
    if not dense:
        raise ValueError(
            f"Network {type(network).__name__} has no linear layers whose weights could be drawn; "
            "initializers know nn.Linear and pdenet's own layers."
        )
    return Layers(network, dense[:-1][:1], dense[1:-1], dense[-1:])


def _dense(modules: Iterable[nn.Module]) -> list[Dense]:
    return [m for m in modules if isinstance(m, DENSE)]


def redraw(layer: Dense, law: Draw, generator: torch.Generator | None) -> None:
    """Draws weight and bias of a layer anew, block by block where it has several.

    Args:
        layer: The layer.
        law: The law of one block.
        generator: CPU generator.
    """
    sizes = (layer.in_features, layer.out_features)
    if isinstance(layer, FactorizedLinear):
        layer.redraw(*law(*sizes, generator), generator)
        return
    blocks = layer.blocks if isinstance(layer, BlockwiseLinear) else 1
    drawn = [law(*sizes, generator) for _ in range(blocks)]
    with torch.no_grad():
        layer.weight.copy_(torch.cat([weight for weight, _ in drawn]))
        if layer.bias is not None:
            layer.bias.copy_(torch.cat([bias for _, bias in drawn]))
