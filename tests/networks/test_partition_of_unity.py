"""Windows sum to one with the derivatives they promise; networks of patches pass jets and J."""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from pdenet.jets import Layout, propagate, reference
from pdenet.networks import (
    MLP,
    NETWORKS,
    WINDOWS,
    PatchedFactory,
    PatchedNetwork,
    build_network,
    find_window,
    side_by_side,
)
from pdenet.networks.partition_of_unity import Grid, read_counts

ORDER_4 = Layout(("x", "y"), [(0, 0, 0, 0), (0, 0, 1, 1), (0, 1), (1, 1)])


def patched(
    patches: Any = (3, 2), window: str = "smooth", network: Any = MLP, **options: Any
) -> PatchedFactory:
    arguments = {k: options.pop(k) for k in ("seed", "activation", "depth") if k in options}
    if network is MLP:
        arguments = {"depth": 2, **arguments}
    factory = partial(network, width=24, **arguments)
    return PatchedFactory(factory, patches, find_window(window), **options)


def windows(network: PatchedNetwork, x: Tensor) -> Tensor:
    return network.windows(network.coordinates(x))


@given(
    counts=st.lists(st.integers(1, 4), min_size=1, max_size=3).filter(lambda c: max(c) > 1),
    window=st.sampled_from(list(WINDOWS)),
    ring=st.booleans(),
    seed=st.integers(0, 99),
)
def test_windows_sum_to_one_up_to_the_boundary(
    counts: list[int], window: str, ring: bool, seed: int
) -> None:
    d, n = len(counts), math.prod(counts)
    periods = {0: 2.0} if ring else {}
    factory = PatchedFactory(
        partial(MLP, width=n, depth=1), tuple(counts), find_window(window), periods=periods
    )
    x = 2 * torch.rand(40, d, generator=torch.Generator().manual_seed(seed)) - 1
    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * d).reshape(-1, d)
    edges = torch.tensor([[-1 + 2 * k / m for m in counts] for k in range(2)])
    found = windows(factory(d, 1), torch.cat([x, corners, edges]))
    assert found.shape[1] == n
    # Round-off of two cosines and a product in each coordinate.
    assert (found.sum(1) - 1).abs().max() < 1e-14
    assert found.min() >= 0


@pytest.mark.parametrize(("name", "smooth"), [("smooth", 1), ("infinitely-smooth", 4)])
def test_windows_have_the_stated_number_of_continuous_derivatives(name: str, smooth: int) -> None:
    window = find_window(name)
    assert min(window.smoothness, 4) == smooth
    both = torch.tensor([True])
    for order in range(min(smooth + 2, 5)):
        for start in (-1 - window.overlap, -1 + window.overlap):
            near, far = (_change(window, both, order, start, h) for h in (1e-3, 1e-2))
            # What is continuous changes less and less; a jump stays.
            if order <= smooth:
                assert near < 0.2 * far + 1e-12, order
            else:
                assert near > 0.9 * far > 0.1, order


def _change(window: Any, both: Tensor, order: int, place: float, h: float) -> float:
    """How much a derivative changes from one side of a place to the other."""
    x = torch.tensor([[place - h], [place + h]])
    layout = Layout(("t",), [(0,) * order] if order else [])
    found = propagate(lambda t: window(t, both, both), x, layout)
    part = found.channels[-1] if isinstance(found.channels, Tensor) else torch.zeros(2, 1)
    return float((part[1] - part[0]).abs())


def test_no_window_is_smooth_enough_for_less_than_it_says() -> None:
    allowed = {n: [k for k in range(5) if w.allows(k)] for n, w in WINDOWS.items()}
    assert allowed == {"hard": [0], "smooth": [0, 1, 2], "infinitely-smooth": [0, 1, 2, 3, 4]}
    assert {n: w.conforming for n, w in WINDOWS.items()} == {
        "hard": False,
        "smooth": True,
        "infinitely-smooth": True,
    }


