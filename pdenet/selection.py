"""Parts by name, and `auto`: what is chosen for a problem, with the reason in words."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from typing import Any

from torch import nn

from pdenet.balancing import BALANCES, Balance
from pdenet.energy_selection import choose_for_energies
from pdenet.feature_selection import CHOICES, choose_for_features, why_features
from pdenet.frequencies import frequencies
from pdenet.networks import NETWORKS
from pdenet.networks.initializers import Initializer
from pdenet.operator_selection import choose_for_operators
from pdenet.optim import OPTIMIZERS, Phase
from pdenet.optimizer_selection import choose_optimizer, count_parameters
from pdenet.problem import Problem
from pdenet.sampling import SAMPLERS, Sampler
from pdenet.solvers import SOLVERS
from pdenet.solvers.hard import plan_hard_conditions
from pdenet.solvers.start import INITIALIZERS


def no_optimizer() -> tuple[Phase, ...]:
    """No phase: for solvers that solve.

    Returns:
        Nothing.
    """
    return ()


def tried() -> None:
    """Stands for the initializer that a trial finds (:mod:`pdenet.initialization`)."""


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

# On Allen-Cahn with a trained start a weight of 1 leaves the wrong branch to be found first.
TRAINED_WEIGHT = 100.0

# Radians per half length: on wave-1d (8.4) and heat-multiscale (31) sines beat tanh by far.
FAST = 8.0


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


def choose(
    problem: Problem, parts: Mapping[str, Part], precision: int = 64
) -> tuple[dict[str, Part], list[str]]:
    """Resolves every `auto` for a problem.

    Args:
        problem: The problem.
        parts: Part by kind.
        precision: Bits of the floating point numbers.

    Returns:
        Concrete parts by kind, and what was chosen and why, one sentence each.
    """
    chosen, reasons = {}, []
    given = {k: ("" if p.given is not None else p.name, p.arguments) for k, p in parts.items()}
    asked = asked_for(given, precision)
    for kind, part in parts.items():
        # An initializer is tried out when the rest is known.
        if part.given is not None or part.name != "auto" or kind == "initializer":
            chosen[kind] = part
            continue
        solver = chosen["solver"].concrete if "solver" in chosen else ""
        name, arguments, reason = automatic(kind, problem, solver, asked)
        if kind == "optimizer" and solver == "pinn" and not problem.inputs and not part.arguments:
            name, arguments, reason = _optimizer_by_size(problem, chosen)
        chosen[kind] = Part(kind, name, {**arguments, **part.arguments})
        reasons.append(f"{kind}: {name}, {reason}")
    if "sampler" in parts and "optimizer" in chosen:
        chosen["sampler"] = _as_often(chosen["sampler"], parts["sampler"], chosen["optimizer"])
    return chosen, reasons


def _optimizer_by_size(
    problem: Problem, chosen: Mapping[str, Part]
) -> tuple[str, dict[str, Any], str]:
    """The optimizer for the network and the points that were chosen."""
    network, sampler = (chosen.get(k, Part(k, AUTO[k])) for k in ("network", "sampler"))
    if sampler.given is not None:
        points = sampler.given.points
    else:
        points = int(sampler.describe()["points"])
    # As many equations as outputs is the rule.
    rows = points * problem.outputs
    return choose_optimizer(count_parameters(network.build(), problem), rows)


def _as_often(sampler: Part, asked: Part, optimizer: Part) -> Part:
    """The sampler, with fresh points as often as few and costly steps need them."""
    automatic = asked.given is None and asked.name == "auto" and "every" not in asked.arguments
    if not automatic or "every" not in sampler.arguments:
        return sampler
    phases = optimizer.build()
    if not phases:
        return sampler
    first = phases[0]
    wanted = first.resample_every if first.consumes == "jacobian" else None
    if wanted is None or wanted >= sampler.arguments["every"]:
        return sampler
    return replace(sampler, arguments={**sampler.arguments, "every": wanted})


FITTING = {
    "network": ("random-features",),
    "sampler": ("uniform", "sobol", "latin-hypercube", "stratified", "quadrature", "determinantal"),
    "optimizer": ("none",),
    "balance": (),
}
"""Names of parts that the least-squares solver takes too."""


def asked_for(given: Mapping[str, tuple[str, Collection[str]]], precision: int = 64) -> str:
    """What a user asked for that only training by steps has.

    Args:
        given: Name and names of arguments of each part, by kind; an empty name for ready objects.
        precision: Bits of the floating point numbers.

    Returns:
        Its kind; empty where there is nothing of the sort.
    """
    if precision != 64:
        return "precision"
    for kind, (name, arguments) in given.items():
        plain = name == DEFAULT_NAMES[kind] and set(arguments) <= {"width", "points"}
        if kind != "solver" and not plain and name not in FITTING.get(kind, ()):
            return kind
    return ""


def takes_initializer(solver: Callable[..., Any]) -> bool:
    """Whether a solver trains a network from a start that can be chosen."""
    return "initializer" in inspect.signature(solver).parameters


def automatic(
    kind: str, problem: Problem, solver: str, asked: str = ""
) -> tuple[str, dict[str, Any], str]:
    """What `auto` stands for with a problem.

    Args:
        kind: solver, network, sampler, optimizer, balance.
        problem: The problem.
        solver: The solver, once it is chosen.
        asked: What :func:`asked_for` found.

    Returns:
        Name, arguments, and the reason in words.
    """
    if kind == "solver" and not problem.has_equations:
        return "deep-ritz", {}, "since the problem is given by what its solution minimizes"
    if solver == "deep-ritz" and (choice := choose_for_energies(kind, problem)):
        return choice
    if solver == "least-squares" and kind in CHOICES:
        return choose_for_features(kind, problem)
    if problem.inputs:
        return choose_for_operators(kind, problem)
    if kind == "solver" and asked:
        return AUTO[kind], {}, f"since the {asked} was asked for"
    if kind == "solver" and (reason := why_features(problem)):
        return "least-squares", {}, reason
    return AUTO[kind], *_AUTOMATIC[kind](problem)


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
