from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pdenet.jets import Jet, Layout, propagate, reference

XY = ("x", "y")


class Sine(nn.Module):
    def forward(self, x):
        return torch.sin(x)


ACTIVATIONS = [nn.Tanh(), nn.Sigmoid(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Softplus(2.0)]
ACTIVATIONS += [Sine(), nn.ELU(), nn.Mish()]


def network(inputs: int, width: int, depth: int, outputs: int, activation: nn.Module) -> nn.Module:
    layers: list[nn.Module] = []
    for k in range(depth):
        layers += [nn.Linear(width if k else inputs, width), activation]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


@st.composite
def demands(draw: st.DrawFn, d: int) -> list[tuple]:
    """Up to three operators of orders 1 to 4, some with Laplacians over random axes."""
    axis = st.integers(0, d - 1)
    axes = st.sets(axis, min_size=2).map(lambda chosen: tuple(sorted(chosen)))
    operators = []
    for _ in range(draw(st.integers(1, 3))):
        order = draw(st.integers(1, 4))
        laplacians = draw(st.integers(0, order // 2)) if d > 1 else 0
        singles = [draw(axis) for _ in range(order - 2 * laplacians)]
        operators.append((*singles, *[draw(axes) for _ in range(laplacians)]))
    return operators


# The fixture holds no state, so that sharing it between examples is harmless.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_demand_of_any_network_matches_nested_autograd(
    data: st.DataObject, matches_oracle: Callable[..., None]
) -> None:
    d = data.draw(st.integers(1, 3))
    operators = data.draw(demands(d))
    shape = [data.draw(st.integers(1, k)) for k in (5, 2, 2)]
    torch.manual_seed(data.draw(st.integers(0, 99)))
    module = network(d, *shape, data.draw(st.sampled_from(ACTIVATIONS)))
    layout = Layout([f"x{i}" for i in range(d)], operators)
    matches_oracle(module, torch.randn(3, d), layout, each_gradient=True)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize(
    "operators", [[((0, 1),)], [((0, 1), (0, 1))], [(0, 0, 0, 1), (1, 1, 1)]], ids=str
)
def test_activations_match_nested_autograd(activation, operators, matches_oracle) -> None:
    matches_oracle(network(2, 4, 2, 1, activation), torch.randn(3, 2), Layout(XY, operators))


def test_polynomials_are_exact() -> None:
    x = torch.tensor([[2.0, 3.0], [-1.0, 0.5]])
    layout = Layout(XY, [(0, 0, 0, 1), ((0, 1), (0, 1))])
    jet = propagate(lambda x: x[:, :1] ** 3 * x[:, 1:] ** 2 + x[:, 1:] ** 4, x, layout)
    a, b = x[:, :1], x[:, 1:]
    expected = {
        (): a**3 * b**2 + b**4,
        (0, 1): 6 * a**2 * b,
        (1, 1): 2 * a**3 + 12 * b**2,
        (0, 0, 0, 1): 12 * b,
        ((0, 1), (0, 1)): 2 * 6 * a * 2 + 24,
    }
    for index, value in expected.items():
        torch.testing.assert_close(jet.partial(index), value, rtol=1e-14, atol=0)


def test_laplacian_carried_as_one_channel_is_the_sum_of_its_second_derivatives() -> None:
    module, x = network(3, 6, 2, 2, nn.Tanh()), torch.randn(5, 3)
    names, lap = ("x", "y", "z"), (0, 1, 2)
    one = propagate(module, x, Layout(names, [(lap,)])).partial((lap,))
    all_ = propagate(module, x, Layout(names, [(i, i) for i in lap])).partial((lap,))
    torch.testing.assert_close(one, all_, rtol=1e-12, atol=1e-14)  # sums in another order


def test_a_layout_of_the_value_alone_just_runs_the_network() -> None:
    module, x = network(2, 4, 1, 3, nn.Tanh()), torch.randn(5, 2)
    jet = propagate(module, x, Layout(XY))
    assert jet.channels.shape == (1, 5, 3)
    assert torch.equal(jet.value, module(x))


def test_a_constant_has_vanishing_derivatives() -> None:
    jet = propagate(lambda x: torch.ones(len(x), 1), torch.randn(4, 2), Layout(XY, [(0, 0)]))
    assert torch.equal(jet.channels[1:], torch.zeros(2, 4, 1))


def test_coordinates_come_back_as_ones_and_zeros() -> None:
    x = torch.randn(4, 2)
    jet = propagate(lambda x: x, x, Layout(XY, [(0, 0), (1,)]))
    expected = torch.stack([x, *torch.eye(2)[:, None].expand(2, 4, 2), torch.zeros(4, 2)])
    assert torch.equal(jet.channels, expected)


def test_blocks_do_not_show(monkeypatch, mlp, same_jet) -> None:
    module, x, layout = mlp(), torch.randn(23, 2), Layout(XY, [((0, 1), (0, 1))])

    def run() -> tuple[Jet, list[Tensor]]:
        jet = propagate(module, x, layout)
        return jet, list(torch.autograd.grad(jet.channels.square().sum(), module.parameters()))

    whole, grads = run()
    monkeypatch.setattr("pdenet.jets.kernels.BLOCK", 5 * 6 // torch.get_num_threads())
    blocked, blocked_grads = run()
    assert torch.equal(whole.channels, blocked.channels)
    for a, b in zip(grads, blocked_grads, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)  # equal kernels, other chunks


@pytest.mark.parametrize("activation", [nn.Tanh(), nn.Sigmoid(), nn.SiLU()], ids=repr)
def test_gradients_of_gradients(activation: nn.Module) -> None:
    module, x = network(2, 3, 2, 1, activation), torch.randn(3, 2)
    layout = Layout(XY, [((0, 1),), (0, 0, 0)])
    names, start = zip(*module.named_parameters(), strict=True)

    def channels(*parameters: Tensor) -> Tensor:
        given = dict(zip(names, parameters, strict=True))
        call = lambda x: torch.func.functional_call(module, given, (x,))  # noqa: E731
        return propagate(call, x, layout).channels

    parameters = [p.detach().clone().requires_grad_() for p in start]
    assert torch.autograd.gradcheck(channels, parameters)
    assert torch.autograd.gradgradcheck(channels, parameters)


# The first jvp imports torch's own decompositions, which still use torch.jit.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_transforms_of_torch_func_go_through(mlp) -> None:
    module, x, layout = mlp(), torch.randn(4, 2), Layout(XY, [((0, 1),)])
    parameters = dict(module.named_parameters())

    def laplacian(parameters: dict[str, Tensor], point: Tensor) -> Tensor:
        call = lambda x: torch.func.functional_call(module, parameters, (x,))  # noqa: E731
        return propagate(call, point[None], layout).channels[-1, 0, 0]

    rows = torch.func.vmap(torch.func.grad(laplacian), (None, 0))(parameters, x)
    whole = propagate(module, x, layout).channels[-1, :, 0]
    for k in range(len(x)):
        expected = torch.autograd.grad(whole[k], list(module.parameters()), retain_graph=True)
        for row, grad in zip(rows.values(), expected, strict=True):
            torch.testing.assert_close(row[k], grad, rtol=1e-10, atol=1e-13)
    tangent = torch.func.jvp(lambda p: laplacian(p, x[0]), (parameters,), (parameters,))[1]
    steps = sum((rows[n][0] * p).sum() for n, p in parameters.items())
    torch.testing.assert_close(tangent, steps, rtol=1e-10, atol=1e-13)


def test_single_precision_stays_single(mlp) -> None:
    module = mlp().float()
    jet = propagate(module, torch.randn(4, 2, dtype=torch.float32), Layout(XY, [((0, 1),)]))
    assert jet.channels.dtype == torch.float32


def test_inference_mode_works(mlp, same_jet) -> None:
    module, x, layout = mlp(), torch.randn(4, 2), Layout(XY, [(0, 0)])
    with torch.inference_mode():
        jet = propagate(module, x, layout)
    same_jet(jet, reference.propagate(module, x, layout))


def test_points_of_other_dimension_are_refused(mlp) -> None:
    with pytest.raises(ValueError, match=r"shape \(4, 3\) came for the coordinates"):
        propagate(mlp(), torch.randn(4, 3), Layout(XY, [(0,)]))


def test_a_jet_of_too_many_channels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at most 2, n"):
        Jet(Layout(XY, [(0,)]), torch.zeros(3, 4))
    with pytest.raises(KeyError, match="not among"):
        Jet(Layout(XY, [(0,)]), torch.zeros(2, 4)).partial((1,))
