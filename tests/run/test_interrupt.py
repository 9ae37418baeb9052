"""Ctrl-C in the middle of ``solve-problem`` leaves a run that can be resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pdenet.cli import INTERRUPTED, NOT_SOLVED, main

CLI = "import sys; from pdenet.cli import main; sys.exit(main())"
TINY = ["--network.width", "4", "--network.depth", "1", "--sampler.points", "16"]
# The wall's data are trained: the loss falls from the first step on, so that plain lines tell.
WORDS = ["heat-1d", *TINY, "--max-seconds", "300", "--target-error", "1e-12", "--quiet"]


def interrupted(folder: Path, signals: int) -> subprocess.Popen[str]:
    """A run that got Ctrl-C some seconds after its training began."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLI, *WORDS, "--out", str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    start = time.monotonic()
    while not folder.exists() and time.monotonic() - start < 120:
        time.sleep(0.05)
    time.sleep(2.0)
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
    return process


@pytest.mark.slow
def test_ctrl_c_leaves_a_resumable_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = interrupted(folder, 1)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == INTERRUPTED, stderr
    assert stderr == ""
    record = json.loads((folder / "record.json").read_text())
    assert record["stopped_by"] == "interrupted"
    steps = record["steps"]
    words = ["--resume", str(folder), "--max-steps", str(steps + 5), "--quiet"]
    assert main(words) == NOT_SOLVED
    record = json.loads((folder / "record.json").read_text())
    assert (record["stopped_by"], record["steps"]) == ("max-steps", steps + 5)


@pytest.mark.slow
def test_a_second_ctrl_c_ends_the_process(tmp_path: Path) -> None:
    process = interrupted(tmp_path / "run", 2)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == INTERRUPTED
    assert "Traceback" not in stderr


def test_a_run_without_results_is_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ["poisson-1d", *TINY, "--max-steps", "3", "--quiet", "--out", str(folder)]
    assert main(words) == NOT_SOLVED
    (folder / "record.json").unlink()  # as if Ctrl-C came while results were written
    assert main(["--resume", str(folder), "--max-steps", "5", "--quiet"]) == NOT_SOLVED
    assert json.loads((folder / "record.json").read_text())["steps"] == 5
