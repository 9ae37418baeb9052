"""Operator networks: one function or many, tensors or jets, the same values."""

import pytest
import torch
from torch import nn

from pdenet.jets import Layout, propagate
from pdenet.networks import MLP
from pdenet.networks.deeponet import Branch, DeepONet, principal_components
from pdenet.networks.pod import PODTrunk, orthogonal_modes

SENSORS, BASIS = 5, 6


def operator(outputs: int = 1, own: bool = False, names: tuple[str, ...] = ("v",), **more):
    trunk = MLP(2, BASIS * (outputs if own else 1), width=7, depth=2)
    branches = {n: nn.Linear(SENSORS, outputs * BASIS) for n in names}
    return DeepONet(trunk, branches, outputs=outputs, basis=BASIS, **more)


CASES = {
    "one field": operator,
    "two fields": lambda: operator(2),
    "two fields with bases of their own": lambda: operator(2, own=True),
    "two inputs": lambda: operator(2, names=("v", "w")),
    "hard": lambda: operator(
        2,
        coordinates=("x", "y"),
        lift=[lambda x: torch.sin(x), None],
        distance=[lambda x, y: x * (1 - x) * y, 2.0],
    ),
}


def draw(net: DeepONet, m: int) -> dict[str, torch.Tensor]:
    return {name: torch.randn(m, SENSORS) for name in net.branches}


@pytest.mark.parametrize("case", CASES)
def test_one_function_at_a_time_is_all_at_once(case: str) -> None:
    net = CASES[case]()
    with torch.no_grad():
        net.bias.normal_()
    x, values = torch.rand(4, 2), draw(net, 3)
    everything = net(x, values)
    assert everything.shape == (4, 3, net.outputs)
    for i in range(3):
        one = net.at({name: v[i] for name, v in values.items()})
        torch.testing.assert_close(one(x), everything[:, i])
    coefficients = net.coefficients(values)
    torch.testing.assert_close(net.single(x[:3], coefficients), everything[range(3), range(3)])
    own = torch.stack([x, x.flip(0), x + 1])
    paired = net.paired(own, coefficients)
    for i in range(3):
        torch.testing.assert_close(paired[i], net.combine(own[i], coefficients)[:, i])


@pytest.mark.parametrize("case", CASES)
def test_partials_by_jets_are_those_of_autograd(case: str) -> None:
    net = CASES[case]()
    values, x = draw(net, 3), torch.rand(4, 2)
    coefficients = net.coefficients(values)
    jet = propagate(lambda x: net.combine(x, coefficients), x, Layout(("x", "y"), [(0, 1)]))
    y = x.clone().requires_grad_()
    for i in range(3):
        u = net.combine(y, coefficients)[:, i, -1]
        (slope,) = torch.autograd.grad(u.sum(), y, create_graph=True)
        (mixed,) = torch.autograd.grad(slope[:, 0].sum(), y)
        torch.testing.assert_close(jet.partial((0, 1))[:, i, -1], mixed[:, 1])


def test_hard_conditions_hold_for_every_function() -> None:
    net = CASES["hard"]()
    y = torch.rand(5)
    for at, lift in ((0.0, 0.0), (1.0, torch.sin(torch.tensor(1.0)))):
        x = torch.stack([torch.full_like(y, at), y], 1)
        gap = net(x, draw(net, 4))[..., 0] - lift
        assert gap.abs().max() < 1e-14


def test_coefficients_of_several_inputs_multiply() -> None:
    net = CASES["two inputs"]()
    values = draw(net, 3)
    double = {**values, "w": 0 * values["w"]}
    with torch.no_grad():
        found = net.coefficients(double)
        bias = net.branches["w"].bias
        alone = net.branches["v"](values["v"]) * bias / BASIS**0.5
    torch.testing.assert_close(found.flatten(1), alone)


def test_size_and_mean_of_outputs() -> None:
    net = operator()
    x, values = torch.rand(4, 2), draw(net, 2)
    before = net(x, values)
    net.scale.fill_(3.0)
    net.mean.fill_(-1.0)
    torch.testing.assert_close(net(x, values), 3 * before - 1)


def test_gradients_reach_every_parameter_through_one_function() -> None:
    net = CASES["two inputs"]()
    one = net.at({name: v[0] for name, v in draw(net, 1).items()})
    one(torch.rand(3, 2)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in one.parameters())
    assert {id(p) for p in one.parameters()} == {id(p) for p in net.parameters()}


def test_principal_components_whiten_and_keep_the_variance() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(200, 3, generator=generator) @ torch.randn(3, 20, generator=generator)
    encoding = principal_components(values)
    assert encoding.shape == (3, 20)  # there are no more
    seen = (values - values.mean(0)) @ encoding.T
    torch.testing.assert_close(seen.T @ seen / 200, torch.eye(3), rtol=1e-9, atol=1e-9)
    assert len(principal_components(values, most=2)) == 2


def test_a_linear_branch_is_affine_in_the_values() -> None:
    encoding = torch.randn(2, SENSORS)
    branch = Branch(torch.ones(SENSORS), encoding, None, shortcut=4)
    a, b = torch.randn(1, SENSORS), torch.randn(1, SENSORS)
    middle = branch(0.3 * a + 0.7 * b)
    torch.testing.assert_close(middle, 0.3 * branch(a) + 0.7 * branch(b))


def test_modes_hold_the_energy_and_are_met_on_the_grid() -> None:
    axes = [torch.linspace(0, 1, 6), torch.linspace(0, 2, 5)]
    generator = torch.Generator().manual_seed(0)
    snapshots = torch.randn(20, 2, generator=generator) @ torch.randn(2, 30, generator=generator)
    modes = orthogonal_modes(snapshots, 2)
    trunk = PODTrunk(axes, modes)
    x = torch.cartesian_prod(*axes)
    torch.testing.assert_close(trunk(x), modes.T)
    left = snapshots - snapshots @ torch.linalg.pinv(modes) @ modes
    assert left.abs().max() < 1e-12


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: DeepONet(nn.Linear(1, 2), {}, outputs=1, basis=2), "0 branches"),
        (lambda: operator(lift=[None, None]), "for each of 1 outputs"),
        (lambda: operator().coefficients({"w": torch.zeros(1, 5)}), "branches for"),
        (lambda: operator().at({"v": torch.zeros(2, SENSORS)}), "One function of each"),
        (lambda: Branch(torch.zeros(3), torch.zeros(2, 3), None), "needs a network"),
        (
            lambda: Branch(torch.zeros(3), torch.zeros(2, 3), None, 4)(torch.zeros(1, 5)),
            "the branch has 3",
        ),
        (lambda: principal_components(torch.ones(4, 3)), "same values"),
        (lambda: PODTrunk([torch.arange(3.0)], torch.zeros(2, 4)), "Modes have shape"),
        (lambda: orthogonal_modes(torch.eye(3), 4), "fewer basis functions"),
    ],
)
def test_bad_input_is_refused(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
