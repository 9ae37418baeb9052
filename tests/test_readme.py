"""Every code block of the README runs, in order, as a newcomer would run it, only shorter."""

import re
import shlex
from pathlib import Path

import pytest

from pdenet.cli import BAD_INPUT, main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
SETUP = "python3 -m venv "


def test_blocks_are_found() -> None:
    assert {language for language, _ in BLOCKS} == {"sh", "python"}
    # The two set-up commands are run by whoever installs, and by CI.
    assert sum(code.startswith(SETUP) for _, code in BLOCKS) == 2


def test_blocks_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for language, code in BLOCKS:
        if code.startswith(SETUP):
            continue
        if language == "sh":
            for line in code.splitlines():
                _run_command(line)
            continue
        named = re.match(r"# (\w+\.py)\n", code)
        if named:
            Path(named.group(1)).write_text(code, encoding="utf-8")
        short = re.sub(r"max_(seconds|steps)=\d+", "max_steps=5", code)
        exec(compile(short, "README.md", "exec"), {"__name__": "readme"})
    capsys.readouterr()


def _run_command(line: str) -> None:
    words = shlex.split(line, comments=True)
    assert words[0] == "solve-problem"
    words = _without(words[1:], "--max-seconds")
    solves = not {"--list", "--help", "--apply"} & set(words)
    assert main([*words, *(["--max-steps", "3"] if solves else [])]) != BAD_INPUT


def _without(words: list[str], option: str) -> list[str]:
    if option not in words:
        return words
    i = words.index(option)
    return words[:i] + words[i + 2 :]
