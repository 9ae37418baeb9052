"""Patches with windows: local networks in local coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pdenet.networks.initializers.base import Factory, Initializer
from pdenet.networks.initializers.layers import Layers
from pdenet.networks.initializers.standard import Scheme, draw_own, find_scheme
from pdenet.networks.initializers.variance_scaling import check_ranges, draw_scaled
from pdenet.networks.partition_of_unity import (
    PatchedFactory,
    WindowName,
    find_window,
    parse_counts,
)


@dataclass(frozen=True)
class PartitionOfUnity(Initializer):
    r"""A local network on each patch, of its own coordinates, joined by windows that sum to one.

    :math:`u(x) = \sum_n \psi_n(x)\, v_n((x - x_n)/r_n)`, with equal patches on the box around the
    domain; those that hold no point of the domain are left out. Windows are fixed, networks are
    trained. Effective rank grows nearly in proportion to the number of patches, until too few
    neurons are left for each.

    Args:
        patches: Patches along every coordinate: one number for all, or one for each, such as
            ``4,2``. Along a periodic coordinate they close to a ring.
        window: ``hard`` jumps, ``smooth`` has one continuous derivative (equations up to second
            order), ``infinitely-smooth`` all of them.
        R: Range of first weights and biases in local coordinates, as of variance scaling; by
            default local networks are drawn as always.
        width: Neurons in each layer of a local network; by default the network's width shared among
            the patches.
        global_width: Neurons in each layer of a network of the whole domain that is added.
        shared_trunk: Whether only first layers are local, and later ones common to all patches.
        hidden: Law of the later layers where R is given.
        outer: Range of the outer weights where R is given, times 1 / sqrt(neurons).
        allow_jumps: Whether ``hard`` windows may be trained: residuals do not see the jumps at the
            edges, so that a small loss may belong to a discontinuous function.
        output_scale: As for every initializer.

    Raises:
        ValueError: A number or name is wrong.

    Reference:
        Chen, Chi, E and Yang, Bridging traditional and machine learning-based algorithms for
        solving PDEs: the random feature method, J. Mach. Learn. 1(3), 268-298 (2022); Chen, Zhou,
        Yang, Xiang, Luo, arXiv 2410.06308.

    Example:
        >>> from pdenet.networks import MLP
        >>> network = PartitionOfUnity(patches=3).structure(MLP)(2, 1)
        >>> network.local.hidden[0]  # 32 neurons for 9 patches
        BlockwiseLinear(blocks=9, 2, 3)
    """

    name: ClassVar[str] = "partition-of-unity"

    patches: int | Sequence[int] | str = 2
    window: WindowName = "smooth"
    R: float | Sequence[float] | None = None
    width: int | None = None
    global_width: int = 0
    shared_trunk: bool = False
    hidden: Scheme = "glorot"
    outer: float | None = None
    allow_jumps: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "patches", parse_counts(self.patches))
        find_window(self.window)
        find_scheme(self.hidden)
        if self.R is not None:
            object.__setattr__(self, "R", check_ranges(self.R))
        if self.outer is not None:
            check_ranges(self.outer, "outer")

    @property
    def rebuilds(self) -> bool:
        """Yes."""
        return True

    def arrange(self, factory: Factory, region: Tensor | None) -> Factory:
        """The factory of networks of patches."""
        return PatchedFactory(
            factory,
            parse_counts(self.patches),
            find_window(self.window),
            width=self.width,
            global_width=self.global_width,
            shared_trunk=self.shared_trunk,
            region=region,
        )

    def draw_network(self, layers: Layers, generator: torch.Generator | None) -> None:
        """Draws the layers of one network: all local ones side by side, or the whole domain's."""
        if self.R is None:
            draw_own(layers, generator)
        else:
            draw_scaled(layers, self.R, self.hidden, self.outer, generator)

    def check_order(self, order: int) -> None:
        """Refuses equations that the windows are not smooth enough for.

        Args:
            order: Highest order of differentiation.

        Raises:
            ValueError: They jump, or a derivative below that order does.
        """
        window = find_window(self.window)
        if window.allows(order) or (not window.conforming and self.allow_jumps):
            return
        if not window.conforming:
            raise ValueError(
                "Hard windows jump at the edges of patches, which residuals do not see: a trained "
                "network may be discontinuous. Use --initializer.window smooth; hard windows are "
                "for least squares with interface conditions and for diagnosis, where "
                "--initializer.allow_jumps true admits them."
            )
        raise ValueError(
            f"The equations have derivatives of order {order}, but window {self.window!r} has only "
            f"{window.smoothness} continuous derivative(s); use --initializer.window "
            "infinitely-smooth."
        )
