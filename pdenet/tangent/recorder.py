"""Watches linear layers at work: what went in, and what came out for all channels of a jet."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.overrides import TorchFunctionMode

from pdenet.jets import Jet


class RefusedError(RuntimeError):
    """The rows are not made of linear layers in a way that can be watched."""


@dataclass(frozen=True)
class Use:
    """One use of one linear layer.

    Args:
        weight: Weight of the layer, shape (o, i), where it is trained.
        bias: Bias of the layer, shape (o,), where it is trained.
        inputs: What went in, without a graph, shape (n, c, m, i): points, channels of the jet,
            further axes.
        outputs: What came out, in the graph, shape (c, n, ..., o).
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None
    inputs: Tensor
    outputs: Tensor


class Recorder(TorchFunctionMode):
    """Takes down every use of trained parameters by ``torch.nn.functional.linear``.

    Not a hook on modules: a network is free to hold its weights itself.

    Args:
        parameters: The trained parameters.
        points: Number of points that the network is evaluated at.

    Attributes:
        uses: Uses so far.
    """

    def __init__(self, parameters: Collection[nn.Parameter], points: int) -> None:
        super().__init__()
        self.trained = {id(p): p for p in parameters}
        self.points = points
        self.uses: list[Use] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        return self._take(result, *args, **(kwargs or {})) if func is F.linear else result

    def _take(self, result: Any, input: Any, weight: Any, bias: Any = None) -> Any:
        weight, bias = self.trained.get(id(weight)), self.trained.get(id(bias))
        if weight is None and bias is None:
            return result
        if torch._C._are_functorch_transforms_active():
            raise RefusedError("a module is differentiated by torch.func inside")
        if isinstance(result, Jet):
            # Parts that are constant over the points are written out: gradients are by point.
            result = result.like(result.channels)
            before, after = input.channels, result.channels
        else:
            before, after = input[None], result[None]
            result = after[0]
        if after.ndim < 3 or after.shape[1] != self.points:
            raise RefusedError(
                f"a linear layer returns shape {tuple(after.shape[1:])} at {self.points} points"
            )
        c, n = after.shape[:2]
        flat = before.detach().reshape(c, n, -1, before.shape[-1]).movedim(0, 1)
        self.uses.append(Use(weight, bias, flat, after))
        return result
