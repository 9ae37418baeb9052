"""What every reference solution offers: named fields at named coordinates, and its own accuracy."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

Kind = Literal["exact", "spectral", "finite-elements", "file"]


class Reference(ABC):
    """A solution to compare with. Instances are frozen.

    Attributes:
        kind: Where the values come from; the record of a run states it.
        fields: Names of the fields, as the problem names them.
        coordinates: Names of the coordinates that a call must give.
        tolerance: Relative accuracy of the reference itself (L2 over its domain, worst field),
            stated by whoever built it and measured by its tests.
    """

    kind: ClassVar[Kind]
    fields: tuple[str, ...]
    coordinates: tuple[str, ...]
    tolerance: float

    def __call__(self, **coordinates: Tensor) -> dict[str, Tensor]:
        """Evaluate every field.

        Args:
            **coordinates: Values by name, each of shape (n,). Names that the reference does not
                use are ignored, so that all columns of a set of points can be passed.

        Returns:
            Scalar fields of shape (n,), vector fields of shape (n, k), by name.
        """
        self._require(coordinates)
        _check_shapes(coordinates)
        return self._evaluate(coordinates)

    @abstractmethod
    def _evaluate(self, coordinates: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return every field; names and shapes of the coordinates are already checked."""

    def check(self, *, coordinates: Iterable[str], fields: Iterable[str]) -> None:
        """Refuse a problem that this reference does not fit.

        Args:
            coordinates: All coordinates of the problem, parameters included.
            fields: All fields of the problem.

        Raises:
            ValueError: The reference needs a coordinate or gives a field that the problem lacks.
        """
        self._require(tuple(coordinates))
        known = tuple(fields)
        for name in self.fields:
            if name not in known:
                raise ValueError(
                    f"The reference gives a field '{name}', but the problem has the fields "
                    f"{list(known)}.{_likely(name, known)} Rename it in the reference."
                )

    def _require(self, available: Iterable[str]) -> None:
        available = tuple(available)
        missing = [name for name in self.coordinates if name not in available]
        if missing:
            raise ValueError(
                f"This {self.kind} reference needs the coordinates {list(self.coordinates)}, but "
                f"{missing} {'is' if len(missing) == 1 else 'are'} not among {list(available)}."
                f"{_likely(missing[0], available)} Pass every coordinate by name."
            )


def _likely(name: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(name, known, n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def _check_shapes(coordinates: Mapping[str, Tensor]) -> None:
    # Jets and recording fields pass here too; only plain tensors have a shape to check.
    shapes = {
        name: tuple(value.shape) for name, value in coordinates.items() if type(value) is Tensor
    }
    if any(len(shape) != 1 for shape in shapes.values()) or len(set(shapes.values())) > 1:
        raise ValueError(
            f"Coordinates must share one shape (n,), but came as {shapes}. "
            f"Pass columns, for example x=points.x[:, 0], or flatten a grid with .reshape(-1)."
        )


def through_numpy(
    function: Callable[..., Mapping[str, np.ndarray]], columns: Iterable[Tensor]
) -> dict[str, Tensor]:
    """Evaluate a numpy function at tensors: in float64, returned in their own type and place.

    Args:
        function: Takes one float64 array (n,) a column, returns arrays by name.
        columns: Tensors of shape (n,).

    Returns:
        Tensors by name, detached from any graph.
    """
    columns = tuple(columns)
    like = columns[0]
    arrays = [column.detach().to("cpu", torch.float64).numpy() for column in columns]
    return {
        name: torch.as_tensor(np.ascontiguousarray(value)).to(like.device, like.dtype)
        for name, value in function(*arrays).items()
    }
