import pytest
import torch
from torch import nn

from pdenet.jets import Layout, discover, propagate

X = torch.rand(5, 2, dtype=torch.float64)
COORDINATES = {"coordinates": ("x", "t"), "space": ("x",)}


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3))


def test_the_function_runs_once() -> None:
    calls = []

    def residual(u):
        calls.append(u)
        return u.t

    discover(residual, fields={"u": ()}, **COORDINATES)
    assert len(calls) == 1


def test_only_the_parameters_of_the_function_are_bound() -> None:
    demand = discover(
        lambda v, x, k: k * v.x + x,
        fields={"u": (), "v": ()},
        given={"k": torch.ones(())},
        **COORDINATES,
    )
    assert demand.names == ("v", "x", "k")
    assert set(demand.layouts) == {"v"}


def test_parameters_with_defaults_may_be_anything() -> None:
    demand = discover(lambda u, power=3: u.x**power, fields={"u": ()}, **COORDINATES)
    assert demand.names == ("u",)


def test_demands_without_fields() -> None:
    demand = discover(lambda x, t: torch.sin(x) - t, fields={"u": ()}, **COORDINATES)
    assert demand.layout == Layout(("x", "t"))
    x, t = X.unbind(1)
    assert torch.equal(demand.function(**demand.arguments({}, X)), torch.sin(x) - t)


def test_larger_layouts_serve_smaller_demands() -> None:
    module = network()
    small = discover(lambda u: u.t - u.xx, fields={"u": ()}, **COORDINATES)
    large = discover(lambda u: u.xxxx + u.tt, fields={"u": ()}, **COORDINATES)
    union = small.layout.union(large.layout)

    def run(demand, layout):
        jet = propagate(module, X, layout)[..., 1]
        return demand.function(**demand.arguments({"u": jet}, X))

    for demand in (small, large):
        torch.testing.assert_close(run(demand, demand.layout), run(demand, union))


def test_union_over_fields() -> None:
    demand = discover(lambda u, v: u.x + v[1].tt, fields={"u": (), "v": (2,)}, **COORDINATES)
    assert demand.layouts["u"].channels == ((), (0,))
    assert demand.layouts["v"].channels == ((), (1,), (1, 1))
    assert demand.layout.channels == ((), (0,), (1,), (1, 1))


def test_arguments_follow_type_and_device_of_the_points() -> None:
    demand = discover(lambda u, x: (x * u).x, fields={"u": ()}, **COORDINATES)
    x = X.float()
    jet = propagate(network().float(), x, demand.layout)[..., 0]
    found = demand.function(**demand.arguments({"u": jet}, x))
    assert found.dtype == torch.float32


def test_the_recording_does_not_touch_the_global_generator() -> None:
    before = torch.random.get_rng_state()
    discover(lambda u: u.xx, fields={"u": ()}, **COORDINATES)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_coordinate_called_like_an_attribute_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'d'.*Rename"):
        discover(lambda u: u, fields={"u": ()}, coordinates=("d",), space=("d",))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'viscosity'.*u, x, t, nu.*Did you mean"):
        discover(
            lambda u, viscosity: u, fields={"u": ()}, given={"nu": torch.ones(())}, **COORDINATES
        )
