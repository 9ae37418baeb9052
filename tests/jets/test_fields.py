import copy
import math

import pytest
import torch
from torch import Tensor, nn

from pdenet.jets import Demand, Field, SlowDerivativeWarning, discover, nested, propagate, reference

X, Y = torch.rand(2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) + 0.5
POINTS = torch.stack([X, Y], 1)


class Network(nn.Module):
    """Two fields of x and y, smooth and away from zero."""

    def forward(self, x):
        u = 2 + torch.sin(x[..., 0] + 2 * x[..., 1])
        v = torch.exp(0.5 * x[..., 0] * x[..., 1])
        return torch.stack([u, v], -1)


def ask(function) -> Demand:
    fields = {"u": (), "v": ()}
    given = {"n": torch.zeros(9), "c": torch.tensor(2.0)}
    return discover(function, fields=fields, coordinates=("x", "y"), space=("x", "y"), given=given)


def arguments(demand: Demand) -> dict[str, object]:
    jet = propagate(Network(), POINTS, demand.layout)
    given = {"n": torch.cos(X), "c": torch.tensor(3.0)}
    return demand.arguments({"u": jet[..., 0], "v": jet[..., 1]}, POINTS, given)


def evaluate(function) -> Tensor:
    demand = ask(function)
    return demand.function(**arguments(demand))


def by_autograd(expression, *axes: int) -> Tensor:
    """Partial derivative of a formula of x, y, u, v."""
    points = POINTS.clone().requires_grad_()
    u, v = Network()(points).unbind(-1)
    value = expression(points[:, 0], points[:, 1], u, v)
    for axis in axes:
        (grad,) = torch.autograd.grad(value.sum(), points, create_graph=True)
        value = grad[:, axis]
    return value.detach()


def test_partials_by_attribute_and_by_name() -> None:
    u = lambda x, y, u, v: u  # noqa: E731
    for function, axes in [
        (lambda u: u.x, [0]),
        (lambda u: u.yx, [0, 1]),
        (lambda u: u.d("x", "y", "y"), [0, 1, 1]),
        (lambda u: u.x.y.y, [0, 1, 1]),
        (lambda u: u.xxyy, [0, 0, 1, 1]),
    ]:
        torch.testing.assert_close(evaluate(function), by_autograd(u, *axes))


