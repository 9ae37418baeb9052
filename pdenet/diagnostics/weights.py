"""What training does to the weights: spectra, amplitudes of neurons, condensation, movement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor, nn

from pdenet.networks.blocks import BlockwiseLinear
from pdenet.networks.layers import FactorizedLinear


@dataclass(frozen=True, eq=False)
class Dense:
    """The weights of one dense layer as they act; of several side by side, one behind the other.

    Args:
        name: Of its module.
        weight: Shape (..., outputs, inputs).
        bias: Shape (..., outputs), or None.
    """

    name: str
    weight: Tensor
    bias: Tensor | None

    @property
    def directions(self) -> Tensor:
        """Incoming weights and bias of each neuron, shape (neurons, inputs or inputs + 1)."""
        if self.bias is None:
            return self.weight.flatten(0, -2)
        return torch.cat([self.weight, self.bias.unsqueeze(-1)], dim=-1).flatten(0, -2)


def dense_layers(model: nn.Module) -> list[Dense]:
    """The dense layers of a network, in the order of its modules, detached.

    Args:
        model: The network.

    Returns:
        Its layers; factorized ones as the product that acts.
    """
    return [found for name, layer in model.named_modules() for found in _as_dense(name, layer)]


def _as_dense(name: str, layer: nn.Module) -> Iterator[Dense]:
    if isinstance(layer, FactorizedLinear):
        weight = layer.scale.exp()[:, None] * layer.direction
        yield Dense(name, weight.detach(), layer.bias.detach())
    elif isinstance(layer, nn.Linear | BlockwiseLinear):
        weight, bias = layer.weight.detach(), None if layer.bias is None else layer.bias.detach()
        if isinstance(layer, BlockwiseLinear):
            weight = weight.unflatten(0, (layer.blocks, -1))
            bias = None if bias is None else bias.unflatten(0, (layer.blocks, -1))
        yield Dense(name, weight, bias)


def hidden_pairs(layers: Sequence[Dense]) -> list[tuple[Dense, Dense]]:
    """Hidden layers, each with the layer that its neurons feed.

    Args:
        layers: Layers in their order.

    Returns:
        Pairs of neighbours whose sizes fit.
    """
    return [(a, b) for a, b in pairwise(layers) if _feeds(a, b)]


def _feeds(inner: Dense, outer: Dense) -> bool:
    return inner.weight.shape[:-1] == (*outer.weight.shape[:-2], outer.weight.shape[-1])


def weight_spectra(layers: Sequence[Dense]) -> dict[str, Tensor]:
    """Singular values of each layer's weights; of layers side by side, all together.

    Args:
        layers: The layers.

    Returns:
        By the layer's name, largest first.
    """
    found = {layer.name: torch.linalg.svdvals(layer.weight.double()) for layer in layers}
    return {name: values.flatten().sort(descending=True).values for name, values in found.items()}


def neuron_amplitudes(inner: Dense, outer: Dense) -> Tensor:
    r"""Amplitude :math:`|a_k| \, |(w_k, b_k)|` of each hidden neuron, dimensionless.

    Args:
        inner: The hidden layer.
        outer: The layer that it feeds.

    Returns:
        Shape (neurons,).

    Raises:
        ValueError: The layers do not fit.

    Reference:
        Chen, Luo, Wang, Analyzing multi-stage loss curve, arXiv 2410.20119.
    """
    if not _feeds(inner, outer):
        raise ValueError(
            f"Layer {inner.name!r} has neurons {tuple(inner.weight.shape[:-1])}, but "
            f"{outer.name!r} has weights {tuple(outer.weight.shape)}."
        )
    outgoing = torch.linalg.vector_norm(outer.weight.double(), dim=-2).flatten()
    return outgoing * torch.linalg.vector_norm(inner.directions.double(), dim=1)


def wasserstein(a: Tensor, b: Tensor) -> Tensor:
    """Wasserstein-1 distance between two samples of the same size, exact on the line.

    Args:
        a: Shape (m,).
        b: Shape (m,).

    Returns:
        Scalar in the samples' units.

    Raises:
        ValueError: The sizes differ, or there is nothing.

    Example:
        >>> wasserstein(torch.tensor([0.0, 1.0]), torch.tensor([3.0, 0.0])).item()
        1.0
    """
    if a.ndim != 1 or a.shape != b.shape or not len(a):
        raise ValueError(
            f"Expected two samples of one size; got shapes {tuple(a.shape)} and {tuple(b.shape)}."
        )
    return (a.sort().values - b.sort().values).abs().mean()


def condensation(directions: Tensor, amplitudes: Tensor) -> Tensor:
    r"""How much the neurons point along the same lines.

    :math:`\sum_{kl} A_k A_l |\cos(w_k, w_l)| / (\sum_k A_k)^2`: 1 where all do.

    Args:
        directions: Incoming weights, shape (m, d).
        amplitudes: Weight of each neuron in the mean, shape (m,), not all zero.

    Returns:
        Scalar between 0 and 1.

    Raises:
        ValueError: Shapes do not fit, or all amplitudes vanish.

    Reference:
        Chen, Luo, Wang, Analyzing multi-stage loss curve, arXiv 2410.20119.

    Example:
        >>> condensation(torch.tensor([[1.0, 0.0], [-3.0, 0.0]]), torch.ones(2)).item()
        1.0
    """
    if directions.ndim != 2 or amplitudes.shape != directions.shape[:1]:
        raise ValueError(
            f"directions {tuple(directions.shape)} and amplitudes {tuple(amplitudes.shape)} must "
            "have one row and one number for each neuron."
        )
    total = amplitudes.double().sum()
    if not total > 0:
        raise ValueError("All amplitudes vanish, so that there is nothing to average over.")
    share = amplitudes.double() / total
    return share @ _cosines(directions) @ share


def direction_clusters(directions: Tensor, cosine: float = 0.95) -> int:
    """Number of groups of neurons that point along the same line.

    Args:
        directions: Incoming weights, shape (m, d).
        cosine: Neighbours in a group have a cosine above this, in absolute value.

    Returns:
        Between 1 and m.

    Raises:
        ValueError: ``directions`` is not a matrix with entries.

    Example:
        >>> direction_clusters(torch.tensor([[1.0, 0.0], [-2.0, 0.0], [0.0, 1.0]]))
        2
    """
    if directions.ndim != 2 or not directions.numel():
        raise ValueError(f"directions must be a matrix; got shape {tuple(directions.shape)}.")
    near = (_cosines(directions) > cosine).cpu().numpy()
    return int(connected_components(near, directed=False, return_labels=False))


def relative_movement(now: Tensor, start: Tensor) -> Tensor:
    r"""How far the parameters are from where they began: :math:`|\theta - \theta_0| / |\theta_0|`.

    Args:
        now: Parameters, shape (P,).
        start: The same when training began.

    Returns:
        Scalar, dimensionless; infinite where they began at zero and moved.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> relative_movement(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 0.0])).item()
        1.3333333333333333
    """
    if now.shape != start.shape:
        raise ValueError(
            f"{tuple(now.shape)} parameters cannot have moved from {tuple(start.shape)}."
        )
    moved = (now.detach().double() - start.detach().double()).norm()
    return moved / start.detach().double().norm() if moved > 0 else moved


def _cosines(directions: Tensor) -> Tensor:
    """Absolute cosines between rows; a row of zeros points nowhere, not even along itself."""
    unit = nn.functional.normalize(directions.detach().double(), dim=1)
    return (unit @ unit.mT).abs().clamp(max=1)
