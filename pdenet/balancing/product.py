"""Several balances at once."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from pdenet.balancing.base import Balance, GradientNorms
from pdenet.geometry import Points, Region
from pdenet.tangent import RowSource


class Product(Balance):
    """The product of the weights of several balances, such as causal ones and gradient norms.

    Args:
        *balances: The balances; none sees the weights of another.

    Raises:
        ValueError: There are none.
    """

    def __init__(self, *balances: Balance) -> None:
        if not balances:
            raise ValueError("Product() needs at least one balance.")
        super().__init__()
        self.balances = nn.ModuleList(balances)
        self.every = min(balance.every for balance in balances)

    @property
    def needs(self) -> frozenset[str]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What any of them reads."""
        return frozenset().union(*(b.needs for b in self._parts()))

    def _parts(self) -> list[Balance]:
        return [b for b in self.balances if isinstance(b, Balance)]

    def bind(self, regions: Mapping[str, Region], seed: int = 0) -> None:
        """Says which conditions there are.

        Args:
            regions: Region of each condition, by the condition's name.
            seed: Whole number that all randomness depends on.
        """
        super().bind(regions, seed)
        for balance in self._parts():
            balance.bind(regions, seed)

    def attach(self, source: RowSource) -> None:
        """Says what is trained.

        Args:
            source: Problem and network.
        """
        for balance in self._parts():
            balance.attach(source)

    def update(
        self,
        step: int,
        residuals: Mapping[str, Tensor],
        points: Mapping[str, Points],
        gradient_norms: GradientNorms,
    ) -> Mapping[str, Tensor | float]:
        """Products of the weights.

        Args:
            step: Step of the training.
            residuals: Rows of each condition.
            points: Points of each condition.
            gradient_norms: Gives the gradients' norms.

        Returns:
            Shape () or (n,) for each condition.
        """
        found: dict[str, Tensor | float] = dict.fromkeys(residuals, 1.0)
        for balance in self._parts():
            balance.reduce, balance.shard = self.reduce, self.shard
            for name, weight in balance.weigh(step, residuals, points, gradient_norms).items():
                found[name] = found[name] * weight
        return found
