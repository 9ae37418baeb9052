"""Where a solution is looked at: the right ends, times and parameters."""

import numpy as np
import pytest

from pdenet.geometry import Box, Disk, Interval, Parameters
from pdenet.report.probe import contains
from pdenet.report.slices import View

WHOLE = View(Box(x=(1, 3), y=(-2, 2), t=(0, 4)) * Parameters(nu=(1, 2), k=(0, 10)))


def test_the_diagonal_joins_opposite_corners():
    line = WHOLE.diagonal(WHOLE.final([]))
    np.testing.assert_array_equal(line.x[0], [1, -2, 4, 1.5, 5])
    np.testing.assert_array_equal(line.x[-1], [3, 2, 4, 1.5, 5])
    assert line.abscissa[[0, -1]].tolist() == [0, 1]


def test_a_line_runs_along_its_coordinate_through_the_centre():
    line = WHOLE.along("y", WHOLE.final(["y"]))
    np.testing.assert_array_equal(line.x[0], [2, -2, 4, 1.5, 5])
    np.testing.assert_array_equal(line.x[:, 1], line.abscissa)


def test_cases_are_times_at_middle_parameters_between_their_ends():
    cases = WHOLE.cases(["x", "y"])
    fixed = [tuple(case.fixed[n] for n in ("t", "nu", "k")) for case in cases]
    assert fixed == [(4, 1, 0), (0, 1.5, 5), (2, 1.5, 5), (4, 1.5, 5), (4, 2, 10)]
    assert cases[1].label == "t = 0, nu = 1.5, k = 5"
    assert WHOLE.final(["x", "y"]) == cases[3]


def test_what_is_drawn_is_not_held():
    assert WHOLE.cases(["x", "y", "t", "nu", "k"])[0].fixed == {}
    assert len(WHOLE.cases(["x", "t"])) == 3  # parameters: low, middle, high
    assert View(Box(x=(0, 1), y=(0, 1))).cases(["x", "y"])[0].label == ""


@pytest.mark.parametrize(
    "domain",
    [
        Disk(center=(0, 0), radius=1) - Disk(center=(0, 0), radius=0.5),
        (Box(x=(0, 1), y=(0, 1)) - Disk(center=(0.5, 0.5), radius=0.3)) * Interval(t=(0, 1)),
    ],
)
def test_the_centre_lies_in_the_domain(domain):
    centre = View(domain).centre
    x = np.array([[centre[name] for name in domain.coordinates]])
    assert contains(domain, x).all()