CASES: dict[str, Any] = {
    "sum": {},
    "overall": {"global_width": 4},
    "trunk": {"shared_trunk": True},
    "ring": {"periods": {0: 2.0}},
    "waves": {"patches": (3, 1), "periods": {1: 2.0}, "global_width": 3, "harmonics": 1},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("window", WINDOWS)
def test_jets_equal_nested_differentiation(case: str, window: str) -> None:
    options = dict(CASES[case])
    network = patched(options.pop("patches", (3, 2)), window, seed=0, **options)(2, 2)
    x = 2 * torch.rand(6, 2) - 1
    fast, slow = propagate(network, x, ORDER_4), reference.propagate(network, x, ORDER_4)
    for c, index in enumerate(ORDER_4.channels):
        error = (fast.channels[c] - slow.channels[c]).abs().max() / slow.channels[c].abs().max()
        # Round-off, amplified by each differentiation and by 1 / r of the local coordinates.
        assert error < (1e-12 if len(index) <= 2 else 1e-10), index


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "random-features"])
def test_networks_side_by_side_are_each_on_its_own(name: str) -> None:
    networks = [NETWORKS[name](2, 2, width=4, depth=2, seed=k) for k in range(3)]
    for network in networks[1:]:  # constants are the first network's
        for key, value in network.named_buffers():
            value.copy_(dict(networks[0].named_buffers())[key])
    x = torch.rand(7, 3, 2)
    expected = torch.stack([network(x[:, k]) for k, network in enumerate(networks)], 1)
    torch.testing.assert_close(side_by_side(networks)(x), expected, rtol=1e-12, atol=1e-13)


def test_a_patch_sees_its_own_coordinates() -> None:
    network = patched((4,), "hard", seed=0)(1, 1)
    t = network.coordinates(torch.tensor([[-0.75], [0.3]]))
    # Half width 1/4: the first point is the first patch's centre, the second 0.05 off 0.25.
    assert t[0, 0] == 0
    assert torch.isclose(t[1, 2], torch.tensor(0.2))


def test_local_networks_differ_though_the_factory_has_a_seed() -> None:
    layer = patched((3,), seed=5)(1, 1).local.hidden[0]
    blocks = layer.weight.view(3, -1)
    assert not torch.equal(blocks[0], blocks[1])


def test_width_is_shared_among_patches() -> None:
    network = patched((3, 2), global_width=6)(2, 1)
    assert network.local.hidden[0].out_features == 3  # (24 - 6) / 6
    assert network.overall.hidden[0].out_features == 6
    assert patched((3, 2), width=7)(2, 1).local.hidden[0].out_features == 7


def test_patches_close_to_a_ring() -> None:
    network = build_network(
        patched((3, 2), "infinitely-smooth"),
        coordinates=("x", "t"),
        fields={"u": ()},
        bounds={"x": (0, 3), "t": (0, 1)},
        periodic={"x": 3.0},
        seed=0,
    )
    t = torch.rand(5, 1)
    ends = [torch.cat([torch.full_like(t, side), t], 1) for side in (0.0, 3.0)]
    layout = Layout(("x", "t"), [(0, 0), (0, 0, 0)])
    low, high = (propagate(network, x, layout).channels for x in ends)
    # The same patches and local coordinates up to the rounding of 3 - 3.
    torch.testing.assert_close(low, high, rtol=1e-9, atol=1e-9)


def test_patches_outside_the_region_are_left_out() -> None:
    region = torch.rand(500, 2) * 2 - 1
    corner = region[(region[:, 0] < 0) | (region[:, 1] < 0)]  # an L
    network = patched((4, 4), width=3, region=corner)(2, 1)
    assert (3, 3) not in network.grid.places
    assert (0, 3) in network.grid.places
    assert len(network.grid.places) == 15  # windows reach an eighth beyond their patches
    assert (windows(network, corner).sum(1) - 1).abs().max() < 1e-14


