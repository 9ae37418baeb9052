"""J through linear layers equals torch.func and autograd, whatever network and condition."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pdenet import Condition, Data, Dirichlet, Initial, Integral, Interface, Periodic, Problem
from pdenet.geometry import Box, Points
from pdenet.networks import MLP, SIREN, FourierFeatures, ModifiedMLP, PirateNet, Separate
from pdenet.residuals import Residuals, tensors
from pdenet.tangent import Tangent

DOMAIN = Box(x=(-1, 1), t=(0, 1))


def every_kind() -> Problem:
    interior = DOMAIN.interior
    return Problem(
        domain=DOMAIN,
        fields=("u", "v"),
        conditions={
            "momentum": Condition(lambda u, nu: u.t + u * u.x - nu * u.xx, on=interior),
            "transport": Condition(lambda u, v, x: (v.xt + u * v.x, v - x), on=interior),
            "start": Initial(u=lambda x: -torch.sin(x), on=DOMAIN.initial),
            "walls": Dirichlet(u=0, on=DOMAIN.face(x=(-1, 1))),
            "ring": Periodic("v", on=DOMAIN.face(x=-1), to=DOMAIN.face(x=1), order=2),
            "contact": Interface("u", "v", on=DOMAIN.face(x=1), conductivity=(1.0, 2.0)),
            "mass": Integral(lambda v: v.x * v, on=interior, equals=0.5),
            "data": Data({"x": [0.1, 0.2], "t": [0.3, 0.4]}, u=[1.0, 2.0]),
        },
        unknowns={"nu": 0.25},
    )


def drawn(problem: Problem, n: int = 5) -> dict[str, Points]:
    return {name: c.on.sample(n, seed=3) for name, c in problem.conditions.items()}


def by_autograd(residuals: Residuals, points: Mapping[str, Points]) -> Tensor:
    """The oracle: one reverse pass a row."""
    like = next(residuals.parameters())
    rows = residuals({n: tensors(c, points[n], like) for n, c in residuals.conditions.items()})
    scaled = torch.cat([(r / len(r) ** 0.5).flatten() for r in rows.values()])
    trained = [p for p in residuals.parameters() if p.requires_grad]
    lines = [
        torch.autograd.grad(
            z, trained, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for z in scaled
    ]
    return torch.stack([torch.cat([g.flatten() for g in line]) for line in lines])


class Raw(nn.Module):
    """Holds its weights itself, uses one twice, and has a factor outside linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(4, 2))
        self.again = nn.Parameter(torch.randn(4, 4))
        self.bias = nn.Parameter(torch.randn(4))
        self.last = nn.Linear(4, 2, bias=False)
        self.factor = nn.Parameter(torch.tensor(1.5))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(nn.functional.linear(x, self.first))
        for _ in range(2):
            x = torch.tanh(nn.functional.linear(x, self.again, self.bias))
        return self.factor * self.last(x)


class Elsewhere(nn.Module):
    """A weight that acts in a linear layer and outside."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(x))) * self.last.weight.square().sum()


NETWORKS: dict[str, Any] = {
    "mlp": lambda: MLP(2, 2, width=6, depth=2),
    "silu": lambda: MLP(2, 2, width=5, depth=1, activation="silu"),
    "siren": lambda: SIREN(2, 2, width=4, depth=2, frequency=2.0),
    "fourier": lambda: FourierFeatures(2, 2, features=3, width=5, depth=1),
    "gated": lambda: ModifiedMLP(2, 2, width=5, depth=2),
    "residual": lambda: PirateNet(2, 2, width=4, depth=2, alpha=0.3),
    "separate": lambda: Separate([MLP(2, 1, width=4, depth=1), SIREN(2, 1, width=3, depth=1)]),
    "raw": Raw,
}
SLOW: dict[str, Any] = {
    "factorized": lambda: MLP(2, 2, width=12, depth=2, factorized=True),
    "elsewhere": Elsewhere,
}


@pytest.mark.parametrize("name", [*NETWORKS, *SLOW])
def test_equals_one_reverse_pass_a_row(name: str) -> None:
    problem = every_kind()
    residuals = Residuals(problem, {**NETWORKS, **SLOW}[name]())
    points = drawn(problem)
    tangent = Tangent(residuals, points)
    expected = by_autograd(residuals, points)
    assert tangent.shape == expected.shape
    # The same products summed in another order: round-off alone.
    torch.testing.assert_close(tangent.dense(), expected, rtol=1e-10, atol=1e-10)
    general = set(problem.conditions) if name in SLOW else {"mass"}
    assert set(tangent.general) == general
