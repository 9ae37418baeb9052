"""What can go wrong in an optimizer, and how that is told."""

from __future__ import annotations


class NonFiniteError(ArithmeticError):
    """A loss or its gradient is infinite or not a number, so that no step can be taken.

    Args:
        what: What was not finite, such as ``"The loss"``.
        advice: The usual fix.

    Example:
        >>> raise NonFiniteError("The loss")
        Traceback (most recent call last):
        ...
        pdenet.optim.errors.NonFiniteError: The loss is not finite. Use a smaller learning rate, ...
    """

    def __init__(self, what: str, advice: str | None = None) -> None:
        super().__init__(
            f"{what} is not finite. "
            + (advice or "Use a smaller learning rate, float64, or a residual without poles.")
        )
