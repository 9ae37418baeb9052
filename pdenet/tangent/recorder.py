"""Watches linear layers at work: what went in, and what came out for all channels of a jet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from pdenet.jets import Jet
from pdenet.networks import FactorizedLinear, blockwise_linear


class RefusedError(RuntimeError):
    """The rows are not made of linear layers in a way that can be watched."""


@dataclass(frozen=True)
class Use:
    """One use of one linear layer.

    Args:
        weight: Weight of the layer, shape (o, i), where it is trained.
        bias: Bias of the layer, shape (o,), where it is trained.
        shift: The bias's values, trained or not, where there is one.
        scale: Logarithms of the factors of the weight's rows, where the layer is factorized and
            they are trained.
        factor: Those factors, shape (o,), where the layer is factorized.
        inputs: What went in, without a graph, shape (c, n, ..., i): channels of the jet, points,
            further axes.
        outputs: What came out, in the graph, shape (c, n, ..., o).
        blocks: Layers side by side: entries g of the last axis but one of inputs and outputs. The
            weight's rows, and the biases, are those of one after the other.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None
    shift: Tensor | None
    scale: nn.Parameter | None
    factor: Tensor | None
    inputs: Tensor
    outputs: Tensor
    blocks: int = 1


class Recorder(TorchFunctionMode):
    """Takes down every use of trained parameters by ``torch.nn.functional.linear``.

    Layers side by side, :func:`pdenet.networks.blockwise_linear`, are known too.

    Not a hook on modules: a network is free to hold its weights itself. Only factorized layers are
    known by their class, since the weight that they use is not a parameter. The graph begins at the
    layers' outputs, so that a reverse pass spends nothing on gradients of the weights.

    Args:
        trained: The trained parameters, by identity.
        modules: Where factorized layers are looked for.
        points: Number of points that the network is evaluated at.

    Attributes:
        uses: Uses so far.
    """

    def __init__(
        self, trained: Mapping[int, nn.Parameter], modules: Iterable[nn.Module], points: int
    ) -> None:
        super().__init__()
        self.trained, self.points = trained, points
        self.sizes = {points}
        self.uses: list[Use] = []
        self._factorized = [m for m in modules if isinstance(m, FactorizedLinear)]
        self._running: FactorizedLinear | None = None
        self._hooks: list[RemovableHandle] = []

    def __enter__(self) -> Self:
        self._hooks = [m.register_forward_pre_hook(self._enter_layer) for m in self._factorized]
        super().__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        for hook in self._hooks:
            hook.remove()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is F.linear:
            return self._linear(*args, **(kwargs or {}))
        if func is blockwise_linear:
            return self._blockwise(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _linear(self, input: Any, weight: Tensor, bias: Tensor | None = None) -> Any:
        layer, self._running = self._running, None
        trained, added = self._trained(weight), self._trained(bias)
        scale, factor = None, None
        if layer is not None and bias is layer.bias:
            trained, scale = self._trained(layer.direction), self._trained(layer.scale)
            factor = layer.scale.detach().exp()
        if trained is None and added is None and scale is None:
            return F.linear(input, weight, bias)
        shift = None if bias is None else bias.detach()
        before, after, result = self._around(F.linear, input, weight, bias)
        self.uses.append(Use(trained, added, shift, scale, factor, before, after))
        return result

    def _blockwise(self, input: Any, weight: Tensor, bias: Tensor | None = None) -> Any:
        trained, added = self._trained(weight), self._trained(bias)
        if trained is None and added is None:
            return blockwise_linear(input, weight, bias)
        before, after, result = self._around(blockwise_linear, input, weight, bias)
        blocks = after.shape[-2]
        self.uses.append(Use(trained, added, None, None, None, before, after, blocks))
        return result

    def _around(
        self, layer: Callable[..., Any], input: Any, weight: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor, Any]:
        """Inputs and outputs of a layer as channels, and its result."""
        if torch._C._are_functorch_transforms_active():
            raise RefusedError("a module is differentiated by torch.func inside")
        result = layer(input, weight.detach(), None if bias is None else bias.detach())
        # Parts that are constant over the points are written out: gradients are by point.
        before, after = (
            (input.channels, result.channels)
            if isinstance(result, Jet)
            else (input[None], result[None])
        )
        if after.ndim < 3 or after.shape[1] not in self.sizes:
            raise RefusedError(
                f"a linear layer returns shape {tuple(after.shape[1:])} at {self.points} points"
            )
        if not after.requires_grad:
            after.requires_grad_()
        result = result.like(after) if isinstance(result, Jet) else after[0]
        return before.detach(), after, result

    def _trained(self, parameter: Tensor | None) -> nn.Parameter | None:
        return self.trained.get(id(parameter))

    def _enter_layer(self, layer: nn.Module, _: Any) -> None:
        assert isinstance(layer, FactorizedLinear)
        self._running = layer
