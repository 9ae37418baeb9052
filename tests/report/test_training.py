"""The training figure shows the curve, whatever is missing from it."""

import numpy as np
import pytest

from pdenet.record import Curve
from pdenet.report.training import training_figure

FULL = Curve(
    step=[0, 10, 20, 30],
    seconds=[0.0, 1.0, 3.0, 4.0],
    loss=[1.0, 0.5, float("nan"), 0.1],
    error=[1.0, 0.1, 0.01, 0.001],
    terms=[{"a": 1.0}, {"a": 0.5, "b": 0.0}, {"a": 0.2, "b": 0.3}, {"a": 0.1, "b": 0.1}],
    phase=["adam", "adam", "l-bfgs", "l-bfgs"],
)


def test_loss_terms_and_error_against_both_clocks():
    figure = training_figure(FULL, "t", target=1e-3)
    loss, later, error, _ = figure.axes
    assert [line.get_label() for line in loss.lines] == ["loss", "a", "b"]
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), FULL.step)
    np.testing.assert_array_equal(later.lines[0].get_xdata(), FULL.seconds)
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), FULL.loss)
    # What is missing or zero leaves a gap on a logarithmic axis.
    np.testing.assert_array_equal(np.isnan(loss.lines[2].get_ydata()), [True, True, False, False])
    np.testing.assert_array_equal(error.lines[0].get_ydata(), FULL.error)
    assert error.lines[1].get_ydata()[0] == 1e-3
    assert all(ax.get_yscale() == "log" for ax in figure.axes)


def test_phases_are_shaded_and_named():
    loss = training_figure(FULL, "t").axes[0]
    spans = [(p.get_x(), p.get_x() + p.get_width()) for p in loss.patches]
    assert spans == [(0, 10), (10, 30)]
    assert [t.get_text() for t in loss.texts] == ["adam", "l-bfgs"]


def test_a_single_measurement_is_a_dot():
    one = Curve([5], [0.1], [2.0], [None], [{"a": 2.0}], ["adam"])
    figure = training_figure(one, "t", target=1e-3)
    assert len(figure.axes) == 2  # no error was measured
    assert figure.axes[0].lines[0].get_marker() == "o"
    figure.draw_without_rendering()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, None])
def test_nothing_to_draw_is_said(value):
    curve = Curve([0, 1], [0.0, 1.0], [value] * 2, [value] * 2, [{}, {}], ["adam"] * 2)
    figure = training_figure(curve, "t")
    assert figure.axes[0].texts[0].get_text() == "nothing was measured"
    figure.draw_without_rendering()


def test_an_empty_curve_is_drawn():
    training_figure(Curve(), "t").draw_without_rendering()


def test_names_that_are_formulas_or_hidden_stay_words():
    terms = [{"_a$b": 1.0}, {"_a$b": 0.5}]
    curve = Curve([0, 1], [0.0, 1.0], [1.0, 1.0], [None] * 2, terms, ["x", "x"])
    figure = training_figure(curve, "t")
    figure.draw_without_rendering()
    assert len(figure.axes[0].get_legend().get_texts()) == 2
