"""Jets: values that carry their partial derivatives through torch code."""

from collections.abc import Callable
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor

from pdenet.jets.index import Index
from pdenet.jets.layout import Layout
from pdenet.jets.rules import RULES, rule_for


class Jet:
    """A truncated Taylor series: a tensor-like value with partial derivatives.

    Torch operations act on it by the table in :mod:`pdenet.jets.rules`, so that a network written
    in torch functions, applied to a jet, yields the network's partial derivatives in one sweep.

    Args:
        layout: Which derivatives the channels are.
        channels: Shape (c, n, ...): value and partial derivatives of n points, stacked. Fewer than
            the layout has when the missing ones, at the end, vanish identically.

    Raises:
        ValueError: More channels than the layout has, or no axis of points.

    Example:
        >>> x = torch.tensor([[2.0]])
        >>> y = propagate(lambda x: x**3, x, Layout(("x",), [(0, 0)]))
        >>> y.channels.flatten().tolist()
        [8.0, 12.0, 12.0]
    """

    def __init__(self, layout: Layout, channels: Tensor) -> None:
        if channels.dim() < 2 or not 1 <= len(channels) <= len(layout):
            raise ValueError(
                f"A jet of {len(layout)} channels came with a tensor of shape "
                f"{tuple(channels.shape)}; expected (at most {len(layout)}, n, ...)."
            )
        self.layout = layout
        self.channels = channels

    def like(self, channels: Tensor) -> Self:
        """A jet of the same layout.

        Args:
            channels: Its channels.

        Returns:
            The jet.
        """
        return type(self)(self.layout, channels)

    @property
    def value(self) -> Tensor:
        """The value, shape (n, ...)."""
        return self.channels[0]

    @property
    def shape(self) -> torch.Size:
        """Shape (n, ...) of the value."""
        return self.channels.shape[1:]

    @property
    def ndim(self) -> int:
        """Number of axes of the value."""
        return self.channels.dim() - 1

    @property
    def dtype(self) -> torch.dtype:
        """Type of the entries."""
        return self.channels.dtype

    @property
    def device(self) -> torch.device:
        """Where the channels live."""
        return self.channels.device

    def dim(self) -> int:
        """Number of axes of the value."""
        return self.ndim

    def size(self, dim: int | None = None) -> Any:
        """Shape of the value, or its length along one axis."""
        return self.shape if dim is None else self.shape[dim]

    def partial(self, index: Index) -> Tensor | float:
        """One partial derivative.

        Args:
            index: The operator (see :mod:`pdenet.jets.index`).

        Returns:
            Shape (n, ...), or 0.0 where it vanishes identically.

        Raises:
            KeyError: The layout has no such derivative.
        """
        found = self.layout.find(index)
        if found is None:
            raise KeyError(f"{index} is not among the channels {self.layout.channels}.")
        total: Tensor | float = 0.0
        for c, count in found.items():
            if c < len(self.channels):
                total = total + count * self.channels[c]
        return total

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        rule = rule_for(func.__name__)
        if rule is None:
            raise NotImplementedError(f"No rule for {func.__name__} on jets.")
        return rule(*args, **(kwargs or {}))

    def __getattr__(self, name: str) -> Any:
        rule = None if name.startswith("_") else rule_for(name)
        if rule is None:
            raise AttributeError(f"A jet has no attribute {name!r}.")
        return partial(rule, self)

    def __getitem__(self, index: Any) -> Self:
        return RULES["getitem"](self, index)

    def __len__(self) -> int:
        return self.shape[0]

    def __add__(self, other: Any) -> Self:
        return RULES["add"](self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Self:
        return RULES["sub"](self, other)

    def __rsub__(self, other: Any) -> Self:
        return RULES["sub"](other, self)

    def __mul__(self, other: Any) -> Self:
        return RULES["mul"](self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Self:
        return RULES["div"](self, other)

    def __rtruediv__(self, other: Any) -> Self:
        return RULES["mul"](other, RULES["reciprocal"](self))

    def __pow__(self, other: Any) -> Self:
        return RULES["pow"](self, other)

    def __rpow__(self, other: Any) -> Self:
        return RULES["pow"](other, self)

    def __matmul__(self, other: Any) -> Self:
        return RULES["matmul"](self, other)

    def __neg__(self) -> Self:
        return RULES["neg"](self)

    def __gt__(self, other: Any) -> Tensor:
        return RULES["gt"](self, other)

    def __ge__(self, other: Any) -> Tensor:
        return RULES["ge"](self, other)

    def __lt__(self, other: Any) -> Tensor:
        return RULES["lt"](self, other)

    def __le__(self, other: Any) -> Tensor:
        return RULES["le"](self, other)


def seed(x: Tensor, layout: Layout) -> Jet:
    """Points as a jet: the coordinates and their derivatives, which are ones and zeros.

    Args:
        x: Points, shape (n, d).
        layout: Derivatives to carry.

    Returns:
        A jet of degree 1, shape (n, d).

    Raises:
        ValueError: The columns of ``x`` are not the layout's coordinates.
    """
    if x.dim() != 2 or x.shape[1] != len(layout.coordinates):
        raise ValueError(
            f"Points of shape {tuple(x.shape)} came for the coordinates {layout.coordinates}; "
            f"expected (n, {len(layout.coordinates)}), one column a coordinate."
        )
    unit = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    return Jet(layout, torch.stack([x, *(unit[i].expand_as(x) for i in layout.axes)]))


def propagate(module: Callable[[Any], Any], x: Tensor, layout: Layout) -> Jet:
    """Values and partial derivatives of a network at points, in one sweep.

    Args:
        module: A network or function from (n, d) to (n, m), written in torch functions that act on
            each point for itself.
        x: Points, shape (n, d).
        layout: Derivatives wanted.

    Returns:
        A jet with all channels of the layout, shape (c, n, m).
    """
    if len(layout) == 1:
        return Jet(layout, module(x)[None])
    result = module(seed(x, layout))
    if not isinstance(result, Jet):
        return Jet(
            layout, torch.cat([result[None], result.new_zeros((len(layout) - 1, *result.shape))])
        )
    missing = len(layout) - len(result.channels)
    if missing == 0:
        return result
    zeros = result.channels.new_zeros((missing, *result.shape))
    return result.like(torch.cat([result.channels, zeros]))
