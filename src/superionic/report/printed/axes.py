"""Axes of plotly as those of matplotlib: place, scale, range, ticks and titles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, NullLocator, PercentFormatter

from superionic.report.printed.marks import DASHES, PX, rgba
from superionic.report.printed.words import printed_text

LINE, GRID, INK = "#6b7480", "#e6e8eb", "#1f2933"
TITLE_PX, TICK_PX = 13.0, 12.0
SAME = 0.02
"""Ends of domains that are nearer belong to the same row or column."""


def layout_name(reference: str) -> str:
    """Name in the layout of the axis that traces call ``x2``."""
    return f"{reference[0]}axis{reference[1:]}"


def domain_of(layout: Any, reference: str) -> tuple[float, float]:  # noqa: ANN401 (plotly is untyped)
    """Where an axis lies in the figure, as fractions of its width or height."""
    low, high = layout[layout_name(reference)].domain or (0.0, 1.0)
    return float(low), float(high)


def bins(domains: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The different columns or rows among domains, from low to high."""
    found: list[tuple[float, float]] = []
    for domain in sorted(domains):
        if not any(abs(domain[0] - other[0]) < SAME and abs(domain[1] - other[1]) < SAME for other in found):
            found.append(domain)
    return found


def bin_of(domain: tuple[float, float], found: Sequence[tuple[float, float]]) -> int:
    """Which column or row a domain is."""
    return min(range(len(found)), key=lambda i: abs(domain[0] - found[i][0]) + abs(domain[1] - found[i][1]))


def look(ax: Any) -> None:  # noqa: ANN401 (matplotlib axes)
    """Frame, grid and ticks as in the page."""
    ax.grid(visible=True, color=GRID, linewidth=0.5, zorder=0)
    ax.set_axisbelow(True)
    for spine in ax.spines.values():
        spine.set_color(LINE)
        spine.set_linewidth(0.6)
    ax.tick_params(labelsize=TICK_PX * PX, color=LINE, width=0.6, length=2.5, labelcolor=INK, pad=2)


def dress(ax: Any, which: str, axis: Any, categories: Sequence[str]) -> None:  # noqa: ANN401 (plotly and matplotlib)
    """Title, scale, range and ticks of one axis.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where.
    which : str
        ``x`` or ``y``.
    axis : plotly axis
        What it looks like in the page.
    categories : sequence of str
        Names of the rows or columns of an axis without numbers.
    """
    if axis.visible is False:
        ax.set_axis_off()
    side = ax.xaxis if which == "x" else ax.yaxis
    if axis.type == "log":
        getattr(ax, f"set_{which}scale")("log")
    if axis.title.text:
        size = TITLE_PX * PX
        getattr(ax, f"set_{which}label")(printed_text(axis.title.text), fontsize=size, color=INK, labelpad=3)
    _set_range(ax, which, axis)
    _set_ticks(side, axis, categories)
    if axis.showticklabels is False:
        ax.tick_params(**({"labelbottom": False} if which == "x" else {"labelleft": False}))
    if axis.showgrid is False:
        ax.grid(visible=False, axis=which)
    if axis.zeroline:
        draw = ax.axvline if which == "x" else ax.axhline
        draw(0.0, color=rgba(axis.zerolinecolor or LINE), linewidth=0.8, zorder=1)


def _set_range(ax: Any, which: str, axis: Any) -> None:  # noqa: ANN401 (plotly and matplotlib)
    if axis.range is not None:
        ends = [10.0 ** float(end) if axis.type == "log" else float(end) for end in axis.range]
        getattr(ax, f"set_{which}lim")(*ends)
        return
    if axis.rangemode == "tozero":
        high = getattr(ax, f"get_{which}lim")()[1]
        getattr(ax, f"set_{which}lim")(0.0, max(high, 1e-12))
    if axis.autorange == "reversed":
        getattr(ax, f"invert_{which}axis")()


def _set_ticks(side: Any, axis: Any, categories: Sequence[str]) -> None:  # noqa: ANN401 (plotly and matplotlib)
    if categories:
        side.set_major_locator(FixedLocator(list(range(len(categories)))))
        side.set_ticklabels([printed_text(name) for name in categories])
    elif axis.tickvals is not None:
        values = [float(value) for value in axis.tickvals]
        side.set_major_locator(FixedLocator(values))
        side.set_ticklabels([printed_text(str(text)) for text in (axis.ticktext or axis.tickvals)])
        if axis.type == "log":
            side.set_minor_locator(NullLocator())
            side.set_minor_formatter(NullFormatter())
    elif axis.type != "log":
        side.set_major_locator(MaxNLocator(min(axis.nticks or 6, 6), steps=[1, 2, 2.5, 5, 10]))
    if axis.tickformat and axis.tickformat.endswith("%"):
        side.set_major_formatter(PercentFormatter(1.0, decimals=0))


def second_axis(ax: Any, axis: Any) -> None:  # noqa: ANN401 (plotly and matplotlib)
    """Ticks on top that name other values of the same axis, such as temperatures beside their inverse."""
    top = ax.secondary_xaxis("top")
    top.set_ticks([float(value) for value in axis.tickvals], [str(text) for text in axis.ticktext])
    top.tick_params(labelsize=TICK_PX * PX, color=LINE, width=0.6, length=2.5, labelcolor=INK, pad=1.5)
    top.set_xlabel(printed_text(axis.title.text), fontsize=TITLE_PX * PX, color=INK, labelpad=3)
    top.spines["top"].set_color(LINE)
    top.spines["top"].set_linewidth(0.6)


def draw_shapes(layout: Any, panels: dict[tuple[str, str], Any]) -> None:  # noqa: ANN401 (plotly and matplotlib)
    """Lines and bands across a panel."""
    for item in layout.shapes:
        x, y = str(item.xref).split()[0], str(item.yref).split()[0]
        for (x_name, y_name), ax in panels.items():
            if (x, y) != (x_name, y_name):
                continue
            if item.type == "rect":
                ax.axvspan(float(item.x0), float(item.x1), color=rgba(item.fillcolor), linewidth=0, zorder=0.5)
                continue
            options = {"color": rgba(item.line.color), "linewidth": item.line.width * PX, "zorder": 1.5}
            options["linestyle"] = DASHES[item.line.dash or "solid"]
            if "domain" in str(item.yref):
                ax.axvline(float(item.x0), **options)
            else:
                ax.axhline(float(item.y0), **options)


def draw_titles(layout: Any, panels: dict[tuple[str, str], Any]) -> None:  # noqa: ANN401 (plotly and matplotlib)
    """Titles of panels, which plotly holds as texts above their domains."""
    for note in layout.annotations:
        for (x, y), ax in panels.items():
            low, high = domain_of(layout, x)
            top = domain_of(layout, y)[1]
            if abs((low + high) / 2 - float(note.x)) < SAME and abs(top - float(note.y)) < SAME:
                ax.set_title(printed_text(note.text), fontsize=TITLE_PX * PX, color=INK, pad=4)


def finite(values: Any) -> np.ndarray[Any, np.dtype[np.float64]]:  # noqa: ANN401 (any array)
    """The finite ones."""
    array = np.asarray(values, dtype=np.float64)
    return array[np.isfinite(array)]
