from dataclasses import FrozenInstanceError

import pytest
import torch

from pdenet.references import Exact


class Recorder:
    """Stands for a jet: supports arithmetic and torch functions, but is no tensor."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __mul__(self, other: object) -> "Recorder":
        return Recorder(f"({self.text} * {getattr(other, 'text', other)})")

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return Recorder(f"{function.__name__}({args[0].text})")


def test_jets_flow_through_unchanged():
    exact = Exact(u=lambda x, t: torch.sin(x) * t)
    assert exact(x=Recorder("x"), t=Recorder("t"))["u"].text == "(sin(x) * t)"


def test_gradients_flow_through():
    x = torch.linspace(0, 1, 5, requires_grad=True)
    u = Exact(u=lambda x: torch.sin(3 * x))(x=x)["u"]
    (slope,) = torch.autograd.grad(u.sum(), x)
    torch.testing.assert_close(slope, 3 * torch.cos(3 * x))


def test_functions_take_the_coordinates_they_name():
    exact = Exact(u=lambda x: x, v=lambda t, x: t - x, w=lambda **c: sum(c.values()))
    assert exact.fields == ("u", "v", "w")
    assert exact.coordinates == ("x", "t")
    x, t = torch.tensor([1.0, 2.0]), torch.tensor([5.0, 5.0])
    values = exact(x=x, t=t)
    assert torch.equal(values["v"], t - x)
    assert torch.equal(values["w"], t + x)


def test_bound_defaults_are_constants_not_coordinates():
    exact = Exact(u=lambda x, k=3.0: k * x)
    assert exact.coordinates == ("x",)
    assert torch.equal(exact(x=torch.ones(2), y=torch.ones(2))["u"], torch.full((2,), 3.0))


def test_vector_and_constant_fields_have_one_row_a_point():
    exact = Exact(velocity=lambda x, y: (y, -x), p=lambda x: 0)
    values = exact(x=torch.ones(4), y=2 * torch.ones(4))
    assert torch.equal(values["velocity"], torch.tensor([[2.0, -1.0]]).expand(4, 2))
    assert torch.equal(values["p"], torch.zeros(4))


def test_frozen():
    with pytest.raises(FrozenInstanceError):
        Exact(u=lambda x: x).fields = ("v",)  # type: ignore[misc]


def test_missing_coordinate_is_named_with_the_likely_one():
    exact = Exact(u=lambda x, time: x)
    with pytest.raises(ValueError, match=r"needs the coordinates \['x', 'time'\].*\['time'\]"):
        exact(x=torch.ones(2))
    with pytest.raises(ValueError, match="Did you mean 'times'"):
        exact.check(coordinates=("x", "times"), fields=("u",))


def test_check_names_the_unknown_field():
    exact = Exact(u1=lambda x: x)
    exact.check(coordinates=("x", "t"), fields=("u1", "p"))
    with pytest.raises(ValueError, match=r"field 'u1'.*Did you mean 'u'"):
        exact.check(coordinates=("x",), fields=("u", "p"))


@pytest.mark.parametrize("x", [torch.ones(2, 1), torch.tensor(1.0), torch.ones(3)])
def test_coordinates_share_one_shape(x):
    with pytest.raises(ValueError, match="share one shape"):
        Exact(u=lambda x, t: x)(x=x, t=torch.ones(2))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Exact(), ValueError, "no field"),
        (lambda: Exact(u=3.0), TypeError, "not a function"),
        (lambda: Exact(u=lambda *x: x[0]), ValueError, "cannot be passed by name"),
        (lambda: Exact(u=torch.sin), ValueError, "lambda x: sin"),
        (lambda: Exact(u=lambda x: x, tolerance=0.0), ValueError, "relative accuracy"),
        (lambda: Exact(u=lambda x: x, tolerance=torch.nan), ValueError, "relative accuracy"),
    ],
)
def test_bad_definitions_are_refused_when_built(make, error, message):
    with pytest.raises(error, match=message):
        make()
