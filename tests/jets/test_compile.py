"""A whole loss is one graph for torch.compile, with the values and gradients of eager mode."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pdenet.jets import (
    SlowDerivativeWarning,
    biharmonic,
    discover,
    div,
    grad,
    laplacian,
    nested,
    propagate,
)

# Torch's own modules, imported by the compiler, still use torch.jit.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit.script.* is deprecated:DeprecationWarning"),
]


def many_terms(u, x):
    """What residuals are made of, in one: tracing costs seconds for each loss."""
    viscous = u.y + u * u.x - 0.01 * u.xx + torch.sin(x)
    return viscous + div(torch.exp(x) * grad(u) / (2 + u)) + ((x * u.x).x * u).y + biharmonic(u)


class Everything(nn.Module):
    """Operations that are delicate to trace: reflected operators, joins, indices, conditions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.gate = nn.Linear(2, 5), nn.Linear(2, 5)
        self.norm, self.last = nn.LayerNorm(10), nn.Linear(5, 1)
        self.mix = nn.Parameter(torch.randn(10, 5))

    def forward(self, x):
        gate = torch.sigmoid(self.gate(x))
        h = gate * torch.sin(self.first(x)) + (1 - gate) * nn.functional.gelu(self.first(x))
        h = torch.softmax(self.norm(torch.cat([h, 2 / (3 + h**2)], dim=-1)), -1) @ self.mix
        distance = x[..., 0] * (1 - x[..., 0])
        unruled = torch.special.i0e(self.first(x)[..., :1])
        return x[..., 1:] + distance[:, None] * self.last(torch.tanh(h) - 1) * unruled


def loss_of(residual: Callable[..., Any], module: nn.Module) -> Callable[[Tensor], Tensor]:
    names = {"coordinates": ("x", "y"), "space": ("x", "y")}
    demand = discover(residual, fields={"u": ()}, **names)

    def loss(x: Tensor) -> Tensor:
        jet = propagate(module, x, demand.layout)[..., 0]
        return residual(**demand.arguments({"u": jet}, x)).square().mean()

    return loss


def assert_compiles(residual: Callable[..., Any], module: nn.Module, backend: str) -> None:
    torch._dynamo.reset()
    x, parameters = torch.rand(7, 2), list(module.parameters())
    loss = loss_of(residual, module)
    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    (eager, eager_grads), (value, grads) = (_gradient(f(x), parameters) for f in (loss, compiled))
    # The same formulas in another order of summation.
    torch.testing.assert_close(value, eager, rtol=1e-12, atol=0)
    torch.testing.assert_close(grads, eager_grads, rtol=1e-9, atol=1e-11 * grads.abs().max().item())


def _gradient(loss: Tensor, parameters: list[nn.Parameter]) -> tuple[Tensor, Tensor]:
    grads = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
    return loss.detach(), torch.cat([g.flatten() for g in grads])


def test_residuals_are_one_graph(mlp) -> None:
    assert_compiles(many_terms, mlp(depth=1), "aot_eager")


def test_networks_of_many_operations_are_one_graph() -> None:
    nested._warn.cache_clear()
    with pytest.warns(SlowDerivativeWarning, match="special_i0e"):
        assert_compiles(lambda u: laplacian(u) - 1, Everything(), "aot_eager")


@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_inductor_agrees_with_eager_mode(mlp) -> None:
    assert_compiles(lambda u: u.y - laplacian(u), mlp(depth=1), "inductor")
