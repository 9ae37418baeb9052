"""Parts by name: the arguments of a solve, as a user writes them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from typing import Any

from torch import nn

from pdenet.balancing import BALANCES, Balance
from pdenet.networks import NETWORKS
from pdenet.networks.initializers import Initializer
from pdenet.optim import OPTIMIZERS, Phase
from pdenet.problem import Problem
from pdenet.sampling import SAMPLERS, Sampler
from pdenet.solvers import SOLVERS
from pdenet.solvers.start import INITIALIZERS

Choice = tuple[str, dict[str, Any], str]
"""Name of a part, its arguments, and why."""


def no_optimizer() -> tuple[Phase, ...]:
    """No phase: for solvers that solve.

    Returns:
        Nothing.
    """
    return ()


def tried() -> None:
    """Stands for the initializer that a trial finds (:mod:`pdenet.selection.starts`)."""


REGISTRIES: dict[str, Mapping[str, Callable[..., Any]]] = {
    "solver": SOLVERS,
    "network": NETWORKS,
    "initializer": {"auto": tried, **INITIALIZERS},
    "sampler": SAMPLERS,
    "optimizer": {**OPTIMIZERS, "none": no_optimizer},
    "balance": BALANCES,
}

AUTO = {
    "solver": "pinn",
    "network": "mlp",
    "initializer": "auto",
    "sampler": "rad",
    "optimizer": "adam-ssbroyden",
    "balance": "static",
}
"""What `auto` stands for, as a rule; its arguments depend on the problem."""

DEFAULT_NAMES = {**dict.fromkeys(AUTO, "auto"), "initializer": "glorot"}
"""What a part is called where nobody says; trying initializers costs seconds."""

OTHERS = {
    "solver": ("deeponet", "least-squares", "deep-ritz"),
    "network": ("random-features",),
    "sampler": ("sobol", "quadrature"),
    "optimizer": ("none", "adam"),
}
"""What `auto` may stand for besides, where the problem asks for it."""


@dataclass(frozen=True)
class Part:
    """One argument of :func:`pdenet.solve`, as a name with arguments.

    Args:
        kind: solver, network, initializer, sampler, optimizer or balance.
        name: Its name, as on the command line; `auto` chooses.
        arguments: Keyword arguments; the others take their defaults, or what `auto` finds best.
        given: A ready object that stands in place of name and arguments.

    Raises:
        ValueError: There is no part of that name, or it has no such argument.
    """

    kind: str
    name: str = "auto"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    given: Any = None

    def __post_init__(self) -> None:
        if self.given is not None:
            _check_given(self.kind, self.given)
            return
        registry = REGISTRIES[self.kind]
        if self.name not in ("auto", *registry):
            close = get_close_matches(self.name, registry, n=1)
            raise ValueError(
                f"There is no {self.kind} {self.name!r}. "
                + (f"Did you mean {close[0]!r}? " if close else "")
                + f"There are {', '.join(dict.fromkeys(('auto', *registry)))}."
            )
        known = options(self.kind, self.concrete)
        if self.name == "auto":  # which of them it is depends on the problem
            for other in OTHERS.get(self.kind, ()):
                known = {**options(self.kind, other), **known}
        for name in self.arguments:
            if name not in known:
                raise ValueError(
                    f"The {self.kind} {self.concrete!r} has no argument {name!r}; it has "
                    f"{', '.join(known) or 'none'}."
                )

    @classmethod
    def parse(cls, kind: str, spec: Any) -> Part:
        """From a name, a mapping ``{name, ...arguments}``, a Part, or a ready object."""
        if isinstance(spec, Part):
            return spec
        if isinstance(spec, str):
            return cls(kind, spec)
        if isinstance(spec, Mapping):
            # Numbers of numpy and torch would end up in checkpoints, which hold plain data.
            scalars = {k for k, v in spec.items() if getattr(v, "ndim", None) == 0}
            arguments = {k: v.item() if k in scalars else v for k, v in spec.items()}
            return cls(kind, arguments.pop("name", DEFAULT_NAMES[kind]), arguments)
        return cls(kind, given=(spec,) if isinstance(spec, Phase) else spec)

    @property
    def concrete(self) -> str:
        """The name, with `auto` resolved; a ready solver's, where it is a known class."""
        if self.given is not None:
            known = (name for name, make in REGISTRIES[self.kind].items() if make is self.given)
            return next(known, "")
        return AUTO[self.kind] if self.name == "auto" else self.name

    def build(self) -> Any:
        """The object; for a network a factory of inputs and outputs, for a solver its class."""
        if self.given is not None:
            return self.given
        make = REGISTRIES[self.kind][self.concrete]
        if self.kind in ("network", "solver"):
            return partial(make, **self.arguments)
        return make(**self.arguments)

    def for_window(self, problem: Problem) -> Part:
        """The part for one window of time: ready objects are copied, so that windows share none."""
        if isinstance(self.given, nn.Module):
            return replace(self, given=copy.deepcopy(self.given))
        weights = self.arguments.get("weights") if self.kind == "balance" else None
        if not weights:
            return self
        # Data may have no measurements in this window.
        kept = {n: w for n, w in weights.items() if n in problem.conditions}
        return replace(self, arguments={**self.arguments, "weights": kept})

    def as_given(self) -> dict[str, Any]:
        """Name and arguments that were given, as a configuration stores them."""
        return {"name": self.name, **self.arguments} if self.given is None else self.describe()

    def describe(self) -> dict[str, Any]:
        """Name and all arguments, as a record stores them."""
        if self.given is not None:
            own = isinstance(self.given, Initializer)
            return self.given.describe() if own else {"name": _called(self.given)}
        defaults = {
            n: p.default
            for n, p in options(self.kind, self.concrete).items()
            if p.default is not p.empty
        }
        return {"name": self.concrete, **defaults, **self.arguments}


def _check_given(kind: str, given: Any) -> None:
    """Refuses a ready object that cannot be a part of its kind."""
    fits, wanted = {
        "solver": (callable(given) and not isinstance(given, nn.Module), "a class such as PINN"),
        "network": (callable(given), "an nn.Module or a function (inputs, outputs) -> nn.Module"),
        "sampler": (isinstance(given, Sampler), "a Sampler"),
        "optimizer": (
            isinstance(given, tuple | list) and all(isinstance(p, Phase) for p in given),
            "a tuple of phases",
        ),
        "balance": (isinstance(given, Balance), "a Balance"),
        "initializer": (isinstance(given, Initializer), "an Initializer"),
    }[kind]
    if not fits:
        raise ValueError(
            f"The {kind} is {given!r}; give {wanted}, a name, or {{'name': ..., ...arguments}}."
        )


def _called(given: Any) -> str:
    """What a person calls a ready object."""
    if isinstance(given, tuple | list):
        return ", ".join(_called(part) for part in given)
    if isinstance(given, Phase):
        return given.name
    if isinstance(given, partial):
        return _called(given.func)
    return getattr(given, "__name__", type(given).__name__)


def options(kind: str, name: str) -> dict[str, inspect.Parameter]:
    """The arguments of a part that a user may give, by name."""
    parameters = inspect.signature(REGISTRIES[kind][name]).parameters
    fixed = {
        "network": {"inputs", "outputs", "seed"},
        "solver": {"problem", "network", "initializer", "seed", "dtype", "training", "seconds"},
    }.get(kind, set())
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {n: p for n, p in parameters.items() if n not in fixed and p.kind not in variadic}
