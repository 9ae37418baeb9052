"""What cannot be a condition is refused when it is built, with a message that says the fix."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from pdenet import (
    Condition,
    Data,
    Dirichlet,
    Initial,
    Integral,
    Interface,
    Neumann,
    Periodic,
    Problem,
    Robin,
)
from pdenet.geometry import Box, Circle
from pdenet.solvers.hard import plan_hard_conditions

ROD = Box(x=(0, 1), t=(0, 2))
WALL, START = ROD.face(x=0), ROD.initial
NAN = float("nan")

REFUSED: list[tuple[str, Callable[[], Any], str]] = [
    ("no region", lambda: Dirichlet(u=0, on="x=0"), "domain.face"),
    ("no region of a pair", lambda: Condition(lambda u: u, on=WALL, to=3), "domain.face"),
    ("no function", lambda: Condition(3, on=WALL), "function of named fields"),
    ("no field", lambda: Dirichlet(on=WALL), "Dirichlet(u=0, on=...)"),
    ("no field of data", lambda: Data({"x": [1.0]}), "names no field"),
    ("text", lambda: Dirichlet(u="zero", on=WALL), "'zero'; give a number"),
    ("none", lambda: Neumann(u=None, on=WALL), "give a number"),
    ("nan", lambda: Dirichlet(u=NAN, on=WALL), "finite"),
    ("nan in a vector", lambda: Dirichlet(v=(0, NAN), on=WALL), "finite"),
    ("nan rate", lambda: Initial(u=0, rate={"u": NAN}, on=START), "finite"),
    ("nan flux", lambda: Neumann(u=float("inf"), on=WALL), "finite"),
    ("nan in terms", lambda: Robin(u=(1, 2, NAN), on=WALL), "finite"),
    ("nan integral", lambda: Integral(lambda u: u, on=WALL, equals=NAN), "finite"),
    ("unknown coordinate", lambda: Dirichlet(u=lambda y: y, on=WALL), "there are x, t"),
    ("unknown constant", lambda: Initial(u=lambda x, k: k * x, on=START), "Condition(lambda u, k"),
    ("nameless", lambda: Dirichlet(u=torch.sin, on=WALL), "wrap it"),
    ("keywords", lambda: Robin(u=(1, 1, lambda **k: k["x"]), on=WALL), "Name those"),
    ("rate alone", lambda: Initial(u=0, rate={"v": 1}, on=START), "needs its field's value"),
    ("start of a wall", lambda: Initial(u=0, on=WALL), "domain.initial"),
    ("two terms", lambda: Robin(u=(1, 2), on=WALL), "three terms"),
    ("terms of a vector", lambda: Robin(u=((1, 2), 1, 0), on=WALL), "three terms"),
    ("hard normal", lambda: Neumann(u=lambda nx: nx, on=WALL, hard=True), "leave hard out"),
    ("negative order", lambda: Periodic("u", on=WALL, to=ROD.face(x=1), order=-1), "order 0"),
    ("no periodic field", lambda: Periodic(on=WALL, to=ROD.face(x=1)), "at least one field"),
    ("same face", lambda: Periodic("u", on=WALL, to=WALL), "shifts of each other"),
    ("other face", lambda: Periodic("u", on=WALL, to=START), "shifts of each other"),
    (
        "face of another size",
        lambda: Periodic("u", on=WALL, to=Box(x=(0, 1), t=(0, 3)).face(x=1)),
        "shifts of each other",
    ),
    (
        "face of another space",
        lambda: Condition(lambda u: u, on=WALL, to=Box(y=(0, 1), t=(0, 2)).face(y=1)),
        "shifts of each other",
    ),
    ("one side", lambda: Interface("u", "u", on=Circle(center=(0, 0), radius=1)), "each side"),
    (
        "one conductivity",
        lambda: Interface("u", "v", on=Circle(center=(0, 0), radius=1), conductivity=2.0),
        "(left, right)",
    ),
    ("no integrand", lambda: Integral(1.0, on=WALL), "function of named fields"),
    ("lengths", lambda: Data({"x": [0, 1], "t": [0, 1]}, u=[1.0]), "1 values at 2 points"),
    ("nan datum", lambda: Data({"x": [0], "t": [0]}, u=[NAN]), "Remove missing"),
    ("nan place", lambda: Data({"x": [NAN], "t": [0]}, u=[1]), "not finite"),
    ("words", lambda: Data({"x": [0], "t": [0]}, u=["a"]), "must hold numbers"),
    ("table", lambda: Data({"x": [0], "t": [0]}, u=[[[1.0]]]), "shape (n,)"),
]


@pytest.mark.parametrize(("build", "said"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused(build: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        build()
    assert said in str(error.value)


@pytest.mark.parametrize(
    "condition",
    [
        Dirichlet(u=lambda x: x, v=0, on=WALL),
        Initial(u=0, rate={"u": 1}, on=START),
        Robin(u=(1, 2, 3), on=WALL),
        Periodic("u", on=WALL, to=ROD.face(x=1)),
        Data({"x": [0.5], "t": [1.0]}, u=[1.0]),
    ],
    ids=lambda c: type(c).__name__,
)
def test_conditions_are_frozen(condition: Condition) -> None:
    for name in ("on", "residual", "values", "hard"):
        with pytest.raises(AttributeError, match="frozen"):
            setattr(condition, name, None)
    for mapping in (condition.values, condition.prescribed):
        with pytest.raises(TypeError, match="item assignment"):
            mapping["u"] = 1.0  # type: ignore[index]
    assert copy.deepcopy(condition) is condition


def test_values_do_not_follow_the_callers_mapping() -> None:
    rate = {"u": 1.0}
    condition = Initial(u=0, rate=rate, on=START)
    rate["u"] = 2.0
    assert condition.rate["u"] == 1.0


def test_a_flux_along_the_normal_is_trained() -> None:
    square = Box(x=(0, 1), y=(0, 1))
    problem = Problem(
        domain=square,
        fields="u",
        conditions={
            "equation": Condition(lambda u: u.xx + u.yy, on=square.interior),
            "walls": Dirichlet(u=0, on=square.boundary),
            "clamped": Neumann(u=lambda nx: 0 * nx, on=square.boundary),
        },
    )
    plan = plan_hard_conditions(problem)
    assert plan.imposed == ("walls",)


def test_integrals_over_time_are_not_cut() -> None:
    condition = Integral(lambda u: u, on=ROD.interior)
    with pytest.raises(ValueError, match="cannot be cut into windows"):
        condition.at_time(0, 1, None)
