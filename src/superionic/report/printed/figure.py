"""One figure of the page as a still image."""

from __future__ import annotations

import re
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from superionic.report.printed.marks import DASHES, PX, colours_of, rgba, shape, spread
from superionic.report.printed.panels import draw_panels, draw_triangle
from superionic.report.printed.solid import draw_space
from superionic.report.printed.words import printed_text
from superionic.report.theme import Chart

WIDTHS_INCH = {False: 4.3, True: 7.2}
"""One and a half, and two columns of a journal."""
PAGE_PX = {False: 560.0, True: 1180.0}
LEAST_INCH = 1.6
TRIANGLE_HEIGHT = 0.82
"""Of its width, with room for a legend."""
FONTS = ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"]
LEGEND_PX = 12.0
LETTER = 0.52
"""Mean width of a letter, in font sizes."""
LOOK: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": FONTS,
    "mathtext.default": "regular",
    "mathtext.fontset": "dejavusans",
    "font.size": 12 * PX,
    # the same figure gives the same file
    "svg.hashsalt": "superionic",
}


def printed_figure(chart: Chart) -> Figure:
    """Draw a figure of the page with matplotlib.

    The figures of the page are the only source: what stands in them is what is printed.

    Parameters
    ----------
    chart : Chart
        The figure.

    Returns
    -------
    matplotlib.figure.Figure
        Ready to be saved.

    Raises
    ------
    KeyError, ValueError
        If the figure uses a symbol or colour that has no counterpart.
    """
    width = WIDTHS_INCH[chart.wide]
    height = max(LEAST_INCH, chart.height_px * width / PAGE_PX[chart.wide])
    kinds = {trace.type for trace in chart.figure.data}
    if "scatterternary" in kinds:
        height = min(height, TRIANGLE_HEIGHT * width)
    with rc_context(LOOK):
        printed = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(printed)
        if kinds & {"mesh3d", "scatter3d"}:
            draw_space(printed, chart.figure)
        elif "scatterternary" in kinds:
            draw_triangle(printed, chart.figure)
        else:
            draw_panels(printed, chart.figure)
        _legend(printed, chart.figure)
    return printed


def _legend(printed: Figure, source: Any) -> None:  # noqa: ANN401 (plotly is untyped)
    """The names of the page's legend, above the panels, in as many columns as fit."""
    entries: dict[str, Any] = {}
    lengths: list[int] = []
    for trace in source.data:
        named = trace.name and trace.showlegend is not False and _has_points(trace)
        if named and printed_text(trace.name) not in entries:
            entries[printed_text(trace.name)] = _handle(trace)
            lengths.append(len(re.sub(r"<[^>]*>", "", trace.name)))
    asked = source.layout.showlegend
    if asked is False or not entries or (asked is None and len(entries) == 1):
        return
    size = LEGEND_PX * PX
    column_pt = (LETTER * max(lengths) + 3.5) * size
    n_columns = max(1, min(len(entries), int(printed.get_figwidth() * 72 / column_pt)))
    printed.legend(
        entries.values(),
        entries.keys(),
        loc="outside upper left",
        ncols=n_columns,
        fontsize=size,
        frameon=False,
        handlelength=1.8,
        columnspacing=1.2,
        borderaxespad=0.2,
    )


def _has_points(trace: Any) -> bool:  # noqa: ANN401 (plotly is untyped)
    values = trace.a if trace.type == "scatterternary" else trace.x
    return values is not None and len(values) > 0


def _handle(trace: Any) -> Any:  # noqa: ANN401 (plotly and matplotlib objects)
    if trace.type == "bar":
        return Patch(facecolor=rgba(trace.marker.color))
    mode = trace.mode or "lines+markers"
    options: dict[str, Any] = {"linestyle": "none"}
    if "lines" in mode:
        options = {"color": rgba(trace.line.color or "#1f2933"), "linewidth": (trace.line.width or 2) * PX}
        options["linestyle"] = DASHES[trace.line.dash or "solid"]
    if "markers" in mode:
        options |= _marker_options(trace.marker, _own_line(trace))
    return Line2D([], [], **options)


def _own_line(trace: Any) -> str:  # noqa: ANN401 (plotly is untyped)
    line = trace.line.color if "lines" in (trace.mode or "lines") else None
    return line if isinstance(line, str) else "#1f2933"


def _marker_options(marker: Any, line: str) -> dict[str, Any]:  # noqa: ANN401 (plotly is untyped)
    form, filled = shape(spread(marker.symbol, 1, "circle")[0])
    colour = colours_of(spread(marker.color, 1, line), marker)[0]
    own = marker.line.color if isinstance(marker.line.color, str) else None
    edge = rgba(own) if own and filled and own != "white" else colour
    face = colour if filled else "none"
    size = min(float(spread(marker.size, 1, 6.0)[0]), 10.0) * PX
    return {
        "marker": form,
        "markersize": size,
        "markerfacecolor": face,
        "markeredgecolor": edge,
        "markeredgewidth": 0.8,
    }
