"""Parts by name, and `auto`: what is chosen for a problem, with the reason in words."""

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
from pdenet.frequencies import frequencies
from pdenet.networks import NETWORKS
from pdenet.optim import OPTIMIZERS, Phase
from pdenet.problem import Problem
from pdenet.sampling import SAMPLERS, Sampler
from pdenet.solvers import SOLVERS
from pdenet.solvers.hard import plan_hard_conditions

REGISTRIES: dict[str, Mapping[str, Callable[..., Any]]] = {
    "solver": SOLVERS,
    "network": NETWORKS,
    "sampler": SAMPLERS,
    "optimizer": OPTIMIZERS,
    "balance": BALANCES,
}

AUTO = {
    "solver": "pinn",
    "network": "mlp",
    "sampler": "rad",
    "optimizer": "adam-ssbroyden",
    "balance": "static",
}
"""What `auto` stands for; its arguments depend on the problem."""

# On Allen-Cahn with a trained start a weight of 1 leaves the wrong branch to be found first.
TRAINED_WEIGHT = 100.0

# Radians per half length: on wave-1d (8.4) and heat-multiscale (31) sines beat tanh by far.
FAST = 8.0


@dataclass(frozen=True)
class Part:
    """One argument of :func:`pdenet.solve`, as a name with arguments.

    Args:
        kind: solver, network, sampler, optimizer or balance.
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
                + f"There are auto, {', '.join(registry)}."
            )
        known = options(self.kind, self.concrete)
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
            return cls(kind, arguments.pop("name", "auto"), arguments)
        return cls(kind, given=(spec,) if isinstance(spec, Phase) else spec)

    @property
    def concrete(self) -> str:
        """The name, with `auto` resolved."""
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
            return {"name": _called(self.given)}
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
        "solver": {"problem", "network", "seed", "dtype", "training"},
    }.get(kind, set())
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {n: p for n, p in parameters.items() if n not in fixed and p.kind not in variadic}


def choose(problem: Problem, parts: Mapping[str, Part]) -> tuple[dict[str, Part], list[str]]:
    """Resolves every `auto` for a problem.

    Args:
        problem: The problem.
        parts: Part by kind.

    Returns:
        Concrete parts by kind, and what was chosen and why, one sentence each.
    """
    chosen, reasons = {}, []
    for kind, part in parts.items():
        if part.given is not None or part.name != "auto":
            chosen[kind] = part
            continue
        arguments, reason = _AUTOMATIC[kind](problem)
        chosen[kind] = Part(kind, AUTO[kind], {**arguments, **part.arguments})
        reasons.append(f"{kind}: {AUTO[kind]}, {reason}")
    return chosen, reasons


def _solver(problem: Problem) -> tuple[dict[str, Any], str]:
    return {}, "since the problem is given by residuals"


def _network(problem: Problem) -> tuple[dict[str, Any], str]:
    d = problem.domain.dimension
    width = 24 if d <= 3 else 48
    reason = f"{width} wide and 3 deep: a few thousand parameters suit a quasi-Newton method"
    fastest = max(frequencies(problem).items(), key=lambda item: item[1])
    if fastest[1] >= FAST:
        reason += (
            f"; the data vary at {fastest[1]:.0f} radians per half length of {fastest[0]}: should "
            "training stall, try --network siren, or --windows where that is time"
        )
    return {"width": width, "depth": 3}, reason


def _sampler(problem: Problem) -> tuple[dict[str, Any], str]:
    d = problem.domain.dimension
    points = {1: 256, 2: 3000}.get(d, 4000)
    return {"points": points, "every": 100}, (
        f"{points} points in {d} dimension{'s' * (d > 1)}, moved to where residuals are large"
    )


def _optimizer(problem: Problem) -> tuple[dict[str, Any], str]:
    return {"adam_steps": 400}, (
        "since Adam finds the basin and a self-scaled quasi-Newton method converges in it"
    )


def _balance(problem: Problem) -> tuple[dict[str, Any], str]:
    imposed = plan_hard_conditions(problem).imposed
    inside = problem.domain.dimension
    trained = [
        name
        for name, condition in problem.conditions.items()
        if name not in imposed and condition.on.dimension < inside
    ]
    if not trained:
        return {}, "since all boundary and initial values are imposed exactly"
    return {"weights": dict.fromkeys(trained, TRAINED_WEIGHT)}, (
        f"{TRAINED_WEIGHT:g} times the equation's weight on {', '.join(trained)}, since errors "
        "there spread everywhere"
    )


_AUTOMATIC: dict[str, Callable[[Problem], tuple[dict[str, Any], str]]] = {
    "solver": _solver,
    "network": _network,
    "sampler": _sampler,
    "optimizer": _optimizer,
    "balance": _balance,
}
