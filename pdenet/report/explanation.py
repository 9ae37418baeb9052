"""Why training took as long as it did, in words, from a record's diagnostics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Found = Mapping[str, Any]

FAST = 0.1  # of the fastest rate: below it, the residual lies in slow modes
SUFFICIENT = 0.5  # of the residual, which features that suffice can go below

CAUSES = {
    "converged": "It ended on a plateau because it was done.",
    "conditioning": "The plateau at its end is one of conditioning: what is left of the residual "
    "lies in directions that are slow to train, not out of reach. A second-order optimizer, "
    "a least-squares fit of the last layer, or an initializer with a higher effective rank helps.",
    "capacity or noise": "The plateau at its end is one of capacity or noise: effective rank is "
    "not low, and the last layer cannot take the residual much lower. More neurons, other features "
    "or other points help, longer training hardly.",
}

REGIMES = {
    "lazy": "lazy, close to a linear problem with the kernel of its start, whose effective rank "
    "foretells the speed",
    "between": "between lazy and rich: effective rank at the start says something about the speed",
    "rich": "rich: it learned features, and effective rank at the start says little about the "
    "speed",
}


def explanation(found: Found | None) -> list[str]:
    """Sentences on what callbacks saw.

    Args:
        found: The diagnostics of a record, or None.

    Returns:
        One sentence each; none where nothing was seen.
    """
    if not found:
        return []
    return [*_rank(found.get("effective_rank")), *_stages(found), *_regime(found.get("regime"))]


def _rank(measured: Found | None) -> Iterator[str]:
    if not measured:
        return
    first, last, probe = measured["history"][0], measured["history"][-1], measured["probe"]
    yield (
        f"Effective rank went from {_rank_of(first)} to {_rank_of(last)}, of "
        f"{min(probe['rows'], probe['parameters'])} modes that {probe['rows']} rows at the probe "
        f"points and {probe['parameters']:,} parameters could have."
    )
    floor, rate = last.get("least_squares_floor"), last.get("residual_rate", 1.0)
    if floor is not None:
        reach = "the features suffice" if floor < SUFFICIENT else "the features are the limit"
        yield (
            f"At the end, the last layer alone could take the residual to {_percent(floor)} of "
            f"what it was: {reach}."
        )
    if rate < FAST and rate > 0:
        yield (
            f"What was left of the residual lay in slow modes: gradient descent would have needed "
            f"some {0.5 / rate:,.0f} steps to lower the loss by a factor e."
        )


def _rank_of(entry: Found) -> str:
    low, high = entry.get("effective_rank_lower"), entry.get("effective_rank_upper")
    text = f"{entry['effective_rank']:.3g}"
    return text if low is None or high is None else f"{text} (between {low:.3g} and {high:.3g})"


def _stages(found: Found) -> Iterator[str]:
    stages = found.get("stages", {}).get("stages", [])
    if not stages:
        return
    yield "Training went through " + ", ".join(_stage(stage) for stage in stages) + "."
    if (cause := found.get("plateau")) in CAUSES:
        yield CAUSES[cause]


def _stage(stage: Found) -> str:
    moving = {True: " while weights went on moving", False: " with weights at rest"}
    article = "an" if stage["name"].startswith("i") else "a"
    span = f"(steps {stage['start']:,} to {stage['end']:,})"
    return f"{article} {stage['name']} {span}{moving.get(stage['moving'], '')}"


def _regime(found: Found | None) -> Iterator[str]:
    if not found:
        return
    last = found["history"][-1]
    yield (
        f"The kernel drifted by {last['kernel_drift']:.2g} and the parameters moved by "
        f"{_percent(last['relative_movement'])}: training was {REGIMES[found['label']]}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"
