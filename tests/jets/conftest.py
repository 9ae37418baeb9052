"""What the tests of jets share: comparison with the oracle."""

import itertools
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from pdenet.jets import Jet, Layout, propagate, reference
from pdenet.jets.index import Index, order

Match = Callable[..., None]


def tolerance(index: Index) -> float:
    # Relative to the channel's largest value: round-off, amplified by each differentiation.
    return 1e-12 if order(index) <= 2 else 1e-10


def assert_close(fast: Tensor, slow: Tensor, tol: float, what: str) -> None:
    assert fast.shape == slow.shape, what
    # A channel that vanishes has no scale of its own; the values' scale is about 1.
    scale = slow.abs().max().item() or 1.0
    error = (fast - slow).abs().max().item()
    assert error <= tol * scale, f"{what}: {error:.2e} of {scale:.2e}"


def assert_same_jet(fast: Jet, slow: Jet) -> None:
    assert fast.layout == slow.layout
    for c, index in enumerate(slow.layout.channels):
        assert_close(fast.channels[c], slow.channels[c], tolerance(index), str(index))


def assert_matches_oracle(
    module: nn.Module, x: Tensor, layout: Layout, each_gradient: bool = False
) -> None:
    fast, slow = propagate(module, x, layout), reference.propagate(module, x, layout)
    assert_same_jet(fast, slow)
    parameters = [p for p in module.parameters() if p.requires_grad]
    weights = torch.randn_like(slow.channels)
    if not each_gradient:
        # One backward pass for all: channels of equal weight, so that none hides the others.
        scales = slow.channels.detach().flatten(1).abs().amax(1)
        weights = weights / (scales + (scales == 0)).reshape(-1, *[1] * (weights.dim() - 1))
    channels = [slice(c, c + 1) for c in range(len(layout))] if each_gradient else [slice(None)]
    for c in channels if parameters else ():
        grads = [_gradient((j.channels[c] * weights[c]).sum(), parameters) for j in (fast, slow)]
        tol = max(tolerance(index) for index in layout.channels[c])
        assert_close(*grads, tol, f"gradient of {layout.channels[c]}")


def _gradient(loss: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    grads = torch.autograd.grad(
        loss, parameters, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return torch.cat([g.flatten() for g in grads])


@pytest.fixture
def matches_oracle() -> Match:
    """Values of every channel, and parameter gradients of random combinations."""
    return assert_matches_oracle


@pytest.fixture
def same_jet() -> Callable[[Jet, Jet], None]:
    """Equal channels, each to the tolerance of its order."""
    return assert_same_jet


@pytest.fixture
def mlp() -> Callable[..., nn.Sequential]:
    def build(
        inputs: int = 2, width: int = 6, depth: int = 2, outputs: int = 1, activation: str = "Tanh"
    ) -> nn.Sequential:
        sizes = [inputs, *[width] * depth]
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(sizes):
            layers += [nn.Linear(a, b), getattr(nn, activation)()]
        return nn.Sequential(*layers, nn.Linear(width, outputs))

    return build
