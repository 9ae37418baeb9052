"""Figures of what callbacks saw of a training: stages, effective rank, spectra, weights, regime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from pdenet.report.style import CYCLE, DASHES, EXACT, Draw, Panel, compose, legend, plain

PANEL = Panel(5.7, 3.0)
NARROW = Panel(4.6, 3.0)
SHADES = {"initial plateau": "#fbeed5", "plateau": "#fbeed5", "descent": "#e4eef6"}
SNAPSHOTS = 7  # lines of a spectrum
PANELS = 8  # spectra of a figure
DECADES = 14  # of eigenvalues that a figure shows: below is round-off

Found = Mapping[str, Any]
History = Sequence[Found]


def diagnosis_figures(found: Found | None, title: str) -> Iterator[tuple[str, Figure]]:
    """Figures of a record's diagnostics, those that there is something to draw for.

    Args:
        found: The diagnostics of a record, or None.
        title: Of the figures.

    Yields:
        File stems and figures.
    """
    if not found:
        return
    stages = found.get("stages")
    rank = _looks(found, "effective_rank")
    if stages or len(rank) > 2:
        yield "stages", _stages(found, title)
    spectra = _looks(found, "kernel_spectrum")
    if len(spectra) > 1:
        yield "spectra", _spectra(spectra, title)
    weights = _looks(found, "weight_spectrum")
    if len(weights) > 1:
        yield "weights", _weights(weights, found, title)
    if len(_looks(found, "regime")) > 1:
        yield "regime", _regime(found, title)


def _looks(found: Found, topic: str) -> History:
    return found.get(topic, {}).get("history", [])


def _stages(found: Found, title: str) -> Figure:
    rank, moves = _looks(found, "effective_rank"), _looks(found, "stages")
    last = _last_step(found)
    panels: list[Draw] = []
    if "stages" in found:
        panels.append(_loss(found["stages"], last))
    if rank:
        panels.append(_rank(rank, found, last))
        panels.append(
            _lines(
                rank,
                {
                    "least_squares_floor": "residual that the last layer alone would leave",
                    "residual_rate": "speed of gradient descent, of the fastest",
                },
                "what holds the loss up, as shares of 1",
                found,
                last,
            )
        )
    if len(moves) > 1:
        panels.append(
            _lines(
                moves,
                {
                    "amplitude_distance": "distance to the start",
                    "amplitude_change": "distance to the look before",
                },
                "amplitudes of neurons: Wasserstein distance over their mean",
                found,
                last,
            )
        )
    rows = [panels[i : i + 2] for i in range(0, len(panels), 2)]
    return compose(rows, title, PANEL)


def _loss(stages: Found, last: int) -> Draw:
    def draw(ax: Axes) -> None:
        ax.set_title("loss, and the stages of its fall")
        ax.plot(stages["loss"]["step"], _positive(stages["loss"]["value"]), color=EXACT, lw=1.3)
        _log(ax)
        _clock(ax, last)
        _shade(ax, stages, named=True)

    return draw


def _rank(history: History, found: Found, last: int) -> Draw:
    def draw(ax: Axes) -> None:
        steps = [e["step"] for e in history]
        ax.set_title("effective rank of the kernel")
        rank = _column(history, "effective_rank")
        ax.plot(steps, rank, ".-", color=CYCLE[0], lw=1.6, ms=5, label="rank")
        low = _column(history, "effective_rank_lower", "effective_rank")
        high = _column(history, "effective_rank_upper", "effective_rank")
        if (high > low).any():
            ax.fill_between(steps, low, high, color=CYCLE[0], alpha=0.2, lw=0, label="bounds")
            legend(ax, 2)
        ax.set_ylim(bottom=1)
        _clock(ax, last)
        _shade(ax, found.get("stages", {}))

    return draw


def _lines(
    history: History, labels: Mapping[str, str], title: str, found: Found, last: int
) -> Draw:
    def draw(ax: Axes) -> None:
        ax.set_title(title)
        steps = [e["step"] for e in history]
        for (name, label), colour in zip(labels.items(), CYCLE, strict=False):
            values = _positive(_column(history, name))
            if np.isfinite(values).any():
                ax.plot(steps, values, ".-", color=colour, lw=1.4, ms=5, label=label)
        _log(ax)
        legend(ax, len(labels))
        _clock(ax, last)
        _shade(ax, found.get("stages", {}))

    return draw


def _regime(found: Found, title: str) -> Figure:
    history, last = _looks(found, "regime"), _last_step(found)

    def draw(ax: Axes) -> None:
        ax.set_title("drift of the kernel: lazy below 0.05, rich above 0.5")
        steps = [e["step"] for e in history]
        ax.plot(steps, _column(history, "kernel_drift"), ".-", color=CYCLE[0], lw=1.6, ms=5)
        for bound in (0.05, 0.5):
            ax.axhline(bound, color=EXACT, ls=DASHES, lw=0.8)
        ax.set_ylim(0, 1)
        _clock(ax, last)
        _shade(ax, found.get("stages", {}))

    labels = {
        "linearization_error": "change that the linearized network misses",
        "relative_movement": "movement of the parameters",
    }
    others = _lines(history[1:], labels, "relative to the start", found, last)
    return compose([[draw, others]], title, PANEL)


def _spectra(history: History, title: str) -> Figure:
    shown = _snapshots(history)
    return _grid([_spectrum(shown, name) for name in list(history[0]["spectra"])[:PANELS]], title)


def _weights(history: History, found: Found, title: str) -> Figure:
    last = _last_step(found)
    return _grid([_layer(history, n, last) for n in list(history[0]["layers"])[:PANELS]], title)


def _grid(panels: Sequence[Draw], title: str) -> Figure:
    across = 3 if len(panels) in (3, 5, 6) else 2
    rows = [panels[i : i + across] for i in range(0, len(panels), across)]
    return compose(rows, title, PANEL if across == 2 else NARROW)


def _spectrum(history: History, name: str) -> Draw:
    def draw(ax: Axes) -> None:
        ax.set_title(plain(f"eigenvalues of the kernel, {name}"))
        colours = matplotlib.colormaps["viridis_r"](np.linspace(0.08, 1, len(history)))
        largest = 0.0
        for entry, colour in zip(history, colours, strict=True):
            at, values = entry["spectra"][name]["index"], entry["spectra"][name]["value"]
            largest = max(largest, *values)
            marker = "o" if len(at) == 1 else ""
            label = f"step {entry['step']:,}"
            ax.loglog(at, _positive(values), color=colour, lw=1.4, marker=marker, ms=3, label=label)
        low, high = ax.get_ylim()
        ax.set_ylim(max(low, largest * 10.0**-DECADES), high)
        ax.set_xlabel("number of the eigenvalue")
        ax.grid(alpha=0.25, lw=0.5)
        ax.legend(fontsize=6.5, framealpha=0.7, edgecolor="none", loc="lower left")

    return draw


def _layer(history: History, name: str, last: int) -> Draw:
    def draw(ax: Axes) -> None:
        values = np.array([entry["layers"][name] for entry in history], dtype=float)
        count = values.shape[1]
        ax.set_title(plain(f"singular values, {name}"))
        colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, count))
        steps = [entry["step"] for entry in history]
        for column, colour in zip(values.T, colours, strict=True):
            ax.plot(steps, _positive(column), color=colour, lw=1.6 if count < 5 else 0.9)
        _log(ax)
        _clock(ax, last)

    return draw


def _snapshots(history: History) -> History:
    """First and last look and some between, evenly over the logarithm of the steps."""
    if len(history) <= SNAPSHOTS:
        return history
    steps = np.array([e["step"] for e in history], dtype=float)
    clock = np.log1p((steps - steps[0]) / max(1.0, 0.01 * (steps[-1] - steps[0])))
    wanted = np.linspace(0, clock[-1], SNAPSHOTS)
    near = {int(np.abs(clock - t).argmin()) for t in wanted}
    return [history[i] for i in sorted(near)]


def _log(ax: Axes) -> None:
    """A logarithmic ordinate whose numbers are short, also within one decade."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if high > 30 * low:
        ax.yaxis.set_minor_formatter(NullFormatter())
        return
    for axis in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
        axis(FuncFormatter(lambda value, _: f"{value:.3g}"))
    ax.yaxis.set_minor_locator(MaxNLocator(5))


