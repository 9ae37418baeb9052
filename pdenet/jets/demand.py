"""Which derivatives a function of fields needs, found by running it once."""

import difflib
import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pdenet.jets.algebra import Term
from pdenet.jets.expression import Coordinate, Expression, Leaf
from pdenet.jets.field import OWN_NAMES, Field, make
from pdenet.jets.frame import Frame, Recording
from pdenet.jets.index import MAX_ORDER, Index, order
from pdenet.jets.jet import Jet
from pdenet.jets.layout import Layout
from pdenet.jets.vector import Vector

DUMMY_POINTS = 3


@dataclass(frozen=True, eq=False)
class Demand:
    """What a function of fields asks of the networks, and how it is served.

    Args:
        function: The function, as the user wrote it.
        names: Its parameters.
        fields: Shape of every field by name.
        coordinates: Names, in the order of the columns of the points.
        space: Names of those that are neither time nor parameters.
        layouts: Derivatives needed of each field that the function takes.
        layout: Their union: what networks must deliver.
        recording: Which expressions the function differentiates.
    """

    function: Callable[..., Any]
    names: tuple[str, ...]
    fields: dict[str, tuple[int, ...]]
    coordinates: tuple[str, ...]
    space: tuple[str, ...]
    layouts: dict[str, Layout]
    layout: Layout
    recording: Recording

    def arguments(
        self,
        jets: Mapping[str, Jet],
        x: Tensor,
        given: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Any]:
        """Keyword arguments for the function.

        Args:
            jets: For each field that the function takes, channels (c, n, *field shape), of the
                demanded layout or a larger one.
            x: Points, shape (n, d).
            given: What else the function takes: normals (n,), unknown parameters ().

        Returns:
            Fields, vectors and plain tensors by parameter name.
        """
        frame = Frame(
            self.coordinates, self.space, len(x), x.dtype, x.device, self.recording, open=False
        )
        arguments: dict[str, Any] = {}
        for name in self.names:
            if name in self.fields:
                arguments[name] = _from_jet(frame, name, jets[name])
            elif name in self.coordinates:
                axis = self.coordinates.index(name)
                arguments[name] = make(frame, ("coordinate", name), Coordinate(x[:, axis], axis))
            else:
                arguments[name] = (given or {})[name]
        return arguments


def discover(
    function: Callable[..., Any],
    *,
    fields: Mapping[str, tuple[int, ...]],
    coordinates: tuple[str, ...],
    space: tuple[str, ...],
    given: Mapping[str, Tensor] | None = None,
) -> Demand:
    """Run a function once on recording fields and see which derivatives it takes.

    Args:
        function: Takes any of the fields, coordinates and given values, by the names of its
            parameters.
        fields: Shape of every field: () for a scalar, (2,) for a vector of two components.
        coordinates: Names, in the order of the columns of the points.
        space: Names of those that are neither time nor parameters.
        given: What else the function may take. Only shapes matter here: () for a number, (n,) for
            one value a point.

    Returns:
        The demand.

    Example:
        >>> demand = discover(
        ...     lambda u: u.t + u * u.x - 0.01 * u.xx,
        ...     fields={"u": ()}, coordinates=("x", "t"), space=("x",),
        ... )
        >>> demand.layout.channels
        ((), (0,), (1,), (0, 0))
    """
    given = given or {}
    names = _parameters(function, [*fields, *coordinates, *given])
    recording = Recording()
    dtype = torch.get_default_dtype()
    frame = Frame(
        coordinates, space, DUMMY_POINTS, dtype, torch.device("cpu"), recording, open=True
    )
    dummies = _Dummies()
    asked: dict[str, set[Index]] = {}
    arguments: dict[str, Any] = {}
    for name in names:
        if name in fields:
            asked[name] = set()
            arguments[name] = _components(
                frame, name, fields[name], lambda _, name=name: Probe(dummies, asked[name])
            )
        elif name in coordinates:
            axis = coordinates.index(name)
            arguments[name] = make(
                frame, ("coordinate", name), Coordinate(dummies.draw(DUMMY_POINTS), axis)
            )
        else:
            shape = given[name].shape
            arguments[name] = dummies.draw(DUMMY_POINTS, *shape[1:]) if shape else dummies.draw()
    function(**arguments)
    layouts = {name: Layout(coordinates, indices) for name, indices in asked.items()}
    union = Layout(coordinates).union(*layouts.values())
    return Demand(function, names, dict(fields), coordinates, space, layouts, union, recording)


class _Dummies:
    """Values for the recording: positive and away from zero, so that roots and logarithms exist."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(0)

    def draw(self, *shape: int) -> Tensor:
        return 0.5 + torch.rand(shape, generator=self.generator)


class Probe(Expression):
    """A field that takes down which of its partial derivatives are used."""

    def __init__(self, dummies: _Dummies, asked: set[Index]) -> None:
        super().__init__()
        self.dummies = dummies
        self.asked = asked

    def _derive(self, index: Index) -> Term:
        if order(index) > MAX_ORDER:
            raise ValueError(
                f"A derivative of order {order(index)} was asked for; orders up to {MAX_ORDER} are "
                "there. Write the equation as a system, with a derivative as a field of its own."
            )
        self.asked.add(index)
        return self.dummies.draw(DUMMY_POINTS)


def _from_jet(frame: Frame, name: str, jet: Jet) -> Any:
    def leaf(position: tuple[int, ...]) -> Leaf:
        return Leaf(jet[(slice(None), *position)] if position else jet)

    return _components(frame, name, tuple(jet.shape[1:]), leaf)


def _components(
    frame: Frame,
    name: str,
    shape: tuple[int, ...],
    expression: Callable[[tuple[int, ...]], Expression],
) -> Any:
    def build(position: tuple[int, ...]) -> Any:
        depth = len(position)
        if depth == len(shape):
            return make(frame, ("field", name, position), expression(position))
        return Vector([build((*position, i)) for i in range(shape[depth])])

    return build(())


def _parameters(function: Callable[..., Any], known: list[str]) -> tuple[str, ...]:
    names: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        bindable = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if name in known and bindable:
            names.append(name)
        elif bindable and parameter.default is parameter.empty:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise ValueError(
                f"Parameter {name!r} of {getattr(function, '__name__', 'the function')} is none of "
                f"the names there are: {', '.join(known)}. Did you mean {close[0]!r}?"
            )
    return tuple(names)


def flatten(values: Any) -> tuple[Tensor, ...]:
    """What a function of fields returned, as plain tensors.

    Args:
        values: A field, tensor, vector, or a tuple or list of these.

    Returns:
        One tensor a component, each (n,) where the function is right.
    """
    if isinstance(values, Field):
        return (values.value,)
    if isinstance(values, Tensor):
        return (values,)
    return tuple(itertools.chain.from_iterable(flatten(value) for value in values))
