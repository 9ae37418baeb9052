"""Where training starts from: a last layer that fits the problem already."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from pdenet.geometry import Points
from pdenet.linear_fit.newton import fit_last_layer
from pdenet.networks.initializers import INITIALIZERS, Initializer
from pdenet.residuals import Residuals

Base = Literal["glorot", "he", "siren", "variance-scaling", "partition-of-unity"]
MOST_STEPS = 10


@dataclass(frozen=True, kw_only=True)
class LeastSquaresStart(Initializer):
    """Draws a network by another initializer, then fits its last layer to the residuals.

    The fit takes one step for a linear problem, and ten Gauss-Newton steps at most for others.
    Wide first layers of a large range have more to fit with than Glorot's.

    Args:
        base: The initializer that draws.
        R: Its range, where it has one.
        patches: Its patches, where it has some.
        scaled: Whether rows are scaled by their largest entry.

    Raises:
        ValueError: There is no such base, or it has no such argument.
    """

    name: ClassVar[str] = "least-squares"
    fits: ClassVar[bool] = True

    base: Base = "glorot"
    R: float | Sequence[float] | None = None
    patches: int | Sequence[int] | str | None = None
    scaled: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.base not in INITIALIZERS:
            raise ValueError(f"base={self.base!r} is none of {', '.join(INITIALIZERS)}.")
        self._base()

    def _base(self) -> Initializer:
        given = {"R": self.R, "patches": self.patches}
        arguments = {name: value for name, value in given.items() if value is not None}
        try:
            return INITIALIZERS[self.base](**arguments)
        except TypeError as error:
            raise ValueError(
                f"The initializer {self.base!r} takes no {' or '.join(arguments)}."
            ) from error

    @property
    def rebuilds(self) -> bool:
        """Whether the base builds another network, or the outputs are scaled."""
        return super().rebuilds or self._base().rebuilds

    def arrange(
        self, factory: Callable[[int, int], nn.Module], region: Tensor | None
    ) -> Callable[[int, int], nn.Module]:
        """The base's structure."""
        return self._base().arrange(factory, region)

    def draw_network(self, layers: Any, generator: torch.Generator | None) -> None:
        """The base's draw."""
        self._base().draw_network(layers, generator)

    def check_order(self, order: int) -> None:
        """Refuses what the base refuses.

        Args:
            order: Highest order of differentiation.
        """
        self._base().check_order(order)

    def fit(self, residuals: Any, points: Mapping[str, Any]) -> None:
        """Fits the last layer, in float64 whatever the network's own precision.

        Args:
            residuals: Problem and network; other kinds of rows are left as they are drawn.
            points: Points by condition.
        """
        if not isinstance(residuals, Residuals):
            return
        precise = copy.deepcopy(residuals).to(device="cpu", dtype=torch.float64)
        fit_last_layer(precise, _quadrature(residuals, points), MOST_STEPS, scaled=self.scaled)
        with torch.no_grad():
            for mine, found in zip(residuals.parameters(), precise.parameters(), strict=True):
                mine.copy_(found)


def _quadrature(residuals: Residuals, points: Mapping[str, Points]) -> dict[str, Points]:
    """Few random points would make an integral's one row a noisy number."""
    return {
        name: c.on.quadrature(len(points[name])) if c.integral else points[name]
        for name, c in residuals.conditions.items()
    }
