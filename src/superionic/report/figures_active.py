"""Figure of the active-learning rounds: errors, uncertainty of the pool, and whether it can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from superionic.builders.models import find_errors
from superionic.report.theme import GREY, INK, Chart, axis, colour, log_axis, style, symbol
from superionic.training.active_schemas import ActiveLearningDoc, ActiveRoundDoc

MODELS = (("tuned", "first model"), ("committee", "mean of the committee"))
POOL = (
    ("pool_largest_meV_per_A", "pool: largest"),
    ("pool_95_meV_per_A", "pool: 95 % are below"),
    ("pool_median_meV_per_A", "pool: median"),
)


def rounds_chart(doc: ActiveLearningDoc, tolerance_meV_per_A: float | None = None) -> Chart:
    """Test errors and uncertainty of the pool against the number of labels, and the reliability of the last round.

    Parameters
    ----------
    doc : ActiveLearningDoc
        All rounds.
    tolerance_meV_per_A : float, optional
        Drawn as a line, meV/A.
    """
    figure = make_subplots(rows=1, cols=3, horizontal_spacing=0.09)
    labels = [done.counts["train"] for done in doc.rounds]
    errors = {title: [_force_rmse(done, model) for done in doc.rounds] for model, title in MODELS}
    pool = {title: [getattr(done, name) for done in doc.rounds] for name, title in POOL}
    for column, (series, title) in enumerate(
        ((errors, "test force RMSE (meV/Å)"), (pool, "uncertainty of the pool (meV/Å)")), start=1
    ):
        for index, (name, values) in enumerate(series.items(), start=0 if column == 1 else len(errors)):
            figure.add_trace(_line(labels, values, name, index), row=1, col=column)
        found = [value for values in series.values() for value in values if value is not None]
        figure.update_xaxes(**axis("training labels"), row=1, col=column)
        figure.update_yaxes(**log_axis(title, found), row=1, col=column)
    if tolerance_meV_per_A is not None:
        figure.add_hline(y=tolerance_meV_per_A, line={"color": GREY, "width": 1.2, "dash": "dot"}, row=1, col=2)
    _reliability(figure, doc.rounds[-1])
    style(figure, showlegend=True)
    columns: dict[str, Sequence[Any]] = {"training_labels": labels}
    columns |= {f"test_force_rmse_meV_per_A ({name})": values for name, values in errors.items()}
    columns |= {f"uncertainty_meV_per_A ({name})": values for name, values in pool.items()}
    return Chart("rounds", "Rounds of labels", _caption(doc), figure, 400, wide=True, columns=columns)


def _line(labels: Sequence[int], values: Sequence[float | None], name: str, index: int) -> Any:  # noqa: ANN401
    return go.Scatter(
        x=labels,
        y=values,
        mode="lines+markers",
        name=name,
        marker={"symbol": symbol(index), "size": 8},
        line={"color": colour(index), "width": 1.5},
    )


def _reliability(figure: Any, last: ActiveRoundDoc) -> None:  # noqa: ANN401 (plotly is untyped)
    nominal, observed = zip(*last.calibration.reliability, strict=True)
    ideal = {"color": INK, "width": 1, "dash": "dot"}
    line = go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line=ideal, showlegend=False, hoverinfo="skip")
    figure.add_trace(line, row=1, col=3)
    figure.add_trace(_line(nominal, observed, "errors inside the interval", len(MODELS) + len(POOL)), row=1, col=3)
    figure.update_xaxes(**axis("interval should hold", range=[0, 1], tickformat=".0%"), row=1, col=3)
    figure.update_yaxes(**axis("holds, validation set", range=[0, 1], tickformat=".0%"), row=1, col=3)


def _force_rmse(done: ActiveRoundDoc, model: str) -> float | None:
    row = find_errors(done.errors, model)
    return None if row is None else row.force_rmse_meV_per_A


def _caption(doc: ActiveLearningDoc) -> str:
    last = doc.rounds[-1]
    return (
        f"Left: errors on the same {last.counts['test']} test structures. Middle: calibrated uncertainty "
        f"({last.measure}) of the frames without a label. Right: share of force errors inside the scaled intervals of "
        f"the last round; on the dotted line they are what they claim. The rounds ended: {doc.stop_reason}."
    )
