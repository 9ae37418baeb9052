"""Samplers against each other: equal times, the goals' table, points placed by hand."""

from dataclasses import asdict
from typing import Any

from benchmarks.sampling import suite
from benchmarks.sampling.cases import CASES, FRESH, PLACED
from benchmarks.sampling.tables import error_at, timely
from pdenet.catalogue import find


def row(sampler: str, seed: int, errors: list[float], seconds: float = 1.0) -> dict[str, Any]:
    """A run that was measured at every multiple of the seconds."""
    return {
        "problem": "one-peak-2d",
        "case": asdict(CASES["one-peak-2d"]),
        "sampler": sampler,
        "seed": seed,
        "error": errors[-1],
        "error_even": None,
        "curve": {"seconds": [seconds * (i + 1) for i in range(len(errors))], "error": errors},
        "cpu_seconds": seconds * len(errors),
        "adapting": 0.25,
        "mean_square": 1.0,
        "spread": 2.0,
    }


ROWS = [
    row(FRESH, 0, [4.0, 2.0, 1.0]),
    row(FRESH, 1, [4.0, 3.0]),
    row("rad", 0, [1.0, 0.5, 0.2]),
    row("rad", 1, [1.0, 0.4]),
    row("adversarial", 0, [1.0, 0.1, 0.01], seconds=1.5),
    row("adversarial", 1, [1.0, 0.3, 0.01], seconds=1.5),
]


def test_time_is_that_of_fresh_uniform_points_at_the_same_seed():
    # Three seconds for seed 0, two for seed 1: two and one measurements of the slower one.
    assert timely(ROWS)["adversarial"] == [0.1, 1.0]
    assert timely(ROWS)[FRESH] == [1.0, 3.0]
    assert error_at({"seconds": [5.0], "error": [7.0]}, 1.0) == 7.0  # none before: the first


def test_goals_are_told_by_medians_at_equal_time():
    line = next(x for x in suite.table({"rows": ROWS}).splitlines() if x.startswith("| one-peak"))
    # Medians: 2 of uniform points, 0.3 of rad, 0.55 of the adversary, whose worst rad's is 0.4.
    assert line == "| one-peak-2d (peak) | 2 | 3.6 | 0.55 | yes | 25 % |"


def test_placed_points_lie_in_the_core_but_for_a_tenth():
    case = CASES["exponential-nd"]
    problem = find(case.problem).build(dimension=3)
    sampler = suite.build(case, PLACED, problem)
    sampler.bind({name: c.on for name, c in problem.conditions.items()}, 0)
    points = sampler.draw(0)["poisson"]
    assert problem.core is not None
    inside = problem.core.contains(points.x)
    assert len(points) == case.points
    assert bool(inside[:540].all())
    # Of sixty even points, 0.3^3 of them on average.
    assert int(inside[540:].sum()) < 10
    assert len(sampler.draw(0)["boundary"]) == case.points // 4
