"""Random features of patches at the points of a fit: computed once, for all steps."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from pdenet.jets import Jet
from pdenet.jets.fused import is_eager
from pdenet.networks import PatchedNetwork, RandomFeatures

FEATURE_BYTES = 2**29  # of all features that are kept


@dataclass
class Room:
    """Memory that is left for what is kept.

    Args:
        bytes: How much.
    """

    bytes: int = FEATURE_BYTES

    def take(self, wanted: int) -> bool:
        """Takes memory, if there is enough.

        Args:
            wanted: Bytes.

        Returns:
            Whether there was.
        """
        if wanted > self.bytes:
            return False
        self.bytes -= wanted
        return True


class KeptFeatures(nn.Module):
    """Patches of random features that know what these were at points, and jets, met before.

    Steps of a fit change the coefficients alone: what features and their derivatives cost is spent
    at the first one.

    Args:
        network: The patches, whose local networks are :class:`RandomFeatures`, and nothing else.
        room: Memory, shared with others.
    """

    def __init__(self, network: PatchedNetwork, room: Room) -> None:
        super().__init__()
        assert isinstance(network.local, RandomFeatures)
        self.local = network.local  # a parameter's name says where it is in the network
        self._network, self._room = [network], room  # no child: it has the same parameters
        self._known: dict[Hashable, tuple[Any, Any]] = {}

    def forward(self, x: Any) -> Any:
        """Returns (n, outputs) from (n, inputs)."""
        [network] = self._network
        # Transforms and compilers have no numbers to look up.
        if not is_eager() or _is_trained(x) or self.local.hidden.weight.requires_grad:
            return network(x)
        features, windows = self._found(network, x)
        return (self.local.last(features) * windows).sum(-2)

    def _found(self, network: PatchedNetwork, x: Any) -> tuple[Any, Any]:
        key = _key(x)
        if key in self._known:
            return self._known[key]
        t = network.coordinates(x)
        features = self.local.features(network.local_inputs(x, t))
        found = features, network.windows(t).unsqueeze(-1)
        if self._room.take(sum(map(_bytes, found))):
            self._known[key] = found
        return found


def _parts(x: Any) -> tuple[Any, ...]:
    if not isinstance(x, Jet):
        return (x,)
    return (x.stacked,) if x.stacked is not None else x.parts


def _is_trained(x: Any) -> bool:
    return any(isinstance(part, Tensor) and part.requires_grad for part in _parts(x))


def _key(x: Any) -> Hashable:
    """What tells inputs apart: every digit of every part."""
    digits = [
        (p.shape, p.dtype, p.device, p.cpu().numpy().tobytes()) if isinstance(p, Tensor) else p
        for p in _parts(x)
    ]
    return (x.layout if isinstance(x, Jet) else None, *digits)


def _bytes(found: Any) -> int:
    # The next layer asks for a jet's channels, which stay with it.
    value = found.channels if isinstance(found, Jet) else found
    return value.numel() * value.element_size()
