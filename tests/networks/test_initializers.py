"""Laws of the draws, what they change, and what they refuse; orderings of effective rank."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pdenet import Condition, Problem
from pdenet.diagnostics import effective_rank
from pdenet.geometry import Box
from pdenet.networks import (
    MLP,
    NETWORKS,
    SIREN,
    FourierFeatures,
    ModifiedMLP,
    PatchedNetwork,
    PirateNet,
    Separate,
    build_network,
)
from pdenet.networks.initializers import (
    INITIALIZERS,
    Glorot,
    He,
    Initializer,
    OutputScale,
    PartitionOfUnity,
    SirenUniform,
    VarianceScaling,
    layers_of,
    rebuilt,
)
from pdenet.residuals import Residuals
from pdenet.tangent import Tangent

EVERY: list[Initializer] = [
    Glorot(),
    He(),
    VarianceScaling(R=3.0),
    VarianceScaling(R=(3.0, 2.0), hidden="he", outer=1.0),
    PartitionOfUnity(patches=2),
    PartitionOfUnity(patches=(2, 1), R=3.0, global_width=4),
    PartitionOfUnity(patches=2, R=2.0, shared_trunk=True),
    Glorot(output_scale=5.0),
    PartitionOfUnity(patches=2, window="infinitely-smooth", output_scale=0.5),
]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(initializer: Initializer, factory: Any = None) -> nn.Module:
    """A network of structure and draw."""
    core = initializer.structure(factory or partial(MLP, width=20, depth=2))(2, 1)
    initializer.draw(core, generator())
    return core


def layer(core: nn.Module, place: str = "first") -> Any:
    """First layer of a place."""
    return getattr(next(layers_of(core)), place)[0]


@pytest.mark.parametrize("initializer", EVERY, ids=repr)
def test_draws_are_a_pure_function_of_the_generator(initializer: Initializer) -> None:
    core = initializer.structure(partial(MLP, width=20, depth=2))(2, 1)
    before = torch.get_rng_state()
    states = []
    for seed in (1, 1, 2):
        initializer.draw(core, generator(seed))
        states.append({k: v.clone() for k, v in core.state_dict().items()})
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    weights = [k for k in states[0] if k.endswith("weight")]
    assert weights
    assert not any(torch.equal(states[0][k], states[2][k]) for k in weights)


@pytest.mark.parametrize("initializer", EVERY, ids=repr)
def test_a_description_brings_the_initializer_back(initializer: Initializer) -> None:
    description = initializer.describe()
    assert rebuilt(description) == initializer
    assert description["name"] in INITIALIZERS
    # Plain data, which YAML and JSON can hold.
    assert all(not isinstance(v, tuple | Tensor) for v in description.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_stays(dtype: torch.dtype) -> None:
    for initializer in EVERY:
        core = network(initializer).to(dtype)
        initializer.draw(core, generator())
        assert {p.dtype for p in core.parameters()} == {dtype}
    assert torch.get_default_dtype() == torch.float64


def test_first_weights_and_biases_are_uniform_on_the_range() -> None:
    first = layer(network(VarianceScaling(R=3.0), partial(MLP, width=4000, depth=1)))
    for values in (first.weight, first.bias):
        # Variance R^2 / 3; its estimate from n values is off by sqrt(0.8 / n).
        assert abs(values.var().item() / 3.0 - 1) < 4 * math.sqrt(0.8 / values.numel())
        assert 2.99 < values.abs().max() <= 3.0
    last = layer(network(VarianceScaling(R=3.0), partial(MLP, width=4000, depth=1)), "last")
    assert last.weight.std().item() == pytest.approx(math.sqrt(2 / 4001), rel=0.05)


def test_each_layer_may_have_its_own_range_and_outer_weights_theirs() -> None:
    core = network(
        VarianceScaling(R=(2.0, 0.5), hidden="he", outer=3.0), partial(MLP, width=400, depth=3)
    )
    layers = next(layers_of(core))
    assert layers.first[0].weight.abs().max().item() == pytest.approx(2.0, rel=0.01)
    assert layers.hidden[0].weight.abs().max().item() == pytest.approx(0.5, rel=0.01)
    assert layers.hidden[1].weight.std().item() == pytest.approx(math.sqrt(2 / 400), rel=0.02)
    assert layers.last[0].weight.abs().max().item() == pytest.approx(3 / 20, rel=0.02)


def test_local_ranges_hold_in_every_patch() -> None:
    core = network(PartitionOfUnity(patches=4, R=3.0, width=50))
    first = layer(core)
    assert first.blocks == 16
    largest = first.weight.view(16, -1).abs().amax(1)
    assert largest.min() > 2.7
    assert largest.max() <= 3.0
    assert len(set(largest.tolist())) == 16  # each patch has a draw of its own


def test_gates_of_a_modified_mlp_read_the_inputs_too() -> None:
    core = network(VarianceScaling(R=50.0), partial(ModifiedMLP, width=30))
    assert isinstance(core, ModifiedMLP)
    for part in (core.first_gate, core.second_gate, core.hidden[0]):
        assert isinstance(part, nn.Linear)
        assert part.weight.abs().max() > 40
    assert layer(core, "hidden").weight.abs().max() < 2


def test_siren_law_on_an_mlp_of_sines() -> None:
    core = network(SirenUniform(frequency=7.0), partial(MLP, width=600, activation="sin"))
    layers = next(layers_of(core))
    assert layers.first[0].weight.abs().max().item() == pytest.approx(7 / 2, rel=0.01)
    assert layers.hidden[0].weight.abs().max().item() == pytest.approx(math.sqrt(6 / 600), rel=0.01)


def test_what_networks_draw_by_themselves_is_glorots_law_and_a_sirens_own() -> None:
    for name, fields in (("mlp", 2), ("siren", 1)):
        drawn = NETWORKS[name](2, fields, width=500, depth=2, seed=0)
        again = NETWORKS[name](2, fields, width=500, depth=2, seed=1)
        Glorot().draw(again, generator(5))
        pairs = zip(drawn.parameters(), again.parameters(), strict=True)
        for a, b in pairs:
            if a.numel() < 500:
                continue
            assert not torch.equal(a, b) or not a.any()
            # Standard deviations from at least 500 values are off by 3 % each; or zeros.
            assert b.std().item() == pytest.approx(a.std().item(), rel=0.15, abs=1e-12)


@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in ("random-features",)])
def test_patches_take_every_network(name: str) -> None:
    initializer = PartitionOfUnity(patches=(2, 1))
    core = network(initializer, partial(NETWORKS[name], width=12))
    assert isinstance(core, PatchedNetwork)
    assert core(torch.rand(5, 2)).shape == (5, 1)


def test_each_fields_network_has_its_own_draw() -> None:
    initializer = PartitionOfUnity(patches=2, R=2.0)
    model = build_network(
        initializer.structure(partial(MLP, width=16, depth=1)),
        coordinates=("x", "t"),
        fields={"u": (), "v": ()},
        bounds={"x": (0, 3), "t": (0, 1)},
        separate=True,
        seed=0,
    )
    initializer.draw(model, generator())
    core = model.get_submodule("core")
    assert isinstance(core, Separate)
    first, second = (layer(part) for part in core.networks)
    assert not torch.equal(first.weight, second.weight)


def test_output_scale_starts_at_zero_and_multiplies_the_kernel() -> None:
    x = torch.rand(6, 2)
    plain, scaled = network(Glorot()), network(Glorot(output_scale=5.0))
    assert isinstance(scaled, OutputScale)
    assert not scaled(x).any()
    kernels = []
    for core in (plain, scaled):
        trained = [p for p in core.parameters() if p.requires_grad]
        rows = [torch.autograd.grad(y, trained, retain_graph=True) for y in core(x).flatten()]
        jacobian = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
        kernels.append(jacobian @ jacobian.T)
    torch.testing.assert_close(kernels[1], 25 * kernels[0], rtol=1e-10, atol=1e-10)
    assert sum(p.numel() for p in plain.parameters()) == sum(p.numel() for p in trained)


def rank_of(patches: int, ranges: float, quantity: Callable[..., Any]) -> float:
    """Mean effective rank of the kernel of two-layer networks, over seeds."""
    domain = Box(x=(-1, 1))
    conditions = {"equation": Condition(quantity, on=domain.interior)}
    problem = Problem(domain=domain, fields="u", conditions=conditions)
    points = domain.interior.sample(100, seed=0)
    found = []
    for seed in range(2):
        initializer = PartitionOfUnity(patches=patches, window="hard", R=ranges, outer=1.0)
        core = initializer.structure(partial(MLP, width=200, depth=1))(1, 1)
        initializer.draw(core, generator(seed))
        tangent = Tangent(Residuals(problem, core), {"equation": points})
        found.append(float(effective_rank(tangent.gram())))
    return sum(found) / len(found)


def test_effective_rank_grows_with_patches_and_range() -> None:
    """Orderings and ratios of a table of two-layer networks, hard windows, tanh, NTK of u''."""
    rank = {(m, r): rank_of(m, r, lambda u: u.xx) for m in (1, 4, 10) for r in (1.0, 4.0)}
    assert 2 < rank[1, 1.0] < 3  # 2.3 with 200 neurons
    assert 5 < rank[1, 4.0] < 9  # 6.7
    # Nearly in proportion to the patches, while each still has enough neurons.
    for r in (1.0, 4.0):
        assert 0.65 * 4 < rank[4, r] / rank[1, r] < 1.1 * 4
    assert rank[10, 1.0] / rank[1, 1.0] > 6
    # A wider range adds to it at any number of patches: 2.9, 2.7 and 2.2 times in the table.
    assert all(rank[m, 4.0] / rank[m, 1.0] > 1.5 for m in (1, 4, 10))
    assert rank_of(4, 1.0, lambda u: u) / rank_of(1, 1.0, lambda u: u) > 2.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VarianceScaling(R=0.0), "positive and finite"),
        (lambda: VarianceScaling(R=-1.0), "positive and finite"),
        (lambda: VarianceScaling(R=math.nan), "positive and finite"),
        (lambda: VarianceScaling(R=(1.0, math.inf)), "positive and finite"),
        (lambda: VarianceScaling(R=()), "positive and finite"),
        (lambda: VarianceScaling(outer=0.0), "outer=0.0"),
        (lambda: VarianceScaling(hidden="zero"), "no scheme 'zero'"),  # pyright: ignore
        (lambda: PartitionOfUnity(patches=0), "at least 1"),
        (lambda: PartitionOfUnity(patches="2,x"), "such as 4 or 4,2"),
        (lambda: PartitionOfUnity(R=0), "positive and finite"),
        (lambda: PartitionOfUnity(window="soft"), "no window 'soft'"),  # pyright: ignore
        (lambda: Glorot(output_scale=0.0), "output_scale=0.0"),
        (lambda: SirenUniform(frequency=math.inf), "positive and finite"),
        (lambda: rebuilt({"name": "zero"}), "no initializer 'zero'"),
        (lambda: network(PartitionOfUnity(patches=5)), "25 patches cannot share 20 neurons"),
        (lambda: network(PartitionOfUnity(patches=(2, 2, 2))), "3 numbers for 2 inputs"),
        (lambda: network(VarianceScaling(R=(1, 1, 1, 1))), "4 ranges for 2 hidden layers"),
        (lambda: network(VarianceScaling(), SIREN), "--network.frequency"),
        (lambda: network(VarianceScaling(), PirateNet), "--network.scale"),
        (lambda: network(VarianceScaling(), FourierFeatures), "--network.scale"),
        (lambda: network(PartitionOfUnity(R=2.0), FourierFeatures), "--network.scale"),
        (lambda: network(He(), SIREN), "its own law"),
        (lambda: network(SirenUniform()), "--network.activation sin"),
        (lambda: Glorot().draw(nn.Sequential(nn.Bilinear(2, 2, 1)), None), "no linear layers"),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_windows_must_be_smooth_enough_for_the_equations() -> None:
    PartitionOfUnity(window="smooth").check_order(2)
    PartitionOfUnity(window="infinitely-smooth").check_order(4)
    PartitionOfUnity(window="hard", allow_jumps=True).check_order(2)
    with pytest.raises(ValueError, match="infinitely-smooth"):
        PartitionOfUnity(window="smooth").check_order(3)
    with pytest.raises(ValueError, match="allow_jumps"):
        PartitionOfUnity(window="hard").check_order(2)
