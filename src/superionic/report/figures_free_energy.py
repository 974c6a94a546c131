"""Free energies of mixing against the end members, at all temperatures of a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from superionic.report.theme import PALETTE, SYMBOLS, Chart, axis, label, style
from superionic.stability.schemas import FreeEnergyAt, PhaseDiagramDoc, PhaseEntry
from superionic.units import MEV_PER_EV

LEAST_HEIGHT_PX, ROW_HEIGHT_PX = 480, 34
SPREAD = 0.13
"""Distance between the temperatures of one composition, in rows."""


def free_energy_chart(doc: PhaseDiagramDoc) -> Chart | None:
    """Formation free energies of all compositions but the end members, with their bounds.

    Returns
    -------
    Chart or None
        None where the phase diagram has no free energies.
    """
    ends = {member.label for member in doc.end_members}
    entries = [e for e in doc.entries if e.lowest and e.free_energies and e.composition.label not in ends]
    if not entries:
        return None
    entries.sort(key=lambda entry: entry.formation_energy_eV_per_atom)
    temperatures = [free.temperature_K for free in entries[0].free_energies]
    figure = go.Figure()
    energies = [entry.formation_energy_eV_per_atom * MEV_PER_EV for entry in entries]
    _add(figure, energies, None, "0 K", 0, len(temperatures))
    for number, temperature in enumerate(temperatures):
        frees = [entry.free_energies[number] for entry in entries]
        heights = [free.formation_free_energy_eV_per_atom * MEV_PER_EV for free in frees]
        _add(figure, heights, _bars(frees, heights), f"{temperature:g} K", number + 1, len(temperatures))
    names = [label(entry.composition.name) for entry in entries]
    rows = {"tickvals": list(range(len(names))), "ticktext": names, "range": [-0.6, len(names) - 0.4]}
    x_axis = axis("formation free energy (meV/atom)", zeroline=True, zerolinecolor="#9aa1ab")
    style(figure, xaxis=x_axis, yaxis=axis("", **rows), showlegend=True, legend={"orientation": "v"})
    caption = (
        "Configurational free energy against the end members at the same temperature, whose disorder counts too. Bars: "
        "bounds for orderings that were not relaxed or not listed; where they are wide, the list is too short for an "
        "answer. Vibrations are not part of it."
    )
    height = max(LEAST_HEIGHT_PX, 160 + ROW_HEIGHT_PX * len(names))
    return Chart("free-energy", "Free energy of mixing", caption, figure, height, columns=_columns(entries))


def _add(
    figure: Any,  # noqa: ANN401 (plotly is untyped)
    x: Sequence[float],
    bars: dict[str, Any] | None,
    name: str,
    number: int,
    last: int,
) -> None:
    marker = {"size": 10, "color": PALETTE[number % len(PALETTE)], "symbol": SYMBOLS[number % len(SYMBOLS)]}
    y = [row + SPREAD * (last / 2 - number) for row in range(len(x))]
    trace = go.Scatter(x=x, y=y, error_x=bars, mode="markers", name=name, marker=marker)
    trace.hovertemplate = f"{name}: %{{x:.3g}} meV/atom<extra></extra>"
    figure.add_trace(trace)


def _bars(frees: Sequence[FreeEnergyAt], heights: Sequence[float]) -> dict[str, Any] | None:
    bounds = [free.formation_free_energy_bounds_eV_per_atom for free in frees]
    known = [pair for pair in bounds if pair is not None]
    if len(known) < len(frees):
        return None
    up = [pair[1] * MEV_PER_EV - height for pair, height in zip(known, heights, strict=True)]
    down = [height - pair[0] * MEV_PER_EV for pair, height in zip(known, heights, strict=True)]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.3, "width": 4}


def _columns(entries: Sequence[PhaseEntry]) -> dict[str, Sequence[Any]]:
    rows = [(entry, free) for entry in entries for free in entry.free_energies]
    formation = [free.formation_free_energy_bounds_eV_per_atom or (None, None) for _, free in rows]
    above = [free.e_above_hull_bounds_eV_per_atom or (None, None) for _, free in rows]
    return {
        "formula": [entry.composition.formula for entry, _ in rows],
        "polymorph": [entry.composition.polymorph for entry, _ in rows],
        "temperature_K": [free.temperature_K for _, free in rows],
        "n_host_cells": [free.n_host_cells for _, free in rows],
        "formation_free_energy_eV_per_atom": [free.formation_free_energy_eV_per_atom for _, free in rows],
        "formation_free_energy_low_eV_per_atom": [low for low, _ in formation],
        "formation_free_energy_high_eV_per_atom": [high for _, high in formation],
        "e_above_hull_eV_per_atom": [free.e_above_hull_eV_per_atom for _, free in rows],
        "e_above_hull_low_eV_per_atom": [low for low, _ in above],
        "e_above_hull_high_eV_per_atom": [high for _, high in above],
        "entropy_eV_per_K_per_atom": [free.entropy_eV_per_K_per_atom for _, free in rows],
        "listed_fraction": [free.listed_fraction for _, free in rows],
    }
