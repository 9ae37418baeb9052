import pytest
import torch

from pdenet.geometry import Box, Disk, PointCloud, Points


def some_points(n: int = 6) -> Points:
    return Disk((0, 0), 1).boundary.sample(n, seed=0)


def test_columns_by_name():
    points = some_points()
    assert torch.equal(points["y"], points.x[:, 1])
    # On the unit circle the outward normal is the point itself.
    torch.testing.assert_close(points["nx"], points["x"], rtol=0, atol=1e-15)


def test_unknown_column_lists_those_there_are():
    with pytest.raises(KeyError, match="no 'z'; they have x, y, nx, ny"):
        some_points()["z"]
    with pytest.raises(KeyError, match="no normals, so no 'nx'"):
        Disk((0, 0), 1).sample(3, seed=0)["nx"]


def test_shards_add_up_to_the_whole():
    points = Box(x=(0, 3), t=(0, 1)).sample(7, seed=0)
    shards = [points.shard(rank, 3) for rank in range(3)]
    assert [len(s) for s in shards] == [3, 2, 2]
    whole = torch.cat([s.x for s in shards])
    assert torch.equal(whole.sort(0).values, points.x.sort(0).values)
    assert sum(float(s.weight.sum()) for s in shards) == pytest.approx(3, rel=1e-14)
    with pytest.raises(ValueError, match="Rank 3 is not among 3 processes"):
        points.shard(3, 3)


def test_concatenate_keeps_order_and_normals():
    points = some_points()
    joined = Points.concatenate([points.select(slice(0, 2)), points.select(torch.arange(2, 6))])
    assert torch.equal(joined.x, points.x)
    assert joined.normals is not None
    assert torch.equal(joined.normals, points.normals)
    inside = Disk((0, 0), 1).sample(2, seed=0)
    assert Points.concatenate([points, inside]).normals is None


def test_concatenate_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="Cannot join points"):
        Points.concatenate([some_points(), Box(x=(0, 1)).sample(2, seed=0)])
    with pytest.raises(ValueError, match="at least one"):
        Points.concatenate([])


def test_conversion_keeps_rows_whole():
    points = PointCloud(x=[1.0, 2.0, 3.0]).sample(3, seed=0).to(dtype=torch.float32)
    assert points.x.dtype == points.weight.dtype == torch.float32
    assert points.index is not None
    assert points.index.dtype == torch.int64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(2, 3)}, r"x has shape \(2, 3\); expected \(2, 2\)"),
        ({"weight": torch.zeros(2, 1)}, r"weight has shape \(2, 1\); expected \(2,\)"),
        ({"density": torch.tensor([1.0, torch.nan])}, "density holds values that are not finite"),
        ({"normals": torch.zeros(2, 2)}, r"normals has shape \(2, 2\); expected \(2, 1\)"),
        ({"coordinates": ("x", "x")}, "appear more than once"),
        ({"space": ("y",)}, "not among the coordinates"),
        ({"index": torch.zeros(3)}, "index has shape"),
    ],
)
def test_construction_is_checked(change, message):
    good = {
        "coordinates": ("x", "t"),
        "x": torch.zeros(2, 2),
        "weight": torch.ones(2),
        "density": torch.ones(2),
        "space": ("x",),
    }
    Points(**good)
    with pytest.raises(ValueError, match=message):
        Points(**(good | change))