def _clock(ax: Axes, last: int) -> None:
    """Steps: even at first, by their logarithm later, as the stages are told apart."""
    # The same onset as the stages': a hundredth of all.
    ax.set_xscale("symlog", linthresh=max(1.0, 0.01 * last), linscale=0.4)
    ax.set_xlim(0, max(1, last))
    ax.set_xlabel("step")
    ax.grid(alpha=0.25, lw=0.5)


def _shade(ax: Axes, stages: Found, named: bool = False) -> None:
    for stage in stages.get("stages", []):
        start, end, name = stage["start"], stage["end"], stage["name"]
        ax.axvspan(start, end, color=SHADES[name], zorder=0, lw=0)
        scale = ax.xaxis.get_transform()
        left, right, whole = scale.transform(np.array([start, end, ax.get_xlim()[1]], dtype=float))
        # A name needs room: a letter is about an eightieth of the panel.
        if named and right - left > whole * (len(name) + 2) / 80:
            middle = float(scale.inverted().transform((left + right) / 2))
            ax.annotate(
                name,
                (middle, 0.02),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="bottom",
                fontsize=7.5,
                color="#556677",
            )


def _last_step(found: Found) -> int:
    looks = [e["step"] for topic in found if isinstance(found[topic], Mapping)
             for e in _looks(found, topic)]  # fmt: skip
    return max(looks, default=1)


def _column(history: History, name: str, otherwise: str = "") -> np.ndarray:
    values = [e.get(name, e.get(otherwise)) for e in history]
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def _positive(values: Any) -> np.ndarray:
    y = np.array([np.nan if v is None else v for v in values], dtype=float)
    return np.where(np.isfinite(y) & (y > 0), y, np.nan)
