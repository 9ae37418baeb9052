"""Two processes that share the rows have the same J, K and products as one."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Tensor]]:
    """What each of two processes found."""
    out = tmp_path_factory.mktemp("ddp") / "found.pt"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    run = subprocess.run(
        [*command, "--nproc-per-node=2", str(SCRIPT), str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return [torch.load(f"{out}.{rank}", weights_only=True) for rank in range(2)]


@pytest.mark.slow
def test_two_processes_equal_one(together: list[dict[str, Tensor]]) -> None:
    alone = runpy.run_path(str(SCRIPT))["found"]((0, 1))
    for name, expected in alone.items():
        # Sums in another order: round-off alone.
        torch.testing.assert_close(together[0][name], expected, rtol=1e-12, atol=1e-12)
        assert torch.equal(together[0][name], together[1][name]), name
