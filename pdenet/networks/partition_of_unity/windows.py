"""Windows: how a patch's share falls from one to zero at its edges."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args

import torch
from torch import Tensor

WindowName = Literal["hard", "smooth", "infinitely-smooth"]


@dataclass(frozen=True)
class Window:
    r"""A window in local coordinates, where the patch is [-1, 1]: one inside, zero outside.

    Between neighbours a step S leads from 0 to 1 with :math:`S(t) + S(1 - t) = 1`, so that windows
    sum to one without a division. Outermost windows have no outer edge: they stay one.

    Args:
        name: What users call it.
        smoothness: Number of continuous derivatives; -1 where the window jumps.
        overlap: Half the width of the step, in half widths of a patch.
        step: S, from 0 at t <= 0 to 1 at t >= 1, for tensors and jets; None for a jump.
    """

    name: str
    smoothness: float
    overlap: float
    step: Callable[[Any], Any] | None

    def __call__(self, t: Any, lower: Tensor, upper: Tensor) -> Any:
        """Windows of patches.

        Args:
            t: Local coordinates of points in patches, a tensor or jet of shape (n, k).
            lower: Whether a patch ends at its lower edge, shape (k,).
            upper: Whether it ends at its upper edge.

        Returns:
            Shape (n, k).

        Raises:
            TypeError: The window jumps: of two neighbours' local coordinates, rounding may leave a
                point at their edge in neither.
        """
        if self.step is None:
            raise TypeError(f"Window {self.name!r} jumps; cells are counted, not measured.")
        # Distance from the centre, towards edges that are there.
        signs = (2 * upper.to(t.dtype) - 1, 1 - 2 * lower.to(t.dtype))
        distance = torch.maximum(t * signs[0], t * signs[1])
        return 1 - self.step((distance - (1 - self.overlap)) * (0.5 / self.overlap))

    @property
    def conforming(self) -> bool:
        """Whether sums of windowed functions have no jumps, as energies need."""
        return self.smoothness >= 0

    def allows(self, order: int) -> bool:
        """Whether derivatives of this order are functions almost everywhere, without jumps below.

        Args:
            order: Highest order of differentiation in the equations.

        Returns:
            True for windows with all derivatives below that order continuous.
        """
        return self.smoothness >= order - 1


def _sine(t: Any) -> Any:
    return 0.5 - 0.5 * torch.cos(math.pi * torch.clamp(t, 0.0, 1.0))


# At this distance from its ends the step differs from 0 and 1, and its derivatives up to the
# fourth from 0, by less than 1e-25: cutting there keeps 1 / t finite and costs no smoothness.
_END = 0.01


def _exponential(t: Any) -> Any:
    # exp(-1/t) / (exp(-1/t) + exp(-1/(1-t))), without overflow.
    t = torch.clamp(t, _END, 1 - _END)
    return torch.sigmoid(1 / (1 - t) - 1 / t)


WINDOWS: dict[str, Window] = {
    "hard": Window("hard", -1, 0.0, None),
    "smooth": Window("smooth", 1, 0.25, _sine),
    "infinitely-smooth": Window("infinitely-smooth", math.inf, 0.25, _exponential),
}
"""Windows by name: psi^a and psi^b of Chen, Chi, E and Yang, J. Mach. Learn. 1(3), 268-298 (2022),
and one with all derivatives for equations of any order."""
assert tuple(WINDOWS) == get_args(WindowName)


def find_window(name: str) -> Window:
    """The window of this name.

    Args:
        name: One of ``WINDOWS``.

    Returns:
        The window.

    Raises:
        ValueError: There is no such window.

    Example:
        >>> both = torch.tensor([True])
        >>> find_window("smooth")(torch.tensor([[0.0], [1.0], [2.0]]), both, both).tolist()
        [[1.0], [0.5], [0.0]]
    """
    if name not in WINDOWS:
        close = get_close_matches(str(name), WINDOWS, n=1)
        raise ValueError(
            f"There is no window {name!r}. "
            + (f"Did you mean {close[0]!r}? " if close else "")
            + f"Choose one of: {', '.join(WINDOWS)}."
        )
    return WINDOWS[name]
