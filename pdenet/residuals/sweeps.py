"""Passes of the network: which conditions share one, and the fields that come out of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pdenet.conditions import Condition
from pdenet.jets import Jet, Layout


@dataclass(frozen=True)
class Sweep:
    """One pass of the network.

    Args:
        conditions: Names of those that share its points.
        layout: The channels that they need together.
        paired: Whether each point has a partner.
    """

    conditions: tuple[str, ...]
    layout: Layout
    paired: bool


def sweeps(conditions: Mapping[str, Condition], layouts: Mapping[str, Layout]) -> Iterator[Sweep]:
    """Groups conditions by region.

    Pairs stay alone, for their partners' sake; integrals too, because each process needs all of
    their points and only a share of the others'.

    Args:
        conditions: Conditions by name.
        layouts: The channels that each needs.

    Yields:
        One sweep a group.
    """
    groups: dict[object, list[str]] = {}
    for name, condition in conditions.items():
        alone = condition.paired or condition.integral
        groups.setdefault((name,) if alone else condition.on, []).append(name)
    for names in groups.values():
        layout = Layout.union(*(layouts[n] for n in names))
        yield Sweep(tuple(names), layout, conditions[names[0]].paired)


def named_fields(outputs: Jet, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Jet]:
    """Outputs of a network as named fields.

    Args:
        outputs: Shape (n, outputs).
        shapes: The fields' shapes, in the order of the outputs.

    Returns:
        A jet by field, of its shape.
    """
    fields, start = {}, 0
    for name, shape in shapes.items():
        stop = start + math.prod(shape)
        fields[name] = outputs[..., start] if shape == () else _part(outputs, start, stop, shape)
        start = stop
    return fields


def _part(outputs: Jet, start: int, stop: int, shape: tuple[int, ...]) -> Jet:
    part = outputs[..., start:stop]
    return part if len(shape) == 1 else part.reshape(*part.shape[:-1], *shape)


def with_partners(here: Mapping[str, Jet], there: Mapping[str, Jet]) -> dict[str, Jet]:
    """Fields at points and, under names with the suffix ``_to``, at their partners.

    Args:
        here: Fields at the points.
        there: Fields at their partners.

    Returns:
        Both.
    """
    return {**here, **{f"{name}_to": jet for name, jet in there.items()}}
