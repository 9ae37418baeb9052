import copy
import pickle

import pytest

from pdenet.jets import Layout

XY = ("x", "y")


def test_burgers_carries_four_channels() -> None:
    assert Layout(("x", "t"), [(1,), (0, 0)]).channels == ((), (0,), (1,), (0, 0))


@pytest.mark.parametrize("d", [2, 3, 10])
def test_laplacian_and_biharmonic_are_collapsed(d: int) -> None:
    names, axes = [f"x{i}" for i in range(d)], tuple(range(d))
    assert len(Layout(names, [(axes,)])) == d + 2
    # Value, gradient, Hessian, gradient of the Laplacian, Laplacian squared (methods.md, 7).
    assert len(Layout(names, [(axes, axes)])) == 1 + d + d * (d + 1) // 2 + d + 1


def test_laplacian_is_dropped_where_its_second_derivatives_are_carried() -> None:
    layout = Layout(XY, [((0, 1),), (0, 0), (1, 1)])
    assert ((0, 1),) not in layout.channels
    assert layout.find(((0, 1),)) == ((1, 3), (1, 4))


def test_laplacian_alone_does_not_give_second_derivatives() -> None:
    assert Layout(XY, [((0, 1),)]).find((0, 0)) is None


def test_laplacian_over_one_axis_is_a_second_derivative() -> None:
    assert Layout(XY, [((0,),)]) == Layout(XY, [(0, 0)])


def test_union_holds_both() -> None:
    a, b = Layout(XY, [((0, 1),)]), Layout(XY, [(1, 1, 1)])
    union = a.union(b)
    assert set(a.channels) | set(b.channels) <= set(union.channels)
    assert union == b.union(a)
    assert Layout.union(a) == a


def test_equal_layouts_hash_alike() -> None:
    a, b = Layout(XY, [(0, 1), (0, 0)]), Layout(XY, [(0, 0), (1, 0)])
    assert a == b
    assert len({a, b}) == 1
    assert a != Layout(("x", "t"), [(0, 1), (0, 0)])


def test_layouts_survive_copies() -> None:
    layout = Layout(XY, [((0, 1), (0, 1))])
    for twin in (copy.deepcopy(layout), pickle.loads(pickle.dumps(layout))):
        assert twin == layout
        assert twin.products == layout.products


def test_too_high_orders_are_refused() -> None:
    with pytest.raises(ValueError, match=r"order 5.*up to 4.*system"):
        Layout(XY, [(0, 0, 0, 0, 1)])
    with pytest.raises(ValueError, match="order 6"):
        Layout(XY, [((0, 1), (0, 1), (0, 1))])


def test_unknown_positions_are_refused() -> None:
    with pytest.raises(ValueError, match="coordinate 2, but there are 2"):
        Layout(XY, [(2,)])


def test_union_over_other_coordinates_is_refused() -> None:
    with pytest.raises(ValueError, match="have no union"):
        Layout(XY).union(Layout(("x", "t")))
