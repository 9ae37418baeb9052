"""What suites keep of a run."""

from __future__ import annotations

import json
from typing import Any

from pdenet.record import Record


def kept(record: Record) -> dict[str, Any]:
    """A run's record as plain data, without curves and frames, which only its figures need.

    Args:
        record: The run.

    Returns:
        Plain data.
    """
    plain = json.loads(record.to_json())
    del plain["curve"]
    if plain["sampling"]:
        plain["sampling"].pop("frames", None)
    return plain
