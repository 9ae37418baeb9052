"""Samplers as integrators: what their weighted sums are worth."""

import math

import numpy as np
import pytest
import torch

from pdenet.geometry import Box, Disk, Interval
from pdenet.sampling import QuadratureSampler, Sampler, StratifiedSampler, UniformSampler

SQUARE = Box(x=(0, 1), y=(0, 1))
DISK = Disk(center=(0, 0), radius=1)


def integral(sampler: Sampler, region, step: int = 0) -> float:
    points = sampler.draw(step)["equation"]
    return float((points.weight * torch.exp(points["x"]) * torch.cos(2 * points["y"])).sum())


def bound(sampler: Sampler, region, seed: int = 0) -> Sampler:
    sampler.bind({"equation": region, "walls": region.boundary}, seed)
    return sampler


EXACT = (math.e - 1) * math.sin(2) / 2


@pytest.mark.parametrize(("n", "order"), [((16, 64, 256), 1.0)])
def test_stratified_error_falls_with_n(n, order):
    spread = {}
    for make in (StratifiedSampler, UniformSampler):
        spread[make] = []
        for points in n:
            sampler = bound(make(points=points, every=1), SQUARE)
            errors = [integral(sampler, SQUARE, step) - EXACT for step in range(200)]
            # Unbiased: the mean of 200 is within four of its own standard deviations.
            assert abs(np.mean(errors)) < 4 * np.std(errors) / math.sqrt(200)
            spread[make].append(np.std(errors))
    slopes = {m: -np.polyfit(np.log(n), np.log(s), 1)[0] for m, s in spread.items()}
    # Standard deviations of order n^(-1/2 - 1/d), d = 2, and n^(-1/2); 200 draws know them to 5
    # per cent each.
    assert slopes[StratifiedSampler] == pytest.approx(order, abs=0.1)
    assert slopes[UniformSampler] == pytest.approx(0.5, abs=0.1)


def test_stratified_points_lie_one_in_each_cell():
    points = bound(StratifiedSampler(points=100), SQUARE).draw(0)["equation"]
    cells = (10 * points.x).int()
    assert len({tuple(c) for c in cells.tolist()}) == 100


def test_stratified_keeps_to_odd_shapes():
    region = SQUARE - Disk(center=(0.5, 0.5), radius=0.25)
    points = bound(StratifiedSampler(points=400), region).draw(0)["equation"]
    assert region.contains(points.x).all()
    assert len(points) == pytest.approx(400, rel=0.1)
    assert points.weight.sum().item() == pytest.approx(region.measure, rel=1e-12)


def test_shifted_panels_are_accurate_and_move():
    sampler = bound(QuadratureSampler(points=600, every=10), SQUARE)
    first, again, other = (sampler.draw(step)["equation"].x for step in (0, 9, 10))
    assert first is again
    assert not torch.isin(first, other).any()
    # Panels of 6 nodes of length 1/4: an error far below that of so many random points, 1e-2.
    assert integral(sampler, SQUARE, 20) == pytest.approx(EXACT, abs=1e-12)


def test_shifted_panels_meet_on_boundaries_and_in_disks():
    for region, inside, around in ((SQUARE, 1.0, 4.0), (DISK, math.pi, 2 * math.pi)):
        drawn = bound(QuadratureSampler(points=900, boundary_points=200, every=1), region).draw(3)
        assert drawn["equation"].weight.sum().item() == pytest.approx(inside, rel=1e-12)
        assert drawn["walls"].weight.sum().item() == pytest.approx(around, rel=1e-12)
        assert region.contains(drawn["equation"].x).all()
        normals = drawn["walls"].normals
        assert normals is not None
        assert normals.norm(dim=1).sub(1).abs().max() < 1e-12
        # Divergence theorem for (x^3, y): both rules resolve polynomials of degree 3.
        x, w = drawn["walls"].x, drawn["walls"].weight
        flux = (w * (x[:, 0] ** 3 * normals[:, 0] + x[:, 1] * normals[:, 1])).sum()
        p = drawn["equation"]
        # The map to a disk is a root in the centre, which panels see to 1e-4.
        total = (p.weight * (3 * p["x"] ** 2 + 1)).sum().item()
        assert total == pytest.approx(flux.item(), rel=1e-9 if region is SQUARE else 1e-4)


def test_panels_of_an_interval():
    sampler = bound(QuadratureSampler(points=30, every=1), Interval(x=(0, 2)))
    points = sampler.draw(0)["equation"]
    assert 30 <= len(points) <= 36
    # Degree 11 on each panel.
    assert (points.weight * points["x"] ** 11).sum().item() == pytest.approx(2**12 / 12, rel=1e-13)
