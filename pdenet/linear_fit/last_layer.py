"""The parameters in which a network's outputs are affine: those of its last linear layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pdenet.networks import (
    BlockwiseLinear,
    FactorizedLinear,
    HardConstraint,
    PatchedNetwork,
    Separate,
)
from pdenet.residuals import Residuals
from pdenet.tangent import RowSource

PROBES = 5
AFFINE = 1e-10  # relative; products of coefficients show at order one


def last_layer(model: nn.Module, x: Tensor) -> list[nn.Parameter]:
    """Weights and biases of a network's last linear layers, one a network where there are several.

    What is put around a network (output scales, hard conditions, windows) leaves its values affine
    in them. That is tried, so that a network of another kind is refused.

    Args:
        model: Maps (n, coordinates) to (n, outputs).
        x: A few points, shape (n, coordinates).

    Returns:
        The parameters, in the order of ``model.parameters()``.

    Raises:
        ValueError: The outputs are not affine in the parameters that come last.

    Example:
        >>> from pdenet.networks import MLP
        >>> found = last_layer(MLP(2, 1, width=8, depth=2), torch.rand(5, 2))
        >>> [tuple(p.shape) for p in found]
        [(1, 8), (1,)]
    """
    wanted = {id(p) for p in _last(model)}
    found = [p for p in model.parameters() if id(p) in wanted]
    if not found or not _affine(model, found, x):
        raise ValueError(
            f"Network {type(model).__name__} does not end in a linear layer: its outputs are not "
            "affine in the parameters that come last. Least squares needs one; end the network in "
            "nn.Linear, in an attribute called last."
        )
    return found


def _last(module: nn.Module) -> list[nn.Parameter]:
    if isinstance(module, nn.Linear | BlockwiseLinear):
        return list(module.parameters(recurse=False))
    if isinstance(module, FactorizedLinear):
        return [module.direction, module.bias]  # its scale multiplies them
    if isinstance(module, Separate):
        return [p for network in module.networks for p in _last(network)]
    if isinstance(module, HardConstraint):
        return _last(module.network)
    if isinstance(module, PatchedNetwork):
        parts = [module.local if module.trunk is None else module.trunk, module.overall]
        return [p for part in parts if part is not None for p in _last(part)]
    last = getattr(module, "last", None)
    if isinstance(last, nn.Module):
        return _last(last)
    children = [c for c in module.children() if next(c.parameters(), None) is not None]
    return _last(children[-1]) if children else list(module.parameters(recurse=False))


@torch.no_grad()
def _affine(model: nn.Module, parameters: list[nn.Parameter], x: Tensor) -> bool:
    """Whether the value at the middle of two settings is the mean of theirs."""
    kept = [p.clone() for p in parameters]
    generator = torch.Generator().manual_seed(0)
    steps = [torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p) for p in kept]
    values = []
    try:
        for t in (0.0, 1.0, 2.0):  # from zero: beside large coefficients small ones are round-off
            for p, step in zip(parameters, steps, strict=True):
                p.copy_(t * step)
            values.append(model(x))
    finally:  # a network that takes more than coordinates raises, and is trained on
        for p, start in zip(parameters, kept, strict=True):
            p.copy_(start)
    size = max(float((values[2] - values[0]).abs().max()), torch.finfo(x.dtype).tiny)
    tolerance = AFFINE if x.dtype == torch.float64 else 1e-4
    return bool((values[0] + values[2] - 2 * values[1]).abs().max() <= tolerance * size)


def coefficients(residuals: Residuals) -> list[nn.Parameter]:
    """What least squares fits: the network's last layers, and unknown constants.

    Args:
        residuals: Problem and network.

    Returns:
        Parameters in the order of ``residuals.parameters()``.
    """
    like = next(residuals.model.parameters())
    points = residuals.problem.domain.sample(PROBES, seed=0).to(
        dtype=like.dtype, device=like.device
    )
    return [*last_layer(residuals.model, points.x), *residuals.unknowns.parameters()]


@contextmanager
def only_trained(
    sources: Iterable[RowSource], parameters: Sequence[nn.Parameter]
) -> Iterator[None]:
    """Everything but these parameters is held fixed.

    Args:
        sources: What holds parameters.
        parameters: Those that stay free.

    Yields:
        Nothing.
    """
    before = {p: p.requires_grad for source in sources for _, p in source.named_parameters()}
    try:
        for p in before:
            p.requires_grad_(False)
        for p in parameters:
            p.requires_grad_(True)
        yield
    finally:
        for p, trained in before.items():
            p.requires_grad_(trained)
