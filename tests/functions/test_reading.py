"""New input functions from files: on grids, at scattered points, at sensors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pdenet.functions import (
    RBF,
    ChebyshevSeries,
    Ensemble,
    InputFunction,
    Nodes,
    WaveField,
    read_functions,
    unlikeness,
)
from pdenet.geometry import Box, Interval

PLANE = Box(x=(0, 1), y=(0, 2))
INPUTS = {
    "v": InputFunction(WaveField(PLANE, RBF(0.5), waves=2), sensors=25),
    "w": InputFunction(ChebyshevSeries(Interval(x=(0, 1)), 2), sensors=5),
}


def read(folder: Path, **arrays: Any) -> Ensemble:
    np.savez(folder / "new.npz", **arrays)
    return read_functions(folder / "new.npz", INPUTS)


def plane(x: Any, y: Any) -> Any:
    return 1 + 2 * x - y


@pytest.mark.parametrize("several", [False, True])
def test_grids_and_points_give_the_same_linear_functions(tmp_path: Path, several: bool) -> None:
    x, y = np.linspace(0, 1, 4), np.linspace(0, 2, 6)
    grid = np.stack(np.meshgrid(x, y, indexing="ij"))
    exact = plane(*INPUTS["v"].x.T)
    w = np.stack([x, 1 - x])[: 1 + several]
    v = np.stack([plane(*grid), 2 * plane(*grid)])[: 1 + several]
    flat = [column.ravel() for column in grid]
    on_grid = read(tmp_path, x=x, y=y, v=v if several else v[0], w=w)
    assert len(on_grid) == 1 + several
    torch.testing.assert_close(on_grid.seen["v"][-1], exact * (1 + several))
    only_v = {"v": INPUTS["v"]}
    np.savez(tmp_path / "flat.npz", x=flat[0], y=flat[1], v=v.reshape(len(v), -1))
    scattered = read_functions(tmp_path / "flat.npz", only_v)
    torch.testing.assert_close(scattered.seen["v"], on_grid.seen["v"])


def test_middles_of_cells_reach_the_boundary_and_halves_of_the_region_do_not() -> None:
    middles = (np.arange(10) + 0.5) / 10
    x = torch.tensor([[0.0], [1.0]])
    assert not bool(Nodes({"x": middles}, (10,)).missed(x).any())
    assert Nodes({"x": middles / 2}, (10,)).missed(x).tolist() == [False, True]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"v": np.ones((4, 4)), "w": np.ones(5)}, "25 sensors"),
        ({"v": np.ones(25), "w": np.ones(4), "x": np.linspace(0, 1, 4)}, "not \\['y'\\]"),
        ({"v": np.ones((2, 25)), "w": np.ones((3, 5))}, "same number"),
        ({"v": np.ones(25)}, "no array 'w'"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(tmp_path, **arrays)


def test_a_network_is_shown_what_the_transform_makes() -> None:
    space = ChebyshevSeries(Interval(x=(0, 1)), 2)
    shown = InputFunction(space, sensors=3, transform=torch.log)
    found = shown.seen(shown.functions(lambda x: torch.exp(2 * x)))
    torch.testing.assert_close(found, torch.tensor([[0.0, 1.0, 2.0]]))
    with pytest.raises(ValueError, match="no finite value at 1 of 3"):
        shown.seen(shown.functions(lambda x: x))


def test_draws_of_the_law_are_like_it_and_others_are_not() -> None:
    law = ChebyshevSeries(Interval(x=(0, 1)), 3)
    x = torch.linspace(0, 1, 30)[:, None]
    training, usual = law.training(50, seed=0)(x).T, law.unseen(100)(x).T
    assert float(unlikeness(law.draw(200, seed=5)(x).T, training, usual).max()) < 1.5
    waves, large = torch.sin(40 * x).T, 4 * training[:1].sign()
    assert float(unlikeness(torch.cat([waves, large]), training, usual).min()) > 1.5
