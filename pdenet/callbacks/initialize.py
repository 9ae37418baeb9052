"""Plugs an initializer into a stock Trainer."""

from __future__ import annotations

import pytorch_lightning as pl

from pdenet.networks.initializers import Initializer
from pdenet.solvers import Solver


class Initialize(pl.Callback):
    """Starts a solver from an initializer, before its optimizers are built.

    The structure is built at every start; on resuming, the checkpoint's weights replace the draw.
    A checkpoint says what its network was built by, so that it is resumed and loaded without this
    callback too.

    Args:
        initializer: Structure and draw.

    Example:
        >>> from pdenet.networks.initializers import VarianceScaling
        >>> Initialize(VarianceScaling(R=4.0)).initializer.R
        4.0
    """

    def __init__(self, initializer: Initializer) -> None:
        if not isinstance(initializer, Initializer):
            raise ValueError(
                f"Initialize got {initializer!r}; give an initializer such as "
                "PartitionOfUnity(patches=3)."
            )
        self.initializer = initializer

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Puts the network in place of the module's, unless that has been trained.

        Args:
            trainer: The trainer.
            pl_module: A :class:`~pdenet.solvers.Solver`.
            stage: What the trainer begins.

        Raises:
            ValueError: The module is no solver, or was trained from another start.
        """
        if not isinstance(pl_module, Solver):
            raise ValueError(
                f"Initialize starts solvers such as PINN; got {type(pl_module).__name__}. "
                "Apply initializer.structure and initializer.draw to another module's network."
            )
        same = pl_module.initializer.describe() == self.initializer.describe()
        if pl_module.progress.step == 0:
            pl_module.restart(self.initializer)
        elif not same:
            raise ValueError(
                f"The module has been trained for {pl_module.progress.step} steps from "
                f"{pl_module.initializer.describe()}; a new start would lose them. Build a new one."
            )
