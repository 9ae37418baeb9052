import pytest
import torch

from pdenet.geometry import Interval, Point, PointCloud

CLOUD = PointCloud(x=[0.1, 0.5, 0.9, 0.2], t=torch.tensor([0.0, 1.0, 2.0, 3.0]), label="sensors")


def test_a_cloud_gives_all_its_points_in_order():
    points = CLOUD.sample(100, seed=0)
    assert torch.equal(points.x, CLOUD.x)
    assert points.index is not None
    assert points.index.tolist() == [0, 1, 2, 3]
    assert points.weight.tolist() == [1, 1, 1, 1]
    assert (CLOUD.dimension, CLOUD.measure, CLOUD.label) == (0, 4, "sensors")
    assert CLOUD.bounds == {"x": (0.1, 0.9), "t": (0, 3)}


def test_part_of_a_cloud_has_no_repetitions_and_says_which():
    for seed in range(10):
        points = CLOUD.sample(3, seed=seed)
        assert points.index is not None
        assert len(set(points.index.tolist())) == 3
        assert torch.equal(points.x, CLOUD.x[points.index])
        assert float(points.weight.sum()) == pytest.approx(4)


def test_subsets_are_chosen_evenly():
    chosen = torch.cat([CLOUD.sample(1, seed=seed).index for seed in range(4000)])
    counts = torch.bincount(chosen, minlength=4)
    # Standard deviation 27 about 1000.
    assert bool(((counts - 1000).abs() < 140).all())


def test_smaller_clouds_keep_their_rows():
    late = CLOUD.at_time(1, 2)
    assert isinstance(late, PointCloud)
    assert late.quadrature(1).index.tolist() == [1, 2]
    left = CLOUD.where(lambda x: x < 0.3, "left")
    assert isinstance(left, PointCloud)
    assert (left.label, left.quadrature(1).index.tolist()) == ("left", [0, 3])
    assert left.at_time(2, 4).quadrature(1).index.tolist() == [3]
    with pytest.raises(ValueError, match="no points with 5 <= t <= 6"):
        CLOUD.at_time(5, 6)
    with pytest.raises(ValueError, match="has no time"):
        PointCloud(x=[1.0]).at_time(0, 1)


def test_a_cloud_over_an_interval():
    lines = PointCloud(x=[0.0, 2.0]) * Interval(t=(0, 3))
    assert (lines.dimension, lines.measure) == (1, 6)
    points = lines.sample(1000, seed=0)
    assert set(points["x"].tolist()) == {0, 2}
    # Half of the points on each: standard deviation 0.03 of the mean of x.
    assert float(points["x"].mean()) == pytest.approx(1, abs=0.15)
    assert float(lines.quadrature(8).weight @ lines.quadrature(8)["t"]) == pytest.approx(9)


def test_a_point():
    point = Point(x=0, y=1)
    assert (point.label, point.measure, point.dimension) == ("x=0, y=1", 1, 0)
    assert point.sample(5, seed=0).x.tolist() == [[0, 1]]


def test_the_cloud_keeps_its_own_copy():
    data = torch.tensor([1.0, 2.0])
    cloud = PointCloud(x=data)
    data[0] = 7
    assert cloud.x[0, 0] == 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [1.0, 2.0], "y": [1.0]}, r"equally long; got \{'x': 2, 'y': 1\}"),
        ({"x": []}, "at least one point"),
        ({"x": [1.0, float("nan"), float("inf")]}, "holds 2 values that are not finite"),
        ({"x": [[1.0]]}, r"must have shape \(n,\); got \(1, 1\)"),
        ({"x": 1.0}, r"must have shape \(n,\); got \(\)"),
        ({"x": ["a"]}, "must hold numbers"),
        ({}, "at least one coordinate"),
    ],
    ids=str,
)
def test_bad_clouds(columns, message):
    with pytest.raises(ValueError, match=message):
        PointCloud(**columns)


def test_bad_point():
    with pytest.raises(ValueError, match=r"Point.x must be finite"):
        Point(x=float("nan"))
