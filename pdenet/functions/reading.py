"""New input functions of a problem, from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from pdenet.functions.base import Functions
from pdenet.functions.ensemble import Ensemble
from pdenet.functions.files import read_arrays
from pdenet.functions.given import AtSensors
from pdenet.functions.inputs import InputFunction
from pdenet.functions.nodes import Nodes, Tabulated


def read_functions(path: str | Path, inputs: Mapping[str, InputFunction]) -> Ensemble:
    """Input functions from a file, one or several of each kind.

    The file holds an array under each input's name: values at the sensors, (s,) or (m, s); or,
    where it holds the coordinates too, values on their grid, (n_1, n_2, ...) or (m, n_1, ...), or
    at scattered points, (n,) or (m, n), which are interpolated.

    Args:
        path: A file ending in npz, mat, h5 or hdf5.
        inputs: The problem's input functions.

    Returns:
        The functions.

    Raises:
        ValueError: The file lacks an input or some of its coordinates, or values do not fit, are
            not finite, or do not reach the sensors.
    """
    coordinates = {c for f in inputs.values() for c in f.coordinates} - set(inputs)
    content = read_arrays(path, inputs, optional=coordinates)
    found = {name: _functions(path, name, f, content) for name, f in inputs.items()}
    return Ensemble.of(inputs, found)


def _functions(
    path: str | Path, name: str, function: InputFunction, content: Mapping[str, np.ndarray]
) -> Functions:
    values, said = content[name], f"{name!r} of {path}"
    axes = {c: content[c] for c in function.coordinates if c in content}
    if not axes:
        return _at_sensors(said, values, function)
    if missing := [c for c in function.coordinates if c not in axes]:
        raise ValueError(
            f"{path} has the coordinates {list(axes)}, but not {missing}: give all of "
            f"{function.coordinates}, or none and values at the {len(function.x)} sensors."
        )
    sides = tuple(axis.size for axis in axes.values())
    table = values[None] if values.shape in (sides, sides[:1]) else values
    nodes = Nodes(axes, table.shape[1:], said)
    if bool((missed := nodes.missed(function.x)).any()):
        raise ValueError(
            f"{said} is known for {_reach(nodes.on.bounds)} only, and {int(missed.sum())} of the "
            f"{len(missed)} sensors lie outside, such as {function.x[missed][0].tolist()}."
        )
    return Tabulated(nodes, torch.as_tensor(table.reshape(len(table), -1)))


def _at_sensors(said: str, values: np.ndarray, function: InputFunction) -> AtSensors:
    count, names = len(function.x), ", ".join(function.coordinates)
    if values.ndim not in (1, 2) or values.shape[-1] != count:
        raise ValueError(
            f"{said} has shape {values.shape}; the network has {count} sensors: give (functions, "
            f"{count}), or add the coordinates ({names}) that the values belong to."
        )
    return AtSensors(function.x, torch.as_tensor(values.reshape(-1, count)), function.coordinates)


def _reach(bounds: Mapping[str, tuple[float, float]]) -> str:
    return ", ".join(f"{name} in [{a:.4g}, {b:.4g}]" for name, (a, b) in bounds.items())
