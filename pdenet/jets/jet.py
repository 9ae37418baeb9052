"""Jets: values that carry their partial derivatives through torch code."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor

from pdenet.jets import algebra
from pdenet.jets.algebra import Parts, Term
from pdenet.jets.fallback import run_without_rule
from pdenet.jets.index import Index
from pdenet.jets.layout import Layout
from pdenet.jets.rules import rule_for


class Jet:
    """A truncated Taylor series: a tensor-like value with partial derivatives.

    Torch operations act on it by the table in :mod:`pdenet.jets.rules`, so that a network written
    in torch functions, applied to a jet, yields the network's partial derivatives in one sweep. An
    operation without a rule is differentiated by ``torch.func``, slowly, with a warning.

    Args:
        layout: Which derivatives the channels are.
        channels: Value and partial derivatives, stacked, shape (c, n, ...), or one by one: parts of
            shape (n, ...), (1, ...) where constant, or 0.0 where they vanish identically. Channels
            missing at the end vanish.

    Raises:
        ValueError: More channels than the layout has, or no axis of points.
    """

    def __init__(self, layout: Layout, channels: Tensor | Sequence[Term]) -> None:
        if not 1 <= len(channels) <= len(layout) or (
            isinstance(channels, Tensor) and channels.dim() < 2
        ):
            shape = getattr(channels, "shape", f"{len(channels)} parts")
            raise ValueError(
                f"A jet of {len(layout)} channels came with {shape}; expected "
                f"(at most {len(layout)}, n, ...)."
            )
        self.layout = layout
        # Two forms of the same series. Stacked, a linear layer is one matrix product.
        self.stacked: Tensor | None = None
        self._parts: Parts | None = None
        if isinstance(channels, Tensor) and len(channels) == len(layout):
            self.stacked = channels
        else:
            self._parts = (*channels, *[0.0] * (len(layout) - len(channels)))

    def like(self, channels: Tensor | Sequence[Term]) -> Self:
        """A jet of the same layout.

        Args:
            channels: Its channels.

        Returns:
            The jet.
        """
        return type(self)(self.layout, channels)

    @property
    def parts(self) -> Parts:
        """Channels one by one: (n, ...), (1, ...) where constant, 0.0 where they vanish."""
        if self._parts is None:
            assert self.stacked is not None
            self._parts = self.stacked.unbind(0)
        return self._parts

    @property
    def channels(self) -> Tensor:
        """All channels, stacked, shape (c, n, ...)."""
        if self.stacked is None:
            value = self.value
            zero = value.new_zeros(())
            self.stacked = torch.stack(
                [
                    torch.as_tensor(p).expand_as(value)
                    if isinstance(p, Tensor)
                    else zero.expand_as(value)
                    for p in self.parts
                ]
            )
        return self.stacked

    @property
    def value(self) -> Tensor:
        """The value, shape (n, ...)."""
        value = self.parts[0]
        assert isinstance(value, Tensor)
        return value

    def partial(self, index: Index) -> Term:
        """One partial derivative.

        Args:
            index: The operator (see :mod:`pdenet.jets.index`).

        Returns:
            Shape (n, ...) or (1, ...), or 0.0 where it vanishes identically.

        Raises:
            KeyError: The layout has no such derivative.
        """
        found = self.layout.find(index)
        if found is None:
            raise KeyError(
                f"The derivative {index} is not among {self.layout.channels}. If it is asked for "
                "in a function that was recorded: does that function branch on data?"
            )
        total: Term = 0.0
        for count, c in found:
            total = algebra.add(total, algebra.scale(count, self.parts[c]))
        return total

    @property
    def shape(self) -> torch.Size:
        """Shape (n, ...) of the value."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """Number of axes of the value."""
        return self.value.dim()

    @property
    def dtype(self) -> torch.dtype:
        """Type of the entries."""
        return self.value.dtype

    @property
    def device(self) -> torch.device:
        """Where the channels live."""
        return self.value.device

    def dim(self) -> int:
        """Number of axes of the value."""
        return self.value.dim()

    def size(self, dim: int | None = None) -> Any:
        """Shape of the value, or its length along one axis."""
        return self.value.size(dim) if dim is not None else self.value.shape

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
            return run_without_rule(func, args, kwargs or {})
        return rule(*args, **(kwargs or {}))

    def __getattr__(self, name: str) -> Any:
        # Refuse before touching own state: names are looked up while the object is half built.
        if name.startswith("_") or name in ("layout", "stacked"):
            raise AttributeError(name)
        rule = rule_for(name)
        if rule is not None:
            return partial(rule, self)
        method = getattr(Tensor, name, None)
        if not callable(method):
            raise AttributeError(f"A jet has no attribute {name!r}.")
        return lambda *args, **kwargs: run_without_rule(method, (self, *args), kwargs)

    def __repr__(self) -> str:
        return f"Jet({tuple(self.shape)}, channels={self.layout.channels})"

    def __getitem__(self, index: Any) -> Self:
        return _apply("getitem", self, index)

    def __len__(self) -> int:
        return len(self.value)

    def __add__(self, other: Any) -> Self:
        return _apply("add", self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Self:
        return _apply("sub", self, other)

    def __rsub__(self, other: Any) -> Self:
        return _apply("sub", other, self)

    def __mul__(self, other: Any) -> Self:
        return _apply("mul", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Self:
        return _apply("div", self, other)

    def __rtruediv__(self, other: Any) -> Self:
        return _apply("div", other, self)

    def __pow__(self, other: Any) -> Self:
        return _apply("pow", self, other)

    def __rpow__(self, other: Any) -> Self:
        return _apply("pow", other, self)

    def __matmul__(self, other: Any) -> Self:
        return _apply("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Self:
        return _apply("matmul", other, self)

    def __neg__(self) -> Self:
        return _apply("neg", self)

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Self:
        return _apply("abs", self)

    def __gt__(self, other: Any) -> Tensor:
        return _apply("gt", self, other)

    def __ge__(self, other: Any) -> Tensor:
        return _apply("ge", self, other)

    def __lt__(self, other: Any) -> Tensor:
        return _apply("lt", self, other)

    def __le__(self, other: Any) -> Tensor:
        return _apply("le", self, other)


def _apply(name: str, *args: Any) -> Any:
    rule = rule_for(name)
    assert rule is not None, name
    return rule(*args)
