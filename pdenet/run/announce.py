"""What a person reads before training starts: the problem, and what was chosen and why."""

from __future__ import annotations

from rich.console import Console

from pdenet.report import problem_panel
from pdenet.report.starts import initializer_table
from pdenet.run.setup import Run
from pdenet.solvers import PINN, Solver


def announce(run: Run, solver: Solver) -> None:
    """Prints problem and choices on standard error.

    Args:
        run: The run.
        solver: Its solver.
    """
    console = Console(stderr=True)
    console.print(problem_panel(run.problem))
    for line in (*run.reasons, *conditions(solver)):
        console.print(f"  {line}", highlight=False, markup=False)
    if run.starts is not None:
        console.print(initializer_table(run.starts))


def conditions(solver: Solver) -> list[str]:
    """Which conditions are imposed by the network's form, and which are trained."""
    if not isinstance(solver, PINN) or solver.plan is None:
        return []
    return solver.plan.describe().splitlines()
