"""Damped least squares by every algebra: one step, its prediction, and the digits each keeps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pdenet.optim.conjugate import MatrixFree, Nystrom
from pdenet.optim.damped import Kernel, NormalEquations, Orthogonal, Step, choose


def system(rows: int, columns: int, condition: float = 1e2) -> tuple[Tensor, Tensor]:
    """J with singular values from 1 to 1 / condition, and z."""
    generator = torch.Generator().manual_seed(rows + columns)
    k = min(rows, columns)
    u, _ = torch.linalg.qr(torch.randn(rows, k, generator=generator, dtype=torch.float64))
    v, _ = torch.linalg.qr(torch.randn(columns, k, generator=generator, dtype=torch.float64))
    s = torch.logspace(0, -torch.tensor(condition).log10().item(), k, dtype=torch.float64)
    return (u * s) @ v.T, torch.randn(rows, generator=generator, dtype=torch.float64)


def solvers(jacobian: Tensor, z: Tensor) -> dict[str, NormalEquations | Orthogonal | Kernel]:
    gradient = z @ jacobian
    return {
        "cholesky": NormalEquations(jacobian.T @ jacobian, gradient),
        "qr": Orthogonal(jacobian, z, gradient),
        "qr of an energy": Orthogonal(jacobian, None, gradient),
        "kernel": Kernel(jacobian, z, gradient),
    }


def by_svd(jacobian: Tensor, z: Tensor, damping: float) -> Tensor:
    u, s, vt = torch.linalg.svd(jacobian, full_matrices=False)
    return -(s / (s**2 + damping) * (z @ u)) @ vt


def solved(solver: NormalEquations | Orthogonal | Kernel | MatrixFree, damping: float) -> Step:
    step = solver.solve(damping)
    assert step is not None
    return step


@pytest.mark.parametrize("shape", [(12, 7), (7, 12), (9, 9)])
@pytest.mark.parametrize("name", ["cholesky", "qr", "qr of an energy", "kernel"])
def test_every_algebra_gives_the_damped_step(name: str, shape: tuple[int, int]) -> None:
    jacobian, z = system(*shape)
    step = solved(solvers(jacobian, z)[name], 1e-3)
    # Condition of the damped matrix: 1e3 at most; round-off times that.
    torch.testing.assert_close(step.d, by_svd(jacobian, z, 1e-3), rtol=1e-10, atol=1e-12)
    after = z + jacobian @ step.d
    assert step.predicted == pytest.approx(float(0.5 * (z @ z - after @ after)), rel=1e-10)


@pytest.mark.parametrize("shape", [(12, 7), (7, 12)])
@pytest.mark.parametrize("name", ["cholesky", "qr", "kernel"])
def test_pull_back_is_the_same_inverse(name: str, shape: tuple[int, int]) -> None:
    jacobian, z = system(*shape)
    solver = solvers(jacobian, z)[name]
    solved(solver, 1e-2)
    w = torch.arange(1.0, shape[0] + 1, dtype=torch.float64)
    found = solver.pull_back(w @ jacobian, w)
    torch.testing.assert_close(found, -by_svd(jacobian, w, 1e-2), rtol=1e-10, atol=1e-12)


def test_qr_keeps_the_digits_that_the_square_of_j_loses() -> None:
    jacobian, _ = system(30, 10, condition=1e7)
    exact = torch.ones(10, dtype=torch.float64)
    z = -jacobian @ exact  # the step is known: no residual is left

    def error(name: str, damping: float) -> float:
        step = solvers(jacobian, z)[name].solve(damping)
        return float("inf") if step is None else float((step.d - exact).abs().max())

    # Round-off 1e-16 times the condition of J, 1e7, or times its square.
    assert error("qr", 1e-30) < 1e-8
    assert error("cholesky", 1e-30) > 1e-5


def test_singular_systems_are_told() -> None:
    jacobian = torch.tensor([[1.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
    z = torch.ones(2, dtype=torch.float64)
    gradient = z @ jacobian
    assert NormalEquations(jacobian.T @ jacobian, gradient).solve(0.0) is None
    assert Orthogonal(jacobian, z, gradient).solve(0.0) is None
    assert Kernel(torch.zeros(2, 2, dtype=torch.float64), z, gradient).solve(0.0) is None
    # A little damping is enough.
    step = solved(NormalEquations(jacobian.T @ jacobian, gradient), 1e-10)
    torch.testing.assert_close(step.d, torch.tensor([-0.6, 0.0], dtype=torch.float64))


@pytest.mark.parametrize("rank", [1, 5, 20])
def test_conjugate_gradients_give_the_dense_step(rank: int) -> None:
    jacobian, z = system(40, 20, condition=1e3)
    matrix, gradient = jacobian.T @ jacobian, z @ jacobian
    sketch = Nystrom.of(lambda v: matrix @ v, gradient, rank, seed=0)
    step = solved(MatrixFree(lambda v: matrix @ v, gradient, sketch, 1e-12, 200), 1e-5)
    exact = solved(NormalEquations(matrix, gradient), 1e-5)
    # The tolerance times the condition of the damped matrix, 1e5.
    torch.testing.assert_close(step.d, exact.d, rtol=0, atol=1e-6)
    assert step.predicted == pytest.approx(exact.predicted, rel=1e-9)


def test_a_stopped_solve_predicts_what_it_reached() -> None:
    jacobian, z = system(40, 20, condition=1e3)
    matrix, gradient = jacobian.T @ jacobian, z @ jacobian
    sketch = Nystrom.of(lambda v: matrix @ v, gradient, 2, seed=0)
    step = solved(MatrixFree(lambda v: matrix @ v, gradient, sketch, 1e-12, 3), 1e-5)
    after = z + jacobian @ step.d
    assert step.predicted == pytest.approx(float(0.5 * (z @ z - after @ after)), rel=1e-9)


def test_the_preconditioner_saves_products() -> None:
    jacobian, z = system(60, 40, condition=1e4)
    matrix, gradient = jacobian.T @ jacobian, z @ jacobian
    calls: list[int] = []

    def product(v: Tensor) -> Tensor:
        calls.append(1)
        return matrix @ v

    counts = {}
    for rank in (1, 30):
        calls.clear()
        sketch = Nystrom.of(lambda v: matrix @ v, gradient, rank, seed=0)
        solved(MatrixFree(product, gradient, sketch, 1e-8, 500), 1e-6)
        counts[rank] = len(calls)
    # With 30 of 40 eigenvalues known the rest span less than the damping: a few products.
    assert counts[30] < 0.25 * counts[1]


def test_a_full_sketch_is_the_matrix() -> None:
    jacobian, _ = system(20, 8)
    matrix = jacobian.T @ jacobian
    sketch = Nystrom.of(lambda v: matrix @ v, matrix[0], 8, seed=3)
    found = (sketch.basis * sketch.values) @ sketch.basis.T
    torch.testing.assert_close(found, matrix, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("rows", "columns", "energy", "expected"),
    [
        (3000, 1000, False, "cholesky"),
        (1000, 3000, False, "kernel"),
        (1000, 3000, True, "cholesky"),
        (4000, 200_000, False, "cg"),
        (60_000, 40_000, False, "cg"),
        (500, 200_000, False, "kernel"),
    ],
)
def test_the_algebra_follows_size_and_memory(
    rows: int, columns: int, energy: bool, expected: str
) -> None:
    algebra, reason = choose(rows, columns, energy, 2**31)
    assert algebra == expected
    assert str(columns) in reason
