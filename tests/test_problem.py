"""A problem refuses what cannot be meant, when it is built, and changes no more."""

import copy
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from math import pi
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
    Unknown,
)
from pdenet.geometry import Box, Circle, Disk
from pdenet.jets import div, grad
from pdenet.references import Exact

ROD = Box(x=(0, 1), t=(0, 2))
SQUARE = Box(x=(0, 1), y=(0, 1))


def heat(domain: Any = ROD, **changes: Any) -> Problem:
    arguments: dict[str, Any] = {
        "domain": domain,
        "fields": "u",
        "conditions": {
            "heat": Condition(lambda u: u.t - u.xx, on=domain.interior),
            "start": Initial(u=lambda x: torch.sin(pi * x), on=domain.initial),
            "walls": Dirichlet(u=0, on=domain.boundary),
        },
    }
    return Problem(**{**arguments, **changes})


def residual(function: Callable[..., Any], fields: Any = "u", **more: Any) -> Problem:
    condition = Condition(function, on=ROD.interior)
    return Problem(domain=ROD, fields=fields, conditions={"it": condition}, **more)


def walls(*conditions: Condition, fields: Any = "u", domain: Any = SQUARE) -> Problem:
    named = {f"wall {i}": c for i, c in enumerate(conditions)}
    return Problem(domain=domain, fields=fields, conditions=named)


FACE = SQUARE.face(x=0)

