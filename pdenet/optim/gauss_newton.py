"""Phases whose optimizers consume the Jacobian of the residual rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from torch import nn
from torch.optim import Optimizer

from pdenet.optim.checks import positive, require
from pdenet.optim.damped import Algebra
from pdenet.optim.damped_gauss_newton import FIRST, DampedGaussNewton
from pdenet.optim.directions import PseudoInverse, Ridge, Spring
from pdenet.optim.natural_gradient import NaturalGradient
from pdenet.optim.phases import Phase
from pdenet.optim.projected import ProjectedGaussNewton
from pdenet.optim.steps import Armijo, Clipped, Grid, StepSize
from pdenet.optim.stopping import PER_STEP, Stopping


@dataclass(frozen=True, kw_only=True)
class GaussNewtonPhase(Phase):
    """What the phases that consume a Jacobian share.

    Args:
        steps: Optimizer steps, or None: until the optimizer stops or the run ends.
        resample_every: Points change every so many steps; None keeps them for the whole phase.
        max_bytes: Bound on the memory of matrices.
        stopping: When to stop.

    Raises:
        ValueError: A number is out of range.
    """

    max_bytes: int = 2**31
    stopping: Stopping = field(default_factory=lambda: PER_STEP)

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "max_bytes")

    @property
    def consumes(self) -> Literal["gradient", "jacobian"]:
        """The Jacobian."""
        return "jacobian"

    @property
    def fixed_points(self) -> bool:
        """Yes: steps are judged by losses before and after."""
        return True


@dataclass(frozen=True, kw_only=True)
class LevenbergMarquardt(GaussNewtonPhase):
    """Levenberg-Marquardt, in float64; the damping outlives changes of the points.

    Args:
        steps: Optimizer steps, or None: until the optimizer stops or the run ends.
        resample_every: Points change every so many steps; None keeps them for the whole phase.
            Fresh ones matter: a fixed set lets a small loss hide a wrong answer.
        max_bytes: Bound on the memory of matrices; beyond, auto takes cg.
        stopping: When to stop.
        damping: First damping, as a share of the norm of J^T J.
        algebra: auto, cholesky, qr, kernel (in the space of the rows) or cg (without matrices).
        geodesic: Bend each step along the curvature of the residuals; not with cg.
        rank: Columns of the preconditioner of cg.
        iterations: Most products in one solve by cg.
        tolerance: Residual at which cg ends, relative.

    Raises:
        ValueError: A number is out of range.
    """

    resample_every: int | None = 20
    damping: float = FIRST
    algebra: Algebra = "auto"
    geodesic: bool = True
    rank: int = 100
    iterations: int = 100
    tolerance: float = 1e-2

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "damping", "rank", "iterations", "tolerance")
        require(self, "tolerance", self.tolerance < 1, "below 1")
        choices = get_args(Algebra)
        require(self, "algebra", self.algebra in choices, f"one of {', '.join(choices)}")

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "gauss-newton-cg" if self.algebra == "cg" else "levenberg-marquardt"

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """The optimizer, for these parameters."""
        return DampedGaussNewton(
            parameters,
            damping=self.damping,
            algebra=self.algebra,
            geodesic=self.geodesic,
            rank=self.rank,
            iterations=self.iterations,
            tolerance=self.tolerance,
            max_bytes=self.max_bytes,
            stopping=self.stopping,
        )


@dataclass(frozen=True, kw_only=True)
class VariableProjection(GaussNewtonPhase):
    """Variable projection: the last layer is solved for at each step, the others move.

    It pays where solutions are smooth and equations linear: on poisson-2d (337 parameters, 1500
    points, two seeds) 50 steps, 3.4 to 3.8 CPU seconds, reach 8e-8, where 50 steps of
    Levenberg-Marquardt, 2.4 to 2.5 seconds, reach 2e-6 and 4e-7, and 100 steps, 4.6 seconds, 1e-7.
    Elsewhere it loses. On helmholtz-2d (two seeds) errors were above 1 after 60 steps, against 3e-2
    and 6e-4: as long as no feature fits, coefficients that are solved for are small (1e-2 after 25
    steps, against 4), and then the residual hardly moves the features. On burgers 0.4 against 2e-2.

    Args:
        steps: Optimizer steps, or None: until the optimizer stops or the run ends.
        resample_every: Points change every so many steps; None keeps them for the whole phase.
        max_bytes: Bound on the memory of matrices; not used.
        stopping: When to stop.
        damping: First damping, as a share of the norm of the projected J^T J.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Golub and Pereyra, SIAM J. Numer. Anal. 10(2), 1973, 413-432; Kaufman, BIT 15, 1975, 49-57.
    """

    resample_every: int | None = 20
    damping: float = FIRST

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "damping")

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "variable-projection"

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """Refused.

        Args:
            parameters: What is trained.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            "Variable projection must be told which parameters are linear: build_separated(...)."
        )

    def build_separated(
        self, parameters: Iterable[nn.Parameter], linear: Callable[[], Sequence[nn.Parameter]]
    ) -> Optimizer:
        """The optimizer, for these parameters, of which some are linear."""
        return ProjectedGaussNewton(
            parameters, linear(), damping=self.damping, stopping=self.stopping
        )


