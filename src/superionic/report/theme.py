"""Colours, symbols and layout that all figures share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from superionic.report.markup import formula

# Okabe and Ito, Color Universal Design (2008), without the yellow that vanishes on white
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "hexagon", "star")
GREY = "#8a8f98"
INK = "#1f2933"
GRID_COLOUR = "#e6e8eb"
SEQUENTIAL = "Cividis"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
VERDICT_WORDS = {
    "ok": "ok",
    "not_diffusive": "not diffusive",
    "framework_unstable": "framework unstable",
    "too_few_hops": "too few hops",
    "extrapolated": "extrapolated",
}


@dataclass(frozen=True)
class Chart:
    """One figure of the report.

    Attributes
    ----------
    identity : str
        Name inside the page.
    title, caption : str
        Shown above and below the figure; HTML is escaped.
    figure : plotly.graph_objects.Figure
        The figure.
    height_px : int
        Height in the page, pixels.
    wide : bool
        Whether it takes the full width of the page.
    columns : mapping of str to sequence
        The numbers behind the figure, one sequence per column.
    """

    identity: str
    title: str
    caption: str
    figure: Any
    height_px: int = 440
    wide: bool = False
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def plain_columns(self) -> dict[str, list[Any]]:
        """The numbers as JSON knows them: what is not finite becomes None."""
        return {name: [_plain(value) for value in values] for name, values in self.columns.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 (a cell of any column)
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def verdict_words(verdict: str) -> str:
    """A verdict in words; one that is not known is shown as it is."""
    return VERDICT_WORDS.get(verdict, verdict.replace("_", " "))


def colour(index: int) -> str:
    """Colour of the n-th series."""
    return PALETTE[index % len(PALETTE)]


def symbol(index: int) -> str:
    """Marker symbol of the n-th series."""
    return SYMBOLS[index % len(SYMBOLS)]


def translucent(hex_colour: str, alpha: float) -> str:
    """A colour as rgba text."""
    red, green, blue = (int(hex_colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def label(chemical_formula: str) -> str:
    """A formula for plotly texts, escaped and with subscripts."""
    return str(formula(chemical_formula))


def axis(title: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 (plotly axis options)
    """Options of one Cartesian axis."""
    return {
        "title": {"text": title, "standoff": 10},
        "gridcolor": GRID_COLOUR,
        "linecolor": "#9aa1ab",
        "showline": True,
        "mirror": True,
        "ticks": "outside",
        "tickcolor": "#9aa1ab",
        "zeroline": False,
        "automargin": True,
    } | options


def log_axis(title: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 (plotly axis options)
    """Options of a logarithmic axis with labels at powers of ten."""
    return axis(title, type="log", exponentformat="power", dtick=1, minor={"ticks": "outside", "ticklen": 3}) | options


def style(figure: Any, **layout: Any) -> Any:  # noqa: ANN401 (plotly is untyped)
    """Apply the common look; the legend stands above the plot, where it cannot meet an axis title."""
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom", "font": {"size": 12}}
    figure.update_layout(
        template="none",
        font={"family": FONT, "size": 13, "color": INK},
        paper_bgcolor="white",
        plot_bgcolor="white",
        colorway=list(PALETTE),
        margin={"l": 60, "r": 20, "t": 20, "b": 50},
        hoverlabel={"font": {"family": FONT, "size": 12}},
        legend=legend,
    )
    figure.update_layout(**layout)
    return figure
