"""Sizes of fields, from prescribed values that tell them."""

import pytest

from pdenet.problems.one_peak_2d import one_peak_2d
from pdenet.problems.poisson_nd import poisson_nd
from pdenet.solvers.scales import output_scales


def test_a_tail_at_the_boundary_tells_no_size() -> None:
    # The peak's values at the boundary are e^-250: scaled by them, no network could reach it.
    assert output_scales(one_peak_2d(), ()) == ({}, {})
    scales, means = output_scales(poisson_nd(2), ())
    assert scales["u"] == pytest.approx(2, abs=0.5)
    assert abs(means["u"]) < 0.5
