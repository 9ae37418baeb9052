"""Features that are kept are those of the network itself."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import vmap

from pdenet.jets import Layout, propagate
from pdenet.linear_fit.kept_features import KeptFeatures, Room
from pdenet.networks import PatchedFactory, PatchedNetwork, RandomFeatures, find_window

LAYOUTS = [[], [(0,), (1,)], [(0, 0), (1,)], [(0, 0, 0, 0)]]


def patches(window: str = "hard") -> PatchedNetwork:
    factory = PatchedFactory(
        partial(RandomFeatures, width=20, scale=2.0), (4, 1), find_window(window)
    )
    torch.manual_seed(3)
    network = factory(2, 2)
    assert isinstance(network, PatchedNetwork)
    return network.double()


def hidden_fixed(network: PatchedNetwork) -> PatchedNetwork:
    network.local.hidden.requires_grad_(False)  # type: ignore[union-attr]
    return network


def points(n: int = 30, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(n, 2, generator=generator, dtype=torch.float64) - 1


class Counting(nn.Module):
    """An activation that counts."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.calls = inner, 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        return self.inner(x)


def counted(network: PatchedNetwork) -> Counting:
    counting = Counting(network.local.activation)  # type: ignore[arg-type]
    network.local.activation = counting  # type: ignore[union-attr]
    return counting


@pytest.mark.parametrize("window", ["hard", "smooth"])
@pytest.mark.parametrize("channels", LAYOUTS)
def test_values_and_derivatives_are_those_of_the_network(window: str, channels: Any) -> None:
    network = hidden_fixed(patches(window))
    if window == "smooth" and channels == [(0, 0, 0, 0)]:
        pytest.skip("the window is smooth to second order")
    kept, layout = KeptFeatures(network, Room()), Layout(("x", "t"), channels)
    for x in (points(), points(seed=1), points()):
        for _ in range(2):
            found = propagate(kept, x, layout).channels
            wanted = propagate(network, x, layout).channels
            # The same operations, but that patches may be evaluated one by one.
            torch.testing.assert_close(found, wanted, atol=1e-12, rtol=1e-12)
            with torch.no_grad():
                network.local.last.weight.mul_(1.5)  # type: ignore[union-attr]


def test_features_are_computed_once_for_points_and_jets() -> None:
    network = hidden_fixed(patches())
    counting, kept = counted(network), KeptFeatures(network, Room())
    first, second = Layout(("x", "t"), [(0,)]), Layout(("x", "t"), [(1,)])
    for _ in range(3):
        kept(points())
        propagate(kept, points(), first)
        propagate(kept, points(), second)
        kept(points(seed=1))
    assert counting.calls == 4


def test_what_has_no_room_is_computed_again() -> None:
    network = hidden_fixed(patches())
    counting, kept = counted(network), KeptFeatures(network, Room(30 * 24 * 8 - 1))
    for _ in range(3):
        kept(points())
    assert counting.calls == 3
    for _ in range(3):
        kept(points(20))
    assert counting.calls == 4


def test_what_is_trained_or_transformed_is_not_looked_up() -> None:
    network = hidden_fixed(patches("smooth"))
    counting, kept = counted(network), KeptFeatures(network, Room())
    x = points()
    kept(x)
    gradient = torch.autograd.grad(kept(x.requires_grad_()).sum(), x)[0]
    wanted = torch.autograd.grad(network(x).sum(), x)[0]
    torch.testing.assert_close(gradient, wanted, atol=1e-12, rtol=1e-12)
    x = x.detach()
    each = vmap(lambda row: kept(row[None])[0])(x)
    torch.testing.assert_close(each, kept(x), atol=1e-12, rtol=1e-12)
    calls = counting.calls
    network.local.hidden.requires_grad_()  # type: ignore[union-attr]
    kept(x).sum().backward()
    assert counting.calls == calls + 1
    assert network.local.hidden.weight.grad is not None  # type: ignore[union-attr]
