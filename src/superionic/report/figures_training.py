"""Figures of the model in use: parity and validation history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from superionic.builders.models import find_errors
from superionic.report.numbers import rmse
from superionic.report.theme import GREY, INK, PALETTE, Chart, axis, colour, log_axis, style
from superionic.training.mace_command import REPLAY_HEAD
from superionic.training.schemas import ErrorRow, ModelDoc, Parity
from superionic.units import MEV_PER_EV

MAX_POINTS = 1500
UNITS = {"energy": "eV/atom", "force": "eV/Å", "stress": "eV/Å³"}
WORDS = {"energy": "energy per atom", "force": "force components", "stress": "stress components"}
# name in the documents, name in the legend, colour, symbol
MODELS = (("foundation", "foundation", PALETTE[4], "x-thin-open"), ("tuned", "tuned", PALETTE[0], "circle-open"))


def parity_charts(model: ModelDoc) -> list[Chart]:
    """Predicted against reference energies, forces and stresses of the test set, foundation and tuned, with residuals.

    Returns
    -------
    list of Chart
        Empty if the model has no parity data.
    """
    parities = [
        (name, title, shade, marker, parity)
        for (name, title, shade, marker), parity in zip(
            MODELS, (model.parity_foundation, model.parity_tuned), strict=True
        )
        if parity is not None and parity.energy_reference_eV_per_atom
    ]
    if not parities:
        return []
    drawn = [quantity for quantity in UNITS if all(_values(parity, quantity)[0] for *_, parity in parities)]
    return [_parity(model, parities, quantity) for quantity in drawn]


def _parity(model: ModelDoc, parities: Sequence[tuple[str, str, str, str, Parity]], quantity: str) -> Chart:
    unit = UNITS[quantity]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.66, 0.34], vertical_spacing=0.05)
    columns: dict[str, list[Any]] = {"model": [], f"reference_{unit}": [], f"predicted_{unit}": []}
    ends: list[float] = []
    for name, title, shade, shape, parity in parities:
        reference, predicted = _pairs(parity, quantity)
        ends += [float(reference.min()), float(reference.max()), float(predicted.min()), float(predicted.max())]
        legend = f"{title}: RMSE {_rmse_text(find_errors(model.errors, name), quantity)}"
        marker = {"symbol": shape, "size": 6, "color": shade, "opacity": 0.75, "line": {"width": 1.2, "color": shade}}
        shared = {"mode": "markers", "marker": marker, "name": legend, "legendgroup": name}
        figure.add_trace(go.Scatter(x=reference, y=predicted, **shared), row=1, col=1)
        error = (predicted - reference) * MEV_PER_EV
        figure.add_trace(go.Scatter(x=reference, y=error, showlegend=False, **shared), row=2, col=1)
        columns["model"] += [name] * len(reference)
        columns[f"reference_{unit}"] += reference.tolist()
        columns[f"predicted_{unit}"] += predicted.tolist()
    line = {
        "mode": "lines",
        "line": {"color": INK, "width": 1, "dash": "dot"},
        "showlegend": False,
        "hoverinfo": "skip",
    }
    low, high = min(ends), max(ends)
    figure.add_trace(go.Scatter(x=[low, high], y=[low, high], **line), row=1, col=1)
    figure.add_trace(go.Scatter(x=[low, high], y=[0, 0], **line), row=2, col=1)
    style(figure)
    figure.update_xaxes(**axis("", showticklabels=False), row=1, col=1)
    figure.update_xaxes(**axis(f"reference {quantity} ({unit})"), row=2, col=1)
    figure.update_yaxes(**axis(f"predicted ({unit})"), row=1, col=1)
    figure.update_yaxes(**axis(f"error (m{unit})"), row=2, col=1)
    title = f"Parity: {WORDS[quantity]}"
    caption = _parity_caption(model, parities, quantity)
    return Chart(f"parity-{quantity}", title, caption, figure, 520, columns=columns)


def _parity_caption(model: ModelDoc, parities: Sequence[tuple[str, str, str, str, Parity]], quantity: str) -> str:
    text = (
        f"Test set, split by parent ordering; reference: {model.label_level_of_theory}. Below: predicted − reference."
    )
    total = max(len(_values(parity, quantity)[0]) for *_, parity in parities)
    if total > MAX_POINTS:
        text += f" {MAX_POINTS} of {total} points are drawn; the errors in the legend are those of the whole set."
    foundation = find_errors(model.errors, "foundation")
    if quantity == "energy" and foundation is not None and foundation.energy_shifted:
        text += " Per-element energy offsets were fitted to the foundation first, as it has another level of theory."
    return text


def _values(parity: Parity, quantity: str) -> tuple[list[float], list[float]]:
    if quantity == "energy":
        return parity.energy_reference_eV_per_atom, parity.energy_predicted_eV_per_atom
    if quantity == "stress":
        return parity.stress_reference_eV_per_A3, parity.stress_predicted_eV_per_A3
    return parity.force_reference_eV_per_A, parity.force_predicted_eV_per_A


def _pairs(parity: Parity, quantity: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    reference, predicted = (np.asarray(values, dtype=float) for values in _values(parity, quantity))
    if len(reference) > MAX_POINTS:
        keep = np.sort(np.random.default_rng(0).choice(len(reference), MAX_POINTS, replace=False))
        reference, predicted = reference[keep], predicted[keep]
    return reference, predicted


def _rmse_text(row: ErrorRow | None, quantity: str) -> str:
    if row is None:
        return "not available"
    values = {
        "energy": row.energy_rmse_meV_per_atom,
        "force": row.force_rmse_meV_per_A,
        "stress": row.stress_rmse_meV_per_A3,
    }
    value = values[quantity]
    return "not available" if value is None else f"{rmse(value, row.n_structures)} m{UNITS[quantity]}"


def history_chart(model: ModelDoc) -> Chart | None:
    """Validation errors of each head against the epoch.

    Returns
    -------
    Chart or None
        None without a history.
    """
    if not model.history:
        return None
    figure = make_subplots(rows=1, cols=3, horizontal_spacing=0.09)
    panels = (
        ("energy_rmse_meV_per_atom", "energy RMSE (meV/atom)"),
        ("force_rmse_meV_per_A", "force RMSE (meV/Å)"),
        ("loss", "validation loss"),
    )
    heads = sorted({record.head for record in model.history}, key=lambda head: head == REPLAY_HEAD)
    for column, (field, title) in enumerate(panels, start=1):
        for index, head in enumerate(heads):
            records = sorted((r for r in model.history if r.head == head), key=lambda r: r.epoch)
            trace = go.Scatter(
                x=[record.epoch for record in records],
                y=[getattr(record, field) for record in records],
                mode="lines",
                name=f"{head} (replay of the foundation)" if head == REPLAY_HEAD else f"{head} (labels)",
                legendgroup=head,
                showlegend=column == 1,
                line={"color": colour(index), "width": 2, "dash": "dash" if head == REPLAY_HEAD else "solid"},
            )
            figure.add_trace(trace, row=1, col=column)
        figure.add_vline(x=model.best_epoch, line={"color": GREY, "width": 1.2, "dash": "dot"}, row=1, col=column)
        figure.update_xaxes(**axis("epoch"), row=1, col=column)
        figure.update_yaxes(**log_axis(title, (getattr(r, field) for r in model.history)), row=1, col=column)
    style(figure)
    ending = "stopped early by patience" if model.stopped_early else "ran to its last epoch"
    caption = (
        f"Validation errors of each head. Dotted line: epoch {model.best_epoch}, whose weights are used. Training "
        f"{ending} after {model.epochs_run} epochs; epoch −1 is the state before training."
    )
    records = model.history
    columns = {name: [getattr(record, name) for record in records] for name in type(records[0]).model_fields}
    return Chart("history", "Training history", caption, figure, 400, wide=True, columns=columns)
