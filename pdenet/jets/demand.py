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
    _check_coordinates(coordinates)
    names = _parameters(function, [*fields, *coordinates, *given])
    recorder = _Recorder(coordinates, space)
    function(**{name: recorder.argument(name, fields, given) for name in names})
    layouts = {name: Layout(coordinates, asked) for name, asked in recorder.asked.items()}
    union = Layout(coordinates).union(*layouts.values())
    recording = recorder.frame.recording
    return Demand(function, names, dict(fields), coordinates, space, layouts, union, recording)


class _Recorder:
    """Arguments that take down what is asked of them."""

    def __init__(self, coordinates: tuple[str, ...], space: tuple[str, ...]) -> None:
        dtype, device = torch.get_default_dtype(), torch.device("cpu")
        self.frame = Frame(coordinates, space, DUMMY_POINTS, dtype, device, Recording(), open=True)
        self.asked: dict[str, set[Index]] = {}
        self.generator = torch.Generator().manual_seed(0)

    def argument(
        self, name: str, fields: Mapping[str, tuple[int, ...]], given: Mapping[str, Tensor]
    ) -> Any:
        if name in fields:
            asked = self.asked.setdefault(name, set())
            return _components(self.frame, name, fields[name], lambda _: Probe(self.draw, asked))
        if name in self.frame.coordinates:
            axis = self.frame.coordinates.index(name)
            return make(self.frame, ("coordinate", name), Coordinate(self.draw(DUMMY_POINTS), axis))
        shape = given[name].shape
        return self.draw(DUMMY_POINTS, *shape[1:]) if shape else self.draw()

    def draw(self, *shape: int) -> Tensor:
        # Positive and away from zero, so that roots and logarithms exist.
        return 0.5 + torch.rand(shape, generator=self.generator)


class Probe(Expression):
    """A field that takes down which of its partial derivatives are used.

    Args:
        draw: Makes values of a given shape.
        asked: Where the derivatives are noted.
    """

    def __init__(self, draw: Callable[..., Tensor], asked: set[Index]) -> None:
        super().__init__()
        self.draw = draw
        self.asked = asked

    def _derive(self, index: Index) -> Term:
        if order(index) > MAX_ORDER:
            raise ValueError(
                f"A derivative of order {order(index)} was asked for; orders up to {MAX_ORDER} are "
                "there. Write the equation as a system, with a derivative as a field of its own."
            )
        self.asked.add(index)
        return self.draw(DUMMY_POINTS)


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


def _check_coordinates(coordinates: tuple[str, ...]) -> None:
    taken = [name for name in coordinates if name in OWN_NAMES]
    if taken:
        raise ValueError(
            f"A coordinate cannot be called {taken[0]!r}: u.{taken[0]} means something else on a "
            "field. Rename the coordinate."
        )


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
