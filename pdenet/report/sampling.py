"""Figures of adaptive sampling: where the points went, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from pdenet.report.probe import Array
from pdenet.report.style import (
    CYCLE,
    EXACT,
    INK,
    Draw,
    Panel,
    Scale,
    compose,
    dress,
    legend,
    log_scale,
    plain,
)

MAP = Panel(4.1, 3.5, right=0.75)
CURVE = Panel(5.7, 2.7)
FRAMES_PER_SECOND = 1
SERIES = {
    "mean_square": "mean squared residual at the points",
    "variance": "variance of the squared residual at the points",
    "wasserstein": "Wasserstein distance of the squared residual from uniform",
    "effective_share": "effective sample size over the number of points",
}

Frame = Mapping[str, Any]


def sampling_figures(sampling: Mapping[str, Any], title: str) -> Iterator[tuple[str, Figure]]:
    """Points over training, the residual before and after, and the numbers between.

    Args:
        sampling: Of a record.
        title: Of the figures.

    Yields:
        File stems and figures.
    """
    frames = _of_first_region(sampling["frames"])
    if frames:
        shown = [frames[i] for i in _spread(len(frames), 3)]
        density = log_scale([np.asarray(f["density"]) for f in shown])
        residual = log_scale([np.asarray(frames[i]["residual"]) for i in (0, -1)])
        first, last = frames[0], frames[-1]
        rows: list[list[Draw | None]] = [
            [_points(f, density, "x", "density", "points, by density") for f in shown],
            [
                _points(first, residual, "probes", "residual", "residual before"),
                _points(last, residual, "probes", "residual", "residual after"),
                _profile(first, last),
            ],
        ]
        yield "points", compose(rows, title, MAP)
    yield "sampling", _history(sampling["history"], title)


def write_film(sampling: Mapping[str, Any], path: Path) -> Path | None:
    """Writes the points over training as an animated GIF.

    Args:
        sampling: Of a record.
        path: The file.

    Returns:
        The file; None where fewer than two frames are known.
    """
    frames = _of_first_region(sampling["frames"])
    if len(frames) < 2:
        return None
    scale = log_scale([np.asarray(f["density"]) for f in frames])
    figure = Figure(figsize=(4.6, 3.8))
    writer = PillowWriter(fps=FRAMES_PER_SECOND)
    with writer.saving(figure, str(path), dpi=90):
        for frame in frames:
            figure.clear()
            ax = figure.add_axes((0.15, 0.14, 0.62, 0.76))
            _points(frame, scale, "x", "density", "points, by density")(ax)
            dress(ax)
            writer.grab_frame()
    return path


def _of_first_region(frames: Sequence[Frame]) -> list[Frame]:
    return [f for f in frames if f["region"] == frames[0]["region"]]


def _spread(n: int, most: int) -> list[int]:
    """Numbers of at most so many frames, evenly spread, first and last among them."""
    return sorted({round(i * (n - 1) / (most - 1)) for i in range(most)})


def _points(frame: Frame, scale: Scale, where: str, value: str, words: str) -> Draw:
    """Points in the plane of the first two coordinates; in one dimension, against the value."""

    def draw(ax: Axes) -> None:
        x, v = np.asarray(frame[where]), np.asarray(frame[value], dtype=float)
        v = np.where(np.isfinite(v), np.maximum(v, scale.floor or 0), scale.floor or 0)
        names = [plain(name) for name in frame["coordinates"]]
        ax.set_title(f"step {frame['step']}: {words}")
        ax.set_xlabel(names[0])
        if x.shape[1] == 1:
            ax.semilogy(x[:, 0], v, ".", color=CYCLE[0], ms=3)
            ax.set_ylabel(value)
            return
        order = np.argsort(v)  # the largest lie on top
        colours = {"norm": scale.norm, "cmap": "viridis" if value == "density" else scale.cmap}
        # A peak holds few even points, which nobody would find among hundreds of their size.
        size = 5 if value == "density" else 4 + 30 * np.clip(scale.norm(v[order]), 0, 1) ** 2
        ax.scatter(x[order, 0], x[order, 1], c=v[order], s=size, linewidths=0, **colours)
        ax.set_ylabel(names[1] if x.shape[1] == 2 else f"{names[1]}, of {x.shape[1]} coordinates")
        box = ax.get_position()
        bar = ax.figure.add_axes((box.x1 + 0.012, box.y0, 0.012, box.height))  # type: ignore[attr-defined]
        ax.figure.colorbar(ScalarMappable(**colours), cax=bar)
        dress(bar)

    return draw


def _profile(first: Frame, last: Frame) -> Draw:
    """Residuals at even points, sorted: how far from flat."""

    def draw(ax: Axes) -> None:
        ax.set_title("residual at even points, sorted")
        for frame, colour, name in ((first, INK, "before"), (last, CYCLE[1], "after")):
            v = np.sort(np.asarray(frame["residual"], dtype=float))[::-1]
            share = (np.arange(len(v)) + 1) / len(v)
            floor = np.finfo(float).tiny
            ax.loglog(share, np.maximum(v, floor), color=colour, lw=1.8, label=name)
        ax.set_xlabel("share of the region")
        ax.grid(alpha=0.25, lw=0.5)
        legend(ax, 2)

    return draw


def _history(entries: Sequence[Mapping[str, Any]], title: str) -> Figure:
    regions = list(dict.fromkeys(e["region"] for e in entries))
    names = [name for name in SERIES if any(name in e for e in entries)]
    more = [n for n in ("gain", "beta", "failure") if any(n in e for e in entries)]
    draws: list[Draw | None] = [_series(entries, regions, name) for name in (*names, *more)]
    rows = [draws[i : i + 2] for i in range(0, len(draws), 2)]
    return compose(rows, title, CURVE)


WORDS = {
    "gain": "effective sample size over that of uniform points",
    "beta": "weight of the regularization",
    "failure": "probability of failure",
}


def _series(entries: Sequence[Mapping[str, Any]], regions: Sequence[str], name: str) -> Draw:
    def draw(ax: Axes) -> None:
        ax.set_title({**SERIES, **WORDS}[name])
        for i, region in enumerate(regions):
            mine = [e for e in entries if e["region"] == region and name in e]
            y = _positive([e[name] for e in mine])
            ax.plot([e["step"] for e in mine], y, "o-", color=CYCLE[i % len(CYCLE)], lw=1.5, ms=3,
                    label=plain(region))  # fmt: skip
        if name == "gain":
            ax.axhline(1, color=EXACT, lw=1, ls="--")
        ax.set_yscale("log")
        ax.set_xlabel("step")
        ax.grid(alpha=0.25, lw=0.5)
        if len(regions) > 1:
            legend(ax, len(regions))

    return draw


def _positive(values: Sequence[float | None]) -> Array:
    y = np.array([np.nan if v is None else v for v in values], dtype=float)
    return np.where(y > 0, y, np.nan)
