import pytest
import torch

from pdenet.networks import ACTIVATIONS, MLP, find_activation


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_have_curvature(name):
    x = torch.tensor(0.3)
    second = torch.func.grad(torch.func.grad(find_activation(name)))(x)
    assert second.abs() > 1e-3


def test_the_named_activation_is_the_one_used():
    x = torch.rand(4, 1)
    network = MLP(1, 1, width=3, depth=1, activation="gelu", seed=0)
    expected = network.last(torch.nn.functional.gelu(network.hidden[0](x)))
    assert torch.equal(network(x), expected)


def test_unknown_activation_lists_the_known():
    with pytest.raises(ValueError, match=r"'tahn'.*tanh, sin"):
        MLP(1, 1, activation="tahn")  # pyright: ignore[reportArgumentType]


def test_relu_is_refused_with_its_reason():
    with pytest.raises(ValueError, match="second derivative is zero"):
        MLP(1, 1, activation="relu")  # pyright: ignore[reportArgumentType]
