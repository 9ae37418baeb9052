"""From a network's factory to one of patches: the total width is shared among them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from pdenet.networks.activations import find_activation
from pdenet.networks.blocks import side_by_side
from pdenet.networks.layers import dense, make_generator
from pdenet.networks.mlp import MLP
from pdenet.networks.modified_mlp import ModifiedMLP
from pdenet.networks.partition_of_unity.grid import Grid, read_counts
from pdenet.networks.partition_of_unity.network import (
    PatchedNetwork,
    local_inputs,
    overall_inputs,
)
from pdenet.networks.partition_of_unity.windows import Window

Factory = Callable[[int, int], nn.Module]

TRUNKS = (MLP, ModifiedMLP)
"""Networks that can take windowed features in place of coordinates."""


@dataclass(frozen=True)
class PatchedFactory:
    """Builds :class:`PatchedNetwork` of local networks that another factory makes.

    Args:
        factory: Makes one network; has a parameter ``width``.
        patches: Patches along all inputs, or along each.
        window: Their window.
        width: Neurons in each layer of a local network; by default the network's own width shared
            among the patches, after ``global_width``.
        global_width: Neurons in each layer of a network of the whole domain; 0 for none.
        shared_trunk: Whether only first layers are local and later ones common.
        region: Sample of the region in scaled inputs, shape (k, d): patches that hold none of it
            are left out; None keeps all.
        periods: Period by input, in scaled units.
        harmonics: Waves along periodic inputs.
        nodes: Edges of patches of unequal width by input, as of :class:`Grid`.

    Raises:
        ValueError: ``factory`` has no width, or sizes do not fit.
    """

    factory: Factory
    patches: int | tuple[int, ...]
    window: Window
    width: int | None = None
    global_width: int = 0
    shared_trunk: bool = False
    region: Tensor | None = field(default=None, compare=False)
    periods: Mapping[int, float] = field(default_factory=dict)
    harmonics: int = 3
    nodes: Mapping[int, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if _default(self.factory, "width") is None:
            raise ValueError(
                f"Patches share the width of a network, but {_name(self.factory)} has no parameter "
                "'width'. Give a factory with one, such as functools.partial(MLP, width=64)."
            )
        if self.shared_trunk and _maker(self.factory) not in TRUNKS:
            raise ValueError(
                "A shared trunk takes windowed features in place of coordinates, which "
                f"{_name(self.factory)} cannot; use mlp or modified-mlp, or shared_trunk=False."
            )
        if self.global_width < 0 or (self.width is not None and self.width < 1):
            raise ValueError(
                f"width={self.width} of a patch must be at least 1, global_width="
                f"{self.global_width} at least 0."
            )

    def with_periods(self, periods: Mapping[int, float], harmonics: int) -> PatchedFactory:
        """The same for inputs of which some are periodic, and come as they are."""
        return replace(self, periods=dict(periods), harmonics=harmonics)

    def __call__(self, inputs: int, outputs: int) -> PatchedNetwork:
        """Builds the network.

        Args:
            inputs: Number of inputs.
            outputs: Number of outputs.

        Returns:
            Maps (n, inputs) to (n, outputs).
        """
        grid = Grid(read_counts(self.patches, inputs), self.periods, nodes=self.nodes)
        if self.region is not None:
            grid = grid.holding(self.region, self.window.overlap)
        width = self.width or self._share(len(grid.places))
        local = local_inputs(grid, self.harmonics)
        if self.shared_trunk:
            parts = self._features(local, width, grid)
            trunk = self._trunk(width * len(grid.places), outputs)
        else:
            parts, trunk = self._networks(local, outputs, width, grid), None
        overall = None
        if self.global_width:
            narrow = _with(self.factory, width=self.global_width)
            overall = narrow(overall_inputs(grid, self.harmonics), outputs)
        return PatchedNetwork(
            grid, self.window, parts, trunk=trunk, overall=overall, harmonics=self.harmonics
        )

    def _share(self, patches: int) -> int:
        whole = _default(self.factory, "width")
        left = whole - self.global_width
        if left < patches:
            raise ValueError(
                f"{patches} patches cannot share {left} neurons"
                + (f" ({whole} but for global_width={self.global_width})" * bool(self.global_width))
                + f": give a network of width {patches + self.global_width} or more, better "
                f"{8 * patches + self.global_width}, or fewer patches."
            )
        return left // patches

    def _networks(self, inputs: int, outputs: int, width: int, grid: Grid) -> nn.Module:
        narrow, seed = _with(self.factory, width=width), _default(self.factory, "seed")
        networks = []
        for n in range(len(grid.places)):
            # A factory with a seed of its own would make all local networks the same.
            one = narrow if seed is None else _with(narrow, seed=seed + n)
            try:
                networks.append(one(inputs, outputs))
            except ValueError as error:
                raise ValueError(
                    f"Each of {len(grid.places)} patches gets a network of width {width}: {error}"
                ) from error
        return side_by_side(networks)

    def _features(self, inputs: int, width: int, grid: Grid) -> nn.Module:
        generator = make_generator(_default(self.factory, "seed"))
        layers = [dense(inputs, width, generator) for _ in grid.places]
        return LocalFeatures(side_by_side(layers), _default(self.factory, "activation"))

    def _trunk(self, features: int, outputs: int) -> nn.Module:
        depth = _default(self.factory, "depth")
        if depth < 2:
            raise ValueError(
                f"A shared trunk needs a network of depth 2 or more, got {depth}: its first layer "
                "is that of the patches. Use depth=2 or shared_trunk=False."
            )
        return _with(self.factory, depth=depth - 1)(features, outputs)


class LocalFeatures(nn.Module):
    """First layers of all patches side by side.

    Args:
        linear: Maps (n, patches, inputs) to (n, patches, width).
        activation: Name of the activation.
    """

    def __init__(self, linear: nn.Module, activation: str) -> None:
        super().__init__()
        self.linear, self.activation = linear, find_activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (n, patches, width) from (n, patches, inputs)."""
        return self.activation(self.linear(x))


def _default(factory: Factory, name: str) -> Any:
    """What a factory takes for one of its parameters; None where it has none."""
    try:
        parameter = inspect.signature(factory).parameters.get(name)
    except (TypeError, ValueError):
        return None
    return None if parameter is None or parameter.default is parameter.empty else parameter.default


def _with(factory: Any, **options: int) -> Factory:
    return partial(factory, **options)


def _maker(factory: Factory) -> Any:
    return _maker(factory.func) if isinstance(factory, partial) else factory


def _name(factory: Factory) -> str:
    maker = _maker(factory)
    return getattr(maker, "__name__", type(maker).__name__)
