"""Map of conductivity and activation energy over the triangle of three end members."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from superionic.documents import CompositionInfo
from superionic.report.barycentric import band_polygons, triangles
from superionic.report.composition_points import SAME_PLACE, SHAPES, Floats, fractions_at, point_columns, point_text
from superionic.report.conductivity_at import Origin, SigmaAt
from superionic.report.figures_stability import away_from_edge, triangle
from superionic.report.numbers import significant
from superionic.report.theme import GREY, INK, SEQUENTIAL, Chart, label, log_ticks, style

N_CORNERS = 3
HEIGHT_PX = 560
MAX_BANDS = 6
NARROW_EV = 0.05
"""Activation energies that span less need a further digit."""
MAX_VALUES = 24
"""Most points that get their number written beside them."""
GREYS = (0.05, 0.55)
"""Part of the grey scale that leaves points and text readable."""


def conductivity_map(found: list[SigmaAt], members: Sequence[CompositionInfo], temperature_K: float) -> Chart:
    """Conductivity as contour, activation energy as colour of the points.

    The contour needs four compositions with a usable number that do not lie on a line; else there are points only.

    Parameters
    ----------
    found : list of SigmaAt
        Conductivities at the temperature.
    members : sequence of CompositionInfo
        The three end members.
    temperature_K : float
        Temperature, K.
    """
    fractions = fractions_at(found, members)
    figure = go.Figure()
    base = _first_of_each_place([item.usable for item in found], fractions)
    mesh = triangles(fractions[base])
    if mesh:
        _add_bands(figure, fractions[base], np.log10([found[i].value for i in base]), mesh)
    _add_points(figure, found, fractions)
    _add_corners(figure, members)
    domain = {"x": [0.0, 0.74], "y": [0.02, 1.0]}
    style(figure, ternary=triangle() | {"domain": domain}, margin={"l": 50, "r": 10, "t": 60, "b": 60})
    figure.update_layout(legend={"y": 1.08})
    caption = f"{_map_words(len(base), mesh=bool(mesh))} {_points_words(found)}"
    title = f"Conductivity at {temperature_K:g} K over the composition"
    columns = point_columns(found, fractions, members, temperature_K)
    return Chart("conductivity-map", title, caption, figure, HEIGHT_PX, columns=columns)


def _first_of_each_place(usable: Sequence[bool], fractions: Floats) -> list[int]:
    """Positions of the usable points, of several at one composition the first."""
    kept: list[int] = []
    for i in range(len(fractions)):
        if usable[i] and all(np.abs(fractions[i] - fractions[k]).max() > SAME_PLACE for k in kept):
            kept.append(i)
    return kept


def _add_bands(figure: Any, fractions: Floats, logs: Floats, mesh: Sequence[tuple[int, int, int]]) -> None:  # noqa: ANN401
    """Filled contours in grey, one trace per band, and the scale that names their levels."""
    levels = band_levels(float(logs.min()), float(logs.max()))
    positions = np.linspace(*GREYS, len(levels) - 1)
    shades = sample_colorscale("Greys", positions.tolist())
    for (low, high), shade in zip(pairwise(levels), shades, strict=True):
        path: list[list[float | None]] = []
        for polygon in band_polygons(fractions, logs, low, high, mesh):
            path += [*polygon.tolist(), polygon[0].tolist(), [None, None, None]]
        if path:
            a, b, c = zip(*path, strict=True)
            # an outline in the colour of the band closes the hairlines between its triangles
            line = {"color": shade, "width": 0.8}
            band = {"mode": "lines", "fill": "toself", "fillcolor": shade, "line": line}
            figure.add_trace(go.Scatterternary(a=a, b=b, c=c, showlegend=False, hoverinfo="skip", **band))
    figure.add_trace(_band_scale(levels, shades))


def band_levels(low: float, high: float) -> list[float]:
    """Levels of the contour bands: both ends and the round numbers between them, as decimal logarithms."""
    inner = [math.log10(tick) for tick in log_ticks(low, high)] if high > low else []
    inner = inner[:: max(1, math.ceil(len(inner) / MAX_BANDS))]
    gap = 0.02 * (high - low)
    return [low, *(level for level in inner if low + gap < level < high - gap), max(high, low + SAME_PLACE)]


def _band_scale(levels: Sequence[float], shades: Sequence[str]) -> Any:  # noqa: ANN401 (plotly is untyped)
    """A colour bar of equal steps, one per band, on a point that is not seen."""
    n = len(shades)
    steps = [[place, shade] for i, shade in enumerate(shades) for place in (i / n, (i + 1) / n)]
    bar = {"title": {"text": "σ (S cm⁻¹)"}, "thickness": 14, "len": 0.44, "y": 0.72, "x": 0.8, "ticks": "outside"}
    bar |= {"tickvals": list(range(n + 1)), "ticktext": [_level_text(level) for level in levels]}
    marker = {"size": 0.1, "color": [0], "cmin": 0, "cmax": n, "colorscale": steps, "showscale": True, "colorbar": bar}
    shared = {"mode": "markers", "marker": marker, "showlegend": False, "hoverinfo": "skip"}
    return go.Scatterternary(a=[1], b=[0], c=[0], **shared)


def _level_text(level: float) -> str:
    return significant(10.0**level)


def _add_points(figure: Any, found: list[SigmaAt], fractions: Floats) -> None:  # noqa: ANN401
    """Points coloured by activation energy, shaped by origin, with their conductivities beside them."""
    energies = [item.activation_energy_eV for item in found if item.usable and item.activation_energy_eV is not None]
    scale = _energy_scale(energies)
    bar_drawn = False
    for origin in Origin:
        chosen = [i for i, item in enumerate(found) if item.origin is origin]
        if not chosen:
            continue
        marker = _marker([found[i] for i in chosen], origin, scale, bar=not bar_drawn)
        bar_drawn = bar_drawn or "colorbar" in marker
        a, b, c = fractions[chosen].T
        figure.add_trace(
            go.Scatterternary(
                a=a,
                b=b,
                c=c,
                mode="markers",
                name=origin.value,
                marker=marker,
                text=[point_text(found[i]) for i in chosen],
                hovertemplate="%{text}<extra></extra>",
                cliponaxis=False,
            )
        )
    _add_values(figure, found, fractions)


def _energy_scale(energies: Sequence[float]) -> dict[str, Any]:
    """Colour scale of the activation energies, with its bar below that of the conductivities."""
    if not energies:
        return {}
    low, high = min(energies), max(energies)
    pad = 0.0 if high > low else 0.01
    bar = {"title": {"text": "E<sub>a</sub> (eV)"}, "thickness": 14, "len": 0.44, "y": 0.24, "x": 0.8}
    bar |= {"nticks": 5, "ticks": "outside", "tickformat": ".3f" if high - low < NARROW_EV else ".2f"}
    return {"cmin": low - pad, "cmax": high + pad, "colorscale": SEQUENTIAL, "colorbar": bar}


def _marker(items: Sequence[SigmaAt], origin: Origin, scale: dict[str, Any], *, bar: bool) -> dict[str, Any]:
    if origin is Origin.DOUBTFUL:
        return {"symbol": "x-open", "size": 11, "color": GREY, "line": {"width": 1.6, "color": GREY}}
    marker: dict[str, Any] = {"symbol": SHAPES[origin], "size": 14, "line": {"width": 1.3, "color": INK}}
    if not scale or all(item.activation_energy_eV is None for item in items):
        return marker | {"color": "white"}
    # a composition without a fit has no colour of its own: plotly draws it in the first grey of its scale otherwise
    colours = [math.nan if item.activation_energy_eV is None else item.activation_energy_eV for item in items]
    return marker | {"color": colours, "showscale": bar} | (scale if bar else _without_bar(scale))


def _without_bar(scale: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scale.items() if name != "colorbar"}


def _add_values(figure: Any, found: list[SigmaAt], fractions: Floats) -> None:  # noqa: ANN401
    shown = _first_of_each_place([True] * len(found), fractions)
    inner = [i for i in shown if fractions[i].max() < 1 - SAME_PLACE]
    if not inner or len(inner) > MAX_VALUES:
        return
    a, b, c = fractions[inner].T
    figure.add_trace(
        go.Scatterternary(
            a=a,
            b=b,
            c=c,
            mode="markers+text",
            text=[_short(found[i]) for i in inner],
            textposition=[away_from_edge(fractions[i]) for i in inner],
            textfont={"size": 11, "color": INK},
            marker={"size": 18, "opacity": 0},
            showlegend=False,
            hoverinfo="skip",
            cliponaxis=False,
        )
    )


def _short(item: SigmaAt) -> str:
    text = significant(item.value)
    return text if item.usable else f"({text})"


def _add_corners(figure: Any, members: Sequence[CompositionInfo]) -> None:  # noqa: ANN401
    rows = np.eye(N_CORNERS)
    figure.add_trace(
        go.Scatterternary(
            a=rows[0],
            b=rows[1],
            c=rows[2],
            mode="markers+text",
            text=[f"<b>{label(member.formula)}</b>" for member in members],
            textposition=[away_from_edge(row) for row in rows],
            textfont={"size": 14},
            marker={"size": 18, "opacity": 0},
            showlegend=False,
            hoverinfo="skip",
            cliponaxis=False,
        )
    )


def _map_words(n_points: int, *, mesh: bool) -> str:
    start = "Atom fractions of the end members, grid lines every 20 %."
    if mesh:
        return (
            f"{start} Grey: log σ, interpolated linearly between the {n_points} compositions that have a usable "
            "number; nothing is drawn outside of them."
        )
    return (
        f"{start} No contour: it needs four compositions with a usable conductivity that do not lie on a line, here "
        f"are {n_points}."
    )


def _points_words(found: Sequence[SigmaAt]) -> str:
    text = "Colour of a point: activation energy of its fit, numbers beside inner points: σ in S/cm."
    if any(item.activation_energy_eV is None for item in found if item.usable):
        text += " White or without colour: too few temperatures for a fit."
    kinds = {item.origin for item in found}
    if Origin.FIT in kinds or Origin.EXTRAPOLATED in kinds:
        text += " Squares come from the Arrhenius fit inside of the simulated temperatures, diamonds from beyond them."
    if Origin.DOUBTFUL in kinds:
        text += " Grey crosses (numbers in brackets) carry a verdict other than ok and do not enter the contour."
    return text
