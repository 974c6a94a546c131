"""Conductivity and activation energy along the line between two end members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from superionic.documents import CompositionInfo
from superionic.references import ReferenceQuantity, ReferenceValue, reference_values
from superionic.report.composition_points import SHAPES, Floats, fractions_at, point_columns, point_text
from superionic.report.conductivity_at import Origin, SigmaAt
from superionic.report.figures_published import PUBLISHED_SYMBOL, bounds, published_conductivities
from superionic.report.theme import GREY, PALETTE, Chart, axis, label, log_axis, style
from superionic.transport.schemas import ConductivityDoc

HEIGHT_PX = 560


def conductivity_curves(
    found: list[SigmaAt],
    members: Sequence[CompositionInfo],
    temperature_K: float,
    docs: Sequence[ConductivityDoc],
) -> Chart:
    """Conductivity and activation energy, one above the other, with published values.

    Parameters
    ----------
    found : list of SigmaAt
        Conductivities at the temperature.
    members : sequence of CompositionInfo
        The two end members.
    temperature_K : float
        Temperature, K.
    docs : sequence of ConductivityDoc
        All compositions, for the published values.
    """
    x, name = _abscissa(found, members)
    order = np.argsort(x, kind="stable")
    items, places = [found[i] for i in order], x[order]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.07)
    lows = [max(item.low, 1e-6 * item.value) for item in items]
    sigma = [(item.value, item.value - low, item.high - item.value) for item, low in zip(items, lows, strict=True)]
    energy = [(item.activation_energy_eV, *[item.activation_energy_std_eV or 0.0] * 2) for item in items]
    for row, values in enumerate((sigma, energy), start=1):
        _add_curve(figure, items, places, values, row)
    published = _add_published(figure, docs, _place_of(items, places), temperature_K)
    style(figure, showlegend=True)
    pad = 0.04 * float(np.ptp(places)) or 0.5
    spans = {"range": [float(places.min()) - pad, float(places.max()) + pad]}
    figure.update_xaxes(**axis("", showticklabels=False, **spans), row=1, col=1)
    figure.update_xaxes(**axis(name, **spans), row=2, col=1)
    shown = [value for item, low in zip(items, lows, strict=True) for value in (low, item.high)] + published
    # an error as large as the value must not squeeze the data into a corner
    floor = 0.1 * min(item.value for item in items)
    y_title = f"σ at {temperature_K:g} K (S cm⁻¹)"
    figure.update_yaxes(**log_axis(y_title, [max(value, floor) for value in shown]), row=1, col=1)
    figure.update_yaxes(**axis("E<sub>a</sub> (eV)"), row=2, col=1)
    caption = _curve_words(items, has_stars=bool(published))
    columns = point_columns(items, fractions_at(items, members), members, temperature_K)
    title = f"Conductivity at {temperature_K:g} K and activation energy over the composition"
    return Chart("conductivity-map", title, caption, figure, HEIGHT_PX, columns=columns)


def _abscissa(found: Sequence[SigmaAt], members: Sequence[CompositionInfo]) -> tuple[Floats, str]:
    """The composition variable where there is a single one, else the atom fraction of the second end member."""
    names = {name for item in found for name in item.composition.axes}
    if len(names) == 1:
        (name,) = names
        ends = " to ".join(label(member.formula) for member in members)
        return np.array([item.composition.axes[name] for item in found]), f"{name} ({ends})"
    ends = f"atom fraction of {label(members[1].formula)} in {label(members[0].formula)}"
    return fractions_at(found, members)[:, 1], ends


def _add_curve(
    figure: Any,  # noqa: ANN401 (plotly is untyped)
    items: Sequence[SigmaAt],
    places: Floats,
    values: Sequence[tuple[float | None, float, float]],
    row: int,
) -> None:
    """A thin line through the usable numbers of the host, and marks by structure and origin."""
    line = [i for i, item in enumerate(items) if item.usable and not item.variant and values[i][0] is not None]
    path = {"x": places[line], "y": [values[i][0] for i in line]}
    thin = {"color": PALETTE[0], "width": 1.2}
    figure.add_trace(go.Scatter(mode="lines", line=thin, showlegend=False, hoverinfo="skip", **path), row=row, col=1)
    for kind, members in _series(items).items():
        chosen = [i for i in members if values[i][0] is not None]
        if not chosen:
            continue
        marker = _marker(kind)
        errors = [[values[i][side] for i in chosen] for side in (1, 2)]
        bars = {"type": "data", "array": errors[1], "arrayminus": errors[0], "color": marker["color"]}
        trace = go.Scatter(
            x=places[chosen],
            y=[values[i][0] for i in chosen],
            error_y=bars | {"thickness": 1.3, "width": 4},
            mode="markers",
            name=_series_name(kind),
            legendgroup=_series_name(kind),
            showlegend=row == 1,
            marker=marker,
            text=[point_text(items[i]) for i in chosen],
            hovertemplate="%{text}<extra></extra>",
        )
        figure.add_trace(trace, row=row, col=1)


def _series(items: Sequence[SigmaAt]) -> dict[tuple[str, Origin], list[int]]:
    """Positions of the points of each structure and origin, the host first."""
    found: dict[tuple[str, Origin], list[int]] = {}
    for i, item in sorted(enumerate(items), key=lambda pair: (pair[1].variant, list(Origin).index(pair[1].origin))):
        found.setdefault((item.variant, item.origin), []).append(i)
    return found


def _series_name(kind: tuple[str, Origin]) -> str:
    variant, origin = kind
    return f"{variant}, {origin.value}" if variant else origin.value


def _marker(kind: tuple[str, Origin]) -> dict[str, Any]:
    variant, origin = kind
    shade = GREY if origin is Origin.DOUBTFUL else PALETTE[2] if variant else PALETTE[0]
    shape = SHAPES.get(origin, "x") if origin is Origin.RUN else f"{SHAPES.get(origin, 'x')}-open"
    if variant and origin is not Origin.DOUBTFUL:
        shape = "triangle-up-open"
    return {"symbol": shape, "size": 10, "color": shade, "line": {"width": 1.6, "color": shade}}


def _place_of(items: Sequence[SigmaAt], places: Floats) -> dict[str, float]:
    return {item.composition.formula: float(x) for item, x in zip(items, places, strict=True)}


def _add_published(
    figure: Any,  # noqa: ANN401 (plotly is untyped)
    docs: Sequence[ConductivityDoc],
    places: dict[str, float],
    temperature_K: float,
) -> list[float]:
    """Published values of both panels as stars; the conductivities, for the range of the axis."""
    formulas = [doc.composition.formula if doc.composition else "" for doc in docs]
    sigma = [
        (places[formulas[index]], value)
        for index, value in published_conductivities(docs, temperature_K, temperature_K)
        if formulas[index] in places
    ]
    energy = [
        (place, value)
        for name, place in places.items()
        for value in reference_values()
        if value.quantity is ReferenceQuantity.ACTIVATION_ENERGY and value.is_of(name)
    ]
    for row, found in enumerate((sigma, energy), start=1):
        if found:
            figure.add_trace(_stars(found, geometric=row == 1, named=row == 1 or not sigma), row=row, col=1)
    return [end for _, value in sigma for end in bounds(value)]


def _stars(found: Sequence[tuple[float, ReferenceValue]], *, geometric: bool, named: bool) -> Any:  # noqa: ANN401
    ends = [bounds(value) for _, value in found]
    middles = [(low * high) ** 0.5 if geometric else (low + high) / 2 for low, high in ends]
    stds = [value.std or 0.0 for _, value in found]
    above = [max(high - m, s) for (_, high), m, s in zip(ends, middles, stds, strict=True)]
    below = [max(m - low, s) for (low, _), m, s in zip(ends, middles, stds, strict=True)]
    shade = PALETTE[1]
    return go.Scatter(
        x=[place for place, _ in found],
        y=middles,
        error_y={"type": "data", "array": above, "arrayminus": below, "color": shade, "thickness": 1.0, "width": 3},
        mode="markers",
        name="published",
        legendgroup="published",
        showlegend=named,
        marker={"symbol": PUBLISHED_SYMBOL, "size": 11, "color": shade},
        text=[f"{label(value.formula)}: {value.level}<br>{value.source.citation}" for _, value in found],
        hovertemplate="%{text}<extra></extra>",
    )


def _curve_words(items: Sequence[SigmaAt], *, has_stars: bool) -> str:
    text = "Error bars: one standard error. The line joins the compositions and is no fit."
    if any(item.variant for item in items):
        text += " Triangles are other structures: polymorphs, or orderings drawn by Monte Carlo."
    if any(item.origin in {Origin.FIT, Origin.EXTRAPOLATED} for item in items):
        text += " Open symbols of the upper panel come from the Arrhenius fit: squares inside of the simulated "
        text += "temperatures, diamonds beyond them."
    if any(not item.usable for item in items):
        text += " Grey crosses carry a verdict other than ok."
    return text + (" Stars are published values; level of theory and source appear under the pointer." * has_stars)
