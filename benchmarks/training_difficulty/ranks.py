"""Effective rank of networks of patches against values computed independently beforehand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from pdenet import Condition, Problem
from pdenet.diagnostics import effective_rank
from pdenet.geometry import Interval, PointCloud
from pdenet.networks import MLP
from pdenet.networks.initializers import PartitionOfUnity
from pdenet.residuals import Residuals
from pdenet.tangent import Tangent

POINTS = 200
RANGES = (1, 2, 4, 8, 16)

# Means of 5 seeds, by patches and then by range; hard windows, tanh, on [-1, 1]. Computed before
# this package was written, and without its code.
EXPECTED = {
    "features, u": {
        1: (1.7, 1.8, 1.9, 2.2, 2.4),
        4: (6.8, 7.0, 7.4, 8.5, 9.5),
        10: (16.1, 16.6, 18.6, 20.4, 21.0),
    },
    "features, u''": {
        1: (2.2, 3.6, 6.4, 11.1, 16.7),
        4: (8.3, 12.1, 17.8, 24.4, 32.0),
        10: (16.9, 23.2, 29.6, 34.2, 28.7),
    },
    "network, u''": {
        1: (2.3, 3.6, 6.7, 12.4),
        4: (8.6, 13.2, 23.0, 35.3),
        10: (19.7, 29.1, 43.5, 58.3),
        20: (35.0, 46.6, 62.2, 58.7),
    },
}


def rows(seeds: int = 5) -> Iterator[dict[str, Any]]:
    """Effective rank of every entry of the table.

    Args:
        seeds: Draws of each network.

    Yields:
        What was found, and what was expected.
    """
    for kind, table in EXPECTED.items():
        for patches, expected in table.items():
            for reach, value in zip(RANGES, expected, strict=False):
                found = [rank(kind, patches, float(reach), seed) for seed in range(seeds)]
                yield {
                    "table": "ranks",
                    "kind": kind,
                    "patches": patches,
                    "R": reach,
                    "found": found,
                    "expected": value,
                }


def rank(kind: str, patches: int, reach: float, seed: int) -> float:
    """Effective rank of one network.

    Args:
        kind: Which network, and its value or second derivative.
        patches: Number of patches.
        reach: Range R of inner weights.
        seed: Seed of the draw.

    Returns:
        Effective rank of the eigenvalues of K, dimensionless.
    """
    trained = kind.startswith("network")
    width = 200 if trained else 100
    start = PartitionOfUnity(
        patches=patches, window="hard", R=reach, outer=patches**-0.5, allow_jumps=True
    )
    network = start.structure(partial(MLP, width=width, depth=1))(1, 1)
    start.draw(network, torch.Generator().manual_seed(seed))
    for name, parameter in network.named_parameters():
        inner = "last" not in name and not trained
        # Outer biases are not part of the model.
        parameter.requires_grad_(not (inner or name.endswith("last.bias")))
    problem = _problem(kind)
    x = PointCloud(x=np.linspace(-1, 1, POINTS)).sample(POINTS, seed=0)
    kernel = Tangent(Residuals(problem, network.double()), {"rows": x}).gram()
    return float(effective_rank(kernel))


def _problem(kind: str) -> Problem:
    domain = Interval(x=(-1, 1))

    def value(u):
        return u

    def second(u):
        return u.xx

    residual = second if kind.endswith("u''") else value
    return Problem(domain, "u", {"rows": Condition(residual, on=domain.interior)})


def table(found: list[dict[str, Any]]) -> str:
    """The table: our mean over seeds, and in brackets the expected one.

    Args:
        found: Rows of this suite.

    Returns:
        Markdown.
    """
    lines = [
        "| effective rank | patches | " + " | ".join(f"R = {r}" for r in RANGES) + " |",
        "| --- " * (2 + len(RANGES)) + "|",
    ]
    for (kind, patches), group in itertools.groupby(found, lambda r: (r["kind"], r["patches"])):
        cells = [f"{np.mean(r['found']):.1f} ({r['expected']})" for r in group]
        cells += [""] * (len(RANGES) - len(cells))
        lines.append(f"| {kind} | {patches} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
