"""When time is cut into windows without being asked."""

from __future__ import annotations

from typing import Any

import pytest

from pdenet import Problem
from pdenet.catalogue import find
from pdenet.problems.burgers import burgers
from pdenet.run.setup import Run
from pdenet.selection import DEFAULT_NAMES, Part
from pdenet.selection.evolution import FIELDS_POWER, cut_time
from pdenet.settings import PARTS, Settings


def parts(**given: Any) -> dict[str, Part]:
    return {kind: Part.parse(kind, given.get(kind, DEFAULT_NAMES[kind])) for kind in PARTS}


@pytest.fixture(scope="module")
def front() -> Problem:
    return burgers()


def test_fronts_are_followed_by_patches(front: Problem) -> None:
    windows, patches, reason = cut_time(front, parts(), 120.0)
    assert (windows, patches) == (40, 71)
    assert "of the residual" in reason
    # Less time buys fewer windows, then none; no limit is as two minutes.
    assert cut_time(front, parts(), 60.0)[:2] == (20, 71)
    assert cut_time(front, parts(), 20.0)[:2] == (10, 47)
    assert cut_time(front, parts(), 5.5)[:2] == (10, 13)
    assert cut_time(front, parts(), 5.0) == (1, 1, "")
    assert cut_time(front, parts(), None)[:2] == (40, 71)
    # More time buys patches, once windows are as many as ever.
    assert cut_time(front, parts(), 300.0)[:2] == (80, 89)
    assert cut_time(front, parts(), 3000.0)[:2] == (80, 96)


def test_more_derivatives_and_fields_afford_fewer_patches(front: Problem) -> None:
    def afforded(problem: Problem) -> int:
        windows, patches, _ = cut_time(problem, parts(), 60.0)
        return windows * patches

    # u, u_t, u_x, u_xx and one more; then two fields. Patches are whole numbers.
    third, pair = find("korteweg-de-vries").build(), find("schrodinger").build()
    assert afforded(third) == pytest.approx(4 / 5 * afforded(front), rel=0.02)
    assert afforded(pair) == pytest.approx(2**-FIELDS_POWER * afforded(front), rel=0.02)


@pytest.mark.parametrize(
    "given",
    [
        {"solver": "pinn"},
        {"solver": {"name": "least-squares", "patches": 4}},
        {"optimizer": "adam"},
        {"network": "siren"},
    ],
    ids=str,
)
def test_what_was_asked_for_is_kept(front: Problem, given: dict[str, Any]) -> None:
    assert cut_time(front, parts(**given), 120.0) == (1, 1, "")


def test_single_precision_and_corrections_are_trained(front: Problem) -> None:
    assert cut_time(front, parts(), 120.0, precision=32) == (1, 1, "")
    assert cut_time(front, parts(), 120.0, corrected=True) == (1, 1, "")


@pytest.mark.parametrize(
    "name",
    [
        "poisson-1d",  # no time
        "wave-1d",  # waves of the whole domain do
        "inverse-diffusion",  # an unknown constant belongs to all windows
        "burgers-operator",
    ],
)
def test_other_problems_are_not_cut(name: str) -> None:
    assert cut_time(find(name).build(), parts(), 120.0) == (1, 1, "")


def test_settings_keep_what_was_chosen(front: Problem) -> None:
    settings = Settings(problem={"name": "burgers"}, max_seconds=20.0)
    run = Run(front, parts(), settings)
    assert run.windows == run.settings.windows == 10
    assert run.settings.solver == {"name": "least-squares", "patches": 47}
    assert run.reasons[0].startswith("solver: least-squares, 10 windows of 47 patches, since")
    again = Settings.from_mapping(vars(run.settings), "config.yaml")
    assert again == run.settings
    steps = Settings(problem={"name": "burgers"}, max_steps=10)
    assert Run(front, parts(), steps).windows == 1


def test_fast_waves_get_shorter_windows() -> None:
    chaos = find("kuramoto-sivashinsky").build()
    windows, patches, reason = cut_time(chaos, parts(), 120.0)
    # Half as long windows leave a thousandth of the residual, a quarter as long ones are not tried.
    assert (windows, patches) == (40, 47)
    assert "first of 40 windows" in reason
    # Where so many windows are too many for the seconds, there are as many as seconds allow.
    assert cut_time(chaos, parts(), 20.0)[:2] == (20, 15)
