"""The assembly: coordinates -> scaling -> periodic embedding -> core -> scaling -> fields."""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from pdenet.networks.dry_run import check_module
from pdenet.networks.embeddings import PeriodicEmbedding
from pdenet.networks.layers import default_dtype
from pdenet.networks.mlp import MLP
from pdenet.networks.scaling import Affine
from pdenet.networks.separate import Separate

Shapes = Mapping[str, tuple[int, ...]]
Factory = Callable[[int, int], nn.Module]


@runtime_checkable
class PlacesWaves(Protocol):
    """A factory whose networks take periodic inputs as they are."""

    def with_periods(self, periods: Mapping[int, float], harmonics: int) -> Factory:
        """The factory that knows which inputs are periodic.

        Args:
            periods: Period by input, in scaled units.
            harmonics: Waves a periodic input.

        Returns:
            The factory, for inputs without cosines and sines.
        """
        ...


def field_columns(fields: Shapes) -> dict[str, slice]:
    """Output columns of each field: fields in their order, tensors flattened by rows.

    Args:
        fields: Shape by field; () for a scalar.

    Returns:
        A slice of the output columns by field.

    Example:
        >>> field_columns({"v": (2,), "p": ()})
        {'v': slice(0, 2, None), 'p': slice(2, 3, None)}
    """
    ends = list(itertools.accumulate((math.prod(s) for s in fields.values()), initial=0))
    pairs = zip(fields, itertools.pairwise(ends), strict=True)
    return {name: slice(a, b) for name, (a, b) in pairs}


