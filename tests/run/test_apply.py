"""A trained operator at the input functions of a file, by the command line and in Python."""

import json
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest
import torch

import pdenet
from pdenet.cli import BAD_INPUT, SOLVED, main

SENSORS = np.linspace(0, 1, 100)
SIDE = np.linspace(0, 1, 41)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A little trained antiderivative."""
    folder = tmp_path_factory.mktemp("operator") / "run"
    method = {"name": "deeponet", "branch": "linear", "basis": 8, "functions": 60, "grid": 40}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pdenet.run.folder.write_report", lambda *_: None)
        pdenet.solve(
            "antiderivative",
            method,
            {"name": "mlp", "width": 12, "depth": 2},
            optimizer={"name": "adam-ssbroyden", "adam_steps": 20},
            max_steps=60,
            compile="no",
            out=folder,
        )
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def applied(run: Path, *words: str, **arrays: Any) -> int:
    np.savez("new.npz", **arrays)
    return main(["--apply", str(run), "--input", "new.npz", *words])


def test_values_at_sensors_are_what_at_takes(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = np.stack([np.cos(3 * SENSORS), 20 * np.sin(40 * SENSORS)])
    assert applied(run, v=values) == SOLVED
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["function 1", "function 2"]
    assert "not measured" in lines[0]  # nothing is known between the sensors
    assert ["UNLIKE" in line for line in lines[:2]] == [False, True]
    with np.load("new-solution/solution.npz") as found:
        x, u = found["x"], found["u"]
        assert np.isnan(found["relative_l2"]).all()
    operator = pdenet.load(run)
    for row, v in zip(u, values, strict=True):
        np.testing.assert_allclose(row, operator.at(v=v)(x=x)["u"], atol=1e-12)
    mesh = meshio.read("new-solution/solution.vtu")
    np.testing.assert_allclose(mesh.point_data["u_2"].ravel(), u[1], atol=1e-12)
    assert Path("new-solution/solution.png").is_file()


def test_values_with_their_points_are_interpolated_and_compared(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.stack([np.cos(3 * SIDE), 20 * np.sin(40 * SIDE)])
    assert applied(run, "--json", "--out", "mine", v=values, x=SIDE) == SOLVED
    said = json.loads(capsys.readouterr().out)
    with np.load("mine/solution.npz") as found:
        x, u = found["x"], found["u"][0]
    exact = np.sin(3 * x) / 3
    # Evenly spaced points: their mean is the integral up to the ends' share, 1/1000.
    error = np.sqrt(np.mean((u - exact) ** 2) / np.mean(exact**2))
    assert said["relative_l2"][0] == pytest.approx(error, rel=0.02)
    usual, strange = said["unlike"]
    assert usual < 1.5 < strange
    # The formula itself gives the same up to the interpolation, of order 4 at spacing 1/40.
    one = pdenet.load(run).at(v=lambda x: torch.cos(3 * x))
    np.testing.assert_allclose(u, one(x=x)["u"], atol=1e-5)


def test_nothing_is_overwritten(run: Path) -> None:
    for _ in range(2):
        assert applied(run, "--quiet", v=SENSORS) == SOLVED
    assert {p.name for p in Path().iterdir()} == {"new.npz", "new-solution", "new-solution-2"}


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"v": SIDE}, "100 sensors"),
        ({"v": np.where(SENSORS > 0.5, np.nan, 1)}, "not finite"),
        ({"V": SENSORS}, "no array 'v'"),
        ({"v": SIDE, "x": SIDE / 2}, "lie outside"),
        ({"v": SIDE, "x": SIDE[:7]}, "axes have lengths"),
        ({"v": SIDE, "x": SIDE[:, None]}, "one array"),
        ({"v": np.array(["a"])}, "numbers"),
    ],
)
def test_bad_files_are_refused(
    run: Path, arrays: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert applied(run, **arrays) == BAD_INPUT
    out, err = capsys.readouterr()
    assert said in err
    assert (out, err.count("\n")) == ("", 1)
    assert [p.name for p in Path().iterdir()] == ["new.npz"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--apply", "nowhere", "--input", "new.npz"], "nowhere"),
        (["--apply", "RUN"], "--input is missing"),
        (["--input", "new.npz"], "--apply is missing"),
        (["--apply", "RUN", "--input", "none.npz"], "no file"),
        (["--apply", "RUN", "--input", "new.npz", "--seed", "0"], "seed"),
    ],
)
def test_bad_words_are_refused(
    run: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("new.npz", v=SENSORS)
    assert main([str(run) if w == "RUN" else w for w in words]) == BAD_INPUT
    assert said in capsys.readouterr().err
    assert [p.name for p in Path().iterdir()] == ["new.npz"]


def test_a_run_without_input_functions_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pdenet.run.folder.write_report", lambda *_: None)
        pdenet.solve("poisson-1d", "pinn", {"name": "mlp", "width": 4}, max_steps=1, out="plain")
    assert applied(Path("plain"), v=SENSORS) == BAD_INPUT
    assert "no input functions" in capsys.readouterr().err


def test_several_functions_are_no_single_solution(run: Path) -> None:
    with pytest.raises(ValueError, match="one by one"):
        pdenet.load(run).at(v=np.ones((2, 100)))
