"""SOAP against what it is made of: Adam, rotations, and curvature that is a product."""

import importlib.util

import pytest
import torch
from torch import Tensor, nn

from pdenet.catalogue import find
from pdenet.optim import SOAP, Adam
from pdenet.run import solve

PLAIN = {"lr": 1e-2, "decay": "constant"}


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def rotation(n: int, seed: int) -> Tensor:
    return torch.linalg.qr(draw(n, n, seed=seed))[0]


def minimized(phase: Adam, start: Tensor, steps: int, loss) -> Tensor:
    w = nn.Parameter(start.clone())
    optimizer = phase.build([w])
    for _ in range(steps):
        optimizer.zero_grad()
        loss(w).backward()
        optimizer.step()
    return w.detach()


def test_vectors_are_trained_by_adam_one_step_later():
    scale, start = torch.logspace(-2, 1, 6), draw(6)

    def loss(w: Tensor) -> Tensor:
        return (scale * w**2).sum()

    betas = (0.9, 0.99)
    found = minimized(SOAP(betas=betas, eps=1e-20, **PLAIN), start, 21, loss)
    wanted = minimized(Adam(betas=betas, eps=1e-20, **PLAIN), start, 20, loss)
    # The first step only learns the bases, of which vectors have none. Round-off of 20 steps.
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_steps_rotate_with_the_parameters():
    left, right = rotation(5, 1), rotation(5, 2)
    goal, scale = draw(5, 5, seed=3), torch.logspace(0, 1, 5)

    def loss(w: Tensor) -> Tensor:
        return (scale[:, None] * (w - goal)).square().sum()

    def rotated(w: Tensor) -> Tensor:
        return loss(left.T @ w @ right)

    start = torch.zeros(5, 5)
    found = minimized(SOAP(frequency=1, **PLAIN), start, 30, loss)
    turned = minimized(SOAP(frequency=1, **PLAIN), start, 30, rotated)
    moved = found.norm()
    # Bases are orthogonal to single precision; eigenvectors are less sure where values are close.
    assert (left @ found @ right.T - turned).norm() < 1e-3 * moved
    adam = (minimized(Adam(**PLAIN), start, 30, f) for f in (loss, rotated))
    plain, other = adam
    assert (left @ plain @ right.T - other).norm() > 1e-1 * moved  # Adam's do not


def test_curvature_that_is_a_product_of_rotated_scales_costs_few_steps():
    a = rotation(8, 1) @ torch.diag(torch.logspace(-1.5, 0, 8)) @ rotation(8, 2)
    b = rotation(8, 3) @ torch.diag(torch.logspace(-1.5, 0, 8)) @ rotation(8, 4)
    goal = draw(8, 8, seed=5)

    def loss(w: Tensor) -> Tensor:
        return (a @ (w - goal) @ b).square().sum()

    settings = {"lr": 3e-2, "decay": "cosine", "steps": 600, "betas": (0.9, 0.99)}
    found, plain = (
        loss(minimized(make(**settings), torch.zeros(8, 8), 600, loss)).item()
        for make in (SOAP, Adam)
    )
    # What the method is for: scales along rotated axes become scales along its own.
    assert found < plain / 10


def test_a_run_trains_with_it_by_name():
    solution = solve(find("poisson-1d").build(), "pinn", optimizer="soap", max_steps=60)
    assert solution.record.optimizer["name"] == "soap"
    losses = solution.record.curve.loss
    assert losses[-1] < losses[0]


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("pdenet.optim.soap.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pdenet\\[soap\\]"):
        SOAP()
    assert importlib.util.find_spec("pytorch_optimizer") is not None
