"""What a person reads before training starts: the problem, and what was chosen and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from pdenet.report import problem_panel
from pdenet.report.starts import initializer_table
from pdenet.run.setup import Run
from pdenet.solvers import PINN, OperatorSolver, Solver


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


@contextmanager
def data_progress(shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar while solutions are computed that an operator learns from.

    Args:
        shown: Whether there is one.

    Yields:
        What is told how many functions are solved for, and of how many.
    """
    console = Console(stderr=True, quiet=not shown)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        tasks = []

        def told(done: int, total: int) -> None:
            if not tasks:
                tasks.append(bar.add_task("functions solved for", total=total))
            bar.update(tasks[0], completed=done)

        yield told


def conditions(solver: Solver) -> list[str]:
    """Which conditions are imposed by the network's form, and which are trained."""
    if not isinstance(solver, PINN | OperatorSolver) or solver.plan is None:
        return []
    return solver.plan.describe().splitlines()