Search = Literal["grid", "armijo"]
SEARCHES: dict[str, StepSize] = {"grid": Grid(), "armijo": Armijo()}


@dataclass(frozen=True, kw_only=True)
class ENGD(GaussNewtonPhase):
    """Energy natural gradient: undamped Gauss-Newton steps by SVD of J, and a line search.

    Args:
        steps: Optimizer steps, or None: until the optimizer stops or the run ends.
        resample_every: Points change every so many steps; None keeps them for the whole phase.
        max_bytes: Bound on the memory of matrices.
        stopping: When to stop.
        cutoff: Singular values below this share of the largest count as zero.
        search: grid (the best of 1, 1/2, 1/4, ...) or armijo (the first that is good enough).

    Raises:
        ValueError: A number is out of range.

    Reference:
        Mueller and Zeinhofer, arXiv 2302.13163.
    """

    resample_every: int | None = 20
    cutoff: float = 1e-6
    search: Search = "grid"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "cutoff", 0 <= self.cutoff < 1, "in [0, 1)")
        require(self, "search", self.search in SEARCHES, f"one of {', '.join(SEARCHES)}")

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "engd"

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """The optimizer, for these parameters."""
        direction = PseudoInverse(self.cutoff)
        return NaturalGradient(parameters, direction, SEARCHES[self.search], self.stopping)


@dataclass(frozen=True, kw_only=True)
class ENGDW(GaussNewtonPhase):
    """Energy natural gradient with a fixed damping, in the space of the rows where smaller.

    Args:
        steps: Optimizer steps, or None: until the optimizer stops or the run ends.
        resample_every: Points change every so many steps; None keeps them for the whole phase.
        max_bytes: Bound on the memory of matrices.
        stopping: When to stop.
        damping: Added to the kernel J J^T.
        search: grid (the best of 1, 1/2, 1/4, ...) or armijo (the first that is good enough).

    Raises:
        ValueError: A number is out of range.

    Reference:
        Guzman-Cordero et al., arXiv 2505.12149.
    """

    resample_every: int | None = 1
    damping: float = 1e-10
    search: Search = "grid"

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "damping")
        require(self, "search", self.search in SEARCHES, f"one of {', '.join(SEARCHES)}")

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "engd-w"

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """The optimizer, for these parameters."""
        direction = Ridge(self.damping, self.max_bytes)
        return NaturalGradient(parameters, direction, SEARCHES[self.search], self.stopping)


@dataclass(frozen=True, kw_only=True)
class SPRING(GaussNewtonPhase):
    """ENGD-W with momentum, on fresh points at each step and without a line search.

    Args:
        steps: Optimizer steps, or None: until the run ends.
        resample_every: Points change every so many steps at most; None leaves it to the sampler.
        max_bytes: Bound on the memory of matrices.
        stopping: When to stop.
        damping: Added to the kernel J J^T.
        momentum: Share of the last direction that is kept.
        rate: Factor of the direction.
        longest: Largest norm of a step.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Goldshlager, Abrahamsen, Lin, J. Comput. Phys. 516, 2024; Guzman-Cordero et al., arXiv
        2505.12149.
    """

    damping: float = 1e-8
    momentum: float = 0.8
    rate: float = 0.1
    longest: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "damping", "rate", "longest")
        require(self, "momentum", 0 <= self.momentum < 1, "in [0, 1)")

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "spring"

    @property
    def fixed_points(self) -> bool:
        """No: losses are not compared."""
        return False

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """The optimizer, for these parameters."""
        direction = Spring(self.damping, self.momentum, self.max_bytes)
        step_size = Clipped(self.rate, self.longest)
        return NaturalGradient(parameters, direction, step_size, self.stopping)
