"""Figures of adaptive sampling: one for the points, one for the numbers, and a film."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from pdenet.geometry import Box, Domain, Interval
from pdenet.report.sampling import sampling_figures, write_film
from pdenet.report.style import save
from pdenet.sampling import ResidualAdaptiveSampler

REGIONS = {
    "line": Interval(x=(0, 1)),
    "square": Box(x=(0, 1), y=(0, 1)),
    "cube": Box(x1=(0, 1), x2=(0, 1), x3=(0, 1), x4=(0, 1)),
}


def report(region: Domain, turns: int = 3) -> dict:
    sampler = ResidualAdaptiveSampler(points=50, every=10, pool=200)
    sampler.bind({"equation": region}, 0)
    for k in range(1, turns + 1):  # the residual widens
        sampler.adapt(lambda _, p, k=k: torch.exp(-9 * p.x.square().sum(1) / k), 10 * k)
    found = sampler.report()
    assert found is not None
    return found


@pytest.mark.parametrize("name", REGIONS)
def test_figures_of_any_dimension(name: str, tmp_path: Path) -> None:
    found = report(REGIONS[name])
    figures = dict(sampling_figures(found, "a title"))
    assert set(figures) == {"points", "sampling"}
    titles = [ax.get_title() for ax in figures["points"].axes]
    assert "step 10: points, by density" in titles
    assert "step 30: residual after" in titles
    if name == "line":  # drawing to a file is slow, and the same for all
        assert save(figures["points"], tmp_path / "points.png").stat().st_size > 10_000


def test_scatter_shows_the_points_of_its_frame() -> None:
    found = report(REGIONS["square"])
    ax = dict(sampling_figures(found, ""))["points"].axes[0]
    drawn = torch.as_tensor(ax.collections[0].get_offsets().tolist())  # type: ignore[union-attr]
    frame = torch.tensor(found["frames"][0]["x"])
    torch.testing.assert_close(drawn.sort(0).values, frame.sort(0).values)


def test_film_has_a_picture_for_every_frame(tmp_path: Path) -> None:
    found = report(REGIONS["square"])
    path = write_film(found, tmp_path / "points.gif")
    assert path is not None
    with Image.open(path) as film:
        assert film.n_frames == len(found["frames"]) == 3  # type: ignore[attr-defined]
    assert write_film(report(REGIONS["square"], turns=1), tmp_path / "one.gif") is None
    assert not (tmp_path / "one.gif").exists()
