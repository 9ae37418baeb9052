"""The run contract: exit status, messages, and what is written."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import pdenet
from pdenet.cli import BAD_INPUT, NOT_SOLVED, SOLVED, main

TINY = ["--network.width", "4", "--network.depth", "1", "--sampler.points", "16"]
SHORT = ["--max-steps", "3", *TINY]

FILE = '''
"""A rod."""
import torch
from pdenet import Condition, Dirichlet, Problem
from pdenet.geometry import Box


def rod(k: float = 1.0) -> Problem:
    """Heat in a rod."""
    domain = Box(x=(0, 1))
    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "heat": Condition(lambda u, x: k * u.xx + 1, on=domain.interior),
            "ends": Dirichlet(u=0, on=domain.boundary),
        },
    )
'''

WRONG_FILES = {
    "empty.py": ("", "holds no problem"),
    "syntax.py": ("def f(:\n", "line 1"),
    "crash.py": ("1 / 0\n", "ZeroDivisionError"),
    "two.py": (FILE + FILE.replace("rod", "beam"), "choose one"),
    "partial.py": (FILE.replace("u.xx", "u.yy"), "y"),
    "name.py": (FILE.replace("lambda u, x", "lambda v, x").replace("u.xx", "v.xx"), "'v'"),
    "column.py": (FILE.replace("k * u.xx + 1", "(k * u.xx)[:, None] + 1"), "(n,)"),
    "face.py": (FILE.replace("domain.boundary", "domain.face(x=2)"), "no face"),
    "bounds.py": (FILE.replace("Box(x=(0, 1))", "Box(x=(1, 0))"), "x"),
    "nan.py": (FILE.replace("u=0, on", "u=float('nan'), on"), "finite"),
}

BAD_WORDS = [
    (["burgrs"], "Did you mean 'burgers'"),
    (["burgers", "--problem.mu", "1"], "--problem.mu"),
    (["burgers", "--problem.nu", "thick"], "problem.nu"),
    (["burgers", "--problem.nu", "-1"], "positive"),
    (["burgers", "--problem.nu", "nan"], "nan"),
    (["burgers", "--bogus", "1"], "--bogus"),
    (["burgers", "--network", "mpl"], "Did you mean 'mlp'"),
    (["burgers", "--network.width", "0"], "width"),
    (["burgers", "--sampler", "uniform", "--sampler.points", "0"], "points"),
    (["burgers", "--optimizer", "adam", "--optimizer.lr", "-1"], "lr"),
    (["burgers", "--max-seconds", "0"], "--max-seconds"),
    (["burgers", "--max-seconds", "inf"], "max_seconds"),
    (["burgers", "--max-steps", "-3"], "--max-steps"),
    (["burgers", "--target-error", "-1e-3"], "--target-error"),
    (["burgers", "--precision", "16"], "32 or 64"),
    (["burgers", "--seed", "-1"], "--seed"),
    (["burgers", "--device", "toaster"], "--device"),
    (["burgers", "--device", "cuda:77"], "not there"),
    (["burgers", "--compile", "maybe"], "auto, yes or no"),
    (["poisson-1d", "--windows", "2"], "needs a problem in time"),
    (["nowhere.py"], "no file"),
    (["--config", "nowhere.yaml"], "nowhere.yaml"),
    (["--resume", "nowhere"], "not a run folder"),
    ([], "Name a problem"),
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Standard error of a call that must be refused without a trace."""
    before = sorted(Path().rglob("*"))
    assert main(words) == BAD_INPUT
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("solve-problem: ")
    assert err.count("\n") == 1
    assert [p for p in sorted(Path().rglob("*")) if "__pycache__" not in p.parts] == before
    return err


@pytest.mark.parametrize(("words", "said"), BAD_WORDS, ids=lambda v: " ".join(v) if v else "-")
def test_bad_words_are_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(words, capsys)


@pytest.mark.parametrize("name", WRONG_FILES)
def test_bad_files_are_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = WRONG_FILES[name]
    Path(name).write_text(code, encoding="utf-8")
    assert said in refused([name], capsys)


def test_a_file_is_solved(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text(FILE, encoding="utf-8")
    assert main(["mine.py:rod", *SHORT, "--problem.k", "2", "--quiet"]) == NOT_SOLVED
    assert capsys.readouterr() == ("", "")
    record = json.loads(Path("runs/rod/record.json").read_text())
    assert record["problem"] == {"name": "rod", "parameters": {"k": 2.0}}
    assert record["verdict"] == "doubtful"  # there is no reference
    # A configuration repeats the run, and an existing folder keeps what it holds.
    assert main(["--config", "runs/rod/config.yaml", "--quiet"]) == NOT_SOLVED
    again = json.loads(Path("runs/rod-2/record.json").read_text())
    assert again["indicators"] == record["indicators"]


def test_a_solved_problem_exits_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["poisson-1d", *SHORT, "--max-steps", "1", "--target-error", "1e9", "--json"]
    assert main(words) == SOLVED
    record = json.loads(capsys.readouterr().out)
    assert record["verdict"] == "solved"
    assert record["stopped_by"] == "target"


def test_run_folder_is_whole() -> None:
    main(["poisson-1d", *SHORT, "--quiet", "--out", "here"])
    names = {p.name for p in Path("here").iterdir()}
    assert names == {
        "checkpoint.ckpt",
        "config.yaml",
        "figures",
        "metrics.csv",
        "record.json",
        "report.html",
        "solution.vtu",
    }
    assert list(Path("here/figures").glob("*.png"))


def test_help_shows_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["burgers", "--help"]) == SOLVED
    shown = capsys.readouterr().out
    for option in ("--problem.nu", "--network.width", "--optimizer.lr", "--max-seconds", "--json"):
        assert option in shown


def test_print_config_can_be_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["poisson-1d", *SHORT, "--print-config"]) == SOLVED
    first = capsys.readouterr().out
    Path("mine.yaml").write_text(first, encoding="utf-8")
    assert main(["--config", "mine.yaml", "--print-config"]) == SOLVED
    assert capsys.readouterr().out == first


def test_out_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("mine")
    assert "--out" in refused(["poisson-1d", *SHORT, "--out", "file/run"], capsys)
    assert Path("file").read_text() == "mine"


def test_resume_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    main(["poisson-1d", *SHORT, "--quiet", "--out", "run"])
    assert main(["--resume", "run", "--max-steps", "5", "--quiet"]) == NOT_SOLVED
    assert pdenet.load("run").record.steps == 5
    assert "cannot change" in refused(["--resume", "run", "--seed", "3"], capsys)


def test_damaged_checkpoint_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    main(["poisson-1d", *SHORT, "--quiet", "--out", "run"])
    Path("run/checkpoint.ckpt").write_bytes(b"not a checkpoint")
    assert "cannot be read" in refused(["--resume", "run"], capsys)


def test_checkpoint_of_another_problem_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    main(["poisson-1d", *SHORT, "--quiet", "--out", "one"])
    main(["poisson-1d", "--problem.frequency", "2", *SHORT, "--quiet", "--out", "two"])
    shutil.copy("two/checkpoint.ckpt", "one/checkpoint.ckpt")
    assert "belongs to" in refused(["--resume", "one", "--max-steps", "5"], capsys)


def test_load_gives_the_same_solution() -> None:
    solution = pdenet.solve(
        "poisson-1d", {"name": "pinn"}, {"name": "mlp", "width": 4}, max_steps=3, out="run"
    )
    x = torch.linspace(0, 1, 7)
    assert torch.equal(pdenet.load("run")(x=x)["u"], solution(x=x)["u"])