# Each is differentiated by x, then by y; `m` is the module the functions come from.
EXPRESSIONS = {
    "sum": lambda x, y, u, v: u + 2 * v - x - 1.5,
    "difference": lambda x, y, u, v: 1 - u - (x - v),
    "product": lambda x, y, u, v: x * u * v * 3,
    "quotient": lambda x, y, u, v: u / v + 1 / u + x / 2 + y / (x * v),
    "powers": lambda x, y, u, v: u**2 + v**-1.5 + u**v + 2.0**u + u**1 + u**0 * x,
    "negative": lambda x, y, u, v: -u + abs(-v) + +x,
    "functions": lambda x, y, u, v: torch.sin(u) * torch.exp(-x * v) + torch.log(u) + torch.tanh(v),
    "methods": lambda x, y, u, v: u.sin() * v.sqrt() + x.exp(),
    "composites": lambda x, y, u, v: torch.atan2(u, v) + torch.hypot(u, x) + torch.maximum(u, v),
    "options": lambda x, y, u, v: torch.nn.functional.softplus(u, 2.0) + torch.clamp(v, min=1.2),
    "where": lambda x, y, u, v: torch.where(x > 1, u * v, x * u) + torch.where(u < 2, u, 1.0),
    "radius": lambda x, y, u, v: u * torch.sqrt(x**2 + y**2),
    "constants": lambda x, y, u, v: torch.as_tensor(2.0) * u + u * torch.tensor(math.pi),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_arithmetic_is_closed_under_differentiation(name: str) -> None:
    e = EXPRESSIONS[name]
    functions = {
        (): lambda x, y, u, v: e(x, y, u, v),
        (0,): lambda x, y, u, v: e(x, y, u, v).x,
        (0, 1): lambda x, y, u, v: e(x, y, u, v).xy,
        (0, 0, 1): lambda x, y, u, v: (e(x, y, u, v).x * 1.0).xy,
    }
    for axes, function in functions.items():
        # Round-off of a few dozen operations.
        expected = by_autograd(e, *axes)
        torch.testing.assert_close(evaluate(function), expected, rtol=1e-11, atol=1e-11)


def test_normals_and_unknowns_are_constants() -> None:
    found = evaluate(lambda u, n, c: (n * u * c).x + (u / n).x)
    ux = by_autograd(lambda x, y, u, v: u, 0)
    torch.testing.assert_close(found, 3 * torch.cos(X) * ux + ux / torch.cos(X))


def test_what_is_not_differentiated_further_is_a_plain_tensor() -> None:
    demand = ask(lambda u, v, x: u * u.x + v * x)
    given = arguments(demand)
    assert isinstance(given["u"], Field)  # u.x is asked of it
    assert type(given["v"]) is Tensor
    assert type(given["x"]) is Tensor
    u = given["u"]
    for result in (u.x, u * u.x, torch.sin(u), 1 / u, u**2, -u, torch.maximum(u, u.x)):
        assert type(result) is Tensor


def test_what_is_differentiated_further_stays_a_field() -> None:
    demand = ask(lambda u, x: (torch.sin(x) * u.x).x + u.y)
    given = arguments(demand)
    u, x = given["u"], given["x"]
    assert isinstance(x, Field)
    assert isinstance(torch.sin(x) * u.x, Field)
    assert type(u.y) is Tensor
    assert type(x * u.y) is Tensor


def test_only_what_is_used_is_asked_for() -> None:
    assert ask(lambda u, v: u.t if False else u + v.x).layouts["u"].channels == ((),)
    demand = ask(lambda u, v: (u * v).x)
    assert demand.layouts["u"].channels == ((), (0,))
    assert ask(lambda v: v.yy).layout.channels == ((), (1,), (1, 1))


def test_products_do_not_multiply_by_zeros_and_ones() -> None:
    demand = ask(lambda u, x: (x * u).x)
    found = demand.function(**arguments(demand))
    torch.testing.assert_close(found, by_autograd(lambda x, y, u, v: x * u, 0))
    # u + x u.x: the coordinate's own second and mixed derivatives never enter.
    assert demand.layout.channels == ((), (0,))


def test_gradients_reach_the_network() -> None:
    module = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1))

    def function(u, x):
        return (torch.exp(x) * u * u.x).x

    demand = discover(function, fields={"u": ()}, coordinates=("x", "y"), space=("x", "y"))
    jet = propagate(module, POINTS, demand.layout)[..., 0]
    found = function(**demand.arguments({"u": jet}, POINTS))
    slow = reference.propagate(module, POINTS, demand.layout)[..., 0]
    u, ux, uxx = (slow.partial((0,) * k) for k in range(3))
    expected = torch.exp(X) * (u * ux + ux**2 + u * uxx)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)
    for a, b in zip(
        torch.autograd.grad(found.square().sum(), module.parameters(), retain_graph=True),
        torch.autograd.grad(expected.square().sum(), module.parameters()),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_an_operation_without_a_rule_is_differentiated_slowly() -> None:
    nested._warn.cache_clear()
    with pytest.warns(SlowDerivativeWarning, match="special_i0"):
        found = evaluate(lambda u, x: (torch.special.i0(u) * x).xy)
    expected = by_autograd(lambda x, y, u, v: torch.special.i1(u), 1)
    u, ux, uy = (by_autograd(lambda x, y, u, v: u, *axes) for axes in ([], [0], [1]))
    i0, i1 = torch.special.i0(u), torch.special.i1(u)
    uxy = by_autograd(lambda x, y, u, v: u, 0, 1)
    expected = i1 * uy + X * ((i0 - i1 / u) * ux * uy + i1 * uxy)
    torch.testing.assert_close(found, expected)


def test_comparisons_are_of_values() -> None:
    u = arguments(ask(lambda u: u.x))["u"]
    assert torch.equal(u > 2, u.value > 2)
    assert (u.shape, u.dtype, u.device.type) == ((6,), torch.float64, "cpu")
    assert torch.equal(torch.ones_like(u), torch.ones(6))


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda u: u.z, AttributeError, r"no coordinate 'z' among \('x', 'y'\)"),
        (lambda u: u.xz, AttributeError, r"no coordinate 'z'.*Did you mean \.x\?"),
        (lambda u: u.d("xx"), ValueError, "no coordinate 'xx'.*Did you mean 'x'"),
        (lambda u: u.d(), ValueError, "needs coordinates"),
        (lambda u: u.xxxyy, ValueError, "order 5.*up to 4.*system"),
        (lambda u: u.xx.yy.x, ValueError, "order 5"),
        (lambda u: u * torch.rand(3, 1), ValueError, r"\(3, 1\).*Write tensor\[:, 0\]"),
        (lambda u: u.x + torch.rand(7), ValueError, r"\(7,\).*one value a point"),
        (lambda w: w, ValueError, "'w'.*u, v, x, y, n, c"),
        (lambda u: torch.as_tensor(u) + u.xx, TypeError, "neither a sequence.*as it is"),
    ],
)
def test_mistakes_are_explained(function, error, message: str) -> None:
    with pytest.raises(error, match=message):
        ask(function)


def test_a_branch_on_data_is_explained() -> None:
    demand = ask(lambda u: u.x)
    with pytest.raises(KeyError, match="branch on data"):
        _ = arguments(demand)["u"].yy


def test_fields_can_be_copied() -> None:
    u = arguments(ask(lambda u: u.x))["u"]
    assert torch.equal(copy.copy(u).x, u.x)
    assert not hasattr(u, "_secret")
