"""Input functions: where they are seen, and what a person may give for one."""

import pytest
import torch

from pdenet.functions import (
    RBF,
    AtSensors,
    ChebyshevSeries,
    Ensemble,
    Formulas,
    GaussianField,
    InputFunction,
)
from pdenet.geometry import Box, Disk, Interval

LINE = Interval(x=(0, 2))
SPACE = ChebyshevSeries(LINE, 4)


def test_sensors_are_a_grid_on_a_box_and_lie_inside_elsewhere() -> None:
    assert InputFunction(SPACE, sensors=3).x[:, 0].tolist() == [0.0, 1.0, 2.0]
    assert InputFunction(GaussianField(Box(x=(0, 1), y=(0, 1)), RBF(0.5)), sensors=9).x.shape == (
        9,
        2,
    )
    disk = InputFunction(GaussianField(Disk(center=(0, 0), radius=1), RBF(0.9)), sensors=20)
    assert (disk.x.norm(dim=1) <= 1).all()


def test_whatever_is_given_is_seen_alike() -> None:
    v = InputFunction(SPACE, sensors=[0.0, 0.5, 2.0])
    draw = SPACE.draw(1, seed=0)
    values = v.seen(draw)
    for given in (draw, values[0], values[0].tolist(), lambda x: draw(x[:, None])[:, 0]):
        torch.testing.assert_close(v.seen(v.functions(given)), values)
    assert v.seen(v.functions(3)).tolist() == [[3.0, 3.0, 3.0]]
    assert v.seen(v.functions(lambda: 2.0)).tolist() == [[2.0, 2.0, 2.0]]


def test_values_at_sensors_say_nothing_elsewhere() -> None:
    v = InputFunction(SPACE, sensors=3)
    known = v.functions([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="at its sensors only"):
        known(torch.tensor([[0.3]]))


def test_formulas_are_columns() -> None:
    both = Formulas([lambda x: x**2, lambda x: 0 * x + 1], ("x",))
    assert both(torch.tensor([[2.0]])).tolist() == [[4.0, 1.0]]
    assert len(both[[1]]) == 1


def test_inputs_of_one_law_are_independent() -> None:
    inputs = {"v": InputFunction(SPACE), "w": InputFunction(SPACE)}
    for ensemble in (Ensemble.training(inputs, 40, 0), Ensemble.unseen(inputs, 40)):
        v, w = (ensemble.seen[n][:, 10] for n in ("v", "w"))
        correlation = torch.corrcoef(torch.stack([v, w]))[0, 1]
        assert abs(float(correlation)) < 4 / 40**0.5  # four standard errors


def test_parts_of_an_ensemble_are_its_functions() -> None:
    inputs = {"v": InputFunction(SPACE, sensors=5)}
    ensemble = Ensemble.training(inputs, 6, seed=1)
    part = ensemble[[4, 1]]
    assert len(part) == 2
    torch.testing.assert_close(part.seen["v"], inputs["v"].seen(part.functions["v"]))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: InputFunction(3), "needs a space"),
        (lambda: InputFunction(SPACE, on=Interval(y=(0, 1))), "same, in this order"),
        (lambda: InputFunction(SPACE, sensors=0), "1 or more"),
        (lambda: InputFunction(SPACE, sensors=True), "1 or more"),
        (lambda: InputFunction(SPACE, sensors=[0.5, 3.0]), "1 of 2 sensors lie outside"),
        (lambda: InputFunction(SPACE, sensors=[0.5, 0.5]), "same point"),
        (lambda: InputFunction(SPACE, sensors=[0.5, float("nan")]), "not finite"),
        (lambda: InputFunction(SPACE, sensors=torch.zeros(3, 2)), r"expected \(s, 1\)"),
        (lambda: InputFunction(SPACE, sensors={"y": [0.5]}), "coordinates"),
        (lambda: InputFunction(SPACE, sensors="many"), "are no points"),
        (
            lambda: InputFunction(SPACE, sensors=4).functions([1.0, 2.0]),
            "one value for each sensor",
        ),
        (lambda: InputFunction(SPACE, sensors=2).functions([1.0, float("inf")]), "not finite"),
        (lambda: InputFunction(SPACE).functions("sin"), "give a function"),
        (lambda: InputFunction(SPACE).functions(lambda y: y), "asks for"),
        (lambda: Formulas([], ("x",)), "missing"),
        (lambda: AtSensors(torch.zeros(2, 1), torch.zeros(1, 3), ("x",)), "Values at sensors"),
        (lambda: Ensemble.given({"v": InputFunction(SPACE)}, {"w": 1}), "input functions"),
    ],
)
def test_bad_input_is_refused(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_functions_of_other_coordinates_are_refused() -> None:
    other = ChebyshevSeries(Interval(y=(0, 1))).draw(1, seed=0)
    with pytest.raises(ValueError, match="expected"):
        InputFunction(SPACE).functions(other)
