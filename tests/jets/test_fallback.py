"""What has no rule is differentiated by nested torch.func, exactly and with one warning."""

import warnings

import pytest
import torch
from torch import nn

from pdenet.jets import Layout, SlowDerivativeWarning, nested, propagate

LAYOUT = Layout(("x", "y"), [(0, 0, 1), ((0, 1),)])

# The first jvp imports torch's own decompositions, which still use torch.jit.
pytestmark = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning"
)


@pytest.fixture(autouse=True)
def forget_warnings():
    nested._warn.cache_clear()


class Special(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.second(torch.special.i0e(torch.tanh(self.first(x))))


class InPlace(Special):
    def forward(self, x):
        h = self.first(x)
        h[..., 0] = 2 * h[..., 1]
        return self.second(h * h)


class Checks(Special):
    def forward(self, x):
        if not isinstance(x, torch.Tensor):
            raise TypeError("a tensor, please")
        return self.second(torch.tanh(self.first(x)))


def test_an_operation_without_a_rule(matches_oracle) -> None:
    with pytest.warns(SlowDerivativeWarning, match=r"Special .*special_i0e"):
        matches_oracle(Special(), torch.randn(3, 2), LAYOUT)


def test_collapsed_operators_of_order_four(matches_oracle) -> None:
    layout = Layout(("x", "y"), [((0, 1), (0, 1))])
    with pytest.warns(SlowDerivativeWarning):
        matches_oracle(Special(), torch.randn(2, 2), layout)


def test_one_warning_is_enough() -> None:
    module, x = Special(), torch.randn(3, 2)
    with pytest.warns(SlowDerivativeWarning):
        propagate(module, x, Layout(("x", "y"), [(0,)]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        propagate(module, x, Layout(("x", "y"), [(0,)]))


def test_several_operands_and_results(matches_oracle) -> None:
    class Cross(Special):
        def forward(self, x):
            u = self.first(x)
            a = torch.ones_like(u)
            crossed = torch.linalg.cross(torch.sin(u[..., :3]), u[..., 1:], dim=-1)
            first, second = torch.tensor_split(torch.cumsum(crossed * a[..., :3], -1), 2, dim=-1)
            return first[..., :1] * second

    with pytest.warns(SlowDerivativeWarning):
        matches_oracle(Cross(), torch.randn(3, 2), LAYOUT)


@pytest.mark.parametrize("module", [InPlace(), Checks()], ids=["in-place", "checks"])
def test_a_module_that_refuses_jets(module: nn.Module, matches_oracle) -> None:
    with pytest.warns(SlowDerivativeWarning, match=type(module).__name__):
        matches_oracle(module.double(), torch.randn(3, 2), LAYOUT)


def test_what_is_wrong_with_the_module_is_said() -> None:
    class Broken(nn.Module):
        def forward(self, x):
            return x.no_such_method()

    with pytest.raises(AttributeError, match=r"Tensor.*no_such_method"):
        propagate(Broken(), torch.randn(3, 2), LAYOUT)


class AsTensor(nn.Module):
    """Makes a tensor of its input, as code written for arrays does."""

    def forward(self, x):
        return torch.sin(torch.as_tensor(x)) * x[..., :1]


@pytest.mark.parametrize("channels", [[((0, 1),)], [((0, 1), (0, 1))], [(0, 0, 1)]], ids=repr)
@pytest.mark.filterwarnings("ignore::pdenet.jets.SlowDerivativeWarning")
def test_modules_that_make_tensors_of_jets(channels) -> None:
    layout = Layout(("x", "y"), channels)
    x = torch.rand(3, 2)
    expected = propagate(lambda x: torch.sin(x) * x[..., :1], x, layout)
    # Nested derivatives up to order 4 against rules: round-off.
    torch.testing.assert_close(
        propagate(AsTensor(), x, layout).channels, expected.channels, rtol=1e-12, atol=1e-12
    )
