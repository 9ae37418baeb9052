"""The README's table is that of the committed Record."""

import json
from pathlib import Path

from benchmarks.catalogue.suite import MARKS, README, short

RECORD = Path(__file__).parents[2] / "benchmarks" / "records" / "catalogue.json"


def test_the_readme_shows_the_record() -> None:
    table = short(json.loads(RECORD.read_text(encoding="utf-8")))
    assert MARKS[0] + table + MARKS[1] in README.read_text(encoding="utf-8")


def test_problems_are_sorted_by_error_and_failures_stand_apart() -> None:
    def row(name: str, error: float, verdict: str) -> dict[str, object]:
        errors = {"u": {"relative_l2": error}, "v": {"relative_l2": error / 2}}
        return {"problem": {"name": name}, "errors": errors, "verdict": verdict}

    rows = [row("a", 2e-12, "solved"), row("b", 5e-4, "solved"), row("c", 2e-2, "failed")]
    lines = short({"rows": [*rows, row("d", 4e-3, "solved"), row("b", 7e-4, "solved")]}).split("\n")
    assert lines[2:] == [
        "| below 1e-10 | a |",
        "| 1e-4 to 1e-3 | b |",
        "| above, solved to a target of its own | d 4e-03 |",
        "| target missed | c 2e-02 |",
    ]
