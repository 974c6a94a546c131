"""The Arrhenius plot: combined points, the single runs behind them, fits with their bands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from superionic.report.figures_published import bounds, published_conductivities, published_trace
from superionic.report.numbers import interval, significant, with_error
from superionic.report.theme import (
    GREY,
    Chart,
    axis,
    colour,
    label,
    log_axis,
    style,
    symbol,
    translucent,
    verdict_words,
)
from superionic.transport.schemas import ArrheniusPoint, ArrheniusRun, ConductivityDoc
from superionic.units import BOLTZMANN_EV_PER_K

TICK_TEMPERATURES_K = (300, 350, 400, 500, 600, 800, 1000, 1400, 2000)
REFERENCE_SYMBOL = "diamond-open"
LEFT_OUT_SYMBOL = "x-thin-open"
MAX_NAMED_REFERENCES = 4
LINE_POINTS = 30
MAX_BANDS = 6
"""Fits whose bands can be told apart."""
MAX_DECADES = 14
FAINT = 0.4
"""Opacity of the single runs behind a combined point."""
BESIDE = 0.02
"""How far they stand from it, in widths of the panel."""


def arrhenius_chart(conductivities: Sequence[ConductivityDoc]) -> Chart | None:
    """Conductivity against inverse temperature, with fits, bands, and points that may not be used in grey.

    Parameters
    ----------
    conductivities : sequence of ConductivityDoc
        One per composition.

    Returns
    -------
    Chart or None
        None if no run gave a conductivity above zero.
    """
    shown = [doc for doc in conductivities if _values(doc)]
    if not shown:
        return None
    extrapolated = [doc for doc in shown if doc.conductivity_at_reference_S_per_cm]
    figure = make_subplots(rows=1, cols=2 if extrapolated else 1, horizontal_spacing=0.09)
    _fill_panel(figure, shown, 1, with_reference=False)
    if extrapolated:
        _fill_panel(figure, shown, 2, with_reference=True)
    style(figure, legend={"y": 1.16})
    caption = (
        "Nernst-Einstein conductivity (error bars: one standard error) with its Arrhenius fit: solid inside the "
        f"simulated temperatures{', shaded its 68 % band' if len(shown) <= MAX_BANDS else ''}. Grey hollow points "
        "carry a verdict other than ok and are named in the legend."
    )
    if any(_single_runs(doc) for doc in shown):
        caption += (
            " Several runs at one temperature are combined into one point; the small faint marks beside it are the "
            "runs, a cross one that was left out."
        )
    if extrapolated:
        caption += (
            " Left: the simulated temperatures. Right: the same with the extrapolation (dashed) to the reference "
            "temperature; diamonds are the extrapolated values with their 95 % intervals."
        )
    stars = [trace for trace in figure.data if trace.legendgroup == "published"]
    for trace in stars[1:]:
        trace.showlegend = False
    if stars:
        caption += " Stars are published values; their level of theory and source appear under the pointer."
    # about five names stand in one row of the legend
    n_names = sum(trace.showlegend is not False for trace in figure.data)
    height = 500 + 22 * max(0, math.ceil(n_names / 5) - 1)
    return Chart("arrhenius", "Arrhenius plot", caption, figure, height, wide=True, columns=_arrhenius_columns(shown))


def _fill_panel(figure: Any, docs: Sequence[ConductivityDoc], column: int, *, with_reference: bool) -> None:  # noqa: ANN401
    """Draw one panel; names enter the legend from the first panel, references from the second."""
    panel = make_subplots(rows=1, cols=1)
    temperatures = [point.temperature_K for doc in docs for point in doc.points]
    temperatures += [doc.reference_temperature_K for doc in docs] * with_reference
    width = 1000 / min(temperatures) - 1000 / max(temperatures)
    for index, doc in enumerate(docs):
        _add_fit(panel, doc, index, extrapolate=with_reference, band=len(docs) <= MAX_BANDS)
        _add_single_runs(panel, doc, index, BESIDE * width)
        _add_points(panel, doc, index, in_legend=not with_reference)
        if with_reference:
            _add_reference(panel, doc, index)
    if with_reference and len(docs) > MAX_NAMED_REFERENCES:
        _share_reference_names(panel)
    published = published_trace(docs, min(temperatures), max(temperatures))
    for trace in [*panel.data, *([published] if published else [])]:
        figure.add_trace(trace, row=1, col=column)
    edge = 0.04 * width + 0.01
    x_range = [1000 / max(temperatures) - edge, 1000 / min(temperatures) + edge]
    figure.update_xaxes(**axis("1000 / T (K⁻¹)", range=x_range, mirror=False), row=1, col=column)
    values = _shown_conductivities(docs, with_reference=with_reference)
    for _, value in published_conductivities(docs, min(temperatures), max(temperatures)):
        values += bounds(value)
    figure.update_yaxes(**log_axis("conductivity σ (S cm⁻¹)", values), row=1, col=column)
    suffix = "" if column == 1 else str(column)
    top = _temperature_axis(x_range, temperatures) | {"overlaying": f"x{suffix}", "anchor": f"y{suffix}"}
    figure.update_layout({f"xaxis{column + 2}": top})
    # plotly draws a further axis only if a trace uses it
    unseen = {"x": [None], "y": [None], "showlegend": False, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(xaxis=f"x{column + 2}", yaxis=f"y{suffix}", **unseen))


def _share_reference_names(panel: Any) -> None:  # noqa: ANN401 (plotly is untyped)
    """One legend entry per verdict instead of one per composition, where there are many."""
    seen: set[str] = set()
    for trace in panel.data:
        if trace.name and trace.marker.symbol == REFERENCE_SYMBOL:
            name = trace.name.split("</sub> ")[-1]
            trace.update(name=name, legendgroup=name, showlegend=name not in seen)
            seen.add(name)


def _add_fit(figure: Any, doc: ConductivityDoc, index: int, *, extrapolate: bool, band: bool) -> None:  # noqa: ANN401
    if not doc.fit_temperatures_K:
        return
    x = [1000 / t for t in doc.fit_temperatures_K]
    if band:
        _add_band(figure, doc, index, x)
    used = [point.temperature_K for point in doc.points if point.used]
    if not used:
        return
    pairs = zip(x, doc.fit_conductivity_S_per_cm, doc.fit_temperatures_K, strict=True)
    solid = [(a, b) for a, b, t in pairs if min(used) <= t <= max(used)]
    lines = [(solid, "solid")] + [(_extrapolation(doc, min(used)), "dash")] * extrapolate
    for line, dash in lines:
        figure.add_trace(
            go.Scatter(
                x=[a for a, _ in line],
                y=[b for _, b in line],
                mode="lines",
                line={"color": colour(index), "width": 1.6, "dash": dash},
                showlegend=False,
                hoverinfo="skip",
            )
        )


def _add_band(figure: Any, doc: ConductivityDoc, index: int, x: Sequence[float]) -> None:  # noqa: ANN401
    """The 68 % band of a fit."""
    shade = translucent(colour(index), 0.13)
    hidden = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=x, y=doc.fit_low_S_per_cm, **hidden))
    figure.add_trace(go.Scatter(x=x, y=doc.fit_high_S_per_cm, fill="tonexty", fillcolor=shade, **hidden))


def _extrapolation(doc: ConductivityDoc, coldest_K: float) -> list[tuple[float, float]]:
    """The fitted line from the coldest run to the reference: sigma T = const exp(-Ea / kT)."""
    end, energy, value = doc.reference_temperature_K, doc.activation_energy_eV, doc.conductivity_at_reference_S_per_cm
    if energy is None or value is None or end >= coldest_K:
        return []
    grid = [coldest_K + (end - coldest_K) * i / (LINE_POINTS - 1) for i in range(LINE_POINTS)]
    slope = energy / BOLTZMANN_EV_PER_K
    return [(1000 / t, value * end / t * math.exp(-slope * (1 / t - 1 / end))) for t in grid]


def _add_points(figure: Any, doc: ConductivityDoc, index: int, *, in_legend: bool) -> None:  # noqa: ANN401
    groups: dict[str, list[ArrheniusPoint]] = {}
    for point in doc.points:
        if _sigma(point) > 0:
            groups.setdefault(point.verdict, []).append(point)
    for verdict, points in sorted(groups.items(), key=lambda item: item[0] != "ok"):
        good = verdict == "ok"
        suffix = "" if good else f": {verdict_words(verdict)}"
        figure.add_trace(
            go.Scatter(
                x=[1000 / p.temperature_K for p in points],
                y=[p.conductivity_S_per_cm for p in points],
                error_y=_error_bars(points, colour(index) if good else GREY),
                mode="markers",
                name=f"{_name(doc)}{suffix}",
                legendgroup=f"{_name(doc)}{suffix}",
                showlegend=in_legend,
                marker={
                    "symbol": symbol(index) if good else f"{symbol(index)}-open",
                    "size": 9,
                    "color": colour(index) if good else GREY,
                    "line": {"width": 1.6, "color": colour(index) if good else GREY},
                },
                text=[_point_text(doc, p) for p in points],
                hovertemplate="%{text}<extra></extra>",
            )
        )


def _sigma(item: ArrheniusPoint | ArrheniusRun) -> float:
    """Conductivity, S/cm; 0 where there is none."""
    return item.conductivity_S_per_cm or 0.0


def _values(doc: ConductivityDoc) -> list[float]:
    """Conductivities above zero that can be drawn, S/cm."""
    return [sigma for sigma in (*map(_sigma, doc.points), *map(_sigma, _single_runs(doc))) if sigma > 0]


def _single_runs(doc: ConductivityDoc) -> list[ArrheniusRun]:
    """Runs that stand behind a point of several."""
    several = {point.temperature_K for point in doc.points if point.n_runs > 1}
    return [run for run in doc.runs if run.temperature_K in several and _sigma(run) > 0]


def _add_single_runs(figure: Any, doc: ConductivityDoc, index: int, shift: float) -> None:  # noqa: ANN401
    """Small marks beside the combined points, so that these do not hide them."""
    runs = _single_runs(doc)
    if not runs:
        return
    fitted = {point.temperature_K for point in doc.points if point.used}
    figure.add_trace(
        go.Scatter(
            x=[1000 / run.temperature_K + shift for run in runs],
            y=[_sigma(run) for run in runs],
            mode="markers",
            showlegend=False,
            marker={
                "size": 6,
                "symbol": ["circle" if run.used else LEFT_OUT_SYMBOL for run in runs],
                "opacity": [FAINT if run.used else 1.0 for run in runs],
                "color": [colour(index) if run.used and run.temperature_K in fitted else GREY for run in runs],
            },
            text=[_run_text(doc, run) for run in runs],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _run_text(doc: ConductivityDoc, run: ArrheniusRun) -> str:
    lines = [
        f"{_name(doc)} at {run.temperature_K:g} K: ordering {run.ordering}, replica {run.replica}",
        f"σ = {with_error(run.conductivity_S_per_cm, run.conductivity_std_S_per_cm)} S/cm",
        f"verdict: {verdict_words(run.verdict)}, {run.n_hops} hops",
    ]
    lines += [f"cut at {run.cut_at_ps:.4g} ps: the framework broke"] if run.cut_at_ps is not None else []
    return "<br>".join([*lines, *([] if run.used else [f"left out: {escape(run.reason)}"])])


def _error_bars(points: Sequence[ArrheniusPoint], shade: str) -> dict[str, Any]:
    errors = [p.conductivity_std_S_per_cm or 0.0 for p in points]
    return {
        "type": "data",
        "array": errors,
        # on a log axis a bar that reaches zero would be dropped: it ends far below the axis instead
        "arrayminus": [min(error, 0.999999 * _sigma(p)) for error, p in zip(errors, points, strict=True)],
        "color": shade,
        "thickness": 1.4,
        "width": 4,
    }


def _add_reference(figure: Any, doc: ConductivityDoc, index: int) -> None:  # noqa: ANN401
    value, bounds = doc.conductivity_at_reference_S_per_cm, doc.conductivity_at_reference_95_S_per_cm
    if value is None or value <= 0:
        return
    bars = None
    if bounds is not None:
        below = min(value - bounds.low, 0.999999 * value)
        bars = {"type": "data", "array": [bounds.high - value], "arrayminus": [below], "width": 5, "thickness": 1.2}
    lines = [f"{_name(doc)} at {doc.reference_temperature_K:g} K", f"σ = {significant(value)} S/cm"]
    lines += [f"95 %: {interval(bounds.low, bounds.high)} S/cm"] if bounds else []
    lines += [f"verdict: {verdict_words(doc.verdict)}", escape(doc.verdict_reason)]
    figure.add_trace(
        go.Scatter(
            x=[1000 / doc.reference_temperature_K],
            y=[value],
            error_y=bars,
            mode="markers",
            name=f"{_name(doc)} at {doc.reference_temperature_K:g} K: {verdict_words(doc.verdict)}",
            marker={"symbol": REFERENCE_SYMBOL, "size": 11, "color": colour(index), "line": {"width": 1.8}},
            text=["<br>".join(lines)],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _point_text(doc: ConductivityDoc, point: ArrheniusPoint) -> str:
    lines = [
        f"{_name(doc)} at {point.temperature_K:g} K",
        f"σ = {with_error(point.conductivity_S_per_cm, point.conductivity_std_S_per_cm)} S/cm",
        f"D = {with_error(point.diffusivity_cm2_per_s, point.diffusivity_std_cm2_per_s)} cm²/s",
        f"verdict: {verdict_words(point.verdict)}",
    ]
    if point.n_runs > 1:
        lines.append(f"{point.n_used} of {point.n_runs} runs")
    lines.append(escape(point.reason) if point.used else f"not in the fit: {escape(point.reason)}")
    return "<br>".join(lines)


def _name(doc: ConductivityDoc) -> str:
    return label(doc.composition.name) if doc.composition else "unnamed composition"


def _temperature_axis(x_range: Sequence[float], temperatures: Sequence[float]) -> dict[str, Any]:
    wide = max(temperatures) > 2 * min(temperatures)
    candidates = TICK_TEMPERATURES_K if wide else sorted(set(temperatures))
    ticks = [t for t in candidates if x_range[0] <= 1000 / t <= x_range[1]]
    ticks_at = {"tickvals": [1000 / t for t in ticks], "ticktext": [f"{t:g}" for t in ticks]}
    options = {"side": "top", "range": list(x_range), "showgrid": False, "mirror": False}
    return axis("T (K)", **options, **ticks_at) | {"title": {"text": "T (K)", "standoff": 4}}


def _shown_conductivities(docs: Sequence[ConductivityDoc], *, with_reference: bool) -> list[float]:
    """Values that the axis must hold: the points and the useful part of their errors."""
    values: list[float] = []
    for doc in docs:
        values += _values(doc)
        values += [_sigma(p) + (p.conductivity_std_S_per_cm or 0.0) for p in doc.points]
        values += doc.fit_conductivity_S_per_cm
        bounds = doc.conductivity_at_reference_95_S_per_cm
        if with_reference:
            values += [doc.conductivity_at_reference_S_per_cm or 0.0]
            values += [bounds.low, bounds.high] if bounds else []
    positive = [value for value in values if value > 0 and math.isfinite(value)]
    # an interval that reaches down to nothing must not squeeze the data into a corner
    floor = max(positive) * 10.0**-MAX_DECADES
    return [max(value, floor) for value in positive]


def _arrhenius_columns(docs: Sequence[ConductivityDoc]) -> dict[str, list[Any]]:
    """Points with their runs combined, and the single runs of those that have several."""
    rows: list[tuple[Any, ...]] = []
    for doc in docs:
        formula = doc.composition.name if doc.composition else ""
        for p in doc.points:
            keys = " ".join(p.diffusion_keys)
            rows.append((formula, f"{p.n_used} of {p.n_runs}", *_numbers(p), p.used, keys))
        rows += [(formula, "single", *_numbers(run), run.used, run.diffusion_key) for run in _single_runs(doc)]
    names = (
        "formula",
        "runs",
        "temperature_K",
        "conductivity_S_per_cm",
        "conductivity_std_S_per_cm",
        "diffusivity_cm2_per_s",
        "diffusivity_std_cm2_per_s",
        "verdict",
        "used",
        "diffusion_keys",
    )
    return {name: [row[k] for row in rows] for k, name in enumerate(names)}


def _numbers(item: ArrheniusPoint | ArrheniusRun) -> tuple[Any, ...]:
    return (
        item.temperature_K,
        item.conductivity_S_per_cm,
        item.conductivity_std_S_per_cm,
        item.diffusivity_cm2_per_s,
        item.diffusivity_std_cm2_per_s,
        item.verdict,
    )
