"""Arrays from files: NumPy's npz, MATLAB's mat, HDF5."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

SUFFIXES = (".npz", ".mat", ".h5", ".hdf5")


def read_arrays(
    path: str | Path, names: Iterable[str], optional: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    """Named arrays of numbers from a file.

    Args:
        path: A file ending in npz, mat (version 7.3 too), h5 or hdf5; the last two, and version
            7.3, need ``pip install "pdenet[hdf5]"``.
        names: Names of the wanted arrays.
        optional: Names of arrays that are wanted where the file has them.

    Returns:
        Arrays by name, float64.

    Raises:
        ValueError: The file is missing, of another kind or damaged, lacks a name, or holds values
            that are not finite numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no file {path}; give the path of one of {', '.join(SUFFIXES)}.")
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path} ends in {path.suffix!r}; files end in {', '.join(SUFFIXES)}.")
    try:
        content = _content(path)
    except ImportError as error:
        raise ValueError(
            f'{path} is HDF5, which needs h5py: pip install "pdenet[hdf5]".'
        ) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    there = [name for name in optional if name in content]
    return {name: _array(path, name, content) for name in (*names, *there)}


def _content(path: Path) -> dict[str, Any]:
    if path.suffix == ".npz":
        with path.open("rb") as file, np.load(file) as stored:
            return dict(stored)
    if path.suffix == ".mat":
        from scipy.io import loadmat

        try:
            found = loadmat(path, squeeze_me=True)
            return {name: value for name, value in found.items() if not name.startswith("__")}
        except NotImplementedError:  # version 7.3 is HDF5 with axes in reverse
            return {name: value.T.squeeze() for name, value in _hdf5(path).items()}
    return _hdf5(path)


def _hdf5(path: Path) -> dict[str, np.ndarray]:
    import h5py  # type: ignore[import-not-found]

    with h5py.File(path, "r") as stored:
        return {name: stored[name][()] for name in stored if hasattr(stored[name], "shape")}


def _array(path: Path, name: str, content: dict[str, Any]) -> np.ndarray:
    if name not in content:
        close = get_close_matches(name, content, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"{path} has no array {name!r}; it has {sorted(content)}.{hint}")
    try:
        array = np.asarray(content[name], dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name!r} of {path} does not hold numbers.") from None
    if bad := int((~np.isfinite(array)).sum()):
        raise ValueError(f"{name!r} of {path} holds {bad} values that are not finite; remove them.")
    return array
