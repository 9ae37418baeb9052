"""Rows of several runs of a suite become one record, unless they would not be comparable."""

from typing import Any

import pytest

from benchmarks.__main__ import _appended


def record(**options: Any) -> dict[str, Any]:
    return {
        "suite": "sampling",
        "versions": {"torch": "1"},
        "machine": {"cores": 2},
        "options": {"seeds": [0], "steps": 1.0, **options},
        "rows": [],
    }


def test_rows_stay_and_lists_of_options_are_joined():
    before = {**record(seeds=[0, 1]), "rows": [{"error": 1.0}]}
    joined = _appended(before, record(seeds=[1, 2]))
    assert joined["rows"] == [{"error": 1.0}]
    assert joined["options"] == {"seeds": [0, 1, 2], "steps": 1.0}


@pytest.mark.parametrize(
    ("changed", "word"),
    [({"versions": {"torch": "2"}}, "versions"), ({"options": {"steps": 0.5}}, "steps 1.0")],
)
def test_runs_that_do_not_compare_are_refused(changed, word):
    with pytest.raises(ValueError, match=f"--append: the record was made with {word}"):
        _appended(record(), {**record(), **changed})
