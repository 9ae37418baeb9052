"""Input functions that come together: the i-th of each kind makes one problem."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdenet.functions.base import Functions
from pdenet.functions.inputs import InputFunction


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Functions of every input of a problem, and what its network sees of them.

    Args:
        functions: Functions by input, the same number of each.
        seen: Values at the sensors by input, shape (m, s).

    Raises:
        ValueError: Numbers differ, there are no functions, or values are not finite.
    """

    functions: Mapping[str, Functions]
    seen: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        counts = {name: len(functions) for name, functions in self.functions.items()}
        if len(set(counts.values())) != 1 or 0 in counts.values():
            raise ValueError(
                f"Of the input functions {counts} came; the same number of each, at least one, is "
                "needed."
            )
        for name, values in self.seen.items():
            if bad := int((~values.isfinite()).any(1).sum()):
                raise ValueError(
                    f"{bad} functions {name!r} have values at sensors that are not finite."
                )

    @classmethod
    def training(cls, inputs: Mapping[str, InputFunction], n: int, seed: int) -> Ensemble:
        """Functions to train with.

        Args:
            inputs: The problem's input functions.
            n: How many; fewer where a space has fewer.
            seed: Non-negative whole number.

        Returns:
            The functions, each input's independent of the others'.
        """
        streams = {name: zlib.crc32(name.encode()) for name in inputs}
        drawn = {n_: f.space.training(n, seed=seed + streams[n_]) for n_, f in inputs.items()}
        return cls._equal(inputs, drawn)

    @classmethod
    def unseen(cls, inputs: Mapping[str, InputFunction], n: int) -> Ensemble:
        """Functions to judge by, the same for every seed.

        Args:
            inputs: The problem's input functions.
            n: How many; fewer where a space has fewer.

        Returns:
            The functions.
        """
        drawn = {name: f.space.unseen(n, stream=i) for i, (name, f) in enumerate(inputs.items())}
        return cls._equal(inputs, drawn)

    @classmethod
    def given(cls, inputs: Mapping[str, InputFunction], given: Mapping[str, Any]) -> Ensemble:
        """Functions as a person gives them.

        Args:
            inputs: The problem's input functions.
            given: By input: a formula, draws of a space, a number, or values at sensors.

        Returns:
            The functions.

        Raises:
            ValueError: An input is missing or unknown, or what is given does not fit.
        """
        if given.keys() != inputs.keys():
            raise ValueError(
                f"Functions are given for {sorted(given)}; the problem has the input functions "
                f"{sorted(inputs)}."
            )
        return cls.of(inputs, {name: f.functions(given[name]) for name, f in inputs.items()})

    @classmethod
    def of(
        cls, inputs: Mapping[str, InputFunction], functions: Mapping[str, Functions]
    ) -> Ensemble:
        """Functions with their values at the sensors."""
        return cls(functions, {name: f.seen(functions[name]) for name, f in inputs.items()})

    @classmethod
    def _equal(
        cls, inputs: Mapping[str, InputFunction], drawn: Mapping[str, Functions]
    ) -> Ensemble:
        """As many of each as there are of the fewest."""
        n = min(len(functions) for functions in drawn.values())
        return cls.of(inputs, {name: functions[slice(0, n)] for name, functions in drawn.items()})

    def __len__(self) -> int:
        return len(next(iter(self.functions.values())))

    def __getitem__(self, index: slice | Sequence[int]) -> Ensemble:
        seen = {name: values[index] for name, values in self.seen.items()}
        return Ensemble({name: f[index] for name, f in self.functions.items()}, seen)

    def tensors(self, like: Tensor) -> dict[str, Tensor]:
        """Values at the sensors, in the precision and on the device of a tensor."""
        return {name: values.to(like) for name, values in self.seen.items()}


def permuted(n: int, seed: Sequence[int]) -> Tensor:
    """Whole numbers below ``n`` in a random order that depends on the seed alone.

    Args:
        n: How many.
        seed: Non-negative whole numbers.

    Returns:
        Shape (n,).
    """
    return torch.as_tensor(np.random.default_rng(list(seed)).permutation(n))
