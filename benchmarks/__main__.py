"""``python -m benchmarks run SUITE`` writes a Record; ``python -m benchmarks table SUITE`` a table.

Suites: step-speed (seconds of a training step), operators (operator networks against DeepXDE's on
the same data, sizes and steps), catalogue (every problem by default settings),
training-difficulty (effective rank of starts, and how fast training is from them), tangent (CPU
seconds of J and what is made of it), sampling (samplers against each other on peaks, layers and
smooth problems), random-features (published tables of least squares, and the catalogue's linear
problems by it), deep-ritz (the same problems by residuals and by energies), time-to-error (CPU
seconds to errors, against other packages at settings that they document), finite-elements (error
over seconds of scikit-fem's P1 to P4 and of networks), accuracy (the goal problems, each with
settings of its own).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from benchmarks.accuracy import suite as accuracy
from benchmarks.catalogue import suite as catalogue
from benchmarks.deep_ritz import suite as deep_ritz
from benchmarks.finite_elements import suite as finite_elements
from benchmarks.operators import suite as operators
from benchmarks.random_features import suite as random_features
from benchmarks.sampling import suite as sampling
from benchmarks.step_speed import suite as step_speed
from benchmarks.tangent import suite as tangent
from benchmarks.time_to_error import suite as time_to_error
from benchmarks.training_difficulty import suite as training_difficulty
from pdenet.record import machine, versions

HERE = Path(__file__).parent
SUITES: dict[str, ModuleType] = {
    "step-speed": step_speed,
    "operators": operators,
    "catalogue": catalogue,
    "training-difficulty": training_difficulty,
    "tangent": tangent,
    "sampling": sampling,
    "random-features": random_features,
    "deep-ritz": deep_ritz,
    "time-to-error": time_to_error,
    "finite-elements": finite_elements,
    "accuracy": accuracy,
}
PEERS = ("deepxde", "pina-mathlab", "jax", "optax")


def main() -> None:
    """Runs a suite, or makes its table."""
    arguments = _parser().parse_args()
    record, page = (
        HERE / k / f"{arguments.suite}.{e}" for k, e in (("records", "json"), ("tables", "md"))
    )
    suite = SUITES[arguments.suite]
    if arguments.action == "run":
        _run(suite, arguments, arguments.out or record)
    data = json.loads((arguments.out or record).read_text(encoding="utf-8"))
    text = _page(arguments.suite, data, suite.table(data))
    if arguments.out is None:
        page.parent.mkdir(exist_ok=True)
        page.write_text(text, encoding="utf-8")
        if hasattr(suite, "draw"):
            suite.draw(data["rows"], page.with_suffix(".png"))
        if suite is catalogue:
            catalogue.publish(data)
    print(text)


def _run(suite: ModuleType, arguments: argparse.Namespace, path: Path) -> None:
    """Rows are written as they come: a run that breaks off keeps what it measured."""
    data: dict[str, Any] = {
        "suite": arguments.suite,
        "versions": versions(PEERS),
        "machine": {**machine(), "threads": torch.get_num_threads()},
        "options": {
            k: v
            for k, v in vars(arguments).items()
            if k not in ("action", "suite", "out", "append")
        },
        "rows": [],
    }
    path.parent.mkdir(exist_ok=True)
    if arguments.append and path.exists():
        data = _appended(json.loads(path.read_text(encoding="utf-8")), data)
    for row in suite.run(arguments):
        data["rows"].append(row)
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def _appended(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """A record to which the rows of another run can be added.

    Args:
        before: The record so far.
        now: The record to be, still without rows.

    Returns:
        The rows before, with lists of options joined; None, which stands for all, stays.

    Raises:
        ValueError: The two would not be comparable.
    """
    for part in ("suite", "versions", "machine"):
        if before.get(part) != now[part]:
            raise ValueError(
                f"--append: the record was made with {part} {before.get(part)}, but this run has "
                f"{now[part]}. Start a new record with --out FILE, or leave --append out."
            )
    options = dict(before["options"])
    for name, value in now["options"].items():
        known = options.get(name, value)
        if isinstance(value, list) and isinstance(known, list):
            options[name] = [*known, *(v for v in value if v not in known)]
        elif known != value and not (known is None and isinstance(value, list)):
            raise ValueError(
                f"--append: the record was made with {name} {known!r}, but this run has {value!r}."
            )
    return {**now, "options": options, "rows": before["rows"]}


def _page(name: str, data: dict[str, Any], table: str) -> str:
    packages = ", ".join(f"{k} {v}" for k, v in data["versions"].items())
    where = data["machine"]
    options = ", ".join(f"{k} {v}" for k, v in data.get("options", {}).items() if v is not None)
    return (
        f"# {name}\n\nMade by `python -m benchmarks table {name}` from `records/{name}.json`.\n"
        f"{where['cores']} cores, {where['threads']} threads, {where['processor']}; {packages}.\n"
        f"Options: {options or 'not recorded'}.\n\n"
        f"{table}\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for action in ("run", "table"):
        suites = actions.add_parser(action).add_subparsers(dest="suite", required=True)
        for name, suite in SUITES.items():
            one = suites.add_parser(name)
            one.add_argument("--out", type=Path, help="another file for the record; no table then")
            if action == "run":
                one.add_argument(
                    "--append", action="store_true", help="keep the rows that the record has"
                )
                suite.options(one)
    return parser


if __name__ == "__main__":
    main()
