"""What an initializer is: a structure, a draw, and a fit where the problem is needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pdenet.networks.initializers.layers import layers_of
from pdenet.networks.initializers.output_scale import (
    OutputScale,
    ScaledFactory,
    ScaledPatches,
    check_scale,
)
from pdenet.networks.layers import default_dtype
from pdenet.networks.partition_of_unity import PatchedFactory

Factory = Callable[[int, int], nn.Module]


@dataclass(frozen=True, kw_only=True)
class Initializer(ABC):
    """Where training starts from. Plain data, so that it goes into checkpoints and records.

    Args:
        output_scale: Factor of the outputs, from which those of the start are subtracted
            (:class:`OutputScale`); None leaves them.
    """

    name: ClassVar[str]
    """What users call it."""

    own: ClassVar[bool] = False
    """Whether a network that was just built needs no other draw."""

    fits: ClassVar[bool] = False
    """Whether :meth:`fit` does anything."""

    output_scale: float | None = None

    def __post_init__(self) -> None:
        if self.output_scale is not None:
            check_scale(self.output_scale)

    @property
    def rebuilds(self) -> bool:
        """Whether the structure is another one than that of the factory."""
        return self.output_scale is not None

    def structure(self, factory: Factory, region: Tensor | None = None) -> Factory:
        """The factory of the network whose weights are drawn; the same at every start.

        Args:
            factory: Makes the network as it was asked for.
            region: Sample of the region in scaled inputs, shape (k, d), where it is no box.

        Returns:
            ``factory``, or one that makes a network around or in place of its own.
        """
        arranged = self.arrange(factory, region)
        if self.output_scale is None:
            return arranged
        if isinstance(arranged, PatchedFactory):
            return ScaledPatches(arranged, self.output_scale)
        return ScaledFactory(arranged, self.output_scale)

    def arrange(self, factory: Factory, region: Tensor | None) -> Factory:
        """:meth:`structure` but for the scale of the outputs."""
        return factory

    def draw(self, core: nn.Module, generator: torch.Generator | None) -> None:
        """Draws the weights of a network anew, in place: a pure function of the generator.

        Args:
            core: What the factory of :meth:`structure` made, or what was put around it.
            generator: CPU generator; torch's own if None.
        """
        dtype = next(core.parameters()).dtype
        with default_dtype(dtype):
            for layers in layers_of(core):
                self.draw_network(layers, generator)
        for module in core.modules():
            if isinstance(module, OutputScale):
                module.restart()

    @abstractmethod
    def draw_network(self, layers: Any, generator: torch.Generator | None) -> None:
        """Draws the layers of one network (:class:`~.layers.Layers`)."""

    def check_order(self, order: int) -> None:  # noqa: B027 - most structures suit all
        """Refuses equations that the structure is not smooth enough for.

        Args:
            order: Highest order of differentiation.
        """

    def fit(self, residuals: Any, points: Mapping[str, Any]) -> None:  # noqa: B027 - most need none
        """Changes the weights by what needs the problem; on fresh runs only.

        Args:
            residuals: Problem and network.
            points: Points by condition.
        """

    def describe(self) -> dict[str, Any]:
        """Name and arguments, as plain data."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        return {"name": self.name, **plain}
