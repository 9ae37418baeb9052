"""Levenberg-Marquardt and natural gradients: steps by formula, floors, trouble."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pdenet.optim import (
    DampedGaussNewton,
    FactoredInverse,
    Linearization,
    NaturalGradient,
    NonFiniteError,
    QuasiNewton,
    ResidualFunction,
    Stopping,
)
from pdenet.optim.directions import Direction, PseudoInverse, Ridge, Spring
from pdenet.optim.linearization import DenseRows
from pdenet.optim.steps import Armijo, Clipped, Grid

MEMORY = 2**31


def parameter(*values: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))


def linear_problem(rows: int = 9, columns: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(rows * columns)
    matrix = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    return matrix, torch.randn(rows, generator=generator, dtype=torch.float64)


def rosenbrock(x: Tensor) -> Callable[[], Tensor]:
    return lambda: torch.stack((1 - x[0], 10 * (x[1] - x[0] ** 2)))


# -- linear least squares, in the number of steps that theory says -----------------------------


@pytest.mark.parametrize("search", [Grid(), Armijo(), Clipped(rate=1.0, longest=1e9)])
def test_an_undamped_step_solves_linear_least_squares(search: Grid | Armijo | Clipped) -> None:
    matrix, b = linear_problem()
    x = parameter(*[0.0] * 4)
    optimizer = NaturalGradient([x], PseudoInverse(1e-12), search)
    optimizer.step(linearize=ResidualFunction([x], lambda: matrix @ x - b))
    exact = torch.linalg.lstsq(matrix, b[:, None]).solution[:, 0]
    torch.testing.assert_close(x.detach(), exact, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("algebra", ["auto", "cholesky", "qr", "kernel", "cg"])
def test_levenberg_marquardt_shrinks_a_linear_residual_as_the_damping_says(algebra: str) -> None:
    matrix, b = linear_problem()
    x = parameter(*[0.0] * 4)
    options = {"tolerance": 1e-12} if algebra == "cg" else {}
    optimizer = DampedGaussNewton([x], damping=1e-2, algebra=algebra, **options)  # type: ignore[arg-type]
    exact = torch.linalg.lstsq(matrix, b[:, None]).solution[:, 0]
    before = x.detach() - exact
    optimizer.step(linearize=ResidualFunction([x], lambda: matrix @ x - b))
    # e_1 = (J^T J + mu I)^-1 mu e_0; the kernel's norm is that of J^T J.
    normal = matrix.T @ matrix
    mu = 1e-2 * normal.norm()
    expected = torch.linalg.solve(normal + mu * torch.eye(4, dtype=torch.float64), mu * before)
    torch.testing.assert_close(x.detach() - exact, expected, rtol=1e-8, atol=1e-10)
    # The model was exact: the gain is 1, the damping falls to a third.
    assert optimizer.damping == pytest.approx(float(mu) / 3, rel=1e-8)


@pytest.mark.parametrize("geodesic", [False, True])
@pytest.mark.parametrize("algebra", ["auto", "cholesky", "qr", "kernel", "cg"])
def test_rosenbrock(algebra: str, geodesic: bool) -> None:
    x = parameter(-1.2, 1.0)
    optimizer = DampedGaussNewton([x], algebra=algebra, geodesic=geodesic)  # type: ignore[arg-type]
    steps = 0
    while optimizer.stop_reason is None:
        optimizer.step(linearize=ResidualFunction([x], rosenbrock(x)))
        steps += 1
    assert optimizer.stop_reason.startswith("converged")
    torch.testing.assert_close(x.detach(), torch.ones_like(x), rtol=1e-12, atol=0)
    assert steps < 30


def test_geodesic_acceleration_bends_steps_along_a_curved_valley() -> None:
    def steps(geodesic: bool) -> int:
        # A step along a ring: residuals are curved, their size is small.
        x = parameter(1.0, 0.0)
        rows = lambda: torch.stack((100 * (x.square().sum() - 1), x[1] - 0.8))  # noqa: E731
        optimizer = DampedGaussNewton([x], geodesic=geodesic)
        for k in range(200):
            if optimizer.step(linearize=ResidualFunction([x], rows)) < 1e-20:
                return k
        return 200

    assert steps(True) < 0.7 * steps(False)


# -- digits ------------------------------------------------------------------------------------


def test_qr_goes_below_the_floor_of_the_normal_equations() -> None:
    generator = torch.Generator().manual_seed(0)
    u, _ = torch.linalg.qr(torch.randn(20, 6, generator=generator, dtype=torch.float64))
    v, _ = torch.linalg.qr(torch.randn(6, 6, generator=generator, dtype=torch.float64))
    matrix = (u * torch.logspace(0, -9, 6, dtype=torch.float64)) @ v.T

    def solved(algebra: str) -> tuple[float, DampedGaussNewton]:
        x = nn.Parameter(v.sum(1))
        optimizer = DampedGaussNewton([x], algebra=algebra, stopping=Stopping(gradient=0.0))  # type: ignore[arg-type]
        for _ in range(70):
            optimizer.step(linearize=ResidualFunction([x], lambda: matrix @ x))
            if optimizer.stop_reason:
                break
        return float(x.detach().norm()), optimizer

    # The smallest curvature, 1e-18, asks for less damping than the square's round-off, 1e-16.
    auto, optimizer = solved("auto")
    assert auto < 1e-12
    assert [note.partition(",")[0] for note in optimizer.notes] == ["cholesky", "qr"]
    assert solved("cholesky")[0] > 1e-6


# -- ENGD-W and SPRING by dense formulas -------------------------------------------------------


class Recorded:
    """Linearizations of random problems, one a step, by the formulas' own letters."""

    def __init__(self, rows: int, columns: int, steps: int) -> None:
        self.x = parameter(*[0.0] * columns)
        self.problems = [linear_problem(rows + k, columns) for k in range(steps)]
        self.directions: list[Tensor] = []

    def go(self, direction: Direction) -> list[Tensor]:
        optimizer = NaturalGradient([self.x], direction, Clipped(rate=0.1, longest=1e9))
        found = []
        for matrix, b in self.problems:
            before = self.x.detach().clone()
            optimizer.step(linearize=ResidualFunction([self.x], lambda: matrix @ self.x - b))  # noqa: B023
            found.append((self.x.detach() - before) / 0.1)
        return found


