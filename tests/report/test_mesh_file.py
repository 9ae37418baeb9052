"""The solution's file holds what the solution says, at the points where it says it."""

import meshio
import numpy as np
import pytest

from pdenet.report import write_solution_file
from pdenet.solution import Solution


def read(path):
    mesh = meshio.read(path)
    return mesh, mesh.point_data


def at(solution: Solution, points: np.ndarray, axes: tuple[str, ...]) -> dict[str, np.ndarray]:
    columns = {name: points[:, i] for i, name in enumerate(axes)}
    return {name: value.numpy() for name, value in solution(**columns).items()}


@pytest.mark.parametrize(
    ("name", "axes", "cells"),
    [
        ("line", ("x",), "line"),
        ("ode", ("t",), "line"),
        ("evolution", ("x", "t"), "quad"),
        ("evolution-parameter", ("x", "t", "nu"), "hexahedron"),
        ("holed", ("x", "y"), "triangle"),
        ("disk-time", ("x", "y", "t"), "wedge"),
        ("ball", ("x1", "x2", "x3"), "hexahedron"),
    ],
)
def test_values_at_the_points_are_the_solutions(build, tmp_path, name, axes, cells):
    solution = build(name)
    axes = solution.problem.coordinates if name == "ball" else axes
    path = write_solution_file(solution, tmp_path / "solution")
    assert path == tmp_path / "solution.vtu"
    mesh, data = read(path)
    assert list(mesh.cells_dict) == [cells]
    # Written in binary and evaluated by the same network at the same points.
    np.testing.assert_allclose(data["u"], at(solution, mesh.points, axes)["u"], rtol=1e-14)
    error = np.abs(data["u"] - data["u_reference"])
    np.testing.assert_array_equal(data["u_error"], error)
    assert 0 < error.max() < 1e-2
    residuals = {f"residual_{n}" for n in ("poisson", "left") if n in solution.problem.conditions}
    assert set(data) == {"u", "u_reference", "u_error"} | residuals


def test_vectors_get_a_third_component_and_a_norm_of_the_error(build, tmp_path):
    mesh, data = read(write_solution_file(build("flow"), tmp_path / "solution"))
    velocity = data["velocity"]
    assert velocity.shape == (len(mesh.points), 3)
    assert (velocity[:, 2] == 0).all()
    # The network's velocity is off by 1e-3 in its first component; the pressure by a constant.
    np.testing.assert_allclose(data["velocity_error"], 1e-3, rtol=1e-9)
    assert data["p_error"].max() < 1e-11


def test_tensors_are_flattened_by_rows_and_need_no_reference(build, tmp_path):
    mesh, data = read(write_solution_file(build("stress"), tmp_path / "solution"))
    x, y, _ = mesh.points.T
    expected = np.stack([x + 1e-3, y, y, x * y], -1)
    np.testing.assert_allclose(data["stress"], expected, rtol=1e-12, atol=1e-15)
    assert set(data) == {"stress", "residual_balance"}


@pytest.mark.parametrize("name", ["ten", "ten-time", "disk-time-parameter"])
def test_many_dimensions_are_points_in_an_archive(build, tmp_path, name):
    solution = build(name)
    path = write_solution_file(solution, tmp_path / "solution")
    assert path.suffix == ".npz"
    with np.load(path) as data:
        names = solution.problem.coordinates
        points = np.stack([data[n] for n in names], -1)
        np.testing.assert_allclose(data["u"], at(solution, points, names)["u"], rtol=1e-14)
        fields = {"u", "u_reference", "u_error", "residual_poisson"}
        assert set(data.files) == {*names, *fields}


def test_a_dot_in_the_name_is_kept(build, tmp_path):
    path = write_solution_file(build("line"), tmp_path / "nu=0.1")
    assert path.name == "nu=0.1.vtu"
