"""Colours, symbols and layout that all figures share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from superionic.report.markup import Content, formula
from superionic.report.numbers import MINUS

# Okabe and Ito, Color Universal Design (2008), without the yellow that vanishes on white
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "hexagon", "star")
DASHES = ("solid", "dash", "dashdot")
GREY = "#8a8f98"
INK = "#1f2933"
GRID_COLOUR = "#e6e8eb"
SEQUENTIAL = "Cividis"
MIN_TICKS, MAX_TICKS = 4, 10
TICK_MANTISSAS: tuple[tuple[float, ...], ...] = (
    (1,),
    (1, 2, 5),
    (1, 1.5, 2, 3, 5, 7),
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9),
    tuple(n / 10 for n in range(10, 100)),
)
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
    title, caption : str or Html
        Shown above and below the figure; plain text is escaped.
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
    title: Content
    caption: Content
    figure: Any
    height_px: int = 440
    wide: bool = False
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def plain_columns(self) -> dict[str, list[Any]]:
        """The numbers as JSON knows them, with 8 digits; what is not finite becomes None."""
        return {name: [_plain(value) for value in values] for name, values in self.columns.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 (a cell of any column)
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        # more digits than any result has would only make the page longer
        return float(f"{value:.8g}") if math.isfinite(value) else None
    return value


def verdict_words(verdict: str) -> str:
    """A verdict in words; one that is not known is shown as it is."""
    return VERDICT_WORDS.get(verdict, verdict.replace("_", " "))


def colour(index: int) -> str:
    """Colour of the n-th series."""
    return PALETTE[index % len(PALETTE)]


def symbol(index: int) -> str:
    """Marker symbol of the n-th series; colour and symbol repeat together only after 49 series."""
    return SYMBOLS[(index + index // len(PALETTE)) % len(SYMBOLS)]


def dash(index: int) -> str:
    """Dash of the n-th line, so that lines differ besides their colour; 21 look different with their colours."""
    return DASHES[index % len(DASHES)]


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


def log_axis(title: str, values: Iterable[float], **options: Any) -> dict[str, Any]:  # noqa: ANN401 (plotly options)
    """Options of a logarithmic axis that holds ``values``, with enough labelled ticks.

    plotly's own ticks are a single power of ten, or digits without their power, where values span little.
    """
    logs = sorted(math.log10(value) for value in values if value > 0 and math.isfinite(value)) or [0.0, 1.0]
    pad = max(0.05 * (logs[-1] - logs[0]), 0.03)
    low, high = logs[0] - pad, logs[-1] + pad
    ticks = log_ticks(low, high)
    labels = [power_text(tick) for tick in ticks]
    fixed = {"type": "log", "range": [low, high], "tickvals": ticks, "ticktext": labels}
    return axis(title, **fixed, minor={"ticks": "outside", "ticklen": 3, "dtick": 1}) | options


def log_ticks(low: float, high: float, fewest: int = MIN_TICKS) -> list[float]:
    """Round numbers between two decimal logarithms: ``fewest`` to 10 of them where that is possible."""
    ticks: list[float] = []
    for mantissas in TICK_MANTISSAS:
        decades = range(math.floor(low), math.floor(high) + 1)
        ticks = [m * 10.0**d for d in decades for m in mantissas if low <= d + math.log10(m) <= high]
        if len(ticks) >= fewest:
            break
    return ticks[:: math.ceil(len(ticks) / MAX_TICKS)] if ticks else []


def power_text(value: float) -> str:
    """A tick label: plain for everyday sizes, a power of ten otherwise."""
    if 1e-2 <= value < 1e4:  # noqa: PLR2004 (what people read at a glance)
        return f"{value:.6g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    mantissa = f"{value / 10.0**exponent:.3g}"
    power = f"10<sup>{str(exponent).replace('-', MINUS)}</sup>"
    return power if mantissa == "1" else f"{mantissa}×{power}"


def style(figure: Any, **layout: Any) -> Any:  # noqa: ANN401 (plotly is untyped)
    """Apply the common look; the legend stands above the plot, where it cannot meet an axis title."""
    legend: dict[str, Any] = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
    # plotly would reverse the order as soon as a trace is filled
    legend |= {"font": {"size": 12}, "traceorder": "normal"}
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
