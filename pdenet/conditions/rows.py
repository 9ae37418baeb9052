"""What a residual returned, as one tensor of rows."""

from __future__ import annotations

import torch
from torch import Tensor

from pdenet.jets import Field, Vector


def stack_rows(rows: object, n: int) -> Tensor:
    """Rows as one tensor; anything else is refused.

    Args:
        rows: What a residual returned: rows of shape (n,), or a tuple of such rows.
        n: Number of points.

    Returns:
        Shape (n,), or (n, k) for k rows.

    Raises:
        ValueError: It returned something else, or another shape.
    """
    if isinstance(rows, tuple | list | Vector):
        if not len(rows):
            raise ValueError("A residual returned no rows; return what is to vanish.")
        parts = [stack_rows(r, n) for r in rows]
        # Tensors: components of components side by side.
        return torch.cat([p.unsqueeze(-1) if p.ndim == 1 else p for p in parts], dim=-1)
    if isinstance(rows, Field):
        rows = rows.value  # it is differentiated in another row
    if isinstance(rows, Tensor) and rows.shape == (n,) and rows.is_floating_point():
        return rows
    found = (
        f"{str(rows.dtype).removeprefix('torch.')} of shape {tuple(rows.shape)}"
        if isinstance(rows, Tensor)
        else f"{type(rows).__name__} {rows!r:.40}"
    )
    raise ValueError(
        f"A residual returned {found} at {n} points; return one number for each point, shape "
        f"({n},), or a tuple of such rows. A column (n, 1) becomes a row by r[:, 0]."
    )
