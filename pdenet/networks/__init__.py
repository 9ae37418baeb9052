"""Networks from coordinates to fields, and what is put around them.

Everything is written in torch functions on the last axis, so that truncated series
(:mod:`pdenet.jets`) pass through as tensors do.
"""

from torch import nn

from pdenet.networks.activations import ACTIVATIONS, ActivationName, find_activation
from pdenet.networks.blocks import BlockwiseLinear, blockwise_linear, side_by_side
from pdenet.networks.build import Factory, build_network, field_columns
from pdenet.networks.deeponet import DeepONet
from pdenet.networks.embeddings import PeriodicEmbedding, RandomFourierEmbedding
from pdenet.networks.fourier_features import FourierFeatures
from pdenet.networks.hard import HardConstraint, Term
from pdenet.networks.layers import FactorizedLinear, dense, glorot
from pdenet.networks.mlp import MLP
from pdenet.networks.modified_mlp import ModifiedMLP
from pdenet.networks.partition_of_unity import (
    WINDOWS,
    PatchedFactory,
    PatchedNetwork,
    Window,
    WindowName,
    find_window,
)
from pdenet.networks.pirate_net import PirateNet
from pdenet.networks.random_features import RandomFeatures
from pdenet.networks.replacing import replaced
from pdenet.networks.routing import routed
from pdenet.networks.scaling import Affine
from pdenet.networks.separate import Separate
from pdenet.networks.siren import SIREN
from pdenet.networks.wave_mlp import WaveMLP

NETWORKS: dict[str, type[nn.Module]] = {
    "mlp": MLP,
    "modified-mlp": ModifiedMLP,
    "pirate-net": PirateNet,
    "fourier-features": FourierFeatures,
    "siren": SIREN,
    "random-features": RandomFeatures,
}

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "NETWORKS",
    "SIREN",
    "WINDOWS",
    "ActivationName",
    "Affine",
    "BlockwiseLinear",
    "DeepONet",
    "FactorizedLinear",
    "Factory",
    "FourierFeatures",
    "HardConstraint",
    "ModifiedMLP",
    "PatchedFactory",
    "PatchedNetwork",
    "PeriodicEmbedding",
    "PirateNet",
    "RandomFeatures",
    "RandomFourierEmbedding",
    "Separate",
    "Term",
    "WaveMLP",
    "Window",
    "WindowName",
    "blockwise_linear",
    "build_network",
    "dense",
    "field_columns",
    "find_activation",
    "find_window",
    "glorot",
    "replaced",
    "routed",
    "side_by_side",
]
