"""``python -m benchmarks run SUITE`` writes a Record; ``python -m benchmarks table SUITE`` a table.

Suites: step-speed (seconds of a training step), operators (operator networks against DeepXDE's on
the same data, sizes and steps), catalogue (every problem by default settings),
training-difficulty (effective rank of starts, and how fast training is from them), tangent (CPU
seconds of J and what is made of it), sampling (samplers against each other on peaks, layers and
smooth problems), random-features (published tables of least squares, and the catalogue's linear
problems by it), deep-ritz (the same problems by residuals and by energies), time-to-error (CPU
seconds to errors, against other packages at settings that they document).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from benchmarks.catalogue import suite as catalogue
from benchmarks.deep_ritz import suite as deep_ritz
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
    print(text)


def _run(suite: ModuleType, arguments: argparse.Namespace, path: Path) -> None:
    """Rows are written as they come: a run that breaks off keeps what it measured."""
    data: dict[str, Any] = {
        "suite": arguments.suite,
        "versions": versions(PEERS),
        "machine": {**machine(), "threads": torch.get_num_threads()},
        "options": {
            k: v for k, v in vars(arguments).items() if k not in ("action", "suite", "out")
        },
        "rows": [],
    }
    path.parent.mkdir(exist_ok=True)
    for row in suite.run(arguments):
        data["rows"].append(row)
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


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
                suite.options(one)
    return parser


if __name__ == "__main__":
    main()
