import numpy as np
import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Initial, Problem
from pdenet.geometry import Box
from pdenet.residuals import Residuals


def test_prescribed_values_may_be_any_functions_of_plain_tensors() -> None:
    domain = Box(x=(0, 1), t=(0, 1))
    table = np.linspace(0, 1, 11)

    def interpolated(x: Tensor) -> Tensor:
        # Fields, which residuals see in place of tensors, would not pass through numpy.
        return torch.as_tensor(np.interp(x.numpy(), table, table**2))

    problem = Problem(
        domain=domain,
        fields="u",
        conditions={
            "equation": Condition(lambda u: u.t - u.xx, on=domain.interior),
            "start": Initial(u=interpolated, on=domain.initial),
            "walls": Dirichlet(u=lambda t: torch.stack([t, t], -1).sum(-1), on=domain.boundary),
        },
    )
    model = torch.nn.Linear(2, 1)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    points = {"start": domain.initial.sample(7, seed=0), "walls": domain.boundary.sample(7, seed=0)}
    rows = Residuals(problem, model).in_chunks(points)
    x, t = points["start"]["x"], points["walls"]["t"]
    torch.testing.assert_close(rows["start"][:, 0], -interpolated(x))
    torch.testing.assert_close(rows["walls"][:, 0], -2 * t)