@pytest.mark.parametrize("columns", [4, 15])
def test_spring_is_its_formula(columns: int) -> None:
    recorded, lam, mu = Recorded(8, columns, 4), 1e-2, 0.7
    found = recorded.go(Spring(lam, mu, MEMORY))
    x, phi = torch.zeros(columns, dtype=torch.float64), torch.zeros(columns, dtype=torch.float64)
    for k, (matrix, b) in enumerate(recorded.problems, 1):
        z = matrix @ x - b
        kernel = matrix @ matrix.T + lam * torch.eye(len(b), dtype=torch.float64)
        phi = matrix.T @ torch.linalg.solve(kernel, z - mu * matrix @ phi) + mu * phi
        d = -phi / math.sqrt(1 - mu ** (2 * k))
        torch.testing.assert_close(found[k - 1], d, rtol=1e-9, atol=1e-10)
        x = x + 0.1 * d


@pytest.mark.parametrize("columns", [4, 15])
def test_without_momentum_spring_is_engd_w_and_without_damping_engd(columns: int) -> None:
    plain = Recorded(8, columns, 3).go(Ridge(1e-2, MEMORY))
    momentum = Recorded(8, columns, 3).go(Spring(1e-2, 0.0, MEMORY))
    for a, b in zip(plain, momentum, strict=True):
        assert torch.equal(a, b)
    undamped = Recorded(8, columns, 3).go(Ridge(1e-11, MEMORY))
    pseudo = Recorded(8, columns, 3).go(PseudoInverse(1e-12))
    for a, b in zip(undamped, pseudo, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)  # the damping over the smallest s^2


