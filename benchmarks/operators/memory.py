"""Memory that a contender's steps take, measured in a process of its own."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
WARM_UP = 2  # steps: code is loaded, optimizers have their state


def step_memory(case: str, contender: str, steps: int) -> float | None:
    """Largest memory of a process while it trains, above what it holds between steps.

    A process of its own, since a peak never falls: the first contender would hide all others.

    Args:
        case: Name of the case.
        contender: Name of the contender.
        steps: How many; the first ones hold as much as any.

    Returns:
        MiB, or None where the system does not tell (it is Linux that does).
    """
    if not STATUS.is_file():
        return None
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_measured, case, contender, steps).result()


def _measured(case: str, contender: str, steps: int) -> float:
    from benchmarks.operators.suite import make_case, makers

    trainee = makers()[contender](make_case(case))
    trainee.train(WARM_UP)
    gc.collect()
    # What is free but kept by the allocator would hide what steps take.
    ctypes.CDLL(None).malloc_trim(0)
    CLEAR.write_text("5")  # the peak so far, of imports and data, is forgotten
    before = _mebibytes("VmRSS")
    trainee.train(steps)
    return _mebibytes("VmHWM") - before


def _mebibytes(key: str) -> float:
    lines = STATUS.read_text(encoding="ascii").splitlines()
    (line,) = (one for one in lines if one.startswith(f"{key}:"))
    return float(line.split()[1]) / 1024