def build_network(
    network: nn.Module | Factory = MLP,
    *,
    coordinates: Sequence[str],
    fields: Shapes,
    bounds: Mapping[str, tuple[float, float]],
    periodic: Mapping[str, float] | None = None,
    harmonics: int = 3,
    separate: bool = False,
    scale: Mapping[str, float] | None = None,
    mean: Mapping[str, float] | None = None,
    seed: int | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> nn.Module:
    """A network from coordinates to fields.

    A factory ``(inputs, outputs) -> module`` builds the core; scalings and periodic embedding are
    put around it. A module is taken as it is: it sees raw coordinates and returns raw fields.

    Args:
        network: A factory such as :class:`MLP` or ``functools.partial(MLP, width=64)``, or a
            module that maps (n, coordinates) to (n, outputs).
        coordinates: Names of the input columns.
        fields: Shape by field; see :func:`field_columns` for the order of the outputs.
        bounds: Lower and upper bound by coordinate, scaled to [-1, 1].
        periodic: Period by coordinate, in the coordinate's units; exact, all derivatives included.
        harmonics: Waves per periodic coordinate.
        separate: Whether each field has a core of its own.
        scale: Typical size by field, 1 where absent; outputs are multiplied by it.
        mean: Typical value by field, 0 where absent; added to the outputs.
        seed: Seed of a factory's draws, also of a user's own; torch's generator if None.
        dtype: Type of parameters and buffers; the default dtype if None.
        device: Device of parameters and buffers; the default device if None.

    Returns:
        Maps (..., coordinates) to (..., outputs). Built from a factory it is an ``nn.Sequential``
        with parts ``scaling``, ``periodic``, ``core``, ``output``, the needed ones of them.

    Raises:
        ValueError: Bounds or names do not fit, a module is combined with parts that only a factory
            can take, or the sizes of a module or of a factory's product are wrong.
    """
    coordinates, periodic = tuple(coordinates), dict(periodic or {})
    scale, mean = dict(scale or {}), dict(mean or {})
    _check_names(coordinates, fields, bounds, periodic, {**scale, **mean})
    if isinstance(network, nn.Module):
        _check_plain(periodic, separate or bool(scale) or bool(mean))
        built = network.to(device=device, dtype=dtype)
        check_module(built, len(coordinates), _outputs(fields), coordinates)
        return built
    dtype = dtype or torch.get_default_dtype()
    with _seeded(seed), default_dtype(dtype):
        if periodic and isinstance(network, PlacesWaves):
            # Patches close to a ring, which cosines and sines would hide from them.
            columns = _periods(coordinates, bounds, periodic)
            network, periodic = network.with_periods(columns, harmonics), {}
        parts, inputs = _before(coordinates, bounds, periodic, harmonics)
        parts["core"] = _core(network, inputs, fields, separate)
        if scale or mean:
            parts["output"] = _after(fields, scale, mean)
    return nn.Sequential(parts).to(device=device, dtype=dtype)


def _outputs(fields: Shapes) -> int:
    return sum(math.prod(shape) for shape in fields.values())


def _before(
    coordinates: tuple[str, ...],
    bounds: Mapping[str, tuple[float, float]],
    periodic: Mapping[str, float],
    harmonics: int,
) -> tuple[OrderedDict[str, nn.Module], int]:
    low, high = ([bounds[name][side] for name in coordinates] for side in (0, 1))
    scaling = Affine.from_bounds(low, high, names=coordinates)
    parts = OrderedDict[str, nn.Module](scaling=scaling)
    inputs = len(coordinates)
    if periodic:
        periods = _periods(coordinates, bounds, periodic)
        embedding = PeriodicEmbedding(inputs, periods, harmonics)
        parts["periodic"], inputs = embedding, embedding.outputs
    return parts, inputs


def _periods(
    coordinates: tuple[str, ...],
    bounds: Mapping[str, tuple[float, float]],
    periodic: Mapping[str, float],
) -> dict[int, float]:
    """Period by column, in units of the scaled column, in which the whole domain is 2 long."""
    lengths = {name: bounds[name][1] - bounds[name][0] for name in periodic}
    return {coordinates.index(n): 2 * periodic[n] / lengths[n] for n in periodic}


def _core(factory: Factory, inputs: int, fields: Shapes, separate: bool) -> nn.Module:
    sizes = [math.prod(s) for s in fields.values()] if separate else [_outputs(fields)]
    cores = []
    for outputs in sizes:
        core = factory(inputs, outputs)
        if not isinstance(core, nn.Module):
            raise ValueError(
                f"The network factory {factory!r} returned {core!r}; it should take (inputs, "
                "outputs) and return an nn.Module."
            )
        check_module(core, inputs, outputs, ())
        cores.append(core)
    return Separate(cores) if separate else cores[0]


def _after(fields: Shapes, scale: Mapping[str, float], mean: Mapping[str, float]) -> Affine:
    def columns(values: Mapping[str, float], default: float) -> list[float]:
        return [
            float(values.get(name, default))
            for name, shape in fields.items()
            for _ in range(math.prod(shape))
        ]

    return Affine(columns(scale, 1.0), columns(mean, 0.0))


def _check_names(
    coordinates: tuple[str, ...],
    fields: Shapes,
    bounds: Mapping[str, tuple[float, float]],
    periodic: Mapping[str, float],
    scaled: Mapping[str, float],
) -> None:
    missing = [name for name in coordinates if name not in bounds]
    if missing or not coordinates or not fields:
        raise ValueError(
            f"A network needs coordinates with bounds and fields; got coordinates {coordinates}, "
            f"fields {tuple(fields)}, no bounds for {missing}."
        )
    for kind, names, known in (
        ("periods", periodic, coordinates),
        ("scales or means", scaled, tuple(fields)),
    ):
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(f"There are {kind} for {unknown}, but the network knows {known}.")


def _check_plain(periodic: Mapping[str, float], scaled: bool) -> None:
    if not (periodic or scaled):
        return
    what = f"periodic coordinates {list(periodic)}" if periodic else "scales or separate networks"
    raise ValueError(
        f"A module is used as it is and cannot take {what}. Give a factory (inputs, outputs) -> "
        "module instead"
        + (", or impose the periodic conditions softly (hard=False)." if periodic else ".")
    )


@contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    """Torch's generators at a seed, and where they were afterwards."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