def test_counts_are_read() -> None:
    assert read_counts("4, 2", 2) == read_counts([4, 2], 2) == (4, 2)
    assert read_counts("3", 2) == read_counts(3, 2) == (3, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patches": (5, 5)}, "25 patches cannot share 24 neurons"),
        ({"patches": (2, 2, 2)}, "3 numbers for 2 inputs"),
        ({"patches": 0}, "at least 1"),
        ({"patches": "4,x"}, "such as 4 or 4,2"),
        ({"network": NETWORKS["siren"], "shared_trunk": True}, "windowed features"),
        ({"depth": 1, "shared_trunk": True}, "depth of 2|depth 2"),
        ({"width": 0}, "width=0"),
        ({"global_width": 20}, "6 patches cannot share 4 neurons"),
        ({"region": torch.rand(5, 3)}, "one column for each"),
        ({"window": "soft"}, "There is no window 'soft'"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"patches": (3, 2), **options}
    with pytest.raises(ValueError, match=message):
        patched(**arguments)(2, 1)


def test_a_factory_without_width_is_refused() -> None:
    with pytest.raises(ValueError, match="has no parameter 'width'"):
        PatchedFactory(lambda n, m: nn.Linear(n, m), 2, find_window("smooth"))


def test_factorized_layers_cannot_stand_side_by_side() -> None:
    with pytest.raises(ValueError, match="factorized=False"):
        PatchedFactory(partial(MLP, width=8, factorized=True), 2, find_window("smooth"))(1, 1)


def test_grid_needs_whole_numbers() -> None:
    with pytest.raises(ValueError, match="whole numbers"):
        Grid((2, 0))


EDGES = (-1.0, -0.9, -0.5, -0.45, -0.4, 0.0, 0.1, 0.7, 0.8, 1.0)


@pytest.mark.parametrize("nodes", [{}, {0: EDGES}], ids=["equal", "graded"])
def test_patches_evaluated_one_by_one_give_the_same(nodes: dict[int, tuple[float, ...]]) -> None:
    make = PatchedFactory(partial(MLP, width=27, depth=2), (9, 1), WINDOWS["hard"], nodes=nodes)
    network = make(2, 2).double()
    assert network.each_alone
    x = 2 * torch.rand(40, 2, dtype=torch.float64) - 1
    layout = Layout(("x", "t"), [(), (0,), (0, 0), (1,)])
    together = propagate(network, x, layout)
    with torch.no_grad():
        alone, values = propagate(network, x, layout), network(x)
    for k in range(len(layout)):
        torch.testing.assert_close(alone.channels[k], together.channels[k], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(values, together.channels[0], rtol=1e-12, atol=1e-12)


def test_graded_patches_have_local_coordinates_of_their_own() -> None:
    grid = Grid((9, 1), nodes={0: EDGES})
    network = PatchedFactory(partial(MLP, width=27), (9, 1), WINDOWS["hard"], nodes={0: EDGES})(
        2, 1
    )
    for n, (low, high) in enumerate(itertools.pairwise(EDGES)):
        assert grid.centres(0)[n] == pytest.approx((low + high) / 2)
        ends = torch.tensor([[low, 0.0], [high, 0.0]])
        torch.testing.assert_close(network.coordinates(ends)[:, n], torch.tensor([-1.0, 1.0]))
        inside = torch.tensor([[low + 0.01, 0.3], [high - 0.01, 0.3]])
        assert windows(network, inside)[:, n].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("edges", "periods", "window"),
    [
        ((-1.0, 0.0, 1.0), {}, "smooth"),
        ((-1.0, 0.0), {}, "hard"),
        ((-1.0, 1.5, 1.0), {}, "hard"),
        ((-0.9, 0.0, 1.0), {}, "hard"),
        ((-1.0, 0.0, 1.0), {0: 2.0}, "hard"),
    ],
    ids=str,
)
def test_edges_that_do_not_fit_are_refused(
    edges: tuple[float, ...], periods: dict[int, float], window: str
) -> None:
    make = PatchedFactory(
        partial(MLP, width=8), (2, 1), WINDOWS[window], nodes={0: edges}, periods=periods
    )
    with pytest.raises(ValueError, match=r"unequal width|must grow from -1 to 1"):
        make(2, 1)
