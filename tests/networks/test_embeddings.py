import math

import pytest
import torch
from torch.func import grad, vmap

from pdenet.networks import MLP, PeriodicEmbedding, RandomFourierEmbedding, build_network


def derivatives(network, x, order):
    """Value and derivatives along the first column, shape (order + 1, n)."""

    def along(k):
        def value(s, rest):
            return network(torch.cat([s[None], rest]))[0]

        for _ in range(k):
            value = grad(value)
        return vmap(value)(x[:, 0], x[:, 1:])

    return torch.stack([along(k) for k in range(order + 1)])


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (0.0, 2 * math.pi), (3.1, 7.7)])
def test_network_and_its_derivatives_are_periodic(bounds):
    low, high = bounds
    network = build_network(
        MLP,
        coordinates=("x", "t"),
        fields={"u": ()},
        bounds={"x": bounds, "t": (0, 2)},
        periodic={"x": high - low},
        seed=0,
    )
    left = torch.cat([torch.full((8, 1), low), torch.linspace(0, 2, 8)[:, None]], dim=1)
    right = left + torch.tensor([high - low, 0.0])
    here, there = derivatives(network, left, 3), derivatives(network, right, 3)
    # Round-off of angles up to 3 pi, grown by three derivatives.
    scale = here.abs().amax(1, keepdim=True)
    assert ((here - there).abs() / scale).max() < 1e-12
    for part in (1 / 2, 1 / 3):  # the period, not a multiple of it
        shifted = left + torch.tensor([part * (high - low), 0.0])
        assert (network(left) - network(shifted)).abs().max() > 1e-3


def test_columns_and_harmonics_are_where_the_docstring_says():
    embedding = PeriodicEmbedding(3, {1: 4.0, 2: 2.0}, harmonics=2)
    x = torch.rand(6, 3)
    y, z = x[:, 1], x[:, 2]
    angles = [math.pi * y / 2, math.pi * y, math.pi * z, 2 * math.pi * z]
    columns = [x[:, 0], *map(torch.cos, angles), *map(torch.sin, angles)]
    torch.testing.assert_close(embedding(x), torch.stack(columns, dim=-1))
    assert embedding.outputs == 9


def test_all_columns_may_be_periodic():
    embedding = PeriodicEmbedding(2, {0: 1.0, 1: 1.0})
    x = torch.rand(3, 2)
    torch.testing.assert_close(embedding(x), embedding(x + 1))
    assert embedding(x).shape == (3, 4)


def test_random_waves_follow_the_stated_law():
    embedding = RandomFourierEmbedding(
        2, 4000, scale=[1.0, 7.0], generator=torch.Generator().manual_seed(0)
    )
    # 4000 draws: the standard error of a deviation is 1.1 %.
    assert embedding.frequencies.std(0).tolist() == pytest.approx([1.0, 7.0], rel=0.05)
    assert not list(embedding.parameters())
    x = torch.rand(5, 2)
    waves = embedding(x)
    torch.testing.assert_close(waves[:, :4000] ** 2 + waves[:, 4000:] ** 2, torch.ones(5, 4000))
    torch.testing.assert_close(waves[:, 0], torch.cos(x @ embedding.frequencies[0]))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), [1.0], [1.0, 2.0, 3.0]])
def test_bad_scales_are_refused(scale):
    with pytest.raises(ValueError, match="one for each of the 2 inputs"):
        RandomFourierEmbedding(2, 4, scale=scale)


@pytest.mark.parametrize(
    ("periods", "harmonics", "message"),
    [
        ({}, 1, "columns"),
        ({2: 1.0}, 1, "columns"),
        ({0: 0.0}, 1, "positive and finite"),
        ({0: float("nan")}, 1, "positive and finite"),
        ({0: 1.0}, 0, "at least one harmonic"),
    ],
)
def test_bad_periods_are_refused(periods, harmonics, message):
    with pytest.raises(ValueError, match=message):
        PeriodicEmbedding(2, periods, harmonics)
