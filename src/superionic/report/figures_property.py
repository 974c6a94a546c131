"""Figure of what the models of a learning curve predict."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from superionic.flows.property_schemas import PropertyConductivity, PropertyCurveDoc
from superionic.report.numbers import significant
from superionic.report.theme import PALETTE, Chart, axis, colour, label, log_axis, style, symbol, verdict_words
from superionic.units import MEV_PER_EV

UNSTABLE = "framework_unstable"
UNSTABLE_SYMBOL = "x"
ZERO_MEV_PER_ATOM = 1e-6


def property_curve_chart(doc: PropertyCurveDoc) -> Chart | None:
    """Formation energies, activation energies and conductivities against the number of training structures.

    Panels without a value are left out; end members, whose formation energy is zero by definition, are not drawn there.

    Returns
    -------
    Chart or None
        None if no model gave any of them.
    """
    places = list(_places(doc).items())
    panels = [
        (title, traces, sigma)
        for title, make, sigma in (
            ("formation energy (meV/atom)", _formation, False),
            ("activation energy (eV)", _activation, False),
            ("conductivity σ (S cm⁻¹)", _conductivity, True),
        )
        if (traces := [trace for i, (place, name) in enumerate(places) if (trace := make(doc, place, name, i))])
    ]
    if not panels:
        return None
    figure = make_subplots(rows=1, cols=len(panels), horizontal_spacing=0.09)
    sizes = [float(point.n_train) for point in doc.points]
    named: set[str] = set()
    for column, (title, traces, sigma) in enumerate(panels, start=1):
        for trace in traces:
            trace.showlegend = trace.legendgroup not in named
            named.add(trace.legendgroup)
            figure.add_trace(trace, row=1, col=column)
        shown = log_axis(title, (value for trace in traces for value in trace.y)) if sigma else axis(title)
        figure.update_xaxes(**log_axis("training structures", sizes), row=1, col=column)
        figure.update_yaxes(**shown, row=1, col=column)
    style(figure, showlegend=True)
    name, title, columns = "property-curve", "Predictions against training structures", _property_columns(doc)
    return Chart(name, title, _property_caption(doc), figure, 430, wide=True, columns=columns)


def _places(doc: PropertyCurveDoc) -> dict[str, str]:
    """Label and formula of all compositions."""
    found = [phase.composition for point in doc.points for phase in point.phases]
    found += [item.composition for point in doc.points for item in point.conductivities]
    return {place.label: place.name for place in found}


def _series(name: str, index: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (plotly options)
    return {
        "mode": "lines+markers",
        "name": label(name),
        "legendgroup": name,
        "line": {"color": colour(index), "width": 1.3},
        **more,
    }


def _formation(doc: PropertyCurveDoc, place: str, formula: str, index: int) -> Any:  # noqa: ANN401 (a plotly trace)
    found = [
        (point.n_train, phase.formation_energy_eV_per_atom * MEV_PER_EV)
        for point in doc.points
        for phase in point.phases
        if phase.composition.label == place
    ]
    if all(abs(value) < ZERO_MEV_PER_ATOM for _, value in found):
        return None
    marker = {"symbol": symbol(index), "size": 8, "color": colour(index)}
    x, y = [n for n, _ in found], [value for _, value in found]
    return go.Scatter(x=x, y=y, **_series(formula, index, marker=marker))


def _conductivities(doc: PropertyCurveDoc, place: str) -> list[tuple[int, PropertyConductivity]]:
    return [
        (point.n_train, item)
        for point in doc.points
        for item in point.conductivities
        if item.composition.label == place
    ]


def _activation(doc: PropertyCurveDoc, place: str, formula: str, index: int) -> Any:  # noqa: ANN401 (a plotly trace)
    found = [(n, item) for n, item in _conductivities(doc, place) if item.activation_energy_eV is not None]
    if not found:
        return None
    errors = [item.activation_energy_std_eV or 0.0 for _, item in found]
    marker = {"symbol": symbol(index), "size": 8, "color": colour(index)}
    bars = {"type": "data", "array": errors, "thickness": 1.2, "width": 3}
    x, y = [n for n, _ in found], [item.activation_energy_eV for _, item in found]
    return go.Scatter(x=x, y=y, error_y=bars, **_series(formula, index, marker=marker))


def _hottest(doc: PropertyCurveDoc) -> list[tuple[str, int, float, str]]:
    """Composition, training structures, conductivity and verdict of the hottest run of every model."""
    found = []
    for point in doc.points:
        for item in point.conductivities:
            if item.temperatures_K:
                hottest = max(range(len(item.temperatures_K)), key=item.temperatures_K.__getitem__)
                sigma, verdict = item.conductivities_S_per_cm[hottest] or 0.0, item.run_verdicts[hottest]
                found.append((item.composition.label, point.n_train, sigma, verdict))
    return found


def _conductivity(doc: PropertyCurveDoc, place: str, formula: str, index: int) -> Any:  # noqa: ANN401 (a plotly trace)
    found = [(n, sigma, verdict) for where, n, sigma, verdict in _hottest(doc) if where == place and sigma > 0]
    if not found:
        return None
    shapes = [_verdict_symbol(verdict, symbol(index)) for _, _, verdict in found]
    shades = [PALETTE[1] if verdict == UNSTABLE else colour(index) for _, _, verdict in found]
    marker = {"symbol": shapes, "size": 9, "color": shades, "line": {"width": 1.4, "color": shades}}
    texts = [verdict_words(verdict) for _, _, verdict in found]
    x, y = [n for n, *_ in found], [sigma for _, sigma, _ in found]
    return go.Scatter(x=x, y=y, **_series(formula, index, marker=marker, text=texts))


def _verdict_symbol(verdict: str, shape: str) -> str:
    if verdict == UNSTABLE:
        return UNSTABLE_SYMBOL
    return shape if verdict == "ok" else f"{shape}-open"


def _property_caption(doc: PropertyCurveDoc) -> str:
    unstable = [
        f"{point.n_train} structures (force RMSE {significant(point.force_rmse_meV_per_A)} meV/Å)"
        for point in doc.points
        if any(UNSTABLE in item.run_verdicts for item in point.conductivities)
    ]
    text = (
        f"What the models of the learning curve ({doc.points[0].mode}, first seed) predict. Conductivities: the "
        "hottest run of each composition; open symbols carry a verdict other than ok, a cross marks a crystal that "
        "did not survive."
    )
    if unstable:
        text += f" Framework unstable in at least one run with the model on {', '.join(unstable)}."
    return text + (f" Missing: {'; '.join(doc.missing)}." if doc.missing else "")


def _property_columns(doc: PropertyCurveDoc) -> dict[str, list[Any]]:
    names = ("n_train", "force_rmse_meV_per_A", "composition", "quantity", "T_K", "value", "std", "verdict")
    rows: list[tuple[Any, ...]] = []
    for point in doc.points:
        head = (point.n_train, point.force_rmse_meV_per_A)
        for phase in point.phases:
            energy = phase.formation_energy_eV_per_atom
            rows.append((*head, phase.composition.name, "formation_energy_eV_per_atom", None, energy, None, None))
        for item in point.conductivities:
            place, energy_std = item.composition.name, item.activation_energy_std_eV
            activation = ("activation_energy_eV", None, item.activation_energy_eV, energy_std, item.verdict)
            rows.append((*head, place, *activation))
            runs = zip(
                item.temperatures_K,
                item.conductivities_S_per_cm,
                item.conductivities_std_S_per_cm,
                item.run_verdicts,
                strict=True,
            )
            rows += [(*head, place, "conductivity_S_per_cm", *run) for run in runs]
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}
