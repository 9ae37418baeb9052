"""Random features whose last layer is solved for: linear problems in one step a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pdenet.balancing import Static
from pdenet.linear_fit import CUT, MAX_BYTES
from pdenet.networks import Factory, RandomFeatures
from pdenet.networks.initializers import Initializer
from pdenet.optim import NonFiniteError, Phase
from pdenet.problem import Problem
from pdenet.sampling import SobolSampler
from pdenet.solvers.base import Solver
from pdenet.solvers.features import (
    Ending,
    FeatureSearch,
    check_patches,
    default_features,
    points_for,
    summary,
    width_of,
)
from pdenet.solvers.hard import plan_hard_conditions

SECONDS = 60.0  # what is planned for where nobody says
PLAIN_WIDTH = 300  # that points are counted by, for networks that are no random features


@dataclass(frozen=True, kw_only=True)
class Solve(Phase):
    """A solver's own solve, in place of an optimizer's step."""

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "least-squares"

    @property
    def fixed_points(self) -> bool:
        """Yes: residuals of different steps are compared."""
        return True

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """What takes the step, so that the trainer counts it."""
        return _Step(parameters, {})


class _Step(Optimizer):
    """An optimizer whose step is its closure."""

    def step(self, closure: Any = None) -> Any:
        return closure()


class LeastSquares(Solver):
    r"""Solves for the last layer of a network whose other layers stay as they were drawn.

    Residual rows of a linear problem are affine in the last layer's coefficients, so that one
    least-squares problem, of scaled rows in float64, gives the best of them. Rows of others are
    linearized, by Gauss-Newton steps. One training step is one solve. Conditions are rows like
    equations; between patches with hard windows, values and derivatives are joined by more rows.

    Random features are refined while that pays and time allows: a wider range where they span less
    than they count, else twice as many, with more points; patches on an interval where they miss
    most of the residual, and in a rectangle where they converge slowly, as at singular corners and
    sharp peaks: rows of patches are cut in two where most is left. What counts is the residual at
    fresh points, and the best network is kept.

    Args:
        problem: What to solve.
        network: A factory; by default random features whose ranges suit the problem's data. Other
            networks, and modules, are taken as they are, without refinement.
        initializer: Structure around the features, such as patches; one with ranges of its own also
            draws them.
        patches: Patches along every space coordinate, each with features of its own; more where
            time allows. With windows of time they follow fronts and waves that evolve, in a
            rectangle they are narrow where most is left; rows of each touch few coefficients, so
            that thousands of them cost little. A sampler's boundary points lie along all patches;
            ends of an interval in time get one patch's share of them.
        separate: Whether each field has features of its own.
        hard: Whether conditions may be imposed by the network's form; by default all are rows.
        refine: Whether to try more features, and wider ranges.
        cut: Pivots below this part of the first count as zero.
        scaled: Whether rows are scaled by their largest entry.
        max_bytes: Bound on the memory of the least-squares problem.
        seconds: Training seconds that refinement plans for, by counting operations.
        seed: Seed of the features and of the points.
        dtype: Precision; float64.
        training: Arguments of :class:`Solver`: sampler, balance.

    Attributes:
        search: What is tried, and what it came to.

    Raises:
        ValueError: The precision is not float64, an optimizer is given, the balance is adaptive, or
            an argument does not fit the problem.

    Reference:
        Chen, Chi, E, Yang, Bridging traditional and machine learning-based algorithms for solving
        PDEs: the random feature method, J. Mach. Learn. 1(3), 2022, 268-298.

    Example:
        >>> from pdenet.problems.poisson_1d import poisson_1d
        >>> solver = LeastSquares(poisson_1d())
        >>> solver.search.linear, list(solver.residuals.conditions)
        (True, ['poisson', 'ends'])
    """

    tells_features = True
    direct = True
    _ending: Ending | None = None

    def __init__(
        self,
        problem: Problem,
        network: nn.Module | Factory | None = None,
        *,
        initializer: Initializer | None = None,
        patches: int = 1,
        separate: bool = False,
        hard: bool = False,
        refine: bool = True,
        cut: float = CUT,
        scaled: bool = True,
        max_bytes: int = MAX_BYTES,
        seconds: float | None = None,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
        **training: Any,
    ) -> None:
        _check(dtype, cut, seconds, training)
        _check_structure(patches, network, initializer)
        if network is None:
            network = partial(RandomFeatures, **default_features(problem, patches))
        self.plan = None
        if hard:
            self.plan = plan_hard_conditions(problem, embedding=not isinstance(network, nn.Module))
        sampler = training.pop("sampler", None)
        if sampler is None:
            width = width_of(network) or PLAIN_WIDTH
            inside, edge = points_for(width, problem, patches)
            sampler = SobolSampler(points=inside, boundary_points=edge, every=None)
        balance = training.pop("balance", None) or Static()
        search = FeatureSearch(
            problem,
            network,
            sampler,
            initializer=initializer,
            patches=patches,
            plan=self.plan,
            separate=separate,
            weights=balance.factors,
            refine=refine,
            seconds=SECONDS if seconds is None else seconds,
            seed=seed,
            scaled=scaled,
            cut=cut,
            max_bytes=max_bytes,
        )
        super().__init__(
            search.residuals,
            seed=seed,
            **{**training, "optimizer": (Solve(),), "sampler": sampler, "balance": balance},
        )
        self.search, self.drawing = search, search.drawing
        self.initializer = search.builder.initializer

    def start_near(self, values: Callable[[Tensor], Tensor]) -> None:
        """Tells where the first fit of a nonlinear problem may start; else it starts from zero.

        Args:
            values: Values near the solution, of points (n, coordinates), shape (n, outputs).
        """
        self.search.near = values

    def objective(self, rows: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> Tensor:
        """Half the weighted sum of mean squares."""
        return self.drawing.half_mean_squares(rows, weights)

    def indicators(self) -> dict[str, Any]:
        """Size, rank and condition of the best least-squares problem, and what was tried."""
        found = summary(self.search)
        return {"least_squares": found} if found else {}

    def remarks(self, indicators: Mapping[str, Any]) -> list[str]:
        """How large the problem was, and why it ended.

        Args:
            indicators: What :meth:`indicators` returned.

        Returns:
            One sentence.
        """
        found = indicators.get("least_squares")
        if found is None:
            return []
        return [
            f"Least squares of {found['rows']} rows for {found['columns']} coefficients, "
            f"{found['rank']} of which are independent, left {found['residual']:.0e} of the "
            f"residual at fresh points; {self.progress.stop_reason}."
        ]

    def _advance(self) -> Tensor:
        """One solve."""
        loss = self._optimizer_list[0].step(closure=self._solve)
        self.progress.step += 1
        if self._ending is not None:
            self.stop(*self._ending)
        return loss

    def _solve(self) -> Tensor:
        try:
            self._ending = self.search.step()
        except ValueError as error:
            raise NonFiniteError(f"Step {self.progress.step}: {error}") from error
        self.residuals, self.drawing = self.search.residuals, self.search.drawing
        like = next(self.residuals.parameters())
        self._terms = {n: like.new_tensor(term) for n, term in self.search.terms.items()}
        weights = self.balance.factors
        parts = [weights.get(n, 1.0) * term for n, term in self._terms.items()]
        self._last_loss = torch.stack(parts).sum() / 2
        return self._last_loss

    def restart(self, initializer: Initializer) -> None:
        """Puts a network from another start in place of this one, before optimizers are built.

        Args:
            initializer: Structure around the features.
        """
        self.initializer = initializer
        self.search.restart(initializer)
        self.residuals, self.drawing = self.search.residuals, self.search.drawing

    def get_extra_state(self) -> dict[str, Any]:
        """What was tried, and which network the state's tensors are of; plain data."""
        return self.search.state()

    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        """Nothing: the size of the network is settled before its tensors are loaded."""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Takes back what ``state_dict`` gave, with a network of the size that it is of.

        Args:
            state_dict: Its result.
            strict: Whether all names must match.
            assign: Whether tensors are taken over instead of copied.

        Returns:
            Names that do not match.
        """
        if "_extra_state" in state_dict:
            self.search.load_state(state_dict["_extra_state"])
            self.residuals, self.drawing = self.search.residuals, self.search.drawing
        return super().load_state_dict(state_dict, strict, assign)


def _check_structure(
    patches: int, network: nn.Module | Factory | None, initializer: Initializer | None
) -> None:
    check_patches(patches)
    if patches == 1:
        return
    if initializer is not None and initializer.rebuilds:
        raise ValueError(
            f"patches={patches} and the initializer {initializer.name!r} both say what the network "
            "is made of; leave one of them out."
        )
    if network is not None and width_of(network) is None:
        raise ValueError(
            f"patches={patches} share random features; this network is another one. Use --network "
            "random-features, or patches=1."
        )


def _check(
    dtype: torch.dtype, cut: float, seconds: float | None, training: Mapping[str, Any]
) -> None:
    if dtype != torch.float64:
        raise ValueError(f"Least squares needs float64, got {dtype}; use --precision 64.")
    if not 0 <= cut < 1 or (seconds is not None and not seconds > 0):
        raise ValueError(
            f"cut={cut} must be at least 0 and below 1, seconds={seconds} positive or None."
        )
    if training.get("optimizer"):
        raise ValueError(
            "The least-squares solver takes no optimizer: it solves for the last layer. Leave the "
            "optimizer out."
        )
    balance = training.get("balance")
    if balance is not None and not isinstance(balance, Static):
        raise ValueError(
            f"The least-squares solver scales its rows and takes fixed weights besides, not "
            f"{type(balance).__name__}; use --balance static."
        )