def test_steps_are_clipped() -> None:
    x = parameter(0.0, 0.0)
    optimizer = NaturalGradient([x], Ridge(1e-6, MEMORY), Clipped(rate=1.0, longest=0.5))
    optimizer.step(linearize=ResidualFunction([x], lambda: x - torch.tensor([30.0, 40.0])))
    torch.testing.assert_close(x.detach(), torch.tensor([0.3, 0.4], dtype=torch.float64))


# -- energies: a gradient of their own, rows without z -----------------------------------------


class Energy(DenseRows):
    """E(x) = 1/2 |M x|^2 - b . x: its gradient is not J^T z for any z at hand."""

    @classmethod
    def at(cls, x: Tensor, matrix: Tensor, b: Tensor) -> Energy:
        def value() -> Tensor:
            return 0.5 * (matrix @ x).square().sum() - b @ x

        gradient = matrix.T @ (matrix @ x.detach()) - b
        shape = (matrix.shape[0], matrix.shape[1])
        return cls(float(value().detach()), gradient, None, shape, matrix, value)

    def evaluate(self) -> float:
        return float(self.function().detach())


@pytest.mark.parametrize("rows", [9, 6])
@pytest.mark.parametrize(
    "method", ["engd", "engd-w", "spring", "lm", "lm-qr", "lm-kernel", "lm-cg"]
)
def test_energies_descend_by_the_same_directions(method: str, rows: int) -> None:
    matrix, _ = linear_problem(rows, 6)
    b = torch.arange(1.0, 7.0, dtype=torch.float64)
    x = parameter(*[0.0] * 6)
    optimizer = {
        "engd": lambda: NaturalGradient([x], PseudoInverse(1e-12), Grid()),
        "engd-w": lambda: NaturalGradient([x], Ridge(1e-9, MEMORY), Armijo()),
        "spring": lambda: NaturalGradient([x], Spring(1e-6, 0.1, MEMORY), Clipped(1.0, 1e3)),
        "lm": lambda: DampedGaussNewton([x]),
        "lm-qr": lambda: DampedGaussNewton([x], algebra="qr"),
        "lm-kernel": lambda: DampedGaussNewton([x], algebra="kernel"),
        "lm-cg": lambda: DampedGaussNewton([x], algebra="cg", tolerance=1e-6),
    }[method]()
    for _ in range(30):
        optimizer.step(linearize=lambda: Energy.at(x, matrix, b))
        if optimizer.stop_reason:
            break
    exact = torch.linalg.solve(matrix.T @ matrix, b)
    torch.testing.assert_close(x.detach(), exact, rtol=1e-5, atol=1e-5)


# -- hand-over ---------------------------------------------------------------------------------


@pytest.mark.parametrize("log", [False, True])
def test_a_quasi_newton_method_starts_from_the_gauss_newton_inverse(log: bool) -> None:
    matrix, b = linear_problem()
    x = parameter(*[0.1] * 4)
    optimizer = QuasiNewton(
        [x], lambda like: FactoredInverse(like, "ssbroyden2"), log_loss=log, damping=1e-13
    )
    linear = ResidualFunction([x], lambda: matrix @ x - b)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = 0.5 * (matrix @ x - b).square().sum()
        loss.backward()
        return loss

    before = closure().item()
    inverse = torch.linalg.inv(matrix.T @ matrix)
    gradient = x.grad.clone() if x.grad is not None else torch.zeros(4)
    optimizer._start_from(linear(), optimizer._arrive(closure))
    value = gradient / before if log else gradient
    # Of log L the inverse Hessian is L A^-1 where L is small, so the directions are the same.
    torch.testing.assert_close(
        optimizer.inverse.direction(value), -inverse @ gradient, rtol=1e-8, atol=1e-10
    )
    optimizer.step(closure, linearize=linear)
    # The least squares are linear: the first step lands on the minimum, log or not.
    exact = torch.linalg.lstsq(matrix, b[:, None]).solution[:, 0]
    torch.testing.assert_close(x.detach(), exact, rtol=1e-8, atol=1e-8)


