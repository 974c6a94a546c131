"""Diffusion in the planes of the cell against diffusion in space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from superionic.report.numbers import with_error
from superionic.report.theme import (
    GREY,
    INK,
    Chart,
    axis,
    colour,
    label,
    log_axis,
    log_ticks,
    power_text,
    style,
    symbol,
)
from superionic.transport.anisotropy import PLANES
from superionic.transport.directions import IN_SPACE, diffusivity_in, directional_energies, is_directional
from superionic.transport.schemas import ArrheniusPoint, ConductivityDoc

HALF_DECADE = 10.0**0.5
STEP = 0.2
"""Distance between the marks of one composition, in rows."""
PX_PER_ROW = 46
MAX_TICKS = 6


@dataclass(frozen=True)
class PlanarEnergy:
    """Activation energy of the diffusion in a plane, or in space.

    Attributes
    ----------
    formula : str
        Composition.
    where : str
        ``ab``, ``ac``, ``bc`` or ``3D``.
    energy_eV, std_eV : float
        Slope of ln D and its standard error.
    """

    formula: str
    where: str
    energy_eV: float
    std_eV: float


def planar_chart(docs: Sequence[ConductivityDoc]) -> Chart | None:
    """Diffusivities in the planes ab, ac and bc against that in space, and the activation energies of both.

    Parameters
    ----------
    docs : sequence of ConductivityDoc
        One per composition.

    Returns
    -------
    Chart or None
        None if no usable point has diffusivities in planes.
    """
    points = [(doc, point) for doc in docs for point in doc.points if is_directional(point)]
    if not points:
        return None
    energies = [energy for doc in docs for energy in planar_energies(doc)]
    figure = make_subplots(rows=1, cols=2 if energies else 1, horizontal_spacing=0.2)
    _fill_diffusivities(figure, points)
    if energies:
        _fill_energies(figure, energies)
    style(figure, showlegend=True)
    n_rows = len({energy.formula for energy in energies})
    caption = (
        "Left: usable points; on the dotted line diffusion is the same in all directions, the dashed lines are half an "
        "order of magnitude away. Error bars: one standard error; both axes come from the same runs, so part of their "
        "errors is shared."
    )
    caption += f" Right: activation energies of the same points. {_energy_words(energies)}" if energies else ""
    height = max(440, 160 + PX_PER_ROW * n_rows)
    columns = _columns(points, energies)
    return Chart("planar", "Diffusion in planes and in space", caption, figure, height, wide=True, columns=columns)


def planar_energies(doc: ConductivityDoc) -> list[PlanarEnergy]:
    """Activation energies in the planes and in space of one composition."""
    name = doc.composition.name if doc.composition else ""
    found = doc.directional_energies or directional_energies(doc.points)  # documents of older releases hold none
    return [PlanarEnergy(name, fit.where, fit.activation_energy_eV, fit.activation_energy_std_eV) for fit in found]


def _fill_diffusivities(figure: Any, points: Sequence[tuple[ConductivityDoc, ArrheniusPoint]]) -> None:  # noqa: ANN401
    shown: list[float] = []
    in_space = [diffusivity_in(point, IN_SPACE) for _, point in points]
    for k, plane in enumerate(PLANES):
        values = [diffusivity_in(point, plane) for _, point in points]
        texts = [
            f"{label(doc.composition.name) if doc.composition else ''} at {point.temperature_K:g} K<br>"
            f"D<sub>{plane}</sub> = {with_error(*value)} cm²/s<br>D<sub>3D</sub> = {with_error(*space)} cm²/s"
            for (doc, point), value, space in zip(points, values, in_space, strict=True)
        ]
        figure.add_trace(
            go.Scatter(
                x=[d for d, _ in in_space],
                y=[d for d, _ in values],
                error_x=_bars(in_space, colour(k)),
                error_y=_bars(values, colour(k)),
                mode="markers",
                name=plane,
                legendgroup=plane,
                marker={"symbol": symbol(k), "size": 9, "color": colour(k)},
                text=texts,
                hovertemplate="%{text}<extra></extra>",
            ),
            row=1,
            col=1,
        )
        shown += [end for d, s in (*values, *in_space) for end in (max(d - s, 0.3 * d), d + s)]
    low, high = min(shown) / 1.1, max(shown) * 1.1
    for factor, dash in ((1.0, "dot"), (HALF_DECADE, "dash"), (1 / HALF_DECADE, "dash")):
        line = {"color": INK if dash == "dot" else GREY, "width": 1, "dash": dash}
        ends = {"x": [low, high], "y": [low * factor, high * factor]}
        figure.add_trace(go.Scatter(mode="lines", line=line, showlegend=False, hoverinfo="skip", **ends), row=1, col=1)
    # labels with powers of ten are long: few of them have room on the axis
    ticks = log_ticks(math.log10(low), math.log10(high), fewest=3)[:MAX_TICKS]
    fixed = {"tickvals": ticks, "ticktext": [power_text(tick) for tick in ticks]}
    figure.update_xaxes(**log_axis("D in space (cm² s⁻¹)", [low, high], **fixed), row=1, col=1)
    figure.update_yaxes(**log_axis("D in the plane (cm² s⁻¹)", [low, high], **fixed), row=1, col=1)


def _bars(values: Sequence[tuple[float, float]], shade: str) -> dict[str, Any]:
    return {
        "type": "data",
        "array": [s for _, s in values],
        # a bar that reaches zero has no place on a logarithmic axis
        "arrayminus": [min(s, 0.999999 * d) for d, s in values],
        "color": shade,
        "thickness": 1.2,
        "width": 3,
    }


def _fill_energies(figure: Any, energies: Sequence[PlanarEnergy]) -> None:  # noqa: ANN401 (plotly is untyped)
    names = list(dict.fromkeys(energy.formula for energy in energies))
    for k, where in enumerate((*PLANES, IN_SPACE)):
        here = [energy for energy in energies if energy.where == where]
        shade = INK if where == IN_SPACE else colour(k)
        figure.add_trace(
            go.Scatter(
                x=[energy.energy_eV for energy in here],
                y=[names.index(energy.formula) + STEP * (k - 1.5) for energy in here],
                error_x={"type": "data", "array": [energy.std_eV for energy in here], "color": shade}
                | {"thickness": 1.3, "width": 3},
                mode="markers",
                name=IN_SPACE if where == IN_SPACE else where,
                legendgroup=where,
                showlegend=where == IN_SPACE,
                marker={"symbol": "star" if where == IN_SPACE else symbol(k), "size": 8, "color": shade},
                text=[f"{label(e.formula)}, {e.where}: {with_error(e.energy_eV, e.std_eV)} eV" for e in here],
                hovertemplate="%{text}<extra></extra>",
            ),
            row=1,
            col=2,
        )
    rows = {"tickvals": list(range(len(names))), "ticktext": [label(name) for name in names]}
    figure.update_xaxes(**axis("activation energy (eV)"), row=1, col=2)
    figure.update_yaxes(**axis("", range=[len(names) - 0.5, -0.5], **rows), row=1, col=2)


def _energy_words(energies: Sequence[PlanarEnergy]) -> str:
    in_space = {energy.formula: energy for energy in energies if energy.where == IN_SPACE}
    planar = [energy for energy in energies if energy.where != IN_SPACE and energy.formula in in_space]
    close = [
        energy
        for energy in planar
        if abs(energy.energy_eV - in_space[energy.formula].energy_eV)
        <= math.hypot(energy.std_eV, in_space[energy.formula].std_eV)
    ]
    return f"{len(close)} of {len(planar)} planar ones lie within the joint standard error of that in space."


def _columns(
    points: Sequence[tuple[ConductivityDoc, ArrheniusPoint]], energies: Sequence[PlanarEnergy]
) -> dict[str, Sequence[Any]]:
    """Diffusivities first, then activation energies, in one long table."""
    rows: list[tuple[Any, ...]] = [
        (
            doc.composition.name if doc.composition else "",
            where,
            "diffusivity_cm2_per_s",
            point.temperature_K,
            *diffusivity_in(point, where),
        )
        for doc, point in points
        for where in (*PLANES, IN_SPACE)
    ]
    rows += [(e.formula, e.where, "activation_energy_eV", None, e.energy_eV, e.std_eV) for e in energies]
    names = ("formula", "where", "quantity", "temperature_K", "value", "std")
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}
