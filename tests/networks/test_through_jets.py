"""Truncated series pass every network: partials equal nested reverse differentiation."""

import pytest
import torch

from pdenet.jets import Layout, propagate
from pdenet.networks import ACTIVATIONS, MLP, NETWORKS, HardConstraint, build_network

# Nested differentiation costs ten times more with each order: the highest for one network only.
LOW = [(0, 0), (0, 1), (1, 1), (0, 0, 1)]
HIGH = [*LOW, (0, 0, 0), (0, 0, 0, 0), (0, 0, 1, 1)]


def nested(network, x, index):
    """One partial derivative of every output, by differentiating again and again."""
    x = x.detach().requires_grad_()
    columns = []
    for column in network(x).unbind(-1):
        for k, axis in enumerate(index, start=1):
            last = k == len(index)
            (gradient,) = torch.autograd.grad(
                column.sum(), x, create_graph=not last, retain_graph=True
            )
            column = gradient[:, axis]
        columns.append(column.detach())
    return torch.stack(columns, dim=-1)


def assert_same_partials(network, indices=LOW):
    x = torch.rand(6, 2, generator=torch.Generator().manual_seed(1))
    jet = propagate(network, x, Layout(("x", "t"), indices))
    for index in [(), (0,), (1,), *indices]:
        expected = nested(network, x, index)
        error = (jet.partial(index) - expected).abs().max() / expected.abs().max()
        # Of the channel's largest value; round-off grows with the order.
        assert error < (1e-12 if len(index) <= 2 else 1e-10), index


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name):
    options = {"pirate-net": {"alpha": 0.3, "depth": 2}, "random-features": {}}
    network = build_network(
        lambda n, m: NETWORKS[name](n, m, width=6, **options.get(name, {"depth": 2})),
        coordinates=("x", "t"),
        fields={"u": (), "v": (2,)},
        bounds={"x": (-1, 3), "t": (0, 0.5)},
        periodic={"x": 4.0},
        scale={"v": 3.0},
        seed=0,
    )
    assert_same_partials(network)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    assert_same_partials(MLP(2, 1, width=5, depth=2, activation=name, factorized=True, seed=0))


def test_separate_networks():
    network = build_network(
        lambda n, m: MLP(n, m, width=4, depth=1),
        coordinates=("x", "t"),
        fields={"u": (), "v": ()},
        bounds={"x": (0, 1), "t": (0, 1)},
        separate=True,
        seed=0,
    )
    assert_same_partials(network)


def test_hard_conditions():
    hard = HardConstraint(
        MLP(2, 3, width=5, depth=1, seed=0),
        ("x", "t"),
        lift=[lambda x, t: torch.sin(3 * x) + t * x, None, 2.0],
        distance=[lambda x, t: x * (1 - x) * t**2, lambda x: x, None],
    )
    assert_same_partials(hard, HIGH)
