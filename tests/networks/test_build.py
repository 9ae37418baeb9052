from functools import partial

import pytest
import torch
from torch import nn

from pdenet.networks import MLP, Affine, Separate, build_network, field_columns

XT = {"coordinates": ("x", "t"), "bounds": {"x": (2.0, 6.0), "t": (0.0, 0.1)}}
U = {"u": ()}


class Recorder(nn.Module):
    """A core that keeps what it saw."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x):
        self.seen = x
        return self.linear(x)


def test_inputs_are_scaled_to_the_unit_box():
    network = build_network(Recorder, fields=U, **XT)
    network(torch.tensor([[2.0, 0.0], [6.0, 0.1], [4.0, 0.05]]))
    seen = network.core.seen  # pyright: ignore
    # Round-off of one multiplication and one addition.
    torch.testing.assert_close(
        seen, torch.tensor([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0]]), rtol=0, atol=1e-14
    )


def test_outputs_are_scaled_from_the_data():
    fields = {"u": (), "v": (2,), "p": ()}
    plain = build_network(MLP, fields=fields, seed=0, **XT)
    scaled = build_network(
        MLP, fields=fields, seed=0, scale={"v": 100.0}, mean={"v": 5.0, "p": -1.0}, **XT
    )
    x = torch.rand(7, 2)
    expected = plain(x) * torch.tensor([1.0, 100.0, 100.0, 1.0]) + torch.tensor([0.0, 5, 5, -1])
    torch.testing.assert_close(scaled(x), expected)


def test_fields_have_their_columns():
    columns = field_columns({"v": (2,), "s": (2, 2), "p": ()})
    assert columns == {"v": slice(0, 2), "s": slice(2, 6), "p": slice(6, 7)}


def test_separate_networks_share_no_parameter():
    network = build_network(
        partial(MLP, width=8), fields={"u": (), "v": (2,)}, separate=True, seed=0, **XT
    )
    assert isinstance(network.core, Separate)
    x = torch.rand(5, 2)
    assert network(x).shape == (5, 3)
    network(x)[:, 0].sum().backward()
    first, second = network.core.networks
    assert all(p.grad.any() for p in first.parameters())  # pyright: ignore
    assert all(not p.grad.any() for p in second.parameters())  # pyright: ignore
    assert not torch.equal(first.hidden[0].weight, second.hidden[0].weight)  # pyright: ignore


def test_own_module_is_used_as_it_is():
    module = nn.Linear(2, 1)
    assert build_network(module, fields=U, **XT) is module


def test_seed_reaches_a_factory_of_the_user():
    def factory(inputs, outputs):
        return nn.Linear(inputs, outputs)

    first, again, other = (build_network(factory, fields=U, seed=s, **XT) for s in (5, 5, 6))
    assert torch.equal(first.core.weight, again.core.weight)  # pyright: ignore
    assert not torch.equal(first.core.weight, other.core.weight)  # pyright: ignore


def test_dry_run_leaves_a_module_as_it_was():
    module = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1), nn.Dropout())
    module[2].eval()
    build_network(module, fields=U, **XT)
    assert [part.training for part in module] == [True, True, False]
    assert module[0].num_batches_tracked == 0  # pyright: ignore


def test_wrong_number_of_inputs_names_both():
    with pytest.raises(ValueError, match=r"\(n, 2\) \(x, t\) to \(n, 1\).*layer takes 3 inputs"):
        build_network(nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 1)), fields=U, **XT)


@pytest.mark.parametrize(
    ("module", "found"),
    [
        (nn.Linear(2, 4), r"\(3, 4\)"),
        (nn.Sequential(nn.Linear(2, 1), nn.Flatten(0)), r"\(3,\)"),
    ],
)
def test_wrong_outputs_name_both(module, found):
    with pytest.raises(ValueError, match=rf"to \(n, 1\), but maps \(3, 2\) to {found}"):
        build_network(module, fields=U, **XT)


def test_factory_with_wrong_sizes_is_refused():
    with pytest.raises(ValueError, match="takes 5 inputs"):
        build_network(lambda inputs, outputs: MLP(5, outputs), fields=U, **XT)
    with pytest.raises(ValueError, match=r"maps \(3, 2\) to \(3, 2\)"):
        build_network(lambda inputs, outputs: MLP(inputs, 2), fields=U, **XT)
    with pytest.raises(ValueError, match="return an nn"):
        build_network(lambda inputs, outputs: "mlp", fields=U, **XT)  # pyright: ignore


def test_module_cannot_take_what_only_a_factory_can():
    module = nn.Linear(2, 1)
    with pytest.raises(ValueError, match=r"periodic coordinates \['x'\].*hard=False"):
        build_network(module, fields=U, periodic={"x": 4.0}, **XT)
    with pytest.raises(ValueError, match="Give a factory"):
        build_network(module, fields=U, separate=True, **XT)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"periods for \['y'\]"):
        build_network(MLP, fields=U, periodic={"y": 1.0}, **XT)
    with pytest.raises(ValueError, match=r"scales or means for \['p'\]"):
        build_network(MLP, fields=U, scale={"p": 1.0}, **XT)
    with pytest.raises(ValueError, match=r"no bounds for \['t'\]"):
        build_network(MLP, fields=U, coordinates=("x", "t"), bounds={"x": (0, 1)})


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2.0, 1.0), (0.0, float("inf"))])
def test_bad_bounds_are_refused_by_name(bounds):
    with pytest.raises(ValueError, match="bounds of x are"):
        build_network(MLP, fields=U, coordinates=("x",), bounds={"x": bounds})


@pytest.mark.parametrize(
    ("scale", "shift", "message"),
    [
        ([1.0], [1.0, 2.0], "one per column"),
        ([0.0], [1.0], "not zero"),
        ([1.0], [float("nan")], "finite"),
    ],
)
def test_bad_affine_maps_are_refused(scale, shift, message):
    with pytest.raises(ValueError, match=message):
        Affine(scale, shift)


def test_separate_needs_a_network():
    with pytest.raises(ValueError, match="at least one"):
        Separate([])