REFUSED: list[tuple[str, Callable[[], Any], str]] = [
    # names
    ("collision", lambda: heat(fields="x"), "'x' names both a coordinate and a field"),
    ("normal", lambda: heat(fields=("u", "nx")), "both a normal and a field"),
    ("unknown", lambda: heat(unknowns={"u": 1.0}), "both a field and a unknown"),
    ("twice", lambda: heat(fields=("u", "u")), "twice"),
    ("no identifier", lambda: heat(fields=("u", "my field")), "identifier"),
    ("no fields", lambda: heat(fields=()), "at least one field"),
    ("shape", lambda: heat(fields={"u": 0}), "(2, 2) for a tensor"),
    ("rank", lambda: heat(fields={"u": (2, 2, 2)}), "(2, 2) for a tensor"),
    ("stranger", lambda: residual(lambda velocty: velocty, "velocity"), "mean 'velocity'?"),
    ("interior normal", lambda: residual(lambda u, nx: u.x * nx), "'interior' has no normals"),
    ("no t", lambda: walls(Condition(lambda u: u.t, on=FACE)), "'t' is no partial derivative"),
    ("no field", lambda: residual(lambda x: x), "names no field"),
    ("partners", lambda: walls(
        Periodic("u", on=FACE, to=SQUARE.face(x=1)), fields=("u", "u_to")), "partner points"),
    ("not a problem's field", lambda: walls(Dirichlet(v=0, on=FACE)), "asks for 'v'"),
    # shapes
    ("number", lambda: residual(lambda u: 0.0), "returned float 0.0"),
    ("nothing", lambda: residual(lambda u: None), "returned NoneType"),
    ("mask", lambda: residual(lambda u: u.x > 0), "returned bool"),
    ("one number", lambda: residual(lambda u: torch.ones(())), "of shape ()"),
    ("column", lambda: residual(lambda u: u.xx[:, None]), "shape (n,)"),
    ("matrix", lambda: residual(lambda u, x: u - torch.ones(3, 1)), "[:, 0]"),
    ("constant rows", lambda: residual(lambda u: u - torch.ones(3)), "size"),
    ("empty", lambda: residual(lambda u: ()), "no rows"),
    ("vector and scalar", lambda: residual(lambda v: v[0] + v, {"v": 2}), "'Vector'"),
    ("component", lambda: residual(lambda v: v[2], {"v": 2}), "from 0 to 1"),
    ("values", lambda: walls(Dirichlet(v=(1, 2, 3), on=FACE), fields={"v": 2}), "2 components"),
    ("scalar values", lambda: walls(Dirichlet(u=(1, 2), on=FACE)), "scalar field is given 2"),
    ("value's shape", lambda: walls(Dirichlet(u=lambda y: y[:, None], on=FACE)), "(n,)"),
    ("tuple of a function", lambda: walls(Dirichlet(u=lambda y: (y, y), on=FACE)), "tuple of"),
    ("integrand", lambda: walls(Integral(lambda u: (u, u.x), on=FACE)), "Integral of its own"),
    ("vector flux", lambda: walls(Neumann(v=0, on=FACE), fields={"v": 2}), "field"),
    ("data of a vector", lambda: walls(
        Data({"x": [0.5], "y": [0.5]}, v=[1.0]), fields={"v": 2}), "(n, 2)"),
    ("fifth order", lambda: residual(lambda u: u.xxxxx), "orders up to 4"),
    ("raises", lambda: residual(lambda u: {}["k"]), "KeyError: 'k'"),
    # data
    ("nan value", lambda: walls(Dirichlet(u=lambda y: y / 0, on=FACE)), "not finite"),
    ("nan rate", lambda: heat(conditions={
        "it": Initial(u=0, rate={"u": lambda x: torch.log(-x)}, on=ROD.initial)}), "not finite"),
    ("nan term", lambda: walls(Robin(u=(1, 1, lambda y: y / 0), on=FACE)), "not finite"),
    ("nan jump", lambda: walls(
        Interface("u", "v", on=Circle(center=(0.5, 0.5), radius=0.2), jump=lambda x: x / 0),
        fields=("u", "v")), "not finite"),
    ("nan unknown", lambda: heat(unknowns={"k": float("nan")}), "not finite"),
    ("exact unknown", lambda: Unknown(1.0, exact=float("inf")), "not finite"),
    ("order of columns", lambda: heat(conditions={
        "it": Data({"t": [1.0], "x": [0.5]}, u=[1.0])}), "in this order"),
    # contradictions
    ("numbers", lambda: walls(Dirichlet(u=0, on=FACE), Dirichlet(u=1, on=FACE)), "x=0"),
    ("part of the boundary", lambda: walls(
        Dirichlet(u=0, on=SQUARE.boundary), Dirichlet(u=1, on=FACE)), "different values on 'x=0'"),
    ("vectors", lambda: walls(
        Dirichlet(v=0, on=FACE), Dirichlet(v=(0, 1), on=FACE), fields={"v": 2}), "remove one"),
    ("fluxes", lambda: walls(
        Neumann(u=0, on=FACE), Neumann(u=lambda y: y, on=FACE)), "different values"),
    ("start", lambda: heat(conditions={
        "a": Initial(u=0, on=ROD.initial), "b": Dirichlet(u=1, on=ROD.face(t=0))}), "on 't=0'"),
    # the rest
    ("no conditions", lambda: heat(conditions={}), "at least its equation"),
    ("bare function", lambda: heat(conditions={"it": lambda u: u}), "wrap the function"),
    ("domain", lambda: heat(domain=ROD, conditions={}, fields="u", target=-1.0), "no conditions"),
    ("target", lambda: heat(target=0.0), "positive and finite"),
    ("boundary as domain", lambda: Problem(
        domain=SQUARE.boundary, fields="u",  # type: ignore[arg-type]
        conditions={"it": Dirichlet(u=0, on=SQUARE.boundary)}), "full dimension"),
    ("other space", lambda: heat(conditions={
        "it": Condition(lambda u: u, on=SQUARE.interior)}), "('x', 'y'), but the domain has"),
    ("constant", lambda: heat(modulo_constant=("p",)), "modulo_constant"),
    ("reference", lambda: heat(reference=Exact(w=lambda x: x)), "The reference"),
    ("region", lambda: heat(regions={"u": SQUARE}), "coordinates ('x', 't')"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "said"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused(build: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        build()
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "build",
    [
        lambda: walls(Dirichlet(u=0, on=FACE), Dirichlet(u=0.0, on=SQUARE.boundary)),
        lambda: walls(Dirichlet(u=lambda y: y, on=FACE), Dirichlet(u=1, on=SQUARE.face(x=1))),
        lambda: walls(Dirichlet(u=0, on=FACE), Dirichlet(v=1, on=FACE), fields=("u", "v")),
        lambda: walls(Dirichlet(u=0, on=FACE), Neumann(u=1, on=FACE)),
        # The values disagree at the corner, which belongs to no face.
        lambda: heat(
            conditions={
                "start": Initial(u=1, on=ROD.initial),
                "walls": Dirichlet(u=0, on=ROD.boundary),
            }
        ),
        lambda: residual(lambda u, k=2.0: u.t - k * u.xx),
        lambda: residual(lambda u, k: (u.t - k * u.xx, u), unknowns={"k": 1.0}),
        lambda: residual(lambda u, v: [u.t - v.x, v.t - u.x], fields=("u", "v")),
        lambda: residual(lambda k, x: k * x, unknowns={"k": 1.0}),
        lambda: residual(lambda v, p: (grad(p), div(grad(p)), v), {"v": 3, "p": ()}),
    ],
)
def test_accepted(build: Callable[[], Problem]) -> None:
    assert build().demands


def test_fields_have_shapes() -> None:
    problem = residual(lambda u: u, {"u": (), "v": 2, "s": (2, 3), "w": (4,)})
    assert dict(problem.shapes) == {"u": (), "v": (2,), "s": (2, 3), "w": (4,)}
    assert problem.outputs == 1 + 2 + 6 + 4
    assert dict(residual(lambda a: a, ("a", "b")).shapes) == {"a": (), "b": ()}


def test_demands_hold_the_needed_derivatives_alone() -> None:
    channels = heat().demands["heat"].layout.channels
    assert set(channels) == {(), (0,), (1,), (0, 0)}
    assert heat().demands["walls"].layout.channels == ((),)


def test_nothing_can_be_changed() -> None:
    problem = heat(unknowns={"k": 1.0})
    with pytest.raises(FrozenInstanceError):
        problem.target = 1.0  # type: ignore[misc]
    for name in ("fields", "conditions", "unknowns", "parameters", "regions", "demands"):
        with pytest.raises(TypeError, match="item assignment"):
            getattr(problem, name)["u"] = 1
    assert copy.deepcopy(problem) is problem


def test_the_callers_mappings_are_copied() -> None:
    conditions: dict[str, Condition] = {"it": Condition(lambda u: u, on=ROD.interior)}
    unknowns: dict[str, float] = {"k": 1.0}
    problem = Problem(domain=ROD, fields="u", conditions=conditions, unknowns=unknowns)
    conditions.clear()
    unknowns["k"] = 2.0
    assert list(problem.conditions) == ["it"]
    assert problem.unknowns["k"] == Unknown(1.0)


def test_two_problems_share_no_state() -> None:
    def problem(k: float) -> Problem:
        return residual(lambda u: u.t - k * u.xx)

    one, two = problem(1.0), problem(2.0)
    named = one.named("mine", {"k": 1.0})
    assert (one.name, named.name, two.name) == ("problem", "mine", "problem")
    assert named.parameters == {"k": 1.0}
    assert not one.parameters
    # Cells of the closures, where a shared default or class attribute would show.
    kept = [p.conditions["it"].residual.__closure__[0].cell_contents for p in (one, two)]
    assert kept == [1.0, 2.0]


def test_where_a_field_lives() -> None:
    disk = Disk(center=(0.5, 0.5), radius=0.25)
    problem = Problem(
        domain=SQUARE,
        fields=("u", "v"),
        conditions={"it": Condition(lambda u, v: u - v, on=disk.interior)},
        regions={"v": disk},
    )
    x = torch.tensor([[0.5, 0.5], [0.9, 0.9]])
    assert problem.where("u", x).tolist() == [True, True]
    assert problem.where("v", x).tolist() == [True, False]


# -- windows of time ---------------------------------------------------------------------------


def test_a_window_moves_everything_in_time() -> None:
    at = {"x": [0.5, 0.5, 0.5], "t": [0.1, 1.2, 1.9]}
    problem = heat(
        conditions={**heat().conditions, "data": Data(at, u=[1.0, 2.0, 3.0])},
        regions={"u": ROD},
        unknowns={"k": 3.0},
    )
    window = problem.at_time(1.0, 1.5, {"u": lambda x: x})
    assert window.domain.bounds == {"x": (0.0, 1.0), "t": (1.0, 1.5)}
    assert window.regions["u"].bounds["t"] == (1.0, 1.5)
    assert window.conditions["heat"].on.bounds["t"] == (1.0, 1.5)
    assert window.conditions["walls"].on.bounds["t"] == (1.0, 1.5)
    assert window.conditions["start"].on.bounds["t"] == (1.0, 1.0)
    assert window.conditions["start"].values["u"](x=3.0) == 3.0  # type: ignore[operator]
    data = window.conditions["data"]
    assert isinstance(data, Data)
    assert data.columns["u"].tolist() == [2.0]
    assert "data" not in problem.at_time(0.2, 1.0).conditions
    # The first window keeps the problem's own start.
    first = problem.at_time(0.0, 1.0).conditions["start"]
    assert first.values["u"] is problem.conditions["start"].values["u"]


def test_a_window_takes_rates_over() -> None:
    start = Initial(u=0, rate={"u": 1.0}, on=ROD.initial)
    problem = heat(conditions={**heat().conditions, "start": start})
    window = problem.at_time(0.5, 1.0, {"u": 2.0, "u.t": 3.0}).conditions["start"]
    assert isinstance(window, Initial)
    assert (dict(window.values), dict(window.rate)) == ({"u": 2.0}, {"u": 3.0})


@pytest.mark.parametrize(
    ("condition", "window", "said"),
    [
        (Condition(lambda u: u.t, on=ROD.initial), (0.5, 1.0), "write it as Initial"),
        (Dirichlet(u=0, on=ROD.final), (0.0, 1.0), "last time"),
        (Condition(lambda u, u_to: u - u_to, on=ROD.initial, to=ROD.final), (0.0, 1.0), "pairs"),
        (Integral(lambda u: u, on=ROD.interior), (0.0, 1.0), "cannot be cut"),
    ],
)
def test_what_windows_cannot_carry(
    condition: Condition, window: tuple[float, float], said: str
) -> None:
    problem = heat(conditions={"heat": heat().conditions["heat"], "it": condition})
    with pytest.raises(ValueError, match=said):
        problem.at_time(*window)


def test_conditions_at_the_ends_stay_where_they_are() -> None:
    more = {"end": Dirichlet(u=0, on=ROD.final), "rest": Condition(lambda u: u, on=ROD.initial)}
    problem = heat(conditions={"heat": heat().conditions["heat"], **more})
    assert problem.at_time(0.0, 2.0).conditions["end"].on.bounds["t"] == (2.0, 2.0)
    with pytest.raises(ValueError, match="'rest'"):
        problem.at_time(1.0, 2.0)


def test_a_problem_without_time_has_no_windows() -> None:
    problem = Problem(
        domain=SQUARE, fields="u", conditions={"it": Condition(lambda u: u, on=SQUARE.interior)}
    )
    with pytest.raises(ValueError, match="has no time"):
        problem.at_time(0, 1)


def test_replacing_a_part_checks_again() -> None:
    with pytest.raises(ValueError, match="asks for 'u'"):
        replace(heat(), fields="v")
