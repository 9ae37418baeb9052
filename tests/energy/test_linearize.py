"""Slopes and curvature of densities against closed forms."""

import pytest
import torch

from pdenet import Energy, Problem
from pdenet.energy import columns, curvature, factor, slopes
from pdenet.geometry import Box
from pdenet.jets import Jet, dot, grad

SQUARE = Box(x=(0, 1), y=(0, 1))


def _conductivity(x, y):
    return 1 + x + 2 * y


def _density(u, x, y):
    return 0.5 * _conductivity(x, y) * dot(grad(u), grad(u)) + 0.25 * u**4 - 3 * u


@pytest.fixture
def setting():
    problem = Problem(domain=SQUARE, fields="u", energy=Energy(_density, on=SQUARE.interior))
    demand, points = problem.demands["energy"], SQUARE.sample(7, seed=0)
    jet = Jet(demand.layout, torch.randn(3, 7, generator=torch.Generator().manual_seed(0)))
    return demand, {"u": jet}, points


def test_slopes(setting):
    demand, jets, points = setting
    u, along_x, along_y = jets["u"].channels
    k = _conductivity(points["x"], points["y"])
    expected = torch.stack([u**3 - 3, k * along_x, k * along_y])
    torch.testing.assert_close(slopes(demand, jets, points.x)["u"], expected)


def test_curvature_and_its_root(setting):
    demand, jets, points = setting
    u, k = jets["u"].channels[0], _conductivity(points["x"], points["y"])
    found = curvature(demand, jets, points.x)
    torch.testing.assert_close(found, torch.diag_embed(torch.stack([3 * u**2, k, k], dim=1)))
    root = factor(found)
    torch.testing.assert_close(root @ root, found)


def test_columns_follow_the_fields():
    fields = {"u": torch.arange(6.0).reshape(3, 2), "v": torch.ones(1, 2, 2)}
    assert columns(fields).tolist() == [[0.0, 2.0, 4.0, 1.0, 1.0], [1.0, 3.0, 5.0, 1.0, 1.0]]


def test_negative_curvature_is_cut_off():
    # The eigenvectors of a saddle are not the axes.
    saddle = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    kept = factor(saddle)
    torch.testing.assert_close(kept @ kept, 0.5 * torch.ones(1, 2, 2))
