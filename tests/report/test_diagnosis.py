"""Figures and sentences from diagnostics: what is there is shown, what is missing is left out."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pdenet.record import Record
from pdenet.report.diagnosis import DECADES, diagnosis_figures
from pdenet.report.explanation import explanation
from pdenet.report.figures import CAPTIONS
from pdenet.report.page import page
from pdenet.solution import Solution

STEPS = [0, 100, 200, 300]


def spectrum(factor: float) -> dict[str, list[float]]:
    return {"index": [1, 2, 4, 8], "value": [factor, factor / 2, 1e-30, 0.0]}


FULL: dict[str, Any] = {
    "effective_rank": {
        "convention": "eigenvalues",
        "probe": {"points": {"a": 50}, "rows": 50, "parameters": 1234},
        "history": [
            {
                "step": t,
                "effective_rank": 3.0 + t / 100,
                "effective_rank_lower": 2.0,
                "effective_rank_upper": 7.0,
                "residual_rate": 0.001,
                "least_squares_floor": 0.05,
            }
            for t in STEPS
        ],
    },
    "stages": {
        "stages": [
            {"name": "initial plateau", "start": 1, "end": 30, "slope": 0.0, "moving": True},
            {"name": "descent", "start": 30, "end": 90, "slope": 3.0, "moving": None},
            {"name": "plateau", "start": 90, "end": 300, "slope": 0.01, "moving": False},
        ],
        "loss": {"step": [1, 30, 90, 300], "value": [1.0, 1.0, 0.01, float("nan")]},
        "history": [
            {"step": t, "amplitude_change": 0.1, "amplitude_distance": t / 100} for t in STEPS
        ],
    },
    "kernel_spectrum": {
        "history": [
            {"step": t, "spectra": {"all conditions": spectrum(1 + t), "a": spectrum(1.0)}}
            for t in STEPS
        ]
    },
    "weight_spectrum": {
        "history": [{"step": t, "layers": {"hidden": [3.0, 2.0], "last": [1.0]}} for t in STEPS]
    },
    "regime": {
        "label": "rich",
        "history": [
            {
                "step": t,
                "kernel_drift": t / 400,
                "linearization_error": t / 100,
                "relative_movement": t / 150,
            }
            for t in STEPS
        ],
    },
    "plateau": "conditioning",
}


def figures(found: dict[str, Any] | None) -> dict[str, Any]:
    out = dict(diagnosis_figures(found, "title"))
    for figure in out.values():
        figure.draw_without_rendering()
    return out


def test_every_topic_has_its_figure_and_caption() -> None:
    found = figures(FULL)
    assert list(found) == ["stages", "spectra", "weights", "regime"]
    assert set(found) <= set(CAPTIONS)


def test_stages_are_shaded_on_the_loss_and_named() -> None:
    loss, rank, *_ = figures(FULL)["stages"].axes
    spans = [(p.get_x(), p.get_x() + p.get_width()) for p in loss.patches]
    assert spans == [(1, 30), (30, 90), (90, 300)]
    assert [t.get_text() for t in loss.texts] == ["initial plateau", "descent", "plateau"]
    for text, (start, end) in zip(loss.texts, spans, strict=True):
        assert start < text.xy[0] < end
    np.testing.assert_array_equal(np.isnan(loss.lines[0].get_ydata()), [False] * 3 + [True])
    assert [p.get_x() for p in rank.patches] == [1, 30, 90]


def test_rank_has_its_bounds_where_they_are_not_the_same() -> None:
    rank = figures(FULL)["stages"].axes[1]
    (band,) = rank.collections
    assert band.get_datalim(rank.transData).intervaly.tolist() == [2.0, 7.0]
    exact = copy.deepcopy(FULL)
    for entry in exact["effective_rank"]["history"]:
        del entry["effective_rank_lower"], entry["effective_rank_upper"]
    assert not figures(exact)["stages"].axes[1].collections


def test_spectra_of_every_condition_without_round_off() -> None:
    axes = figures(FULL)["spectra"].axes
    assert len(axes) == 2
    low, high = axes[0].get_ylim()
    assert low >= 301 * 10.0**-DECADES
    assert high > 301
    assert [line.get_label() for line in axes[0].lines] == [f"step {t:,}" for t in STEPS]


def test_weights_are_lines_over_the_steps() -> None:
    hidden, last = figures(FULL)["weights"].axes
    assert [len(ax.lines) for ax in (hidden, last)] == [2, 1]
    np.testing.assert_array_equal(hidden.lines[1].get_ydata(), [2.0] * 4)


@pytest.mark.parametrize("found", [None, {}, {"skipped": {"regime": "too large"}}])
def test_nothing_seen_is_nothing_shown(found: dict[str, Any] | None) -> None:
    assert figures(found) == {}
    assert explanation(found) == []


@pytest.mark.parametrize("topic", ["effective_rank", "stages", "kernel_spectrum", "regime"])
def test_each_topic_alone(topic: str) -> None:
    alone = {topic: FULL[topic]}
    assert len(figures(alone)) == 1
    explanation(alone)


def test_start_and_end_alone_are_words_but_no_figure() -> None:
    two = copy.deepcopy({"effective_rank": FULL["effective_rank"]})
    two["effective_rank"]["history"] = two["effective_rank"]["history"][::3]
    assert figures(two) == {}
    assert "from 3 (between 2 and 7) to 6" in explanation(two)[0]


def test_sentences() -> None:
    rank, floor, slow, stages, cause, regime = explanation(FULL)
    assert "of 50 modes that 50 rows at the probe points and 1,234 parameters" in rank
    assert "to 5 % of what it was: the features suffice" in floor
    assert "some 500 steps" in slow
    assert "an initial plateau (steps 1 to 30) while weights went on moving, a descent" in stages
    assert "one of conditioning" in cause
    assert "drifted by 0.75 and the parameters moved by 200 %" in regime


def test_the_page_has_them(build: Callable[[str], Solution], record: Callable[..., Record]) -> None:
    solution = build("square")
    told = record(solution.problem, diagnostics=FULL)
    text = page(Solution(solution.residuals, told), {})
    assert "Why training took as long as it did" in text
    assert "the features suffice" in text
    assert "Why training" not in page(solution, {})
