"""Figures in space: surfaces, lines and points seen from the camera of the page."""

from __future__ import annotations

from typing import Any

import numpy as np
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from superionic.report.printed.marks import PX, numbers, rgba
from superionic.report.printed.traces import draw_markers, line_options

INK = "#1f2933"
ZOOM = 0.95
LIGHT = np.array([0.4, 0.3, 0.87])
LINES = 0.5
SHADE = 0.35
"""How much darker a face is that looks away from the light."""


def draw_space(printed: Any, source: Any) -> None:  # noqa: ANN401 (matplotlib and plotly figures)
    """A scene with its surfaces, lines and points."""
    ax = printed.add_subplot(projection="3d", computed_zorder=False)
    eye = source.layout.scene.camera.eye
    x, y, z = float(eye.x), float(eye.y), float(eye.z)
    ax.set_proj_type("ortho")
    ax.view_init(elev=np.degrees(np.arctan2(z, np.hypot(x, y))), azim=np.degrees(np.arctan2(y, x)))
    for trace in source.data:
        places = np.column_stack([numbers(trace.x), numbers(trace.y), numbers(trace.z)])
        if trace.type == "mesh3d":
            _mesh(ax, trace, places)
            continue
        if "lines" in trace.mode:
            options = line_options(trace)
            # lines in space look heavier in print than on the page
            ax.plot(*places.T, **options | {"linewidth": LINES * options["linewidth"]}, zorder=2)
        if "markers" in trace.mode:
            _points(ax, trace, places)
    _frame(ax, source)


def _mesh(ax: Any, trace: Any, places: np.ndarray[Any, np.dtype[np.float64]]) -> None:  # noqa: ANN401
    corners = places[np.column_stack([numbers(trace[name]) for name in "ijk"]).astype(int)]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    towards = np.abs(normals / np.where(lengths > 0, lengths, 1.0) @ LIGHT)
    colour = np.array(rgba(trace.color, trace.opacity))
    faces = np.tile(colour, (len(corners), 1))
    faces[:, :3] *= (1.0 - SHADE + SHADE * towards)[:, None]
    # thousands of triangles would make a drawing of vectors too large to open
    ax.add_collection3d(Poly3DCollection(corners, facecolors=faces, edgecolors="none", rasterized=True, zorder=1))


def _points(ax: Any, trace: Any, places: np.ndarray[Any, np.dtype[np.float64]]) -> None:  # noqa: ANN401
    def put(chosen: list[int], **options: Any) -> None:  # noqa: ANN401 (options of scatter)
        ax.scatter(*places[chosen].T, depthshade=False, zorder=3, **options)

    draw_markers(trace, len(places), put)


def _frame(ax: Any, source: Any) -> None:  # noqa: ANN401 (matplotlib and plotly)
    traces = [trace for trace in source.data if trace.type == "scatter3d"]
    spans = []
    for name in "xyz":
        values = np.concatenate([numbers(trace[name]) for trace in traces])
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        getattr(ax, f"set_{name}lim")(low, high)
        spans.append(high - low)
        side = getattr(ax, f"{name}axis")
        side.pane.set_visible(False)
        side.line.set_color("#9aa1ab")
        title = source.layout.scene[f"{name}axis"].title.text
        getattr(ax, f"set_{name}label")(title, fontsize=13 * PX, color=INK, labelpad=3 if name == "z" else -3)
    # a long cell leaves less room for the names of the axes
    ax.set_box_aspect(spans, zoom=ZOOM * float(np.cbrt(np.prod(spans)) / max(spans)) ** 0.35)
    ax.grid(visible=False)
    ax.tick_params(labelsize=11 * PX, pad=-2, colors=INK)
    ax.tick_params(axis="z", pad=1)
