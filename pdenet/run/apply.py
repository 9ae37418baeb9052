"""Applies a trained operator to new input functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pdenet.functions import read_functions
from pdenet.operators import OperatorResiduals
from pdenet.report.applied import Application, write_application
from pdenet.run.folder import new_folder
from pdenet.run.solve import load


def apply(
    run: str | Path, input: str | Path, out: str | Path | None = None, **given: Any
) -> tuple[Application, Path, list[str]]:
    """Applies the operator of a run folder to the input functions of a file.

    Writes ``solution.npz`` (all functions), ``solution.vtu`` (the first ones, on a mesh) and
    ``solution.png``.

    Args:
        run: The run folder.
        input: A file (npz, mat, h5) with an array under each input's name: values at the sensors,
            (s,) or (m, s), or values on a grid or at points whose coordinates are in the file too.
        out: Folder to write; ``NAME-solution`` beside the file by default. An existing folder is
            never overwritten: a new one gets a number.
        given: As for :func:`pdenet.load`: the problem, where a run did not take it by name.

    Returns:
        The solutions, the folder, and one line a function.

    Raises:
        ValueError: The folder holds no operator, or the file does not fit it; nothing has been
            written then.
    """
    operator, path = load(run, **given), Path(input)
    if not isinstance(operator.residuals, OperatorResiduals):
        raise ValueError(
            f"{run} solved {operator.problem.name!r}, which has no input functions: there is "
            "nothing to apply. Its solution is pdenet.load(...)(...) of coordinates."
        )
    found = Application(operator, read_functions(path, operator.problem.inputs))
    wanted = path.with_name(f"{path.stem}-solution") if out is None else Path(out)
    folder = new_folder(wanted)
    return found, folder, write_application(found, folder)
