"""metrics.csv is the curve, one row a measurement."""

import csv

from pdenet.record import Curve
from pdenet.report import write_metrics


def test_rows_are_measurements_and_columns_conditions(build, record, tmp_path):
    curve = Curve(
        step=[0, 10],
        seconds=[0.0, 1.5],
        loss=[1.0, float("nan")],
        error=[None, 0.25],
        terms=[{"walls, left": 0.5}, {"walls, left": 0.1, "late": 1e-20}],
        phase=["adam", "l-bfgs"],
    )
    path = write_metrics(record(build("line").problem, curve=curve), tmp_path / "metrics.csv")
    with path.open(newline="", encoding="utf-8") as stream:
        first, second = csv.DictReader(stream)
    columns = ["step", "seconds", "phase", "loss", "error", "term.walls, left", "term.late"]
    assert list(first) == columns
    assert list(first.values()) == ["0", "0.0", "adam", "1.0", "", "0.5", ""]
    assert list(second.values()) == ["10", "1.5", "l-bfgs", "nan", "0.25", "0.1", "1e-20"]


def test_an_empty_curve_leaves_the_head(build, record, tmp_path):
    path = write_metrics(record(build("line").problem, curve=Curve()), tmp_path / "metrics.csv")
    assert path.read_text() == "step,seconds,phase,loss,error\n"
