from pathlib import Path

import numpy as np
import pytest
import torch

from pdenet.references import File, file_reference

RNG = np.random.default_rng(0)


def wave(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    return np.sin(3 * x) * np.exp(-t)


@pytest.fixture
def grid_file(tmp_path: Path) -> Path:
    x, t = np.linspace(-1, 1, 81), np.linspace(0, 2, 61)
    path = tmp_path / "grid.npz"
    np.savez(path, x=x, t=t, u=wave(x[:, None], t), v=2 * wave(x[:, None], t))
    return path


def read(path: Path, **change) -> File:
    arguments = {"coordinates": ("x", "t"), "fields": ("u",), "tolerance": 1e-5}
    return file_reference(path, **(arguments | change))


def test_grids_are_interpolated_at_order_four(tmp_path):
    x, t = torch.rand(300) * 2 - 1, torch.rand(300) * 2
    exact = torch.sin(3 * x) * torch.exp(-t)
    errors = []
    for n in (21, 41):
        path = tmp_path / f"{n}.npz"
        a, b = np.linspace(-1, 1, n), np.linspace(0, 2, n)
        np.savez(path, x=a, t=b, u=wave(a[:, None], b))
        errors.append(float((read(path)(x=x, t=t)["u"] - exact).abs().max()))
    assert 10 < errors[0] / errors[1] < 30  # cubic splines: 16
    assert errors[1] < 1e-5


def test_axes_follow_the_order_of_the_coordinates(grid_file):
    reference = read(grid_file, fields=("v", "u"))
    x, t = torch.tensor([0.3]), torch.tensor([1.7])
    values = reference(t=t, x=x)
    assert values["u"].item() == pytest.approx(wave(0.3, 1.7), abs=1e-6)
    assert values["v"].item() == pytest.approx(2 * wave(0.3, 1.7), abs=1e-6)
    with pytest.raises(ValueError, match=r"have lengths \(61, 81\)"):
        read(grid_file, coordinates=("t", "x"))


def test_tables_of_scattered_points(tmp_path):
    x, t = RNG.uniform(-1, 1, 4000), RNG.uniform(0, 2, 4000)
    path = tmp_path / "table.csv"
    table = np.stack([x, wave(x, t), t], axis=1)
    np.savetxt(path, table, delimiter=",", header="x, u, t", comments="", fmt="%.17g")
    inside = torch.rand(100) - 0.5, torch.rand(100) + 0.5
    values = read(path)(x=inside[0], t=inside[1])["u"]
    exact = torch.sin(3 * inside[0]) * torch.exp(-inside[1])
    assert (values - exact).abs().max() < 1e-3  # C1 cubics on triangles of size 0.03
    with pytest.raises(ValueError, match=r"1 points lie outside the data.*'x': 0\.9999"):
        read(path)(x=torch.tensor([0.0, 0.9999]), t=torch.tensor([1.0, 1.9999]))


def test_one_dimension_in_any_order(tmp_path):
    x = RNG.permutation(np.linspace(0, 1, 50))
    np.savez(tmp_path / "line.npz", x=x, u=np.sin(x))
    reference = read(tmp_path / "line.npz", coordinates=("x",))
    at = torch.rand(20)
    torch.testing.assert_close(reference(x=at)["u"], torch.sin(at), rtol=0, atol=1e-7)


def test_three_dimensions_are_linear(tmp_path):
    x, y, t = np.linspace(0, 1, 3), np.linspace(0, 1, 4), np.linspace(0, 1, 2)
    u = x[:, None, None] - 2 * y[:, None] + 3 * t
    np.savez(tmp_path / "box.npz", x=x, y=y, t=t, u=u)
    a, b, c = torch.rand(3, 30)
    values = read(tmp_path / "box.npz", coordinates=("x", "y", "t"))(x=a, y=b, t=c)["u"]
    torch.testing.assert_close(values, a - 2 * b + 3 * c)


def test_points_only(grid_file):
    reference = read(grid_file, method="points")
    x, t = torch.tensor([-1.0, 0.25], dtype=torch.float32), torch.tensor([2.0, 1.0]).float()
    expected = torch.tensor(wave(np.array([-1.0, 0.25]), np.array([2.0, 1.0])))
    torch.testing.assert_close(reference(x=x, t=t)["u"], expected.float())
    with pytest.raises(ValueError, match=r"no values at \{'x': 0\.26.*method='interpolate'"):
        reference(x=torch.tensor([0.26]), t=torch.tensor([1.0]))


def test_outside_the_grid_is_refused(grid_file):
    with pytest.raises(ValueError, match=r"'t': 2\.5"):
        read(grid_file)(x=torch.zeros(2), t=torch.tensor([1.0, 2.5]))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"u": np.full((3, 2), np.nan)}, "'u' has 6 values of 6 that are not finite"),
        ({"x": np.array([0.0, np.inf, 1.0])}, "'x' has 1 values of 3"),
        ({"u": np.zeros((2, 3))}, r"'u' has shape \(2, 3\)"),
        ({"u": np.zeros(3)}, "different lengths"),
        ({"x": np.array([0.0, 1.0, 0.5])}, "rise strictly"),
        ({"u": np.zeros((3, 0)), "t": np.zeros(0)}, "not finite"),
        ({"u": np.array([{}, {}])}, "cannot be read as .npz"),
    ],
)
def test_bad_data_are_refused(arrays, message, tmp_path):
    good = {"x": np.arange(3.0), "t": np.arange(2.0), "u": np.zeros((3, 2))}
    np.savez(tmp_path / "bad.npz", **(good | arrays))
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "bad.npz")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.csv", None, "cannot be read.*must exist"),
        ("empty.csv", b"", "cannot be read"),
        ("short.csv", b"x,t,u\n1,2\n", "3 names above 2 columns"),
        ("words.csv", b"x,t,u\n1,2,three\n", "cannot be read"),
        ("names.csv", b"x,time,u\n1,2,3\n", r"has no \['t'\]; it has \['time', 'u', 'x'\]"),
        ("broken.npz", b"PK\x03\x04", "cannot be read"),
        ("data.xlsx", b"", "neither .csv nor .npz"),
    ],
)
def test_bad_files_are_refused(name, content, message, tmp_path):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tolerance": 0.0}, "how accurate the data are"),
        ({"method": "guess"}, "neither 'interpolate' nor 'points'"),
    ],
)
def test_bad_arguments_are_refused(change, message, grid_file):
    with pytest.raises(ValueError, match=message):
        read(grid_file, **change)
