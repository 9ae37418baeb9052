"""What is drawn: values, references, errors and residuals at points."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pdenet.geometry import Interval
from pdenet.report.probe import Probe, components, rms


def test_components_are_named_as_in_residuals():
    assert components("u", ()) == ("u",)
    assert components("v", (2,)) == ("v[0]", "v[1]")
    assert components("s", (2, 2)) == ("s[0, 0]", "s[0, 1]", "s[1, 0]", "s[1, 1]")


def test_values_errors_and_residuals_of_a_known_perturbation(build):
    probe = Probe(build("line"))
    x = np.linspace(0, 1, 11)[:, None]
    sample = probe(x)
    # u = (1 + 1e-3) x^2 against x^2, and u'' - 2 = 2e-3: float64 round-off only.
    np.testing.assert_allclose(sample.error("u"), 1e-3 * x[:, 0] ** 2, atol=1e-15)
    np.testing.assert_allclose(sample.residual["poisson"], 2e-3, rtol=1e-10)


def test_residual_of_a_part_is_drawn_in_that_part_only(build):
    probe = Probe(build("line"))
    x = np.array([[0.1], [0.4], [0.6]])
    left = probe(x).residual["left"]
    np.testing.assert_allclose(left[:2], 2.002 * x[:2, 0], rtol=1e-12)
    assert np.isnan(left[2])


def test_only_equations_in_the_domain_are_drawn(build):
    # Neither the boundary, nor the integral, nor the data.
    assert Probe(build("line")).equations == ("poisson", "left")


def test_a_pressure_is_compared_modulo_its_constant(build):
    probe = Probe(build("flow"))
    x = np.random.default_rng(0).random((50, 3))
    # The network's pressure is off by 7 and nothing else; the mean of 4000 terms rounds to 1e-12.
    assert probe(x).error("p").max() < 1e-11
    np.testing.assert_allclose(probe(x).error("velocity[0]"), 1e-3, rtol=1e-9)


def test_points_outside_are_nan_and_others_as_a_call(build):
    probe = Probe(build("holed"))
    x = np.array([[0.5, 0.5], [0.1, 0.1]])
    sample = probe.masked(x)
    assert np.isnan(sample.predicted["u"][0])
    assert np.isnan(sample.residual["poisson"][0])
    assert sample.predicted["u"][1] == probe(x[1:]).predicted["u"][0]


def test_measurements_are_found_by_component(build):
    probe = Probe(build("line"))
    x, values = probe.measurements("u")
    np.testing.assert_allclose(values, x[:, 0] ** 2 + 0.1)
    assert Probe(build("square")).measurements("u") is None


def test_single_precision_is_evaluated_in_its_own_and_returned_in_double(build):
    solution = build("square")
    solution.residuals.to(torch.float32)
    sample = Probe(solution)(np.array([[0.25, 0.75]]))
    assert sample.predicted["u"].dtype == np.float64
    # Float32 carries seven digits of values of order 1.
    assert sample.error("u")[0] == pytest.approx(0.75e-3, abs=1e-6)


def test_rms_ignores_what_is_not_finite_and_does_not_overflow():
    assert rms(np.array([3.0, -3.0, np.nan, np.inf])) == 3.0
    assert rms(np.array([1e200, 1e200])) == pytest.approx(1e200)
    assert np.isnan(rms(np.array([np.nan])))
    assert rms(np.zeros(3)) == 0.0


def test_a_field_is_shown_where_it_lives(build):
    solution = build("line")
    half = {"u": Interval(x=(0, 0.5))}
    solution.residuals.problem = replace(solution.problem, regions=half)
    sample = Probe(solution)(np.array([[0.1], [0.6]]))
    for values in (sample.predicted["u"], sample.exact["u"], sample.error("u")):
        assert np.isfinite(values).tolist() == [True, False]
