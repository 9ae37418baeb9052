"""Figures: which ones there are, and that they draw what the solution says."""

import sys

import matplotlib
import numpy as np
import pytest
import torch

from pdenet.report import maps
from pdenet.report.figures import CAPTIONS, figures, write_figures
from pdenet.report.line_panels import Curve, magnitude_panel, value_panel
from pdenet.report.maps import PANEL_ROWS, paged
from pdenet.report.style import (
    DECADES,
    Panel,
    compose,
    linear_scale,
    log_extent,
    log_scale,
    plain,
    save,
)

MAPS = ["solution", "error", "residual"]
EXPECTED = {
    "line": ["solution"],
    "ode": ["solution"],
    "line-parameter": ["solution"],
    "evolution": ["solution", "slices"],
    "evolution-parameter": [*MAPS, "slices"],
    "square": ["solution"],
    "channel": ["solution"],
    "holed": ["solution"],
    "l-shape": ["solution"],
    "stress": ["solution"],
    "flow": [*MAPS, "flow"],
    "disk-time": MAPS,
    "disk-time-parameter": MAPS,
    "ball": ["cuts", *MAPS, "scatter"],
    "ten": ["cuts", "scatter"],
    "ten-time": ["cuts", "scatter"],
}


def panel(draw) -> "matplotlib.axes.Axes":
    return compose([[draw]], "title", Panel(4, 3)).axes[0]


def test_every_solution_has_its_figures(build, solution_name):
    stems = [stem for stem, _ in figures(build(solution_name))]
    assert stems == [*EXPECTED[solution_name], "training"]
    assert set(stems) <= set(CAPTIONS)


@pytest.mark.parametrize("name", ["evolution", "holed", "stress", "ten"])
def test_figures_are_written_as_pictures(build, tmp_path, name):
    paths = write_figures(build(name), tmp_path)
    assert [p.stem for p in paths] == [*EXPECTED[name], "training"]
    assert all(p.parent == tmp_path / "figures" for p in paths)
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in paths)


def test_titles_say_the_error_or_that_there_is_none(build):
    known = [f.texts[0].get_text() for _, f in figures(build("square"))]
    assert all("8.00e-04" in t for t in known)
    unknown = [f.texts[0].get_text() for _, f in figures(build("channel"))]
    assert all("no reference" in t for t in unknown)


def test_curves_are_the_network_and_the_dashed_reference(build):
    drawn = dict(figures(build("line")))
    values = drawn["solution"].axes[0]
    network, data, reference = values.lines
    x = network.get_xdata()
    np.testing.assert_allclose(network.get_ydata(), 1.001 * x**2, atol=1e-14)
    np.testing.assert_allclose(reference.get_ydata(), x**2, atol=1e-14)
    assert reference.is_dashed()
    np.testing.assert_allclose(data.get_ydata(), data.get_xdata() ** 2 + 0.1)
    error, residual = drawn["solution"].axes[1:3]
    assert error.get_yscale() == residual.get_yscale() == "log"
    np.testing.assert_allclose(error.lines[0].get_ydata()[1:], 1e-3 * x[1:] ** 2, rtol=1e-6)
    np.testing.assert_allclose(residual.lines[0].get_ydata(), 2e-3, rtol=1e-9)


def test_slices_are_taken_at_times_from_first_to_last(build):
    values, _ = dict(figures(build("evolution")))["slices"].axes
    labels = [line.get_label() for line in values.lines[:5]]
    assert labels == ["t = 0", "t = 0.5", "t = 1", "t = 1.5", "t = 2"]
    last = values.lines[4]
    expected = np.sin(2 * last.get_xdata()) + np.sin(6.0) + 2e-3
    np.testing.assert_allclose(last.get_ydata(), expected, atol=1e-12)


def test_parameters_are_shown_low_in_the_middle_and_high(build):
    drawn = dict(figures(build("evolution-parameter")))
    titles = [ax.get_title() for ax in drawn["solution"].axes if ax.get_title()]
    assert titles == ["u, nu = 0.1", "u, nu = 0.55", "u, nu = 1"]


def test_a_field_that_is_not_a_number_says_so(build):
    for name in ("line", "flow", "ten", "evolution"):
        solution = build(name)
        with torch.no_grad():
            solution.residuals.model.scale.fill_(torch.nan)
        drawn = dict(figures(solution))
        texts = [t.get_text() for f in drawn.values() for ax in f.axes for t in ax.texts]
        assert "no finite values" in texts, name
    for figure in drawn.values():
        figure.draw_without_rendering()


