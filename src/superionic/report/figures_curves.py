"""Figures of learning curves: errors against labels, and training modes side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import mean
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from superionic.report.theme import (
    GREY,
    INK,
    PALETTE,
    Chart,
    axis,
    log_axis,
    style,
    symbol,
    translucent,
)
from superionic.training.curve_schemas import ComparisonRow, CurveFit, LearningCurveDoc, LearningPoint

PANELS = (
    ("energy", "energy_rmse_meV_per_atom", "energy RMSE (meV/atom)"),
    ("force", "force_rmse_meV_per_A", "force RMSE (meV/Å)"),
    ("stress", "stress_rmse_meV_per_A3", "stress RMSE (meV/Å³)"),
)
MODES = ("foundation", "multihead", "naive", "scratch")
ADVICE_WORDS = {
    "enough": "more labels of this kind will not pay",
    "more_labels": "more labels of this kind pay",
    "undecided": "undecided",
    "too_few_points": "too few sizes for a fit",
}
SPREAD = 1.03
BAND_FACTOR = 3.0


def mode_colour(mode: str) -> str:
    """Colour of a training mode, the same in all figures."""
    shades = (PALETTE[4], PALETTE[0], PALETTE[1], PALETTE[2])
    return dict(zip(MODES, shades, strict=True)).get(mode, PALETTE[3])


def learning_curve_chart(doc: LearningCurveDoc) -> Chart | None:
    """Test errors against the number of training structures: seeds, their means, and the fitted power laws.

    Returns
    -------
    Chart or None
        None without points.
    """
    if not doc.points:
        return None
    panels = [panel for panel in PANELS if all(getattr(point, panel[1]) is not None for point in doc.points)]
    figure = make_subplots(rows=1, cols=len(panels), horizontal_spacing=0.09)
    modes = list(dict.fromkeys(point.mode for point in sorted(doc.points, key=lambda point: _rank(point.mode))))
    for column, (quantity, field, title) in enumerate(panels, start=1):
        shown: list[float] = [getattr(point, field) for point in doc.points]
        # a band from few models can span many decades, which would flatten everything else
        lowest, highest = min(shown) / BAND_FACTOR, max(shown) * BAND_FACTOR
        sizes: list[float] = [point.n_train for point in doc.points]
        for mode in modes:
            points = [point for point in doc.points if point.mode == mode]
            fit = next((fit for fit in doc.fits if (fit.mode, fit.quantity) == (mode, quantity)), None)
            if fit is not None and fit.next_n_train is not None:
                _add_fit(figure, fit, column)
                ends = [*fit.line_low, *fit.line_high, fit.next_low or 0.0, fit.next_high or 0.0]
                shown += [min(max(value, lowest), highest) for value in ends]
                sizes.append(fit.next_n_train * SPREAD)
            _add_points(figure, points, field, column, modes.index(mode))
        figure.update_xaxes(**log_axis("training structures", sizes), row=1, col=column)
        figure.update_yaxes(**log_axis(title, shown), row=1, col=column)
    style(figure, showlegend=True)
    columns = _curve_columns(doc)
    return Chart("learning-curve", "Learning curve", _curve_caption(doc), figure, 420, wide=True, columns=columns)


def _rank(mode: str) -> int:
    return MODES.index(mode) if mode in MODES else len(MODES)


def _add_points(figure: Any, points: Sequence[LearningPoint], field: str, column: int, index: int) -> None:  # noqa: ANN401
    mode = points[0].mode
    by_size: dict[int, list[float]] = {}
    for point in sorted(points, key=lambda point: point.n_train):
        by_size.setdefault(point.n_train, []).append(getattr(point, field))
    shade = mode_colour(mode)
    if any(len(values) > 1 for values in by_size.values()):
        single = go.Scatter(
            x=[point.n_train for point in points],
            y=[getattr(point, field) for point in points],
            mode="markers",
            name=f"{mode}, one seed",
            marker={"symbol": symbol(index), "size": 5, "color": translucent(shade, 0.5)},
            legendgroup=mode,
            showlegend=False,
        )
        figure.add_trace(single, row=1, col=column)
    average = go.Scatter(
        x=list(by_size),
        y=[mean(values) for values in by_size.values()],
        mode="lines+markers",
        name=mode,
        legendgroup=mode,
        showlegend=column == 1,
        marker={"symbol": symbol(index), "size": 9, "color": shade},
        line={"color": shade, "width": 1.5},
    )
    figure.add_trace(average, row=1, col=column)


def _add_fit(figure: Any, fit: CurveFit, column: int) -> None:  # noqa: ANN401 (plotly is untyped)
    shade = mode_colour(fit.mode)
    shared = {"x": fit.line_n_train, "mode": "lines", "legendgroup": fit.mode, "showlegend": False}
    hidden = {"line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_trace(go.Scatter(y=fit.line_low, **shared, **hidden), row=1, col=column)
    band = {"fill": "tonexty", "fillcolor": translucent(shade, 0.13)}
    figure.add_trace(go.Scatter(y=fit.line_high, **shared, **hidden, **band), row=1, col=column)
    dashed = {"color": shade, "width": 1.3, "dash": "dash"}
    figure.add_trace(go.Scatter(y=fit.line_error, line=dashed, name=f"{fit.mode}, fit", **shared), row=1, col=column)
    middle, low, high = (value or 0.0 for value in (fit.next_error, fit.next_low, fit.next_high))
    bars = {"type": "data", "array": [high - middle], "arrayminus": [middle - low], "thickness": 1.3, "width": 4}
    following = go.Scatter(
        x=[fit.next_n_train],
        y=[middle],
        error_y=bars,
        mode="markers",
        name=f"{fit.mode}, expected",
        marker={"symbol": "circle-open", "size": 9, "color": shade, "line": {"width": 1.6}},
        legendgroup=fit.mode,
        showlegend=False,
    )
    figure.add_trace(following, row=1, col=column)


def _curve_caption(doc: LearningCurveDoc) -> str:
    text = f"Errors on the same {doc.n_test} test structures against the size of the training set."
    if len({point.seed for point in doc.points}) > 1:
        text += " Small symbols are single seeds of subset and training, large ones their means."
    if any(fit.next_n_train for fit in doc.fits):
        text += (
            " Dashed: fitted power law with its 95 % band, drawn to twice the labels, where the open symbol is the "
            "error that one training is expected to have."
        )
    for mode in dict.fromkeys(fit.mode for fit in doc.fits):
        advice = {fit.quantity: ADVICE_WORDS[fit.advice] for fit in doc.fits if fit.mode == mode}
        if len(set(advice.values())) == 1:
            text += f" {mode}: {next(iter(advice.values()))}."
        else:
            text += f" {mode}: " + ", ".join(f"{name}: {words}" for name, words in advice.items()) + "."
    if doc.left_out:
        text += f" Left out: {'; '.join(doc.left_out)}."
    return text


def _curve_columns(doc: LearningCurveDoc) -> dict[str, list[Any]]:
    """Models first, then the fitted lines, in one long table."""
    rows: list[tuple[Any, ...]] = [
        ("model", point.model_key, point.mode, quantity, point.n_train, point.seed, getattr(point, field), None, None)
        for quantity, field, _ in PANELS
        for point in doc.points
    ]
    rows += [
        ("fit", None, fit.mode, fit.quantity, n, None, value, low, high)
        for fit in doc.fits
        for n, value, low, high in zip(fit.line_n_train, fit.line_error, fit.line_low, fit.line_high, strict=True)
    ]
    rows += [
        ("expected", None, fit.mode, fit.quantity, fit.next_n_train, None, fit.next_error, fit.next_low, fit.next_high)
        for fit in doc.fits
        if fit.next_n_train is not None
    ]
    names = ("kind", "model_key", "mode", "quantity", "n_train", "seed", "rmse_meV", "low_95_meV", "high_95_meV")
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}


def comparison_chart(doc: LearningCurveDoc) -> Chart | None:
    """Foundation and training modes side by side: test errors, softening slopes, drift from the foundation.

    Returns
    -------
    Chart or None
        None unless there are two rows to compare.
    """
    rows = sorted(doc.comparison, key=lambda row: -_rank(row.model))
    if len(rows) < 2:  # noqa: PLR2004 (nothing to compare)
        return None
    drift = any(row.drift_force_meV_per_A is not None for row in rows)
    panels: list[tuple[str, Callable[[ComparisonRow], tuple[float | None, float | None]], bool]] = [
        ("energy RMSE (meV/atom)", lambda r: (r.energy_rmse_meV_per_atom, r.energy_rmse_std_meV_per_atom), False),
        ("force RMSE (meV/Å)", lambda r: (r.force_rmse_meV_per_A, r.force_rmse_std_meV_per_A), False),
        ("softening slope", lambda r: (r.force_slope, r.force_slope_std), True),
    ]
    panels += [("force drift (meV/Å)", lambda r: (r.drift_force_meV_per_A, None), False)] * drift
    figure = make_subplots(rows=1, cols=len(panels), shared_yaxes=True, horizontal_spacing=0.035)
    for column, (title, value, slopes) in enumerate(panels, start=1):
        _add_comparison(figure, rows, value, column)
        if slopes:
            energies = [(row.energy_slope, row.energy_slope_std) for row in rows]
            _add_slopes(figure, rows, energies, column)
            figure.add_vline(x=1, line={"color": INK, "width": 1, "dash": "dot"}, row=1, col=column)
        options = {} if slopes else {"rangemode": "tozero"}
        figure.update_xaxes(**axis(title, nticks=5, **options), row=1, col=column)
        figure.update_yaxes(**axis("", type="category"), row=1, col=column)
    style(figure, showlegend=True)
    columns = {name: [getattr(row, name) for row in doc.comparison] for name in ComparisonRow.model_fields}
    height = 150 + 46 * len(rows)
    caption = _comparison_caption(doc, drift=drift)
    return Chart("comparison", "Training modes side by side", caption, figure, height, wide=True, columns=columns)


def _add_comparison(
    figure: Any,  # noqa: ANN401 (plotly is untyped)
    rows: Sequence[ComparisonRow],
    value: Callable[[ComparisonRow], tuple[float | None, float | None]],
    column: int,
) -> None:
    found = [(row, *value(row)) for row in rows]
    shades = [mode_colour(row.model) for row, _, _ in found]
    figure.add_trace(
        go.Scatter(
            x=[number for _, number, _ in found],
            y=[row.model for row, _, _ in found],
            error_x={"type": "data", "array": [error or 0.0 for *_, error in found], "color": GREY, "thickness": 1.3},
            mode="markers",
            name="forces",
            showlegend=column == 3,  # noqa: PLR2004 (the panel of the slopes has two kinds)
            marker={"color": shades, "size": 11},
        ),
        row=1,
        col=column,
    )


def _add_slopes(
    figure: Any,  # noqa: ANN401 (plotly is untyped)
    rows: Sequence[ComparisonRow],
    slopes: Sequence[tuple[float | None, float | None]],
    column: int,
) -> None:
    shades = [mode_colour(row.model) for row in rows]
    trace = go.Scatter(
        x=[value for value, _ in slopes],
        y=[row.model for row in rows],
        error_x={"type": "data", "array": [error or 0.0 for _, error in slopes], "color": GREY, "thickness": 1.3},
        mode="markers",
        name="energies",
        marker={"color": shades, "size": 11, "symbol": "diamond-open", "line": {"width": 1.8}},
    )
    figure.add_trace(trace, row=1, col=column)


def _comparison_caption(doc: LearningCurveDoc, *, drift: bool) -> str:
    n_train = next((row.n_train for row in doc.comparison if row.n_train), 0)
    text = (
        f"Models on {n_train} structures, tested on the same {doc.n_test}; bars: standard deviation over seeds, or "
        "standard error of a slope. Slopes are those of predicted against reference values, filled for forces and open "
        "for energies about each composition's mean: below 1 the potential is too soft."
    )
    if any(row.energy_shifted for row in doc.comparison):
        text += " Per-element offsets were fitted to the foundation's energies first."
    if drift:
        text += (
            " Drift: RMS difference of the forces to the foundation on replay structures that no training has seen; it "
            "holds what was forgotten and the true difference of the two levels of theory."
        )
        text += _left_out(doc.comparison)
    return text


def _left_out(rows: Sequence[ComparisonRow]) -> str:
    parts = [f"{row.drift_left_out} for {row.model}" for row in rows if row.drift_left_out]
    missing = [row.model for row in rows if row.drift_force_meV_per_A is None and row.model != "foundation"]
    text = f" Structures with elements that a model does not know are left out: {', '.join(parts)}." if parts else ""
    if missing:
        text += f" No drift for {', '.join(missing)}: it knows the elements of no such structure."
    return text
