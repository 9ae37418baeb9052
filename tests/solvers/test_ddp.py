"""Two processes that share the points take the steps of one."""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

SCRIPT = Path(__file__).with_name("two_processes.py")
HERE: dict[str, Any] = runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two processes found."""
    out = tmp_path_factory.mktemp("ddp") / "found.pt"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    run = subprocess.run(
        [*command, "--nproc-per-node=2", str(SCRIPT), str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return torch.load(out, weights_only=False)


@pytest.mark.slow
@pytest.mark.parametrize("case", HERE["CASES"], ids=lambda c: "-".join(map(str, c)))
def test_two_processes_equal_one(together: dict[str, Any], case: tuple[Any, ...]) -> None:
    alone = list(HERE["trained"](case, 1).parameters())
    # Sums in another order: round-off of 1e-16, amplified by a dozen steps.
    torch.testing.assert_close(together["parameters"][str(case)], alone, rtol=0, atol=1e-10)


@pytest.mark.slow
def test_clocks_and_targets_stop_all_processes_at_one_step(together: dict[str, Any]) -> None:
    one, other = together["steps"]
    assert one == other
    assert one["limit"] > 0