def test_values_that_overflow_when_squared_are_drawn(build):
    solution = build("flow")
    with torch.no_grad():
        solution.residuals.model.scale.fill_(1e200)
    dict(figures(solution))["flow"].draw_without_rendering()


def test_streamlines_follow_the_field_at_their_place(build, monkeypatch):
    seen = []

    def capture(mesh, speed, lattice, flow, title, scale):
        seen.append((lattice, flow))
        return lambda ax: None

    monkeypatch.setattr(maps, "flow_panel", capture)
    assert "flow" in dict(figures(build("flow")))
    ((x, y), (u, v)), *_ = seen
    # At the last time: u = y cos x + 1e-3, v = sin x; rows are y, columns are x.
    np.testing.assert_allclose(u, y[:, None] * np.cos(x) + 1e-3, atol=1e-14)
    np.testing.assert_allclose(v, np.broadcast_to(np.sin(x), u.shape), atol=1e-14)


def test_a_region_with_a_hole_is_blank_there(build):
    ax = dict(figures(build("holed")))["solution"].axes[0]
    mesh = next(c for c in ax.collections if hasattr(c, "_triangulation"))
    shape = mesh._triangulation
    corners = np.stack([shape.x, shape.y], -1)[shape.triangles]
    middles = corners.mean(axis=1)
    assert (np.linalg.norm(middles - 0.5, axis=1) > 0.19).all()


def test_signed_fields_get_a_diverging_map_about_zero():
    scale = linear_scale([np.array([-1.0, 3.0])])
    assert (scale.cmap, scale.norm.vmin, scale.norm.vmax) == ("RdBu_r", -3.0, 3.0)
    # A little undershoot below zero does not make a field signed.
    assert linear_scale([np.array([-0.01, 3.0])]).cmap == "viridis"
    flat = linear_scale([np.full(3, 2.0)])
    assert flat.norm.vmin < 2.0 < flat.norm.vmax


def test_logarithmic_scales_state_their_floor():
    scale = log_scale([np.array([1e-12, 0.0, 1.0, np.nan])])
    assert scale.floor == pytest.approx(10.0**-DECADES)
    assert log_extent([np.zeros(3)])[0] > 0
    assert log_extent([np.array([1e-3, 1e-2])]) == (1e-3, 1e-2)


def test_errors_below_the_axis_are_announced():
    x = np.linspace(0, 1, 3)
    cut = panel(magnitude_panel([Curve(x, np.array([1.0, 1e-9, 1.0]))], "e", "x", "error"))
    assert "cut below 1e-04" in cut.get_ylabel()
    whole = panel(magnitude_panel([Curve(x, np.array([1.0, 1e-3, 1.0]))], "e", "x", "error"))
    assert "cut" not in whole.get_ylabel()
    zero = panel(magnitude_panel([Curve(x, np.zeros(3))], "e", "x", "error"))
    assert zero.texts[0].get_text() == "zero everywhere"


def test_gaps_stay_gaps_and_the_axis_whole():
    x = np.linspace(0, 1, 5)
    ax = panel(value_panel([Curve(x, np.array([np.nan, np.nan, 1, 1, 1]))], "u", "x", "u"))
    assert ax.get_xlim()[0] < 0
    assert np.isnan(ax.lines[0].get_ydata()[:2]).all()


def test_names_are_drawn_as_they_are(tmp_path):
    name = "_x$^{oops}$ 温度"
    draw = value_panel([Curve(np.zeros(2), np.ones(2), name)] * 2, name, name, name)
    figure = compose([[draw]], name, Panel(4, 3))
    save(figure, tmp_path / "names.png")  # neither a formula nor a missing glyph stops it
    assert len(figure.axes[0].get_legend().get_texts()) == 2
    assert plain("a$b") == r"a\$b"


def test_many_rows_go_to_several_files():
    rows = [[lambda ax: ax.set_title("x")]] * (PANEL_ROWS + 1)
    pages = list(paged("solution", rows, "t", Panel(2, 2)))
    assert [stem for stem, _ in pages] == ["solution", "solution-2"]
    assert [len(figure.axes) for _, figure in pages] == [PANEL_ROWS, 1]


def test_long_titles_are_wrapped():
    figure = compose([[lambda ax: None]], "word " * 40, Panel(4, 3))
    assert "\n" in figure.texts[0].get_text()


def test_global_state_stays_untouched(build, tmp_path):
    before = dict(matplotlib.rcParams)
    loaded = "matplotlib.pyplot" in sys.modules
    write_figures(build("square"), tmp_path)
    assert dict(matplotlib.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == loaded
