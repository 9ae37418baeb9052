"""The optimizer that `auto` takes follows what a step costs."""

import pytest
import torch
from torch import nn

from pdenet.catalogue import find
from pdenet.networks import MLP
from pdenet.selection import Part, choose
from pdenet.selection.optimizers import choose_optimizer, count_parameters
from pdenet.settings import PARTS


@pytest.mark.parametrize(
    ("parameters", "rows", "expected"),
    [
        (1297, 3000, "levenberg-marquardt"),
        (5041, 300, "levenberg-marquardt"),  # in the space of the rows
        (5041, 4000, "adam-ssbroyden"),
        (200_000, 4000, "adam-lbfgs"),
    ],
)
def test_the_optimizer_follows_the_cost_of_a_step(
    parameters: int, rows: int, expected: str
) -> None:
    name, _, reason = choose_optimizer(parameters, rows)
    assert name == expected
    assert str(parameters) in reason


def test_parameters_are_counted_without_a_draw() -> None:
    problem = find("burgers").build()
    state = torch.random.get_rng_state()
    assert count_parameters(lambda i, o: MLP(i, o, width=24, depth=3), problem) == 1297
    assert torch.equal(torch.random.get_rng_state(), state)
    frozen = nn.Linear(2, 1).requires_grad_(False)
    assert count_parameters(nn.Sequential(frozen, nn.Linear(1, 1)), problem) == 2


def test_fresh_points_come_as_often_as_costly_steps_need_them() -> None:
    problem = find("burgers").build()

    def chosen(**given: Part) -> dict[str, Part]:
        parts = {kind: Part.parse(kind, {}) for kind in PARTS} | given
        return choose(problem, parts)[0]

    assert chosen()["optimizer"].name == "levenberg-marquardt"
    assert chosen()["sampler"].arguments["every"] == 20
    first_order = chosen(optimizer=Part("optimizer", "adam"))
    assert first_order["sampler"].arguments["every"] == 100
    asked = chosen(sampler=Part("sampler", "auto", {"every": 7}))
    assert asked["sampler"].arguments["every"] == 7
    assert chosen(sampler=Part("sampler", "adversarial"))["sampler"].arguments["every"] == 20
    assert "every" not in chosen(sampler=Part("sampler", "das"))["sampler"].arguments
    large = chosen(network=Part("network", "mlp", {"width": 128, "depth": 3}))
    assert large["optimizer"].name == "adam-lbfgs"
    # Options of a method say which method is meant.
    named = chosen(optimizer=Part("optimizer", "auto", {"adam_steps": 50}))
    assert named["optimizer"].name == "adam-ssbroyden"
