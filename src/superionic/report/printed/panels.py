"""Flat figures: panels with Cartesian axes, and composition triangles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from superionic.report.barycentric import CORNERS, to_plane
from superionic.report.printed.axes import (
    GRID,
    LINE,
    bin_of,
    bins,
    domain_of,
    draw_shapes,
    draw_titles,
    dress,
    layout_name,
    look,
    second_axis,
)
from superionic.report.printed.marks import PX, numbers
from superionic.report.printed.traces import draw_bars, draw_heat, draw_scatter, scale_of
from superionic.report.printed.words import printed_text

Floats = NDArray[np.float64]
Panels = dict[tuple[str, str], Any]
TRIANGLE_X, TRIANGLE_Y = (-0.16, 1.16), (-0.12, 1.02)
ROOM_FOR_WORDS = 0.09


def draw_panels(printed: Any, source: Any) -> None:  # noqa: ANN401 (matplotlib and plotly figures)
    """Every trace on its axes, then the axes themselves, which take the ranges that the traces need."""
    panels, on_top = _make_panels(printed, source)
    categories = {name: _categories(source, name) for pair in panels for name in pair}
    before: dict[tuple[str, str], tuple[Floats, Floats]] = {}
    bars = [trace for trace in source.data if trace.type == "bar"]
    for trace in source.data:
        pair = (trace.xaxis or "x", trace.yaxis or "y")
        if pair not in panels:
            continue
        x, y = (_places(values, categories[name]) for values, name in zip((trace.x, trace.y), pair, strict=True))
        if trace.type == "bar":
            _draw_bar(panels[pair], trace, y, bars, grouped=source.layout.barmode == "group")
        elif trace.type == "heatmap":
            _scale_bar(printed, draw_heat(panels[pair], trace), trace, list(panels.values()))
        else:
            draw_scatter(panels[pair], trace, x, y, before.get(pair))
            if "text" in (trace.mode or ""):
                # words at the ends need room
                panels[pair].margins(x=ROOM_FOR_WORDS)
            before[pair] = (x, y)
    draw_shapes(source.layout, panels)
    for (x_name, y_name), ax in panels.items():
        _dress_panel(ax, source.layout, x_name, y_name, categories)
    for base, ax in on_top:
        second_axis(panels[base], ax)
    draw_titles(source.layout, panels)


def _make_panels(printed: Any, source: Any) -> tuple[Panels, list[tuple[tuple[str, str], Any]]]:  # noqa: ANN401
    """Axes in the rows and columns of the page, and axes that only label the top of others."""
    layout = source.layout
    pairs = list(dict.fromkeys((trace.xaxis or "x", trace.yaxis or "y") for trace in source.data))
    over = {x: layout[layout_name(x)].overlaying for x, _ in pairs if layout[layout_name(x)].overlaying}
    on_top = [((over[x], y), layout[layout_name(x)]) for x, y in pairs if x in over]
    pairs = [pair for pair in pairs if pair[0] not in over]
    columns = bins([domain_of(layout, x) for x, _ in pairs])
    rows = bins([domain_of(layout, y) for _, y in pairs])[::-1]
    widths, heights = ([high - low for low, high in ends] for ends in (columns, rows))
    cells = printed.add_gridspec(len(rows), len(columns), width_ratios=widths, height_ratios=heights)
    panels: Panels = {}
    for x, y in pairs:
        cell = cells[bin_of(domain_of(layout, y), rows), bin_of(domain_of(layout, x), columns)]
        panels[x, y] = ax = printed.add_subplot(cell, **_shared(layout, x, y, panels))
        look(ax)
    return panels, on_top


def _shared(layout: Any, x: str, y: str, panels: Panels) -> dict[str, Any]:  # noqa: ANN401 (plotly is untyped)
    """Panels whose ranges follow each other."""
    shared: dict[str, Any] = {}
    for which, name, position in (("sharex", x, 0), ("sharey", y, 1)):
        other = layout[layout_name(name)].matches
        found = next((ax for pair, ax in panels.items() if pair[position] == other), None)
        shared |= {which: found} if found is not None else {}
    return shared


def _categories(source: Any, name: str) -> list[str]:  # noqa: ANN401 (plotly is untyped)
    """Names on an axis without numbers, in the order of their first use."""
    found: dict[str, None] = {}
    for trace in source.data:
        for reference, values in ((trace.xaxis or "x", trace.x), (trace.yaxis or "y", trace.y)):
            if reference == name and values is not None:
                found |= dict.fromkeys(value for value in values if isinstance(value, str))
    return list(found)


def _places(values: Any, categories: list[str]) -> Floats:  # noqa: ANN401 (any sequence)
    if categories:
        return np.array([categories.index(value) for value in values], dtype=np.float64)
    return numbers(values)


def _draw_bar(ax: Any, trace: Any, rows: Floats, bars: list[Any], *, grouped: bool) -> None:  # noqa: ANN401
    height = trace.width or 0.8
    if not grouped:
        draw_bars(ax, trace, rows, 0.0, height)
        return
    share = height / len(bars)
    draw_bars(ax, trace, rows, (bars.index(trace) - (len(bars) - 1) / 2) * share, share)


def _dress_panel(ax: Any, layout: Any, x_name: str, y_name: str, categories: dict[str, list[str]]) -> None:  # noqa: ANN401
    for which, name in (("x", x_name), ("y", y_name)):
        dress(ax, which, layout[layout_name(name)], categories[name])
    if layout[layout_name(y_name)].scaleanchor:
        ax.set_aspect("equal")


def _scale_bar(printed: Any, colours: Any, trace: Any, panels: list[Any]) -> None:  # noqa: ANN401
    if trace.showscale is False:
        return
    made = printed.colorbar(colours, ax=panels, shrink=0.8, aspect=22, pad=0.01)
    dress_bar(made, trace.colorbar)


def dress_bar(made: Any, bar: Any) -> None:  # noqa: ANN401 (matplotlib and plotly)
    """Ticks and title of a colour bar."""
    if bar.tickvals is not None:
        made.set_ticks([float(value) for value in bar.tickvals], labels=[printed_text(text) for text in bar.ticktext])
    made.ax.tick_params(labelsize=12 * PX, width=0.6, length=2, color=LINE)
    made.outline.set_linewidth(0.5)
    made.ax.minorticks_off()
    if bar.title.side == "right":
        made.set_label(printed_text(bar.title.text), fontsize=13 * PX)
    else:
        made.ax.set_title(printed_text(bar.title.text), fontsize=12 * PX, pad=4, loc="left")


def draw_triangle(printed: Any, source: Any) -> None:  # noqa: ANN401 (matplotlib and plotly figures)
    """A composition triangle with its grid, its traces and its colour bars."""
    ax = printed.add_subplot()
    ax.set_axis_off()
    ax.set_aspect("equal")
    _frame(ax, step=float(source.layout.ternary.aaxis.dtick))
    for trace in source.data:
        places = to_plane(np.column_stack([numbers(trace.a), numbers(trace.b), numbers(trace.c)]))
        draw_scatter(ax, trace, places[:, 0], places[:, 1])
        if trace.marker.showscale and trace.marker.colorbar.title.text:
            _inset_bar(printed, ax, trace.marker)
    ax.set_xlim(*TRIANGLE_X)
    ax.set_ylim(*TRIANGLE_Y)


def _frame(ax: Any, step: float) -> None:  # noqa: ANN401 (matplotlib axes)
    closed = np.vstack([CORNERS, CORNERS[:1]])
    for share in np.arange(step, 1.0 - step / 2, step):
        for k in range(3):
            ends = np.zeros((2, 3))
            ends[:, k] = share
            ends[0, (k + 1) % 3] = ends[1, (k + 2) % 3] = 1.0 - share
            line = to_plane(ends)
            ax.plot(line[:, 0], line[:, 1], color=GRID, linewidth=0.5, zorder=1.2)
    ax.plot(closed[:, 0], closed[:, 1], color=LINE, linewidth=0.8, zorder=1.5)


def _inset_bar(printed: Any, ax: Any, marker: Any) -> None:  # noqa: ANN401 (matplotlib and plotly)
    bar = marker.colorbar
    length, middle = float(bar.len or 0.7), float(0.5 if bar.y is None else bar.y)
    place = ax.inset_axes([1.02, middle - length / 2, 0.035, 0.85 * length])
    made = printed.colorbar(scale_of(marker), cax=place)
    dress_bar(made, bar)
