"""Conditions that the network's form satisfies exactly."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Term = float | Callable[..., Any] | None


class HardConstraint(nn.Module):
    r"""Adds :math:`u_i = \mathrm{lift}_i + \mathrm{distance}_i N_i` to the outputs of a network.

    Where the distance vanishes the output equals the lift, whatever the network N does. A distance
    that vanishes twice (``t**2``, a squared product) fixes the first derivative too.

    Args:
        network: Maps (..., coordinates) to (..., outputs).
        coordinates: Names of the input columns.
        lift: For each output, a number, a function of named coordinates, or None for zero.
        distance: For each output, the same, or None for one.

    Raises:
        ValueError: Numbers of lifts and distances differ, or a function asks for an unknown
            coordinate.

    Example:
        >>> network = nn.Linear(1, 1)
        >>> hard = HardConstraint(network, ["x"], lift=[3.0], distance=[lambda x: x * (1 - x)])
        >>> hard(torch.tensor([[0.0], [1.0]])).tolist()
        [[3.0], [3.0]]
    """

    def __init__(
        self,
        network: nn.Module,
        coordinates: Sequence[str],
        lift: Sequence[Term],
        distance: Sequence[Term],
    ):
        super().__init__()
        if len(lift) != len(distance):
            raise ValueError(
                f"{len(lift)} lifts and {len(distance)} distances; give one of each per output, "
                "None where an output is free."
            )
        self.network = network
        self.coordinates = tuple(coordinates)
        self.lift = [bind(term, self.coordinates) for term in lift]
        self.distance = [bind(term, self.coordinates) for term in distance]

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., outputs) from (..., coordinates)."""
        free = self.network(x)
        given = {name: x[..., i] for i, name in enumerate(self.coordinates)}
        terms = zip(self.lift, self.distance, strict=True)
        outputs = [
            _constrain(free[..., i], lift, distance, given)
            for i, (lift, distance) in enumerate(terms)
        ]
        return torch.stack(outputs, dim=-1)


def _constrain(u: Any, lift: Term, distance: Term, given: Mapping[str, Any]) -> Any:
    if distance is not None:
        u = u * (distance(**given) if callable(distance) else distance)
    if lift is not None:
        u = u + (lift(**given) if callable(lift) else lift)
    return u


def bind(term: Term, coordinates: tuple[str, ...]) -> Term:
    """A lift or distance as a function of all coordinates, which passes on those it names.

    Args:
        term: A number, a function of named coordinates, or None.
        coordinates: Names of all coordinates.

    Returns:
        The same kind of term.

    Raises:
        ValueError: The function asks for a coordinate that is not there.
    """
    if not callable(term):
        return term
    parameters = inspect.signature(term).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return term
    names = [p.name for p in parameters]
    unknown = [p.name for p in parameters if p.name not in coordinates and p.default is p.empty]
    if unknown:
        raise ValueError(
            f"A hard condition asks for {unknown}, but the coordinates are {list(coordinates)}."
        )

    def bound(**given: Any) -> Any:
        return term(**{name: given[name] for name in names if name in given})

    return bound
