"""Weights: scipy as the oracle of distances, closed forms for the rest."""

import math

import pytest
import torch
from scipy.stats import wasserstein_distance
from torch import nn

from pdenet.diagnostics import (
    condensation,
    dense_layers,
    direction_clusters,
    hidden_pairs,
    neuron_amplitudes,
    relative_movement,
    wasserstein,
    weight_spectra,
)
from pdenet.networks import MLP, SIREN, PirateNet
from pdenet.networks.blocks import BlockwiseLinear


@pytest.mark.parametrize("seed", range(5))
def test_wasserstein_is_scipys(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(40, generator=generator), 3 * torch.rand(40, generator=generator)
    assert wasserstein(a, b).item() == pytest.approx(wasserstein_distance(a, b), rel=1e-12)
    assert wasserstein(a, a[torch.randperm(40)]) == 0


def test_layers_of_a_network_and_those_they_feed() -> None:
    layers = dense_layers(MLP(2, 1, width=8, depth=3, seed=0))
    assert [tuple(layer.weight.shape) for layer in layers] == [(8, 2), (8, 8), (8, 8), (1, 8)]
    assert len(hidden_pairs(layers)) == 3
    assert not any(layer.weight.requires_grad for layer in layers)


def test_factorized_layers_count_as_what_acts() -> None:
    network = MLP(2, 1, width=5, depth=1, factorized=True, seed=0)
    x = torch.randn(7, 2)
    first = dense_layers(network)[0]
    torch.testing.assert_close(x @ first.weight.mT + first.bias, network.hidden[0](x))


def test_layers_side_by_side_count_one_by_one() -> None:
    def blocks(outputs: int, inputs: int) -> BlockwiseLinear:
        return BlockwiseLinear(torch.randn(3 * outputs, inputs), torch.randn(3 * outputs), 3)

    inner, outer = dense_layers(nn.Sequential(blocks(4, 2), blocks(1, 4)))
    assert inner.directions.shape == (12, 3)
    found = neuron_amplitudes(inner, outer)
    assert found[5].item() == pytest.approx(
        float(outer.weight[1, 0, 1].abs() * inner.directions[5].norm())
    )
    values = weight_spectra([inner])["0"]
    assert values.square().sum().item() == pytest.approx(float(inner.weight.square().sum()))


@pytest.mark.parametrize("kind", [SIREN, PirateNet])
def test_other_networks_have_hidden_layers_too(kind: type[nn.Module]) -> None:
    layers = dense_layers(kind(2, 1, width=8))  # type: ignore[call-arg]
    assert hidden_pairs(layers)
    for values in weight_spectra(layers).values():
        assert (values[:-1] >= values[1:]).all()


def test_amplitudes_are_invariant_under_the_scaling_that_relu_networks_have() -> None:
    network = MLP(2, 1, width=6, depth=1, seed=0)
    before = neuron_amplitudes(*dense_layers(network))
    with torch.no_grad():
        for p in network.hidden[0].parameters():
            p.mul_(3)
        network.last.weight.div_(3)
    torch.testing.assert_close(neuron_amplitudes(*dense_layers(network)), before)
    inner, outer = dense_layers(network)
    k = 4
    by_hand = abs(outer.weight[0, k]) * math.hypot(*inner.weight[k], inner.bias[k])  # type: ignore[index]
    assert before[k].item() == pytest.approx(float(by_hand))


def test_condensation_from_one_line_to_all_directions() -> None:
    line = torch.tensor([[1.0, 2.0], [-2.0, -4.0], [0.1, 0.2]])
    assert condensation(line, torch.ones(3)).item() == pytest.approx(1.0)
    assert direction_clusters(line) == 1
    cross = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert condensation(cross, torch.tensor([1.0, 3.0])).item() == pytest.approx(10 / 16)
    assert direction_clusters(cross) == 2
    # On a circle the mean of |cos| is 2 / pi.
    angle = torch.arange(1000) * math.pi / 1000
    circle = torch.stack([angle.cos(), angle.sin()], dim=1)
    assert condensation(circle, torch.ones(1000)).item() == pytest.approx(2 / math.pi, rel=1e-4)


def test_clusters_need_a_cosine_above_the_bound() -> None:
    angles = torch.tensor([0.0, 0.3, 1.5, 1.8])  # cos 0.3 = 0.955
    directions = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert direction_clusters(directions, 0.95) == 2
    assert direction_clusters(directions, 0.96) == 4


def test_movement() -> None:
    start = torch.tensor([3.0, 4.0])
    assert relative_movement(start, start) == 0
    assert relative_movement(3 * start, start) == pytest.approx(2)
    assert relative_movement(start, 0 * start) == math.inf


def test_bad_input() -> None:
    layers = dense_layers(MLP(2, 1, width=3, depth=1))
    with pytest.raises(ValueError, match="has neurons"):
        neuron_amplitudes(layers[0], layers[0])
    with pytest.raises(ValueError, match="one size"):
        wasserstein(torch.ones(2), torch.ones(3))
    with pytest.raises(ValueError, match="vanish"):
        condensation(torch.ones(2, 2), torch.zeros(2))
    with pytest.raises(ValueError, match="one row and one number"):
        condensation(torch.ones(2, 2), torch.ones(3))
    with pytest.raises(ValueError, match="must be a matrix"):
        direction_clusters(torch.ones(0, 2))
    with pytest.raises(ValueError, match="cannot have moved"):
        relative_movement(torch.ones(2), torch.ones(3))
