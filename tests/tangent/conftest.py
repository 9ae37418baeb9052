"""A problem with every kind of condition, and the oracle: one reverse pass a row of J."""

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor

from pdenet import Condition, Data, Dirichlet, Initial, Integral, Interface, Periodic, Problem
from pdenet.geometry import Box, Points
from pdenet.residuals import Residuals, tensors

DOMAIN = Box(x=(-1, 1), t=(0, 1))


@pytest.fixture
def problem() -> Problem:
    """Rows of one and of several equations, pairs of points, a sum, measurements, an unknown."""
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


@pytest.fixture
def points(problem: Problem) -> dict[str, Points]:
    """A few points of each condition, more in the interior."""
    sizes = {"momentum": 7, "transport": 6}
    return {n: c.on.sample(sizes.get(n, 3), seed=3) for n, c in problem.conditions.items()}


Oracle = Callable[[Residuals, Mapping[str, Points]], tuple[Tensor, Tensor]]


@pytest.fixture
def by_autograd() -> Oracle:
    """Gives z and J of all conditions, by one reverse pass a row."""

    def found(residuals: Residuals, points: Mapping[str, Points]) -> tuple[Tensor, Tensor]:
        like = next(residuals.parameters())
        batches = {n: tensors(c, points[n], like) for n, c in residuals.conditions.items()}
        rows = [residuals.rows(name, batch) for name, batch in batches.items()]
        z = torch.cat([(r / len(r) ** 0.5).flatten() for r in rows])
        trained = [p for p in residuals.parameters() if p.requires_grad]
        lines = [
            torch.autograd.grad(
                value, trained, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            for value in z
        ]
        return z.detach(), torch.stack([torch.cat([g.flatten() for g in line]) for line in lines])

    return found
