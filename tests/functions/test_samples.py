"""Functions from files and arrays."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from pdenet.functions import Samples, interpolate, read_arrays

X = np.linspace(0, 1, 6)
CUBES = np.stack([X**3 - X, 2 * X**2, X, 1 + X, X**2 - X**3])


def test_cubics_on_a_grid_are_exact() -> None:
    x = torch.rand(20, 1)
    found = Samples({"x": X}, CUBES).draw(1, seed=0)
    exact = [x**3 - x, 2 * x**2, x, 1 + x, x**2 - x**3]
    gaps = [(found(x) - e).abs().max() for e in exact]
    assert min(gaps) < 1e-12


def test_interpolation_in_two_coordinates_is_of_order_four() -> None:
    x = torch.rand(200, 2)
    exact = torch.sin(3 * x[:, 0]) * torch.cos(2 * x[:, 1])
    errors = []
    for n in (9, 17, 33):
        sides = [torch.linspace(0, 1, n), torch.linspace(0, 1, n)]
        a, b = torch.meshgrid(*sides, indexing="ij")
        table = (torch.sin(3 * a) * torch.cos(2 * b)).reshape(1, -1)
        errors.append(float((interpolate(sides, table, x)[:, 0] - exact).abs().max()))
    slopes = np.diff(np.log2(errors))
    assert (slopes < -3.7).all()


def test_outside_the_grid_the_nearest_value_is_taken() -> None:
    ends = torch.tensor([[-2.0], [3.0]])
    found = interpolate([torch.linspace(0, 1, 5)], torch.arange(5.0)[None], ends)
    assert found[:, 0].tolist() == pytest.approx([0.0, 4.0])


def test_scattered_points_are_met() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random(30), rng.random(30)
    values = np.stack([x + 2 * y, x - y])
    space = Samples({"x": x, "y": y}, values)
    at = torch.as_tensor(np.stack([x, y], 1))
    found = space.training(2, seed=0)(at)
    np.testing.assert_allclose(found[:, 0], values[0], atol=1e-12)
    # Linear functions are their own linear interpolants, inside the convex hull.
    middle = at[:3].mean(0, keepdim=True)
    assert float(space.training(1, seed=0)(middle)) == pytest.approx(
        float(middle[0, 0] + 2 * middle[0, 1])
    )


def test_the_last_fifth_is_held_back() -> None:
    space = Samples({"x": X}, np.arange(60.0).reshape(10, 6))
    train, unseen = space.training(100, seed=0), space.unseen(100)
    assert (len(train), len(unseen)) == (8, 2)
    assert train.coefficients[:, 0].tolist() == [0, 6, 12, 18, 24, 30, 36, 42]
    assert unseen.coefficients[:, 0].tolist() == [48, 54]


@pytest.mark.parametrize("suffix", ["npz", "mat"])
def test_files_give_the_arrays_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"functions.{suffix}"
    content = {"side": X, "v": CUBES}
    np.savez(path, **content) if suffix == "npz" else savemat(path, content)
    space = Samples.from_file(path, "v", {"x": "side"})
    assert torch.equal(space.table, torch.as_tensor(CUBES))
    assert space.coordinates == ("x",)


def test_hdf5_needs_its_extra_or_works(tmp_path: Path) -> None:
    path = tmp_path / "functions.h5"
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["x"], file["v"] = X, CUBES
    assert torch.equal(Samples.from_file(path, "v", ["x"]).table, torch.as_tensor(CUBES))


def test_hdf5_without_its_package_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    path = tmp_path / "functions.h5"
    path.write_bytes(b"anything")
    with pytest.raises(ValueError, match=r"pdenet\[hdf5\]"):
        read_arrays(path, ["v"])


def test_bad_files_are_refused(tmp_path: Path) -> None:
    good = tmp_path / "good.npz"
    np.savez(good, x=X, v=CUBES, bad=np.array([1.0, np.nan]), words=np.array(["a"]))
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(good.read_bytes()[:40])
    (tmp_path / "table.csv").write_text("1,2")
    for path, names, message in (
        (tmp_path / "none.npz", ["v"], "no file"),
        (tmp_path / "table.csv", ["v"], "ends in"),
        (damaged, ["v"], "cannot be read"),
        (good, ["vv"], "Did you mean 'v'"),
        (good, ["bad"], "not finite"),
        (good, ["words"], "does not hold numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            read_arrays(path, names)


@pytest.mark.parametrize(
    ("axes", "values", "message"),
    [
        ({"x": X}, CUBES[:1], "at least two functions"),
        ({"x": X}, CUBES[:, :4], "axes have lengths"),
        ({"x": X[::-1]}, CUBES, "must rise"),
        ({"x": X}, [["a"] * 6] * 2, "must hold numbers"),
        ({"x": X}, np.full((2, 6), np.inf), "not finite"),
        ({"x": X[:, None]}, CUBES, "one array"),
    ],
)
def test_bad_arrays_are_refused(axes, values, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Samples(axes, values)
