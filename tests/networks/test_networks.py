"""Every member of the family, in the assembly that solvers use."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from pdenet.networks import MLP, NETWORKS, SIREN, ModifiedMLP, PirateNet, build_network

BOUNDS = {"x": (-1.0, 3.0), "t": (0.0, 0.5)}
FIELDS = {"u": (), "v": (2,)}
FACTORIZED = ("mlp", "modified-mlp", "pirate-net", "fourier-features")


def build(name: str, **options):
    factory = partial(NETWORKS[name], **options)
    return build_network(
        factory, coordinates=("x", "t"), fields=FIELDS, bounds=BOUNDS, periodic={"x": 4.0}, seed=1
    )


def points(n: int = 16) -> torch.Tensor:
    return torch.rand(n, 2, generator=torch.Generator().manual_seed(3)) * torch.tensor([4.0, 0.5])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_sample_is_mapped_on_its_own(name):
    network, x = build(name), points()
    y = network(x)
    assert y.shape == (16, 3)
    # Rows may differ in the last bits: a matrix product sums in an order that depends on n.
    torch.testing.assert_close(network(x[5]), y[5], rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(vmap(network)(x), y, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", NETWORKS)
def test_output_depends_on_every_input(name):
    x = points().requires_grad_()
    (gradient,) = torch.autograd.grad(build(name)(x).sum(), x)
    assert (gradient.abs() > 1e-6).all()


@pytest.mark.parametrize("factorized", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_reach_every_parameter(name, factorized):
    if factorized and name not in FACTORIZED:
        pytest.skip("a SIREN's law fixes the length of its rows")
    options: dict[str, object] = {"factorized": True} if factorized else {}
    if name == "pirate-net":
        options["alpha"] = 0.3  # at zero the blocks are the identity, by design
    network = build(name, **options)
    network(points()).square().sum().backward()
    for label, parameter in network.named_parameters():
        assert parameter.grad is not None, label
        assert parameter.grad.abs().max() > 0, label


@pytest.mark.parametrize("name", NETWORKS)
def test_seed_fixes_the_draw_and_leaves_the_global_generator(name):
    before = torch.get_rng_state()
    first, again = build(name).state_dict(), build(name).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[key], again[key]) for key in first)
    other = NETWORKS[name](2, 1, seed=2).state_dict()  # pyright: ignore[reportCallIssue]
    same = NETWORKS[name](2, 1, seed=2).state_dict()  # pyright: ignore[reportCallIssue]
    new = NETWORKS[name](2, 1, seed=3).state_dict()  # pyright: ignore[reportCallIssue]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(other[key], same[key]) for key in other)
    assert any(not torch.equal(other[key], new[key]) for key in other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NETWORKS)
def test_dtype_is_the_asked_one_throughout(name, dtype):
    network = build_network(
        NETWORKS[name], coordinates="xt", fields=FIELDS, bounds=BOUNDS, seed=0, dtype=dtype
    )
    assert {t.dtype for t in network.state_dict().values()} == {dtype}
    assert network(points().to(dtype)).dtype == dtype
    assert torch.get_default_dtype() == torch.float64


@pytest.mark.parametrize("name", NETWORKS)
def test_functional_call_and_per_sample_gradients(name):
    options = {"pirate-net": {"alpha": 0.3}}
    network, x = build(name, **options.get(name, {})), points(4)
    parameters = dict(network.named_parameters())

    def output(parameters, sample):
        return functional_call(network, parameters, (sample,)).sum()

    rows = vmap(torch.func.grad(output), in_dims=(None, 0))(parameters, x)
    network(x).sum().backward()
    for label, parameter in network.named_parameters():
        # Round-off of a sum of four rows.
        torch.testing.assert_close(rows[label].sum(0), parameter.grad, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_state_can_be_loaded_into_a_fresh_network(name):
    network = build(name)
    other = build_network(
        NETWORKS[name], coordinates="xt", fields=FIELDS, bounds=BOUNDS, periodic={"x": 4.0}, seed=9
    )
    assert not torch.equal(other(points()), network(points()))
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(points()), network(points()))


@pytest.mark.parametrize("name", NETWORKS)
def test_traces_as_one_graph(name):
    network, x = build(name), points()
    traced = torch.compile(network, fullgraph=True, backend="eager")
    torch.testing.assert_close(traced(x), network(x), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", ["inputs", "outputs", "width", "depth"])
@pytest.mark.parametrize("value", [0, -3, 2.5, True])
def test_sizes_must_be_positive_integers(name, size, value):
    if name == "random-features" and size == "depth":
        pytest.skip("random features are one layer")
    sizes = {"inputs": 2, "outputs": 1, size: value}
    with pytest.raises(ValueError, match=f"positive integer {size}"):
        NETWORKS[name](sizes.pop("inputs"), sizes.pop("outputs"), **sizes)


def test_glorot_weights_have_the_stated_variance():
    network = MLP(2, 1, width=300, depth=2, seed=0)
    layer = network.hidden[1]
    assert isinstance(layer, nn.Linear)
    # 9e4 draws: the standard error of a variance estimate is sqrt(2 / 9e4) = 0.5 %.
    assert layer.weight.var().item() == pytest.approx(2 / 600, rel=0.02)
    assert layer.bias.abs().max() == 0


def test_factorized_layers_start_from_the_same_draw():
    plain = MLP(2, 1, depth=1, seed=4)
    factorized = MLP(2, 1, depth=1, seed=4, factorized=True)
    layer = factorized.hidden[0]
    weight = layer.scale.exp()[:, None] * layer.direction  # pyright: ignore
    torch.testing.assert_close(weight, plain.hidden[0].weight, rtol=1e-14, atol=1e-15)


def test_siren_with_a_frequency_for_each_input_is_one_with_scaled_inputs():
    whole, each = SIREN(2, 1, frequency=30.0, seed=0), SIREN(2, 1, frequency=[30.0, 3.0], seed=0)
    x = torch.rand(20, 2)
    torch.testing.assert_close(each(x), whole(x * torch.tensor([1.0, 0.1])))


def test_siren_refuses_as_many_frequencies_as_it_has_no_inputs():
    with pytest.raises(ValueError, match="2 inputs"):
        SIREN(2, 1, frequency=[1.0, 2.0, 3.0])


def test_siren_keeps_the_variance_of_its_signals():
    network = SIREN(2, 1, width=400, depth=8, frequency=30.0, seed=0)
    x = torch.sin(30.0 * network.first(2 * torch.rand(2000, 2) - 1))
    for layer in network.hidden:
        x = torch.sin(layer(x))
    # Signals of variance v give normal ones of variance 2 v before the next sine, whose variance
    # is (1 - exp(-4 v)) / 2: fixed at 0.398. Width 400 adds a few percent of noise.
    assert x.var().item() == pytest.approx(0.398, abs=0.04)


def test_pirate_net_starts_as_a_linear_model_of_its_waves():
    network = PirateNet(2, 1, width=16, depth=3, seed=0)
    x = points()
    torch.testing.assert_close(network(x), network.last(network.embedding(x)))
    network(x).sum().backward()
    assert all(block.alpha.grad.abs() > 0 for block in network.blocks)  # pyright: ignore


def test_modified_mlp_equals_its_formula():
    network = ModifiedMLP(2, 1, width=8, depth=3, seed=0)
    x = points()
    u, v = (torch.tanh(gate(x)) for gate in (network.first_gate, network.second_gate))  # pyright: ignore
    h = torch.tanh(network.hidden[0](x))  # pyright: ignore
    for layer in list(network.hidden)[1:]:  # pyright: ignore
        z = torch.tanh(layer(h))
        h = (1 - z) * u + z * v
    torch.testing.assert_close(network(x), network.last(h))  # pyright: ignore


def test_pirate_block_equals_its_formula():
    network = PirateNet(2, 1, width=8, depth=2, alpha=0.4, seed=0)
    x = network.embedding(points())
    u, v = torch.tanh(network.first_gate(x)), torch.tanh(network.second_gate(x))
    for block in network.blocks:
        f = torch.tanh(block.first(x))  # pyright: ignore
        g = torch.tanh(block.second(f * u + (1 - f) * v))  # pyright: ignore
        h = torch.tanh(block.third(g * u + (1 - g) * v))  # pyright: ignore
        x = 0.4 * h + 0.6 * x
    torch.testing.assert_close(network(points()), network.last(x))


def test_pirate_net_needs_pairs_of_waves():
    with pytest.raises(ValueError, match="even width, got 7"):
        PirateNet(2, 1, width=7)


@pytest.mark.parametrize("name", ["frequency", "hidden_frequency"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_siren_refuses_bad_frequencies(name, value):
    with pytest.raises(ValueError, match=f"positive finite {name}"):
        SIREN(2, 1, **{name: value})
