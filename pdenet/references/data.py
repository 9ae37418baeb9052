"""References from files: tables of points, or values on a grid."""

import csv
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from scipy.interpolate import (
    CloughTocher2DInterpolator,
    LinearNDInterpolator,
    RectBivariateSpline,
    RegularGridInterpolator,
    make_interp_spline,
)
from scipy.spatial import KDTree
from torch import Tensor

from pdenet.references.base import Kind, Reference, through_numpy

Method = Literal["interpolate", "points"]

_SAME_POINT = 1e-6  # of the data's extent: rounding of single precision


@dataclass(frozen=True, eq=False)
class File(Reference):
    """Fields known at points or on a grid.

    Args:
        fields: Names of the scalar fields.
        coordinates: Names of the coordinates.
        tolerance: Relative accuracy of the data and of what happens between them.
        axes: Coordinates: one array (n,) each for scattered points, or the sides of a grid.
        values: Fields: (n,) at scattered points, one axis a coordinate on a grid; by name.
        method: Whether values between the points are interpolated, or only the points are served.

    Raises:
        ValueError: Shapes that do not fit, values that are not finite, sides of a grid that do not
            rise, too few points, or a tolerance out of range.
    """

    kind: ClassVar[Kind] = "file"
    fields: tuple[str, ...]
    coordinates: tuple[str, ...]
    tolerance: float
    axes: tuple[np.ndarray, ...]
    values: Mapping[str, np.ndarray]
    method: Method = "interpolate"

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 1:
            raise ValueError(
                f"tolerance={self.tolerance} is not between 0 and 1: say how accurate the data "
                f"are, relative to their size."
            )
        if self.method not in {"interpolate", "points"}:
            raise ValueError(f"method='{self.method}' is neither 'interpolate' nor 'points'.")
        columns = {**dict(zip(self.coordinates, self.axes, strict=True)), **self.values}
        for name, array in columns.items():
            bad = array.size - int(np.isfinite(array).sum())
            if bad or not array.size:
                raise ValueError(
                    f"'{name}' has {bad} values of {array.size} that are not finite. "
                    f"Remove those points from the file."
                )
        self._check_shapes()

    def _check_shapes(self) -> None:
        sides = tuple(axis.size for axis in self.axes)
        expected = sides if self.on_grid else (sides[0],)
        for name, array in self.values.items():
            if array.shape != expected or any(axis.ndim != 1 for axis in self.axes):
                raise ValueError(
                    f"'{name}' has shape {array.shape}, but the coordinates {self.coordinates} "
                    f"have lengths {sides}. Give columns of one length, or a grid: one side a "
                    f"coordinate, and fields with these sides as axes, in this order."
                )
        if self.on_grid and any((np.diff(axis) <= 0).any() for axis in self.axes):
            raise ValueError(f"The grid's sides {self.coordinates} must rise strictly; sort them.")
        if not self.on_grid and any(size != sides[0] for size in sides):
            raise ValueError(f"The columns {self.coordinates} have different lengths {sides}.")
        if not self.on_grid and self.method == "interpolate" and len(self.axes) > 3:
            raise ValueError(
                f"Scattered points in {len(self.axes)} dimensions are not interpolated. Give a "
                f"grid, or method='points' and compare on the points themselves."
            )

    @property
    def on_grid(self) -> bool:
        """Whether the values lie on a grid; otherwise at scattered points."""
        return len(self.axes) > 1 and next(iter(self.values.values())).ndim > 1

    def _evaluate(self, coordinates: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return through_numpy(self._at, [coordinates[name] for name in self.coordinates])

    def _at(self, *columns: np.ndarray) -> dict[str, np.ndarray]:
        x = np.stack(columns, axis=-1)
        if self.method == "points":
            found = self._stored(x)
            return {name: array.reshape(-1)[found] for name, array in self.values.items()}
        low, high = (np.array([f(axis) for axis in self.axes]) for f in (np.min, np.max))
        slack = _SAME_POINT * (high - low)
        outside = ((x < low - slack) | (x > high + slack)).any(axis=1)
        result = {name: at(x.clip(low, high)) for name, at in self._interpolants.items()}
        # Triangles of scattered points cover their convex hull only; beyond it comes NaN.
        outside |= np.any([np.isnan(values) for values in result.values()], axis=0)
        if outside.any():
            raise ValueError(
                f"{outside.sum()} points lie outside the data, such as "
                f"{dict(zip(self.coordinates, x[outside][0].tolist(), strict=True))}. Compare "
                f"where there are data only."
            )
        return result

    def _stored(self, x: np.ndarray) -> np.ndarray:
        distance, found = self._tree.query(x)
        extent = np.ptp(self._tree.data, axis=0).max()
        if (distance > _SAME_POINT * extent).any():
            worst = dict(zip(self.coordinates, x[distance.argmax()].tolist(), strict=True))
            raise ValueError(
                f"The file has no values at {worst}. Compare at its own points, or let it "
                f"interpolate with method='interpolate'."
            )
        return np.asarray(found)

    @cached_property
    def _tree(self) -> KDTree:
        axes = np.meshgrid(*self.axes, indexing="ij") if self.on_grid else self.axes
        return KDTree(np.stack([axis.reshape(-1) for axis in axes], axis=-1))

    @cached_property
    def _interpolants(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        return {name: _interpolant(self.axes, values) for name, values in self.values.items()}


def _interpolant(
    axes: tuple[np.ndarray, ...], values: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function (n, d) -> (n,): cubic in one and two dimensions, linear beyond."""
    if len(axes) == 1:
        order = np.argsort(axes[0])
        line = make_interp_spline(axes[0][order], values[order], k=min(3, len(values) - 1))
        return lambda x: line(x[:, 0])
    if values.ndim == 1:
        scattered = CloughTocher2DInterpolator if len(axes) == 2 else LinearNDInterpolator
        return scattered(np.stack(axes, axis=-1), values)
    if len(axes) == 2:
        degrees = {"kx": min(3, len(axes[0]) - 1), "ky": min(3, len(axes[1]) - 1)}
        surface = RectBivariateSpline(*axes, values, **degrees, s=0)
        return lambda x: surface(x[:, 0], x[:, 1], grid=False)
    return RegularGridInterpolator(axes, values)


def file_reference(
    path: str | PathLike[str],
    *,
    coordinates: tuple[str, ...],
    fields: tuple[str, ...],
    tolerance: float,
    method: Method = "interpolate",
) -> File:
    """Read a reference from a ``.csv`` or ``.npz`` file.

    A CSV file is a table with the names in its first line. An NPZ file holds arrays by name:
    columns of one length, or the sides of a grid and fields with one axis a coordinate, in the
    order of ``coordinates``.

    Args:
        path: The file.
        coordinates: Names of the coordinates in the file and in the problem.
        fields: Names of the scalar fields.
        tolerance: Relative accuracy of the data and of what happens between them.
        method: ``"interpolate"``: cubic in one and two dimensions, linear beyond;
            ``"points"``: only the stored points are served.

    Returns:
        The reference.

    Raises:
        ValueError: The file cannot be read, lacks a name, or holds data that do not fit.
    """
    path = Path(path)
    readers = {".csv": _read_csv, ".npz": _read_npz}
    if path.suffix not in readers:
        raise ValueError(f"{path} is neither .csv nor .npz; convert the data to one of them.")
    try:
        arrays = readers[path.suffix](path)
    except (OSError, ValueError, EOFError, StopIteration, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} cannot be read as {path.suffix} ({error}). It must exist and hold plain "
            f"numbers under names."
        ) from error
    if missing := [name for name in (*coordinates, *fields) if name not in arrays]:
        raise ValueError(f"{path} has no {missing}; it has {sorted(arrays)}. Rename them there.")
    numbers = {name: np.asarray(arrays[name], np.float64) for name in (*coordinates, *fields)}
    axes = tuple(numbers[name] for name in coordinates)
    values = {name: numbers[name] for name in fields}
    try:
        return File(tuple(fields), tuple(coordinates), tolerance, axes, values, method)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _read_csv(path: Path) -> dict[str, np.ndarray]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = [name.strip() for name in next(csv.reader(file))]
        table = np.loadtxt(file, delimiter=",", ndmin=2)
    if table.shape[1] != len(names):
        raise ValueError(f"{len(names)} names above {table.shape[1]} columns")
    return dict(zip(names, table.T, strict=True))


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return dict(stored)
