"""A solution is a function of named coordinates, and of nothing else."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pdenet import Condition, Dirichlet, Problem, Solution
from pdenet.geometry import Box
from pdenet.jets import dot, grad, laplacian
from pdenet.residuals import Residuals
from pdenet.residuals import residuals as module

DOMAIN = Box(x=(0, 1), t=(0, 2))


class Formula(nn.Module):
    """u = x^2 t, v = (x, x t), s = ((1, x), (t, x t)); the parameter does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, p: Tensor) -> Tensor:
        x, t = p[..., 0], p[..., 1]
        one = 1 + 0 * x
        return torch.stack([x * x * t, x, x * t, one, x, t, x * t], dim=-1)


def solution(model: nn.Module | None = None) -> Solution:
    problem = Problem(
        domain=DOMAIN,
        fields={"u": (), "v": 2, "s": (2, 2)},
        conditions={
            "equation": Condition(lambda u, k: u.t - k * u.xx, on=DOMAIN.interior),
            "walls": Dirichlet(u=0, on=DOMAIN.boundary),
        },
        unknowns={"k": 0.5},
    )
    residuals = Residuals(problem, model or Formula(), imposed=("walls",))
    return Solution(residuals, record=None)  # type: ignore[arg-type]


def test_fields_have_their_names_and_shapes() -> None:
    x, t = torch.rand(6), torch.rand(6)
    found = solution()(x=x, t=t)
    assert list(found) == ["u", "v", "s"]
    torch.testing.assert_close(found["u"], x * x * t)
    torch.testing.assert_close(found["v"], torch.stack([x, x * t], -1))
    expected = torch.stack([torch.stack([0 * x + 1, x], -1), torch.stack([t, x * t], -1)], -2)
    torch.testing.assert_close(found["s"], expected)


@pytest.mark.parametrize(
    ("x", "t"),
    [
        (0.5, [1, 2, 3]),
        ([0.5, 0.5, 0.5], np.array([1, 2, 3])),
        (torch.tensor(0.5), torch.tensor([1.0, 2.0, 3.0], dtype=torch.float32)),
        (np.float32(0.5), (1, 2, 3)),
    ],
)
def test_numbers_lists_and_arrays(x: Any, t: Any) -> None:
    found = solution()(t=t, x=x)["u"]
    torch.testing.assert_close(found, torch.tensor([0.25, 0.5, 0.75]))
    assert not found.requires_grad


def test_one_point() -> None:
    assert solution()(x=0.5, t=2)["u"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("coordinates", "said"),
    [
        ({"x": 0.5}, "is a function of ('x', 't'); got ('x',)"),
        ({"x": 0.5, "t": 1, "y": 0}, "got ('x', 't', 'y')"),
        ({"x": [0.1, 0.2], "t": [1, 2, 3]}, "one common shape (n,)"),
        ({"x": [[0.1], [0.2]], "t": 1}, "one common shape (n,)"),
        ({"x": [0.1, 0.2], "t": [1.0]}, "one common shape (n,)"),
        ({"x": "here", "t": 1}, "could not convert"),
    ],
)
def test_wrong_coordinates(coordinates: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        solution()(**coordinates)
    assert said in str(error.value)


def test_derived_quantities() -> None:
    x, t = torch.rand(5), torch.rand(5)
    one = solution()
    found = one.derived(lambda u, k: k * laplacian(u), x=x, t=t)
    torch.testing.assert_close(found, 0.5 * 2 * t)
    found = one.derived(lambda u, v, t: (u.xt, dot(grad(u), grad(v[1])) + t), x=x, t=t)
    torch.testing.assert_close(found, torch.stack([2 * x, 2 * x * t * t + t], -1))
    torch.testing.assert_close(one.derived(lambda s: s[0][1].x, x=x, t=t), torch.ones(5))


def test_derived_quantities_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="'w'"):
        solution().derived(lambda w: w, x=0, t=0)
    with pytest.raises(ValueError, match="one number for each point"):
        solution().derived(lambda u: 3, x=0, t=0)


def test_residuals_anywhere_of_imposed_conditions_too() -> None:
    points = DOMAIN.interior.sample(7, seed=0)
    x, t = points["x"], points["t"]
    torch.testing.assert_close(solution().residual("equation", points), x * x - t)
    walls = DOMAIN.boundary.sample(7, seed=0)
    expected = walls["x"] ** 2 * walls["t"]
    torch.testing.assert_close(solution().residual("walls", walls), expected[:, None])
    with pytest.raises(ValueError, match="no conditions"):
        solution().residual("wall", walls)


def test_many_points_are_taken_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Watched(Formula):
        def forward(self, p: Tensor) -> Tensor:
            sizes.append(len(p))
            return super().forward(p)

    one = solution(Watched())
    monkeypatch.setattr(module, "CHUNK_BYTES", 3000)
    sizes.clear()
    x = torch.rand(100)
    torch.testing.assert_close(one(x=x, t=1)["u"], x * x)
    assert len(sizes) > 3
    assert sum(sizes) == 100


def test_found_constants() -> None:
    assert solution().unknowns == {"k": 0.5}


def test_evaluation_mode() -> None:
    one = solution(nn.Sequential(nn.Linear(2, 7), nn.Dropout(0.5)))
    assert torch.equal(one(x=[0.1, 0.2], t=1)["v"], one(x=[0.1, 0.2], t=1)["v"])
