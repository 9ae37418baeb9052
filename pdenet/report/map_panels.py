"""Panels with colours over a plane: fields, magnitudes and flows."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.tri import Triangulation

from pdenet.report.domain_mesh import LONGEST
from pdenet.report.mesh import Mesh
from pdenet.report.probe import Array
from pdenet.report.style import Draw, Scale, plain, say

CONTOURS = 9


def map_panel(
    mesh: Mesh, values: Array, title: str, scale: Scale, *, equal: bool, bar: bool = True
) -> Draw:
    """Values at a mesh's points as colours, linear within a cell; contour lines on linear scales.

    Args:
        mesh: Planar; its axes become the panel's.
        values: Shape (n,); cells with a value that is not finite stay blank.
        title: Of the panel.
        scale: From values to colours.
        equal: Whether both axes are lengths, to be drawn alike.
        bar: Whether the panel has a colour bar of its own.

    Returns:
        What draws the panel.
    """

    def draw(ax: Axes) -> None:
        ax.set_title(plain(title))
        shape = triangulation(mesh, values)
        if shape is None:
            return say(ax, "no finite values")
        floored = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        if scale.floor is not None:
            floored = np.maximum(floored, scale.floor)
        artist = ax.tripcolor(
            shape, floored, cmap=scale.cmap, norm=scale.norm, shading="gouraud", rasterized=True
        )
        if scale.floor is None:
            contours(ax, shape, floored)
        if bar:
            colour_bar(ax, artist, values, scale)
        frame(ax, mesh, equal)
        return None

    return draw


def flow_panel(
    mesh: Mesh,
    speed: Array,
    lattice: tuple[Array, Array],
    flow: tuple[Array, Array],
    title: str,
    scale: Scale,
) -> Draw:
    """A plane vector field: its magnitude as colours, its direction as streamlines.

    Args:
        mesh: Planar, for the magnitude.
        speed: Magnitude at the mesh's points, shape (n,).
        lattice: Evenly spaced values of the two coordinates, shapes (k,) and (l,).
        flow: The two components on the lattice, shape (l, k); NaN outside the domain.
        title: Of the panel.
        scale: Of the magnitude.

    Returns:
        What draws the panel.
    """

    def draw(ax: Axes) -> None:
        ax.set_title(plain(title))
        shape = triangulation(mesh, speed)
        if shape is None:
            return say(ax, "no finite values")
        artist = ax.tripcolor(
            shape,
            np.nan_to_num(speed),
            cmap=scale.cmap,
            norm=scale.norm,
            shading="gouraud",
            rasterized=True,
        )
        largest = float(scale.norm.vmax or 0.0)
        if np.nanmax(np.abs(flow), initial=0.0) > 0:
            # The direction alone is drawn; scaled, since large values overflow when squared.
            u, v = (np.ma.masked_invalid(c / largest) for c in flow)
            ax.streamplot(*lattice, u, v, color="white", linewidth=0.7, arrowsize=0.7, density=1.2)
        colour_bar(ax, artist, speed, scale)
        frame(ax, mesh, equal=True)
        return None

    return draw


def triangulation(mesh: Mesh, values: Array) -> Triangulation | None:
    """Triangles whose values are all finite, or None where there are none."""
    triangles = mesh.triangles
    finite = np.isfinite(values)[triangles].all(axis=1)
    if not finite.any():
        return None
    return Triangulation(mesh.points[:, 0], mesh.points[:, 1], triangles[finite])


def contours(ax: Axes, shape: Triangulation, values: Array) -> None:
    """Thin lines of equal value; none where the field is flat."""
    used = values[shape.triangles]
    low, high = float(used.min()), float(used.max())
    if high - low > 1e-9 * max(abs(low), abs(high), 1e-300):
        inner = np.linspace(low, high, CONTOURS + 2)[1:-1]
        ax.tricontour(shape, values, levels=inner, colors="black", linewidths=0.4, alpha=0.4)


def colour_bar(ax: Axes, artist: object, values: Array, scale: Scale) -> None:
    """A colour bar that says where a logarithmic scale ends."""
    below = scale.floor is not None and bool((values < scale.floor).any())
    # Inside the panel's own frame, so that it is as tall as the map whatever the map's shape.
    place = ax.inset_axes((1.03, 0, 0.045, 1))
    bar = ax.figure.colorbar(artist, cax=place, extend="min" if below else "neither")  # type: ignore
    bar.ax.tick_params(which="both", labelsize=7.5)
    bar.minorticks_off()  # they cost more time to draw than the map
    bar.outline.set_edgecolor("#bbbbbb")
    if below:
        bar.set_label(f"black: below {scale.floor:.0e}", fontsize=7)


def frame(ax: Axes, mesh: Mesh, equal: bool) -> None:
    """Names and limits of both axes; equal lengths look equal unless the region is very long."""
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    ax.set_xlabel(plain(mesh.axes[0]))
    ax.set_ylabel(plain(mesh.axes[1]))
    if equal and max(aspect(mesh), 1 / aspect(mesh)) <= LONGEST:
        ax.set_aspect("equal")


def aspect(mesh: Mesh) -> float:
    """Height over width of a planar mesh; 1 where it is empty or flat."""
    if not len(mesh.points):
        return 1.0
    width, height = np.ptp(mesh.points, axis=0)
    return float(height / width) if width > 0 and height > 0 else 1.0
