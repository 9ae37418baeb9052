"""Networks with other parts share the rest, and leave the original as it was."""

from __future__ import annotations

import torch
from torch import nn

from pdenet.networks import replaced


def test_parts_are_put_in_place_and_the_rest_is_shared() -> None:
    inner = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    network = nn.Sequential(inner, nn.Linear(3, 1))
    other = nn.Linear(2, 3)
    changed = replaced(network, {inner[0]: other})
    x = torch.linspace(-1, 1, 8).reshape(4, 2)
    torch.testing.assert_close(changed(x), network[1](torch.tanh(other(x))))
    torch.testing.assert_close(network(x), network[1](torch.tanh(inner[0](x))))
    assert changed[1] is network[1]
    assert changed[0][0] is other
    assert network[0][0] is not other


def test_a_network_without_the_parts_is_itself() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    assert replaced(network, {nn.Linear(2, 3): nn.Linear(2, 3)}) is network
