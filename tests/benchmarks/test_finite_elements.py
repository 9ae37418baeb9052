"""Finite elements solve the catalogue's problems, at the orders of theory."""

import numpy as np
import pytest

from benchmarks.finite_elements.elements import CASES, refinements, solved
from benchmarks.finite_elements.suite import draw, seconds_to, table
from pdenet.accuracy import Comparison
from pdenet.catalogue import find

BY_NAME = {case.problem: case for case in CASES}


def errors(problem: str, degree: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    case = BY_NAME[problem]
    comparison = Comparison.of(find(problem).build(**case.parameters), 2500)
    looks = list(refinements(case, degree, comparison, 10.0, most))
    return tuple(np.array([look[k] for look in looks]) for k in ("unknowns", "error"))


@pytest.mark.parametrize(
    ("problem", "degree"), [*(("poisson-2d", k) for k in (1, 2, 3, 4)), ("reaction-diffusion", 2)]
)
def test_smooth_problems_converge_at_order_degree_plus_one(problem, degree):
    unknowns, error = errors(problem, degree, 6000 if degree < 4 else 20_000)
    slope = -np.log(error[-2] / error[-1]) / np.log(np.sqrt(unknowns[-2] / unknowns[-1]))
    # Two meshes of a few thousand unknowns: the limit is not reached to the last digit.
    assert slope == pytest.approx(degree + 1, abs=0.7)


@pytest.mark.parametrize(("problem", "bound"), [("helmholtz-2d", 5e-2), ("poisson-l-shape", 2e-5)])
def test_waves_and_corners_are_resolved(problem, bound):
    # Wrong signs of sources, reactions or boundary values leave errors of the order of one.
    assert errors(problem, 4, 8000)[1].min() < bound


def test_towards_a_corner_triangles_shrink():
    basis, _ = solved(BY_NAME["poisson-l-shape"], 1, 1)
    corners = basis.mesh.p[:, basis.mesh.t]
    sizes = np.ptp(corners, axis=1).max(axis=0)
    assert sizes.min() < sizes.max() / 2**4


def test_the_table_names_who_is_first(tmp_path):
    rows = [
        {
            "problem": "poisson-2d",
            "method": "P1",
            "seed": None,
            "cpu": [1, 2],
            "error": [0.1, 9e-3],
        },
        {"problem": "poisson-2d", "method": "pdenet, auto", "seed": 0, "cpu": [3], "error": [1e-5]},
    ]
    text = table({"rows": rows, "options": {"max_seconds": 5.0, "most": 100}})
    assert "First to 1e-02 by P1; 1e-04 by pdenet, auto." in text
    assert "| P1 | 2 | - | - | - | - | 9.0e-03 | 2 |" in text
    draw(rows, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").exists()
    assert seconds_to(rows[0], 1e-3) is None
