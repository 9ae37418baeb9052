"""The last layer is found in every network, and only where outputs are affine in it."""

from functools import partial

import pytest
import torch
from torch import nn

from pdenet.linear_fit import last_layer
from pdenet.networks import (
    MLP,
    NETWORKS,
    HardConstraint,
    PatchedFactory,
    RandomFeatures,
    Separate,
    build_network,
    find_window,
)

X = torch.rand(5, 2, dtype=torch.float64)


@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in ("deeponet", "pod-deeponet")])
def test_networks_of_the_catalogue_end_in_a_linear_layer(name: str) -> None:
    network = NETWORKS[name](2, 3)
    found = last_layer(network, X)
    assert found[0].shape[0] == 3
    assert all(any(p is q for q in network.parameters()) for p in found)


def test_what_is_put_around_a_network_is_looked_through() -> None:
    core = MLP(2, 2, width=4, depth=2)
    built = build_network(
        lambda n, m: core,
        coordinates=("x", "t"),
        fields={"u": (), "v": ()},
        bounds={"x": (0, 1), "t": (0, 5)},
        scale={"u": 3.0},
    )
    hard = HardConstraint(built, ["x", "t"], [1.0, None], [lambda x: x, None])
    assert [id(p) for p in last_layer(hard, X)] == [id(p) for p in core.last.parameters()]


def test_separate_networks_and_patches_give_all_their_layers() -> None:
    two = Separate([MLP(2, 1, width=3), MLP(2, 1, width=5)])
    assert [tuple(p.shape) for p in last_layer(two, X)] == [(1, 3), (1,), (1, 5), (1,)]
    make = PatchedFactory(
        partial(RandomFeatures, width=30), (2, 2), find_window("smooth"), width=6, global_width=4
    )
    assert [tuple(p.shape) for p in last_layer(make(2, 1), X)] == [(4, 6), (1, 4)]


def test_a_users_network_needs_no_attribute() -> None:
    network = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    assert [tuple(p.shape) for p in last_layer(network, X)] == [(1, 4), (1,)]


class Bent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.last(x))


def test_outputs_that_are_not_affine_are_refused_and_nothing_changes() -> None:
    network = Bent()
    before = [p.clone() for p in network.parameters()]
    with pytest.raises(ValueError, match="Bent does not end in a linear layer"):
        last_layer(network, X)
    for p, kept in zip(network.parameters(), before, strict=True):
        assert torch.equal(p, kept)


def test_a_network_that_takes_more_than_coordinates_keeps_its_parameters() -> None:
    class OfFunctions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(2, 1)

        def forward(self, x: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
            return self.last(x) * values

    model = OfFunctions()
    before = model.last.weight.detach().clone()
    with pytest.raises(TypeError):
        last_layer(model, torch.rand(5, 2))
    assert torch.equal(model.last.weight, before)
