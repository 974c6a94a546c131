"""Traces of plotly's flat figures, drawn on axes of matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from superionic.report.printed.marks import DASHES, PX, colours_of, numbers, rgba, shape, spread
from superionic.report.printed.words import printed_text

Floats = NDArray[np.float64]
DEFAULT_COLOUR = "#1f2933"
TEXT_GAP_PX = 4.0
MANY = 500
WORDS_ON_MAPS = 0.8
VERTICAL = {"top": ("bottom", 1.0), "middle": ("center", 0.0), "bottom": ("top", -1.0)}
HORIZONTAL = {"left": ("right", -1.0), "center": ("center", 0.0), "right": ("left", 1.0)}


def draw_scatter(ax: Any, trace: Any, x: Floats, y: Floats, before: tuple[Floats, Floats] | None = None) -> None:  # noqa: ANN401
    """Lines, fillings, error bars, symbols and texts of a scatter trace.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    trace : plotly trace
        A ``scatter`` or ``scatterternary``.
    x, y : numpy.ndarray, (n,)
        Its points; NaN ends a line.
    before : (numpy.ndarray, numpy.ndarray), optional
        Points of the trace before, up to which ``tonexty`` fills.
    """
    mode = trace.mode or "lines+markers"
    if trace.fill:
        _fill(ax, trace, x, y, before)
    if "lines" in mode and _visible_line(trace):
        ax.plot(x, y, **line_options(trace), zorder=2)
    if trace.type == "scatter":
        _error_bars(ax, trace, x, y)
    if "markers" in mode:
        _markers(ax, trace, x, y)
    if "text" in mode:
        _texts(ax, trace, x, y)


def _visible_line(trace: Any) -> bool:  # noqa: ANN401 (plotly is untyped)
    return trace.line.width is None or trace.line.width > 0


def line_options(trace: Any) -> dict[str, Any]:  # noqa: ANN401 (plotly is untyped)
    """Colour, width and dash of a line."""
    width = 2.0 if trace.line.width is None else trace.line.width
    return {
        "color": rgba(trace.line.color or DEFAULT_COLOUR),
        "linewidth": width * PX,
        "linestyle": DASHES[trace.line.dash or "solid"],
        "solid_capstyle": "round",
    }


def _fill(ax: Any, trace: Any, x: Floats, y: Floats, before: tuple[Floats, Floats] | None) -> None:  # noqa: ANN401
    if trace.fill == "tonexty" and before is not None:
        x, y = np.concatenate([x, before[0][::-1]]), np.concatenate([y, before[1][::-1]])
    polygons = [part for part in pieces(x, y) if len(part) > 2]  # noqa: PLR2004 (a polygon)
    face = rgba(trace.fillcolor or DEFAULT_COLOUR)
    # the outline closes the hairlines between neighbouring polygons of one colour
    edge = face if face[3] == 1.0 else "none"
    collection = PolyCollection(polygons, facecolors=[face], edgecolors=edge, linewidths=0.4, zorder=1)
    ax.add_collection(collection)
    ax.autoscale_view()


def pieces(x: Floats, y: Floats) -> list[Floats]:
    """Parts of a path between its gaps, each of shape (n, 2)."""
    points = np.column_stack([x, y])
    gaps = np.flatnonzero(np.isnan(points).any(axis=1))
    return [part[~np.isnan(part).any(axis=1)] for part in np.split(points, gaps)]


def _error_bars(ax: Any, trace: Any, x: Floats, y: Floats) -> None:  # noqa: ANN401 (plotly is untyped)
    for name in ("x", "y"):
        bars = getattr(trace, f"error_{name}")
        if bars.array is None:
            continue
        above = np.nan_to_num(numbers(bars.array))
        below = above if bars.arrayminus is None else np.nan_to_num(numbers(bars.arrayminus))
        if not np.any(above > 0) and not np.any(below > 0):
            continue
        colour = rgba(bars.color or _first_colour(trace))
        options = {"ecolor": colour, "elinewidth": 1.2 * PX, "capsize": 3 * PX, "capthick": 1.2 * PX}
        ax.errorbar(x, y, **{f"{name}err": np.vstack([below, above])}, fmt="none", zorder=2.5, **options)


def _first_colour(trace: Any) -> str:  # noqa: ANN401 (plotly is untyped)
    colour = trace.marker.color
    if isinstance(colour, str):
        return colour
    first = next(iter(colour), None) if colour is not None else None
    return first if isinstance(first, str) else _line_colour(trace)


def _line_colour(trace: Any) -> str:  # noqa: ANN401 (plotly is untyped)
    line = trace.line.color if "lines" in (trace.mode or "lines") else None
    return line if isinstance(line, str) else DEFAULT_COLOUR


def _markers(ax: Any, trace: Any, x: Floats, y: Floats) -> None:  # noqa: ANN401 (plotly is untyped)
    draw_markers(trace, len(x), partial(_put, ax, x, y))


def _put(ax: Any, x: Floats, y: Floats, chosen: list[int], **options: Any) -> None:  # noqa: ANN401 (options of scatter)
    # thousands of symbols would make a drawing of vectors too large to open
    ax.scatter(x[chosen], y[chosen], zorder=3, rasterized=len(chosen) > MANY, **options)


def draw_markers(trace: Any, n: int, put: Callable[..., Any]) -> None:  # noqa: ANN401 (plotly is untyped)
    """Symbols of a trace, all of one shape at a time.

    Parameters
    ----------
    trace : plotly trace
        The trace.
    n : int
        Its points.
    put : callable
        Draws the points at the given positions with options of ``scatter``.
    """
    marker = trace.marker
    if marker.opacity == 0:
        return
    symbols = spread(marker.symbol, n, "circle")
    colours = colours_of(spread(marker.color, n, _line_colour(trace)), marker)
    opacities = [float(value) for value in spread(marker.opacity, n, 1.0)]
    sizes = [(float(size) * PX) ** 2 for size in spread(marker.size, n, 6.0)]
    edges = [rgba(value) if isinstance(value, str) else None for value in spread(marker.line.color, n, None)]
    width = PX * _width(marker.line.width)
    for symbol in dict.fromkeys(symbols):
        chosen = [i for i in range(n) if symbols[i] == symbol]
        form, filled = shape(symbol)
        inks = [(*colours[i][:3], colours[i][3] * opacities[i]) for i in chosen]
        own = [edges[i] or ink for i, ink in zip(chosen, inks, strict=True)]
        face: Any = inks if filled else "none"
        options = {"facecolors": face, "edgecolors": own if filled else inks, "linewidths": width or 0.0}
        if form == "x":
            options = {"c": own, "linewidths": max(width, 0.8)}
        elif not filled:
            options["linewidths"] = max(width, 0.8)
        put(chosen, marker=form, s=[sizes[i] for i in chosen], **options)


def _width(value: Any) -> float:  # noqa: ANN401 (a number or one per point)
    if value is None:
        return 0.0
    return float(max(value)) if hasattr(value, "__len__") else float(value)


def _texts(ax: Any, trace: Any, x: Floats, y: Floats) -> None:  # noqa: ANN401 (plotly is untyped)
    n = len(x)
    words, places = spread(trace.text, n, ""), spread(trace.textposition, n, "middle center")
    sizes, colours = spread(trace.textfont.size, n, 12), spread(trace.textfont.color, n, DEFAULT_COLOUR)
    gap = (TEXT_GAP_PX + float(max(spread(trace.marker.size, 1, 0.0))) / 2) * PX
    # words on a map of colours stand close, and the panels of a print are smaller
    scale = PX * (WORDS_ON_MAPS if trace.textfont.shadow else 1.0)
    halo = [withStroke(linewidth=1.6, foreground="black")] if trace.textfont.shadow else []
    for i in range(n):
        if not words[i] or not np.isfinite([x[i], y[i]]).all():
            continue
        vertical, horizontal = str(places[i]).split()
        (va, up), (ha, right) = VERTICAL[vertical], HORIZONTAL[horizontal]
        ax.annotate(
            printed_text(str(words[i])),
            (x[i], y[i]),
            xytext=(right * gap, up * gap),
            textcoords="offset points",
            ha=ha,
            va=va,
            fontsize=float(sizes[i]) * scale,
            color=rgba(colours[i]),
            path_effects=halo,
            annotation_clip=False,
            zorder=5,
        )


def draw_bars(ax: Any, trace: Any, places: Floats, offset: float, height: float) -> None:  # noqa: ANN401
    """Horizontal bars with the texts at their ends.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    trace : plotly trace
        A horizontal ``bar``.
    places : numpy.ndarray, (n,)
        Rows.
    offset, height : float
        Distance of the bars from their rows, and their height, in rows.
    """
    lengths, starts = np.nan_to_num(numbers(trace.x)), spread(trace.base, len(places), 0.0)
    edge = rgba(trace.marker.line.color) if trace.marker.line.color else "none"
    options = {"color": rgba(trace.marker.color), "edgecolor": edge, "linewidth": 0.3, "zorder": 2}
    ax.barh(places + offset, lengths, height=height, left=starts, **options)
    if trace.textposition == "outside":
        for place, length, text in zip(places, lengths, spread(trace.text, len(places), ""), strict=True):
            ax.annotate(
                printed_text(str(text or "")),
                (length, place + offset),
                xytext=(2.5, 0),
                textcoords="offset points",
                va="center",
                fontsize=11 * PX,
            )


def draw_heat(ax: Any, trace: Any) -> Any:  # noqa: ANN401 (matplotlib and plotly objects)
    """A map of colours; what has a scale bar is returned for it."""
    values = np.ma.masked_invalid(np.asarray(trace.z, dtype=np.float64))
    limits = {"vmin": float(trace.zmin), "vmax": float(trace.zmax)}
    options = {"cmap": colour_map(trace.colorscale), "shading": "nearest", "rasterized": True, "zorder": 0}
    return ax.pcolormesh(numbers(trace.x), numbers(trace.y), values, **limits, **options)


def colour_map(scale: Sequence[Sequence[Any]]) -> LinearSegmentedColormap:
    """A colour scale of plotly as one of matplotlib; steps stay steps."""
    return LinearSegmentedColormap.from_list("scale", [(float(place), rgba(str(c))) for place, c in scale], N=1024)


def scale_of(marker: Any) -> Any:  # noqa: ANN401 (plotly and matplotlib objects)
    """The colours of a marker's scale, for its bar."""
    from matplotlib.cm import ScalarMappable

    return ScalarMappable(Normalize(float(marker.cmin), float(marker.cmax)), colour_map(marker.colorscale))
