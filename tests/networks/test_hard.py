import pytest
import torch
from torch import nn
from torch.func import jacrev, vmap

from pdenet.networks import MLP, HardConstraint

XT = ("x", "t")


def string(dtype=torch.float64) -> HardConstraint:
    """A string: fixed ends, start sin(pi x), first velocity x(1 - x), second output free."""
    return HardConstraint(
        MLP(2, 2, seed=0).to(dtype),
        XT,
        lift=[lambda x, t: torch.sin(torch.pi * x) + t * x * (1 - x), None],
        distance=[lambda x, t: x * (1 - x) * t**2, None],
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_are_exact_and_the_type_is_kept(dtype):
    s = torch.rand(50, dtype=dtype)
    zero, one = torch.zeros_like(s), torch.ones_like(s)
    hard = string(dtype)
    at_start = hard(torch.stack([s, zero], dim=-1))
    assert at_start.dtype == dtype
    assert torch.equal(at_start[:, 0], torch.sin(torch.pi * s))
    assert torch.equal(hard(torch.stack([zero, s], dim=-1))[:, 0], zero)
    end = hard(torch.stack([one, s], dim=-1))[:, 0]
    assert end.abs().max() <= torch.finfo(dtype).eps  # sin(pi) itself


def test_first_velocity_is_exact():
    s = torch.rand(50)
    x = torch.stack([s, torch.zeros_like(s)], dim=-1)
    jacobian = vmap(jacrev(string()))(x)
    torch.testing.assert_close(jacobian[:, 0, 1], s * (1 - s), rtol=1e-14, atol=1e-15)


def test_free_outputs_are_the_networks():
    hard, x = string(), torch.rand(20, 2)
    assert torch.equal(hard(x)[:, 1], hard.network(x)[:, 1])
    assert not torch.equal(hard(x)[:, 0], hard.network(x)[:, 0])


def test_numbers_may_stand_for_functions():
    x = torch.rand(4, 2)
    hard = HardConstraint(MLP(2, 1, seed=0), XT, lift=[2.0], distance=[3.0])
    torch.testing.assert_close(hard(x), 2 + 3 * hard.network(x))


def test_functions_may_take_all_coordinates():
    hard = HardConstraint(
        MLP(2, 1, seed=0), XT, lift=[None], distance=[lambda **known: known["x"] * known["t"]]
    )
    assert torch.equal(hard(torch.zeros(3, 2)), torch.zeros(3, 1))


def test_traces_and_vectorizes():
    hard, x = string(), torch.rand(6, 2)
    traced = torch.compile(hard, fullgraph=True, backend="eager")
    torch.testing.assert_close(traced(x), hard(x))
    torch.testing.assert_close(vmap(hard)(x), hard(x))


def test_gradients_reach_the_network():
    hard = string()
    hard(torch.rand(9, 2)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in hard.parameters())


def test_unknown_coordinate_is_refused():
    with pytest.raises(ValueError, match=r"asks for \['y'\].*\['x', 't'\]"):
        HardConstraint(nn.Linear(2, 1), XT, lift=[lambda y: y], distance=[None])


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="1 lifts and 0 distances"):
        HardConstraint(nn.Linear(2, 1), XT, lift=[None], distance=[])
