"""Parts by name; what `auto` chooses is whole and says why, whatever its numbers."""

import json
from functools import partial
from typing import Any

import pytest
from torch import nn

from pdenet import PINN, Problem
from pdenet.balancing import Static
from pdenet.catalogue import find
from pdenet.networks import MLP
from pdenet.optim import LBFGS, Adam
from pdenet.record import plain
from pdenet.sampling import UniformSampler
from pdenet.selection import REGISTRIES, Part, choose, options
from pdenet.settings import PARTS

EVERY = [(k, name) for k, registry in REGISTRIES.items() for name in registry if name != "auto"]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_part_is_built_from_its_name(kind: str, name: str) -> None:
    part = Part(kind, name)
    described = part.describe()
    assert described["name"] == name
    # What a record and a configuration store can be stored.
    assert json.loads(json.dumps(plain(described)))["name"] == name
    assert part.as_given() == {"name": name}
    if kind == "network":
        assert isinstance(part.build()(2, 3), nn.Module)
    else:
        assert part.build() is not None
    for parameter in options(kind, name).values():
        assert parameter.default is not parameter.empty, "every argument has a default"


@pytest.mark.parametrize(
    ("kind", "spec", "said"),
    [
        ("network", "mpl", "Did you mean 'mlp'"),
        ("network", "zzz", "There are auto, "),
        ("network", {"name": "mlp", "size": 3}, "no argument 'size'; it has width"),
        ("network", {"size": 3}, "no argument 'size'"),
        ("network", 3, "a function"),
        ("solver", MLP(1, 1), "a class such as PINN"),
        ("sampler", MLP(1, 1), "give a Sampler"),
        ("optimizer", [3], "a tuple of phases"),
        ("balance", 1.0, "give a Balance"),
        ("initializer", 4, "an Initializer"),
        ("initializer", "zzz", "There are auto, glorot"),
        ("initializer", {"name": "auto", "R": 2}, "no argument 'R'"),
    ],
)
def test_unknown_parts(kind: str, spec: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Part.parse(kind, spec)


def test_parts_are_given_in_many_ways() -> None:
    width = Part("network", "mlp", {"width": 7})
    assert Part.parse("network", {"name": "mlp", "width": 7}) == width
    assert Part.parse("network", width) is width
    assert Part.parse("network", "mlp").arguments == {}
    assert width.build()(2, 1).hidden[0].out_features == 7
    phase = Adam(steps=3)
    assert Part.parse("optimizer", phase).build() == (phase,)


@pytest.mark.parametrize(
    ("kind", "given", "name"),
    [
        ("network", MLP(2, 1), "MLP"),
        ("network", partial(MLP, width=3), "MLP"),
        ("network", lambda i, o: MLP(i, o), "<lambda>"),
        ("solver", PINN, "PINN"),
        ("sampler", UniformSampler(), "UniformSampler"),
        ("optimizer", (Adam(steps=2), LBFGS()), "adam, lbfgs"),
        ("balance", Static(), "Static"),
    ],
)
def test_ready_objects_have_names(kind: str, given: Any, name: str) -> None:
    part = Part.parse(kind, given)
    assert part.build() is given
    assert part.describe() == part.as_given() == {"name": name}


@pytest.fixture(scope="module", params=["poisson-1d", "burgers", "poisson-nd", "kovasznay"])
def problem(request: pytest.FixtureRequest) -> Problem:
    return find(request.param).build()


def test_auto_chooses_every_part_and_says_why(problem: Problem) -> None:
    chosen, reasons = choose(problem, {kind: Part.parse(kind, {}) for kind in PARTS})
    assert list(chosen) == list(PARTS)
    # To try initializers costs seconds: it must be asked for.
    assert chosen.pop("initializer").describe()["name"] == "glorot"
    for kind, part in chosen.items():
        assert part.name != "auto"
        (reason,) = (r for r in reasons if r.startswith(f"{kind}: "))
        assert len(reason) > len(f"{kind}: {part.name}, ")
        assert reason.startswith(f"{kind}: {part.name}, ")
        assert part.build() is not None


def test_given_arguments_go_before_automatic_ones(problem: Problem) -> None:
    parts = {kind: Part.parse(kind, {}) for kind in PARTS}
    parts["solver"] = Part("solver", "pinn")
    parts["network"] = Part("network", "auto", {"depth": 5})
    parts["sampler"] = Part("sampler", "sobol", {"points": 9})
    chosen, reasons = choose(problem, parts)
    assert chosen["network"].arguments["depth"] == 5
    assert chosen["sampler"] is parts["sampler"]
    assert not [r for r in reasons if r.startswith("sampler")]


def test_windows_do_not_share_ready_objects(problem: Problem) -> None:
    network = MLP(2, 1)
    copied = Part.parse("network", network).for_window(problem).build()
    assert copied is not network
    assert isinstance(copied, MLP)
    name = next(iter(problem.conditions))
    weights = {"weights": {name: 2.0, "elsewhere": 3.0}}
    kept = Part("balance", "static", weights).for_window(problem).arguments["weights"]
    assert kept == {name: 2.0}


@pytest.mark.slow
def test_features_are_left_where_a_longer_trial_shows_that_they_get_stuck() -> None:
    # At a corner the gradient is unbounded: 1600 features leave what 400 do.
    chosen, _ = choose(find("poisson-l-shape").build(), {"solver": Part("solver")})
    assert chosen["solver"].name == "pinn"


@pytest.mark.parametrize("dimension", [4, 5])
def test_a_cubes_boundary_gets_points_by_its_faces(dimension: int) -> None:
    problem = find("poisson-nd").build(dimension=dimension)
    parts = {kind: Part.parse(kind, "auto") for kind in PARTS}
    chosen, reasons = choose(problem, parts)
    assert chosen["sampler"].describe()["boundary_points"] == 100 * 2 * dimension
    assert any(f"has {2 * dimension} faces" in reason for reason in reasons)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one-peak-2d", "lid-driven-cavity"])
def test_singular_corners_and_peaks_are_found_by_patches(name: str) -> None:
    chosen, reasons = choose(find(name).build(), {"solver": Part("solver")})
    assert chosen["solver"].name == "least-squares"
    assert "in patches of the rectangle" in reasons[0]