# -- trouble -----------------------------------------------------------------------------------


def broken(**fields: object) -> Callable[[], Linearization]:
    matrix, b = linear_problem()
    rows = DenseRows.of(matrix, b, lambda: b)
    for name, value in fields.items():
        setattr(rows, name, value)
    return lambda: rows


def test_what_is_not_finite_is_named() -> None:
    optimizer = DampedGaussNewton([parameter(*[0.0] * 4)])
    with pytest.raises(NonFiniteError, match="The loss at the start"):
        optimizer.step(linearize=broken(loss=math.nan))
    with pytest.raises(NonFiniteError, match="Jacobian"):
        optimizer.step(linearize=broken(gradient=torch.full((4,), math.inf)))


def test_another_number_of_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match="4 columns, but 2 parameters"):
        DampedGaussNewton([parameter(0.0, 0.0)]).step(linearize=broken())


def test_no_progress_is_told_and_leaves_the_parameters() -> None:
    x = parameter(1.0, 2.0)
    # A Jacobian of the wrong sign: every step climbs.
    wrong = DenseRows.of(-torch.eye(2, dtype=torch.float64), x.detach().clone(), lambda: x)
    for optimizer in (
        DampedGaussNewton([x]),
        NaturalGradient([x], PseudoInverse(1e-12), Grid()),
        NaturalGradient([x], Ridge(1e-3, MEMORY), Armijo()),
    ):
        optimizer.step(linearize=lambda: wrong)
        assert optimizer.stop_reason is not None
        assert optimizer.stop_reason.startswith("no progress")
        assert x.tolist() == [1.0, 2.0]


def test_steps_into_poles_are_taken_back() -> None:
    x = parameter(0.9)
    # The undamped first step, to -3, is fine; one of the other sign would end behind x = 1.
    optimizer = DampedGaussNewton([x], damping=1e-12)
    rows = lambda: 10 - 10 * torch.sqrt(1 - x)  # noqa: E731
    loss = optimizer.step(linearize=ResidualFunction([x], rows))
    assert math.isfinite(loss)
    assert float(x.detach()) < 0.9


def test_a_plateau_ends_training() -> None:
    x = parameter(3.0)
    # So much damping that the parameter hardly moves.
    optimizer = DampedGaussNewton([x], damping=1e6, stopping=Stopping(progress=0.5, patience=3))
    rows = lambda: torch.stack((0.01 * x[0], torch.ones((), dtype=torch.float64)))  # noqa: E731
    for _ in range(4):
        optimizer.step(linearize=ResidualFunction([x], rows))
    assert optimizer.stop_reason is not None
    assert optimizer.stop_reason.startswith("no progress: 3 steps")


def test_the_damping_outlives_a_change_of_points() -> None:
    x = parameter(-1.2, 1.0)
    optimizer = DampedGaussNewton([x])
    for _ in range(5):
        optimizer.step(linearize=ResidualFunction([x], rosenbrock(x)))
    damping = optimizer.damping
    optimizer.objective_changed()
    assert optimizer.damping == damping


def test_too_little_memory_falls_back_to_products_and_says_so() -> None:
    x = parameter(-1.2, 1.0)
    optimizer = DampedGaussNewton([x], max_bytes=8)
    for _ in range(60):
        optimizer.step(linearize=ResidualFunction([x], rosenbrock(x)))
        if optimizer.stop_reason:
            break
    torch.testing.assert_close(x.detach(), torch.ones_like(x), rtol=1e-10, atol=0)
    assert "cg, since dense matrices" in optimizer.notes[0]
    with pytest.raises(ValueError, match="gauss-newton-cg"):
        NaturalGradient([x], Ridge(1e-3, 8), Grid()).step(
            linearize=ResidualFunction([x], lambda: x - 3)
        )
