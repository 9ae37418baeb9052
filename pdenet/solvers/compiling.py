"""Compiled residual rows where a compiler is there and can, eager ones elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from pdenet.residuals import Batch, Residuals

Rows = Callable[[dict[str, Batch]], dict[str, Tensor]]


class CompiledLater:
    """Residual rows, eager at first and compiled once training has gone on for a while.

    Args:
        residuals: Network with its problem.
        after: Steps after which rows are compiled; None never.
    """

    def __init__(self, residuals: Residuals, after: int | None) -> None:
        self.residuals, self.after = residuals, after
        self._compiled: Rows | None = None

    def __call__(self, batch: dict[str, Batch], step: int) -> dict[str, Tensor]:
        """Rows of every condition at a step."""
        if self.after is None or step < self.after:
            return self.residuals(batch)
        if self._compiled is None:
            self._compiled = compiled_or_eager(self.residuals, batch)
        return self._compiled(batch)


def compiled_or_eager(residuals: Residuals, batch: dict[str, Batch]) -> Rows:
    """Compiles rows and their gradient, and tries both.

    Args:
        residuals: Network with its problem.
        batch: Tensors of the size that training uses.

    Returns:
        The compiled function; the module itself, with a warning, where it cannot be compiled.
    """
    # Compiled code is kept by source line, not by network: eight problems solved in one process
    # would exhaust what is kept for it.
    torch.compiler.reset()
    # The bound method, not the module: a compiled module would be saved a second time.
    compiled = torch.compile(residuals.forward, fullgraph=True, dynamic=False)
    try:
        with torch.enable_grad():
            rows = compiled(batch)
            total = torch.stack([r.sum() for r in rows.values()]).sum()
            parameters = [p for p in residuals.parameters() if p.requires_grad]
            torch.autograd.grad(total, parameters, allow_unused=True)
    except Exception as error:  # compilers fail in more ways than can be listed
        reason = str(error).strip().partition("\n")[0]
        warnings.warn(
            f"Residuals cannot be compiled ({type(error).__name__}: {reason}); training goes on "
            "without. Switch this off by compile='no'.",
            stacklevel=2,
        )
        return residuals
    return compiled
