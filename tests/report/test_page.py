"""report.html: whole in itself, well formed, and safe to open."""

import base64
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from pdenet.record import Record
from pdenet.report import write_page, write_report
from pdenet.solution import Solution

ATTACK = '<script>alert("x")</script>&'
VOID = {"meta", "img"}


class Reader(HTMLParser):
    """Collects tags, sources and text, and checks that tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.sources: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.sources += [v for n, v in attrs if n in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def read(path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert not reader.open
    return reader


def test_a_whole_report_is_written(build, tmp_path):
    paths = write_report(build("evolution"), tmp_path)
    names = [p.relative_to(tmp_path).as_posix() for p in paths]
    assert names == [
        "metrics.csv",
        "solution.vtu",
        "figures/solution.png",
        "figures/slices.png",
        "figures/training.png",
        "report.html",
    ]
    assert all(p.stat().st_size > 0 for p in paths)


def test_the_page_holds_its_figures_and_asks_for_nothing_else(build, tmp_path):
    write_report(build("line"), tmp_path)
    reader = read(tmp_path / "report.html")
    prefix = "data:image/png;base64,"
    assert all(source.startswith(prefix) for source in reader.sources)
    found = [base64.b64decode(source.removeprefix(prefix)) for source in reader.sources]
    figures = [tmp_path / "figures" / f"{stem}.png" for stem in ("solution", "training")]
    assert found == [path.read_bytes() for path in figures]


def test_the_page_says_what_was_chosen_how_good_it_is_and_with_what(build, tmp_path):
    solution = build("line")
    text = " ".join(read(write_page(solution, tmp_path)).words)
    for words in (
        "solved",
        "The error is below the target.",
        "8.000e-04",
        "Solver pinn: the problem is nonlinear.",
        "mlp, width = 64",
        "A textbook <1999>",
        "torch",
        "x in [0, 1]",
        "12,801",
    ):
        assert words in text, words


def attacked(record: Record) -> Record:
    return replace(
        record,
        problem={"name": ATTACK, "parameters": {ATTACK: ATTACK}},
        network={"name": ATTACK, ATTACK: [ATTACK]},
        errors={ATTACK: {"relative_l2": 1.0, "relative_max": None}},
        unknowns={ATTACK: 1.0},
        indicators={ATTACK: {ATTACK: 1.0}},
        reasons=[ATTACK],
        chosen=[ATTACK],
        stop_reason=ATTACK,
        versions={ATTACK: ATTACK},
    )


def test_names_are_escaped(build, tmp_path):
    solution = build("line")
    odd = Solution(solution.residuals, attacked(solution.record))
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "<b>.png").write_bytes(b"")
    path = write_page(odd, tmp_path)
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<b>" not in text
    reader = read(path)
    assert "script" not in reader.tags
    # Everywhere that it was put, and the text of it is whole.
    assert sum(ATTACK in words for words in reader.words) >= 10


@pytest.mark.parametrize("name", ["stress", "ten"])
def test_a_page_without_reference_or_mesh(build, tmp_path, name):
    solution = build(name)
    text = " ".join(read(write_page(solution, tmp_path)).words)
    assert ("no error was measured" in text) == (name == "stress")


def test_the_verdict_gives_its_colour(build, record, tmp_path):
    solution = build("line")
    failed = Solution(solution.residuals, replace(solution.record, verdict="failed"))
    assert '<div class="verdict failed">' in write_page(failed, tmp_path).read_text()


def test_dark_and_light(build, tmp_path):
    assert "prefers-color-scheme: dark" in write_page(build("line"), tmp_path).read_text()
