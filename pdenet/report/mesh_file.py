"""The solution as a file for other programs: VTU on a mesh, NPZ where a mesh makes no sense."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import meshio
import numpy as np

from pdenet.report.domain_mesh import domain_mesh
from pdenet.report.mesh import Mesh
from pdenet.report.operators import examples, is_operator
from pdenet.report.probe import Array, Probe, Sample, to_array
from pdenet.solution import Solution

MESH_POINTS = 30_000
CLOUD_POINTS = 10_000
MESH_DIMENSIONS = 3


def write_solution_file(solution: Solution, path: Path) -> Path:
    """Writes the fields, the reference, the errors and the residuals.

    Up to three coordinates make a mesh, ``.vtu``: its axes are space, then time, then parameters,
    so that a plane problem in time is a block whose height is time. More than three make
    ``.npz``: low-discrepancy points of the domain, one array a coordinate and a field.

    Point data are ``u``, ``u_reference``, ``u_error`` (absolute; a vector's is its norm), and
    ``residual_NAME`` (absolute) for each equation. A plane vector gets a third component 0 in a
    mesh, as VTK wants; tensors are flattened by rows. Of an operator, the solution for the unseen
    function with the median error is written.

    Args:
        solution: The solution.
        path: The file, without its suffix.

    Returns:
        The file written.
    """
    if is_operator(solution):
        solution = examples(solution)[0].solution
    probe, domain = Probe(solution), solution.problem.domain
    if len(domain.coordinates) > MESH_DIMENSIONS:
        x = to_array(domain.sample(CLOUD_POINTS, seed=0, method="sobol").x)
        columns: dict[str, Any] = dict(zip(domain.coordinates, x.T, strict=True))
        columns |= point_data(probe, probe(x))
        target = _suffixed(path, ".npz")
        with target.open("wb") as stream:
            np.savez_compressed(stream, **columns)
        return target
    mesh = domain_mesh(domain, MESH_POINTS)
    sample = probe(mesh.columns(domain.coordinates, {}))
    return write_mesh(mesh, point_data(probe, sample), _suffixed(path, ".vtu"))


def point_data(probe: Probe, sample: Sample) -> dict[str, Array]:
    """Arrays by name, shape (n,) for scalars and (n, k) for vectors and tensors.

    Args:
        probe: What the sample was taken with.
        sample: Values at points.

    Returns:
        Fields, references, errors, residuals.
    """
    data: dict[str, Array] = {}
    for name, parts in probe.components.items():
        predicted = _joined([sample.predicted[part] for part in parts])
        data[name] = predicted
        if all(part in sample.exact for part in parts):
            exact = _joined([sample.exact[part] for part in parts])
            data[f"{name}_reference"] = exact
            data[f"{name}_error"] = _size(predicted - exact)
    return data | {f"residual_{name}": values for name, values in sample.residual.items()}


def write_mesh(mesh: Mesh, data: Mapping[str, Array], path: Path) -> Path:
    """Writes point data on a mesh.

    Args:
        mesh: The mesh.
        data: Arrays by name, shape (n,) or (n, k); a plane vector gets a third component 0.
        path: The file.

    Returns:
        The file.
    """
    points = np.zeros((len(mesh.points), 3))
    points[:, : mesh.points.shape[1]] = mesh.points
    padded: dict[str, Any] = {
        name: np.pad(v, ((0, 0), (0, 1))) if v.ndim == 2 and v.shape[1] == 2 else v
        for name, v in data.items()
    }
    meshio.Mesh(points, [(mesh.kind, mesh.cells)], point_data=padded).write(path)
    return path


def _joined(parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)


def _size(difference: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.abs(difference) if difference.ndim == 1 else np.linalg.norm(difference, axis=-1)


def _suffixed(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


__all__ = ["point_data", "write_mesh", "write_solution_file"]
