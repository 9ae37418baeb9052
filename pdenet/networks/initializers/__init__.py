"""Where training starts from: laws of the weights, and patches with windows.

They need neither a problem nor its Jacobian; what does is added above.
"""

from collections.abc import Mapping
from typing import Any

from pdenet.networks.initializers.base import Initializer
from pdenet.networks.initializers.layers import Layers, layers_of
from pdenet.networks.initializers.output_scale import OutputScale
from pdenet.networks.initializers.partition_of_unity import PartitionOfUnity
from pdenet.networks.initializers.standard import Glorot, He, SirenUniform
from pdenet.networks.initializers.variance_scaling import VarianceScaling

INITIALIZERS: dict[str, type[Initializer]] = {
    "glorot": Glorot,
    "he": He,
    "siren": SirenUniform,
    "variance-scaling": VarianceScaling,
    "partition-of-unity": PartitionOfUnity,
}


def rebuilt(
    description: Mapping[str, Any], known: Mapping[str, type[Initializer]] = INITIALIZERS
) -> Initializer:
    """The initializer that :meth:`Initializer.describe` described.

    Args:
        description: Name and arguments.
        known: Initializers by name.

    Returns:
        The initializer.

    Raises:
        ValueError: There is none of that name.
    """
    arguments = dict(description)
    name = arguments.pop("name")
    if name not in known:
        raise ValueError(f"There is no initializer {name!r}; there are {', '.join(known)}.")
    return known[name](**arguments)


__all__ = [
    "INITIALIZERS",
    "Glorot",
    "He",
    "Initializer",
    "Layers",
    "OutputScale",
    "PartitionOfUnity",
    "SirenUniform",
    "VarianceScaling",
    "layers_of",
    "rebuilt",
]
