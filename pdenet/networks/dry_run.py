"""A module's sizes, found by running it once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def check_module(
    module: nn.Module, inputs: int, outputs: int, coordinates: tuple[str, ...]
) -> None:
    """Refuses a module that does not map (3, inputs) to (3, outputs).

    Args:
        module: The module.
        inputs: Number of columns that it will get.
        outputs: Number of columns that it should return.
        coordinates: Names of the input columns for the message; empty where they have none.

    Raises:
        ValueError: It fails, or returns another shape.
    """
    like = next(itertools.chain(module.parameters(), module.buffers()), torch.zeros(()))
    x = torch.zeros(3, inputs, dtype=like.dtype, device=like.device)
    columns = f" ({', '.join(coordinates)})" if coordinates else ""
    expected = f"(n, {inputs}){columns} to (n, {outputs})"
    name = type(module).__name__
    try:
        with torch.no_grad(), _evaluating(module):
            y = module(x)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        found = next((m.in_features for m in module.modules() if hasattr(m, "in_features")), None)
        layer = "" if found is None else f" Its first layer takes {found} inputs."
        raise ValueError(
            f"Network {name} should map {expected}, but fails on {inputs} inputs: {error}.{layer} "
            "Change its number of inputs."
        ) from error
    shape = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
    if shape != (3, outputs):
        raise ValueError(
            f"Network {name} should map {expected}, but maps (3, {inputs}) to {shape}. "
            f"Give it {outputs} outputs, one column for each scalar component of the fields."
        )


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, so that a dry run leaves batch statistics and dropout masks alone."""
    training = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in training.items():
            part.training = mode
