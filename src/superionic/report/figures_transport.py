"""Figures of the transport stage: Arrhenius plot, mean square displacements, ion densities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

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
from superionic.transport.schemas import ArrheniusPoint, ConductivityDoc, DiffusionDoc
from superionic.units import BOLTZMANN_EV_PER_K

TICK_TEMPERATURES_K = (300, 350, 400, 500, 600, 800, 1000, 1400, 2000)
REFERENCE_SYMBOL = "diamond-open"
MAX_NAMED_REFERENCES = 4
FEW_PANELS = 4
MAX_LAGS = 200
LINE_POINTS = 30
MAX_DECADES = 14


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
    shown = [doc for doc in conductivities if any(p.conductivity_S_per_cm > 0 for p in doc.points)]
    if not shown:
        return None
    extrapolated = [doc for doc in shown if doc.conductivity_at_reference_S_per_cm]
    figure = make_subplots(rows=1, cols=2 if extrapolated else 1, horizontal_spacing=0.09)
    _fill_panel(figure, shown, 1, with_reference=False)
    if extrapolated:
        _fill_panel(figure, shown, 2, with_reference=True)
    style(figure, legend={"y": 1.16})
    caption = (
        "Nernst-Einstein conductivity of each production run (error bars: one standard error) with its Arrhenius fit: "
        "solid inside the simulated temperatures, shaded its 68 % band. Grey hollow points carry a verdict other than "
        "ok and are named in the legend."
    )
    if extrapolated:
        caption += (
            " Left: the simulated temperatures. Right: the same with the extrapolation (dashed) to the reference "
            "temperature; diamonds are the extrapolated values with their 95 % intervals."
        )
    # about five names stand in one row of the legend
    n_names = sum(trace.showlegend is not False for trace in figure.data)
    height = 500 + 22 * max(0, math.ceil(n_names / 5) - 1)
    return Chart("arrhenius", "Arrhenius plot", caption, figure, height, wide=True, columns=_arrhenius_columns(shown))


def _fill_panel(figure: Any, docs: Sequence[ConductivityDoc], column: int, *, with_reference: bool) -> None:  # noqa: ANN401
    """Draw one panel; names enter the legend from the first panel, references from the second."""
    panel = make_subplots(rows=1, cols=1)
    for index, doc in enumerate(docs):
        _add_fit(panel, doc, index, extrapolate=with_reference)
        _add_points(panel, doc, index, in_legend=not with_reference)
        if with_reference:
            _add_reference(panel, doc, index)
    if with_reference and len(docs) > MAX_NAMED_REFERENCES:
        _share_reference_names(panel)
    for trace in panel.data:
        figure.add_trace(trace, row=1, col=column)
    temperatures = [point.temperature_K for doc in docs for point in doc.points]
    temperatures += [doc.reference_temperature_K for doc in docs] * with_reference
    width = 1000 / min(temperatures) - 1000 / max(temperatures)
    edge = 0.04 * width + 0.01
    x_range = [1000 / max(temperatures) - edge, 1000 / min(temperatures) + edge]
    figure.update_xaxes(**axis("1000 / T (K⁻¹)", range=x_range, mirror=False), row=1, col=column)
    values = _shown_conductivities(docs, with_reference=with_reference)
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


def _add_fit(figure: Any, doc: ConductivityDoc, index: int, *, extrapolate: bool) -> None:  # noqa: ANN401
    if not doc.fit_temperatures_K:
        return
    x = [1000 / t for t in doc.fit_temperatures_K]
    shade = translucent(colour(index), 0.13)
    hidden = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(x=x, y=doc.fit_low_S_per_cm, **hidden))
    figure.add_trace(go.Scatter(x=x, y=doc.fit_high_S_per_cm, fill="tonexty", fillcolor=shade, **hidden))
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
        if point.conductivity_S_per_cm > 0:
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


def _error_bars(points: Sequence[ArrheniusPoint], shade: str) -> dict[str, Any]:
    return {
        "type": "data",
        "array": [p.conductivity_std_S_per_cm for p in points],
        # on a log axis a bar that reaches zero would be dropped: it ends far below the axis instead
        "arrayminus": [min(p.conductivity_std_S_per_cm, 0.999999 * p.conductivity_S_per_cm) for p in points],
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
    if not point.used:
        lines.append(f"not in the fit: {escape(point.reason) or 'no reason given'}")
    return "<br>".join(lines)


def _name(doc: ConductivityDoc) -> str:
    return label(doc.composition.formula) if doc.composition else "unnamed composition"


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
        values += [p.conductivity_S_per_cm for p in doc.points]
        values += [p.conductivity_S_per_cm + p.conductivity_std_S_per_cm for p in doc.points]
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
    rows = [(doc, point) for doc in docs for point in doc.points]
    return {
        "formula": [doc.composition.formula if doc.composition else "" for doc, _ in rows],
        "temperature_K": [p.temperature_K for _, p in rows],
        "conductivity_S_per_cm": [p.conductivity_S_per_cm for _, p in rows],
        "conductivity_std_S_per_cm": [p.conductivity_std_S_per_cm for _, p in rows],
        "diffusivity_cm2_per_s": [p.diffusivity_cm2_per_s for _, p in rows],
        "diffusivity_std_cm2_per_s": [p.diffusivity_std_cm2_per_s for _, p in rows],
        "verdict": [p.verdict for _, p in rows],
        "used_in_fit": [p.used for _, p in rows],
        "diffusion_key": [p.diffusion_key for _, p in rows],
    }


def msd_chart(diffusions: Sequence[DiffusionDoc]) -> Chart | None:
    """Mean square displacement of the mobile ions and the host against lag time, one panel per composition.

    Returns
    -------
    Chart or None
        None without runs.
    """
    groups: dict[str, list[DiffusionDoc]] = {}
    for doc in sorted(diffusions, key=lambda d: (d.temperature_K, d.replica)):
        groups.setdefault(doc.composition.formula if doc.composition else "", []).append(doc)
    if not groups:
        return None
    few = len(groups) <= FEW_PANELS
    n_columns, panel_height = (min(2, len(groups)), 360) if few else (3, 290)
    n_rows = math.ceil(len(groups) / n_columns)
    figure = make_subplots(
        rows=n_rows,
        cols=n_columns,
        subplot_titles=[label(name) for name in groups],
        horizontal_spacing=0.1,
        vertical_spacing=(0.22 if few else 0.3) / n_rows,
    )
    temperatures = sorted({doc.temperature_K for doc in diffusions})
    seen: set[str] = set()
    for index, docs in enumerate(groups.values()):
        row, column = divmod(index, n_columns)
        for doc in docs:
            _add_msd(figure, doc, temperatures.index(doc.temperature_K), (row + 1, column + 1), seen)
    style(figure, margin={"l": 60, "r": 20, "t": 40, "b": 50}, legend={"y": 1 + 45 / (panel_height * n_rows)})
    figure.update_xaxes(**log_axis("lag time (ps)", (t for doc in diffusions for t in doc.msd_time_ps)))
    # one scale for all panels, so that compositions can be compared by eye
    both = (m for doc in diffusions for m in (*doc.msd_tracer_A2, *doc.msd_host_A2))
    figure.update_yaxes(**log_axis("MSD (Å²)", both))
    caption = (
        "Mean square displacement against lag time: solid the mobile ions (thick: the window of the fit), dotted the "
        "host. A slope of 1 on these axes is diffusion. Runs whose verdict is not ok are grey."
    )
    height = panel_height * n_rows + 60
    return Chart(
        "msd", "Mean square displacement", caption, figure, height, wide=True, columns=_msd_columns(diffusions)
    )


def _add_msd(figure: Any, doc: DiffusionDoc, index: int, cell: tuple[int, int], seen: set[str]) -> None:  # noqa: ANN401
    good = doc.verdict == "ok"
    shade = colour(index) if good else GREY
    name = f"{doc.temperature_K:g} K" + ("" if good else f": {verdict_words(doc.verdict)}")
    shared = {
        "mode": "lines",
        "legendgroup": name,
        "hovertemplate": "%{x:.3g} ps, %{y:.3g} Å²<extra>" + name + "</extra>",
    }
    lags = _drawn_lags(doc)
    pairs = [(t, m) for t, m, _ in lags if m > 0]
    host = [(t, m) for t, _, m in lags if m > 0]
    low, high = doc.fit_window_ps or (math.inf, -math.inf)
    window = [(t, m) for t, m in pairs if low <= t <= high]
    lines: list[tuple[list[tuple[float, float]], dict[str, Any]]] = [
        (pairs, {"color": shade, "width": 1.5, "dash": "solid" if good else "dash"}),
        (window, {"color": shade, "width": 4}),
        (host, {"color": shade, "width": 1.2, "dash": "dot"}),
    ]
    for position, (points, line) in enumerate(lines):
        trace = go.Scatter(
            x=[t for t, _ in points],
            y=[m for _, m in points],
            line=line,
            name=name,
            showlegend=position == 0 and name not in seen,
            **shared,
        )
        figure.add_trace(trace, row=cell[0], col=cell[1])
    seen.add(name)


def _drawn_lags(doc: DiffusionDoc) -> list[tuple[float, float, float]]:
    """Lag time and both displacements, thinned to equal steps on a logarithmic axis."""
    rows = list(zip(doc.msd_time_ps, doc.msd_tracer_A2, doc.msd_host_A2, strict=True))
    rows = [row for row in rows if row[0] > 0]
    if len(rows) <= MAX_LAGS:
        return rows
    return [rows[i] for i in sorted({round(len(rows) ** (k / (MAX_LAGS - 1))) - 1 for k in range(MAX_LAGS)})]


def _msd_columns(diffusions: Sequence[DiffusionDoc]) -> dict[str, list[Any]]:
    rows = [(doc, *values) for doc in diffusions for values in _drawn_lags(doc)]
    return {
        "formula": [row[0].composition.formula if row[0].composition else "" for row in rows],
        "temperature_K": [row[0].temperature_K for row in rows],
        "replica": [row[0].replica for row in rows],
        "verdict": [row[0].verdict for row in rows],
        "lag_time_ps": [row[1] for row in rows],
        "msd_mobile_A2": [row[2] for row in rows],
        "msd_host_A2": [row[3] for row in rows],
    }
