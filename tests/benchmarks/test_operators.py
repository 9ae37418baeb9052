"""The table of operator networks against DeepXDE's."""

from typing import Any

from benchmarks.operators.suite import RIVAL, table


def row(contender: str, **more: Any) -> dict[str, Any]:
    return {"case": "line", "contender": contender, "steps": 5, "error": 0.01, **more}


def test_ratios_are_to_the_rival_of_the_same_case() -> None:
    ours = row("ours", seconds=0.002, memory_mib=3.0)
    rival = row(RIVAL, seconds=0.006, memory_mib=4.0)
    other = row(RIVAL, seconds=9.0, memory_mib=9.0) | {"case": "plane"}
    lines = table({"rows": [ours, rival, other]}).splitlines()
    # Three times as fast, on three quarters of the memory.
    assert lines[2] == "| line | ours | 5 | 1.0e-02 | 2.0 | 3.00 | 3.0 | 0.75 |"
    assert lines[3].endswith("| 1.00 | 4.0 | 1.00 |")


def test_what_was_not_measured_is_a_dash() -> None:
    lines = table({"rows": [row("ours", seconds=0.002, memory_mib=None)]}).splitlines()
    assert lines[2].endswith("| 2.0 | - | - | - |")
