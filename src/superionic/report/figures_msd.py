"""Mean square displacements of the production runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from superionic.report.theme import GREY, Chart, colour, dash, label, log_axis, style, verdict_words
from superionic.transport.schemas import DiffusionDoc

FEW_PANELS = 4
MAX_LAGS = 200


def msd_chart(diffusions: Sequence[DiffusionDoc]) -> Chart | None:
    """Mean square displacement of the mobile ions and the host against lag time, one panel per composition.

    Returns
    -------
    Chart or None
        None without runs.
    """
    groups: dict[str, list[DiffusionDoc]] = {}
    for doc in sorted(diffusions, key=lambda d: (d.temperature_K, d.ordering, d.replica)):
        groups.setdefault(doc.composition.name if doc.composition else "", []).append(doc)
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
    for above in range(len(groups) - n_columns):  # its title would stand just above that of the panel below
        row, column = divmod(above, n_columns)
        figure.update_xaxes(title_text="", row=row + 1, col=column + 1)
    # one scale for all panels, so that compositions can be compared by eye
    both = (m for doc in diffusions for m in (*doc.msd_tracer_A2, *doc.msd_host_A2))
    figure.update_yaxes(**log_axis("MSD (Å²)", both))
    caption = (
        "Mean square displacement against lag time: thin the mobile ions (thick: the window of the fit), dotted the "
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
        (pairs, {"color": shade, "width": 1.5, "dash": dash(index)}),
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
        "formula": [row[0].composition.name if row[0].composition else "" for row in rows],
        "temperature_K": [row[0].temperature_K for row in rows],
        "ordering": [row[0].ordering for row in rows],
        "replica": [row[0].replica for row in rows],
        "verdict": [row[0].verdict for row in rows],
        "lag_time_ps": [row[1] for row in rows],
        "msd_mobile_A2": [row[2] for row in rows],
        "msd_host_A2": [row[3] for row in rows],
    }
