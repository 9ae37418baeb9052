"""What essential conditions that the network's form does not impose add to an energy."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pdenet.conditions import Condition, Dirichlet
from pdenet.energy import Energy
from pdenet.geometry import Points
from pdenet.residuals import Batch, Residuals
from pdenet.solvers.distributed import rank_and_world, reduce
from pdenet.solvers.ritz.essential import Method, check_method, choose_method, conormal_flux

PENALTY = 500.0
TOUCHING, STIFF = 200.0, 5000.0  # of lower bounds, with multipliers and without
SETTLED = 1e-4  # a move of the multipliers, relative, after which they stay


class Misfits(nn.Module):
    r"""Densities :math:`m r + \tfrac b2 r^2` of misfits r, with a multiplier m and a penalty b.

    The multiplier is a number at each point (augmented Lagrangian), less the conormal flux
    (Nitsche), or zero (penalty). Of a lower bound, with r = bound - u, misfits below -m / b count
    as -m / b, so that m stays above zero and nothing pulls the field down to the bound.

    Args:
        residuals: Network with its problem.
        conditions: The conditions, by name.
        method: One of :data:`pdenet.solvers.ritz.essential.METHODS`; Nitsche's is for given values,
            bounds get a penalty beside it. None chooses.
        penalty: b; None takes 500, and for lower bounds 200 with multipliers and 5000 without.

    Raises:
        ValueError: The method does not suit the conditions.
    """

    moved_at: Tensor

    def __init__(
        self,
        residuals: Residuals,
        conditions: Mapping[str, Condition],
        method: Method | None,
        penalty: float | None,
    ) -> None:
        super().__init__()
        # In a tuple, since the module would be saved a second time.
        self._residuals = (residuals,)
        energy = residuals.problem.energy
        self.bounds = set(energy.bounds) if isinstance(energy, Energy) else set()
        values = {n: c for n, c in conditions.items() if n not in self.bounds}
        method = method or choose_method(conditions, residuals.problem)
        check_method(method, values, residuals.problem)
        self.conditions, self.method = dict(conditions), method
        bound = TOUCHING if method == "augmented-lagrangian" else STIFF
        self.penalties = {
            n: penalty or (bound if n in self.bounds else PENALTY) for n in conditions
        }
        self.register_buffer("moved_at", torch.zeros((), dtype=torch.long))
        self._names: dict[str, str] = {}

    def multiply(self, drawn: Mapping[str, Points]) -> dict[str, Points]:
        """Gives each condition its multipliers, at the points of a fixed rule.

        Args:
            drawn: Points that a sampler drew; the rules have about as many.

        Returns:
            The rules, by condition; with them those of others on the same regions, whose rows are
            evaluated together.
        """
        if self.method != "augmented-lagrangian":
            return {}
        rules = {}
        for number, (name, condition) in enumerate(self.conditions.items()):
            points = drawn[name]
            if not condition.integral:
                points = rules.setdefault(condition.on, condition.on.quadrature(len(points)))
            rows = self._residuals[0].in_chunks({name: points})[name]
            self._names[name] = f"multiplier_{number}"
            self.register_buffer(self._names[name], torch.zeros_like(rows.reshape(len(rows), -1)))
        trained = self._residuals[0].conditions
        return {name: rules[c.on] for name, c in trained.items() if c.on in rules}

    def density(self, name: str, rows: Tensor, batch: Batch) -> Tensor:
        """What a condition adds to the energy, point by point.

        Args:
            name: The condition.
            rows: Its misfits at this process's points, shape (n,) or (n, k).
            batch: Tensors of the points.

        Returns:
            Shape (n,).
        """
        rows, b = rows.reshape(len(rows), -1), self.penalties[name]
        multiplier = self._multiplier(name, rows, batch)
        rows = self._counted(name, rows, multiplier)
        return (rows * (multiplier + 0.5 * b * rows)).sum(1)

    def curvature(self, name: str, rows: Tensor) -> Tensor | float:
        """What squares of a condition's misfits count in the energy: b, and 0 where none is felt.

        Args:
            name: The condition.
            rows: Its misfits at this process's points.

        Returns:
            A number, or for a lower bound one for each point, shape (n,).
        """
        b = self.penalties[name]
        if name not in self.bounds:
            return b
        rows = rows.reshape(len(rows), -1)
        felt = self._counted(name, rows, self._multiplier(name, rows, {})) == rows
        return b * felt[:, 0].to(rows)

    @torch.no_grad()
    def move(self, step: int, batch: Mapping[str, Batch]) -> bool:
        """Moves all multipliers by the penalty times the misfit.

        Args:
            step: Step of the training.
            batch: Tensors of this process's points, by condition.

        Returns:
            Whether one of them moved by more than a share of 1e-4.
        """
        moved = [self._move(name, batch[name]) for name in self._names]
        self.moved_at.fill_(step)
        return max(moved, default=0.0) > SETTLED

    def due(self, step: int, every: int) -> bool:
        """Whether multipliers are to be moved before a step.

        Args:
            step: The step.
            every: Steps between two moves.

        Returns:
            Whether it is time, and they have not been moved at this step.
        """
        return bool(self._names) and 0 < step != int(self.moved_at) and step % every == 0

    def _multiplier(self, name: str, rows: Tensor, batch: Batch) -> Tensor:
        condition = self.conditions[name]
        if name in self._names:
            rank, world = (0, 1) if condition.integral else rank_and_world()
            return self.get_buffer(self._names[name])[rank::world]
        if self.method == "nitsche" and isinstance(condition, Dirichlet):
            return -conormal_flux(self._residuals[0], condition, batch)
        return torch.zeros_like(rows)

    def _counted(self, name: str, rows: Tensor, multiplier: Tensor) -> Tensor:
        if name not in self.bounds:
            return rows
        return torch.maximum(rows, -multiplier / self.penalties[name])

    def _move(self, name: str, batch: Batch) -> float:
        """Size of the move of one condition's multipliers, relative to them."""
        rank, world = rank_and_world()
        multiplier = self.get_buffer(self._names[name])
        rows = self._residuals[0].rows(name, batch)
        rows = rows.reshape(1 if self.conditions[name].integral else len(rows), -1)
        move = torch.zeros_like(multiplier)
        if self.conditions[name].integral:
            move += rows / world
        else:
            move[rank::world] = self._counted(name, rows, multiplier[rank::world])
        move = self.penalties[name] * reduce(move, "sum")
        multiplier += move
        return float(move.norm() / multiplier.norm().clamp_min(1e-300))
