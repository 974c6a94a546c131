"""Phase diagrams: binary hulls and pseudo-ternary triangles."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from pymatgen.core import Composition
from scipy.spatial import ConvexHull, QhullError

from superionic.report.numbers import relative_energy, significant
from superionic.report.theme import GREY, INK, PALETTE, SEQUENTIAL, Chart, axis, label, style
from superionic.stability.formation import atom_fractions
from superionic.stability.schemas import PhaseDiagramDoc, PhaseEntry
from superionic.units import MEV_PER_EV

BINARY, TERNARY = 2, 3
MAX_LABELS = 10
CORNER = 1e-6
VERTICAL = 1e-6
CARD_HEIGHT_PX = 480


def phase_diagram_chart(doc: PhaseDiagramDoc) -> Chart | None:
    """Phase diagram of two or three end members.

    Returns
    -------
    Chart or None
        None without entries, or with another number of end members.
    """
    lowest = [entry for entry in doc.entries if entry.lowest]
    if not lowest:
        return None
    if len(doc.end_members) == TERNARY:
        return _ternary(doc, lowest)
    return _binary(doc, lowest) if len(doc.end_members) == BINARY else None


def fractions_of(entries: Sequence[PhaseEntry], doc: PhaseDiagramDoc) -> NDArray[np.float64]:
    """Atom fractions of the end members, shape (n_entries, n_end_members)."""
    members = [Composition(member.formula) for member in doc.end_members]
    return np.array([atom_fractions(Composition(entry.composition.formula), members) for entry in entries])


def tie_lines(fractions: NDArray[np.float64], energies: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Edges of the lower hull between stable phases of a ternary.

    Parameters
    ----------
    fractions : numpy.ndarray
        Barycentric coordinates of the stable phases, shape (n, 3).
    energies : numpy.ndarray
        Their formation energies, any unit, shape (n,).

    Returns
    -------
    list of (int, int)
        Pairs of positions; all pairs where the hull has no more than three phases.
    """
    if len(energies) <= TERNARY:
        return list(combinations(range(len(energies)), 2))
    scaled = energies / max(float(np.abs(energies).max()), np.finfo(float).tiny)
    # a point far above the middle closes the hull; only facets that look down are tie-planes
    apex = np.append(fractions[:, :2].mean(axis=0), 10.0)
    try:
        hull = ConvexHull(np.vstack([np.column_stack([fractions[:, :2], scaled]), apex]))
    except QhullError:
        return []
    lower = hull.simplices[hull.equations[:, 2] < -VERTICAL]
    return sorted({(int(min(pair)), int(max(pair))) for facet in lower for pair in combinations(facet, 2)})


def _ternary(doc: PhaseDiagramDoc, lowest: list[PhaseEntry]) -> Chart:
    fractions = fractions_of(lowest, doc)
    above = np.array([entry.e_above_hull_eV_per_atom for entry in lowest]) * MEV_PER_EV
    stable = np.array([entry.stable for entry in lowest])
    figure = go.Figure()
    _add_tie_lines(figure, fractions[stable], np.array([e.formation_energy_eV_per_atom for e in lowest if e.stable]))
    for on_hull, name, marker in ((True, "on the hull", "circle"), (False, "above the hull", "square")):
        chosen = stable == on_hull
        figure.add_trace(
            _ternary_points(
                [entry for entry, keep in zip(lowest, chosen, strict=True) if keep],
                fractions[chosen],
                name,
                _ternary_marker(above[chosen], float(above.max()), marker),
                doc,
            )
        )
    _add_names(figure, lowest, fractions, doc)
    style(figure, ternary=triangle(), margin={"l": 50, "r": 10, "t": 50, "b": 60}, legend={"y": 1.12})
    caption = (
        "Pseudo-ternary phase diagram in atom fractions of the end members; grid lines every 20 %, dark lines are "
        f"tie-lines of the convex hull of the tuned model. {_missing(doc)}"
    )
    return Chart(
        "phase-diagram", "Phase diagram", caption, figure, CARD_HEIGHT_PX, columns=_columns(lowest, fractions, doc)
    )


def _add_tie_lines(figure: Any, fractions: NDArray[np.float64], energies: NDArray[np.float64]) -> None:  # noqa: ANN401
    path: list[list[float | None]] = []
    for first, second in tie_lines(fractions, energies):
        path += [fractions[first].tolist(), fractions[second].tolist(), [None, None, None]]
    a, b, c = zip(*path, strict=True) if path else ((), (), ())
    line = {"color": "#5b6470", "width": 1.2}
    figure.add_trace(
        go.Scatterternary(a=a, b=b, c=c, mode="lines", line=line, name="tie-line", hoverinfo="skip", connectgaps=False)
    )


def _ternary_points(
    entries: list[PhaseEntry],
    fractions: NDArray[np.float64],
    name: str,
    marker: dict[str, Any],
    doc: PhaseDiagramDoc,
) -> Any:  # noqa: ANN401 (plotly is untyped)
    columns = fractions.reshape(-1, TERNARY).T
    texts = [_text(entry, doc) for entry in entries]
    return go.Scatterternary(
        a=columns[0],
        b=columns[1],
        c=columns[2],
        mode="markers",
        name=name,
        marker=marker,
        text=texts,
        hovertemplate="%{text}<extra></extra>",
        cliponaxis=False,
    )


def _ternary_marker(above: NDArray[np.float64], largest: float, shape: str) -> dict[str, Any]:
    if shape == "circle":
        return {"symbol": shape, "size": 13, "color": PALETTE[0], "line": {"width": 1, "color": "white"}}
    bar = {"title": {"text": "E above hull<br>(meV/atom)"}, "thickness": 14, "len": 0.7, "x": 0.94}
    scale = {"color": above, "cmin": 0, "cmax": max(largest, 1e-3), "colorscale": SEQUENTIAL, "colorbar": bar}
    # a bar without points would only confuse
    shown = {"showscale": bool(len(above))}
    return {"symbol": shape, "size": 12, "line": {"width": 1, "color": INK}} | scale | shown


def _add_names(figure: Any, entries: list[PhaseEntry], fractions: NDArray[np.float64], doc: PhaseDiagramDoc) -> None:  # noqa: ANN401
    corners = [(member.formula, row) for member, row in zip(doc.end_members, np.eye(TERNARY), strict=True)]
    inner = [(e.composition.name, f) for e, f in zip(entries, fractions, strict=True) if f.max() < 1 - CORNER]
    named = corners + (inner if len(inner) <= MAX_LABELS else [])
    a, b, c = np.array([row for _, row in named]).T
    texts = [f"<b>{label(name)}</b>" if row.max() == 1 else label(name) for name, row in named]
    figure.add_trace(
        go.Scatterternary(
            a=a,
            b=b,
            c=c,
            mode="markers+text",
            text=texts,
            textposition=[away_from_edge(row) for _, row in named],
            textfont={"size": [14 if row.max() == 1 else 11 for _, row in named]},
            # unseen markers of the real size keep the text clear of the real ones
            marker={"size": 18, "opacity": 0},
            showlegend=False,
            hoverinfo="skip",
            cliponaxis=False,
        )
    )


def away_from_edge(fractions: NDArray[np.float64]) -> str:
    """Where a name meets no line: outside of the triangle for points on an edge."""
    if fractions[0] > 1 - CORNER:
        return "top center"
    for fraction, position in zip(fractions, ("bottom center", "middle right", "middle left"), strict=True):
        if fraction < CORNER:
            return position
    return "top center"


def triangle() -> dict[str, Any]:
    """Options of a composition triangle whose corners carry their names."""
    side: dict[str, Any] = {
        "gridcolor": "#e6e8eb",
        "linecolor": "#5b6470",
        "dtick": 0.2,
        "showticklabels": False,
        "ticks": "",
    }
    side["title"] = {"text": ""}  # the corners carry the names
    return {"sum": 1, "bgcolor": "white", "domain": {"x": [0, 0.86]}} | {f"{letter}axis": side for letter in "abc"}


def formation_chart(doc: PhaseDiagramDoc) -> Chart | None:
    """Formation energy of the lowest ordering of each composition, from the tuned model and from labels.

    Returns
    -------
    Chart or None
        None if there is no composition besides the end members.
    """
    ends = {member.formula for member in doc.end_members}
    entries = [entry for entry in doc.entries if entry.lowest and entry.composition.name not in ends]
    if not entries:
        return None
    entries.sort(key=lambda entry: entry.formation_energy_eV_per_atom)
    names = [label(entry.composition.name) for entry in entries]
    general = doc.formation_energy_std_eV_per_atom
    errors = [_in_mev(_first(entry.formation_energy_std_eV_per_atom, general)) for entry in entries]
    bars = None if None in errors else {"type": "data", "array": errors, "thickness": 1.3, "width": 4}
    tuned = [entry.formation_energy_eV_per_atom * MEV_PER_EV for entry in entries]
    labels = [_in_mev(entry.reference_formation_energy_eV_per_atom) for entry in entries]
    figure = go.Figure()
    marker = {"size": 10, "color": PALETTE[0]}
    figure.add_trace(go.Scatter(x=tuned, y=names, error_x=bars, mode="markers", name="tuned model", marker=marker))
    open_marker = {"size": 11, "symbol": "diamond-open", "color": PALETTE[1], "line": {"width": 2}}
    if any(value is not None for value in labels):
        name = f"labels ({doc.reference_level_of_theory})"
        figure.add_trace(go.Scatter(x=labels, y=names, mode="markers", name=name, marker=open_marker))
    x_axis = axis("formation energy (meV/atom)", zeroline=True, zerolinecolor="#9aa1ab")
    y_axis = axis("", type="category", range=[-0.6, len(names) - 0.4])
    style(figure, xaxis=x_axis, yaxis=y_axis, showlegend=True, legend={"orientation": "v"})
    caption = (
        "Lowest ordering of each composition against the end members. Error bars: from the RMSE of the model's energy, "
        "which need not hold between compositions. Labels are single points at the structures of the tuned model."
    )
    columns = _columns(entries, fractions_of(entries, doc), doc)
    return Chart(
        "formation", "Formation energy", caption, figure, max(CARD_HEIGHT_PX, 160 + 30 * len(names)), columns=columns
    )


def _in_mev(value: float | None) -> float | None:
    return None if value is None else value * MEV_PER_EV


def _binary(doc: PhaseDiagramDoc, lowest: list[PhaseEntry]) -> Chart:
    members = [member.formula for member in doc.end_members]
    ordered = sorted(lowest, key=lambda entry: float(fractions_of([entry], doc)[0, 1]))
    figure = go.Figure()
    other = [entry for entry in doc.entries if not entry.lowest]
    _add_binary(figure, other, doc, "higher orderings", {"size": 6, "color": GREY, "opacity": 0.6})
    stable = [entry for entry in ordered if entry.stable]
    _add_binary(figure, stable, doc, "on the hull", {"size": 11, "color": PALETTE[0]}, "lines+markers")
    unstable = [entry for entry in ordered if not entry.stable]
    open_square = {"size": 10, "symbol": "square-open", "color": PALETTE[1], "line": {"width": 2}}
    _add_binary(figure, unstable, doc, "above the hull", open_square)
    _add_binary_labels(figure, ordered, doc)
    style(
        figure,
        xaxis=axis(f"atom fraction of {label(members[1])} in {label(members[0])}", range=[-0.04, 1.04]),
        yaxis=axis("formation energy (meV/atom)", zeroline=True, zerolinecolor="#9aa1ab"),
    )
    caption = (
        "Convex hull of the tuned model between the end members (line). Error bars: standard deviation by the model's "
        f"error. Dashed: hull of the labels at the same structures, where there are any. {_missing(doc)}"
    )
    columns = _columns(ordered, fractions_of(ordered, doc), doc)
    return Chart("phase-diagram", "Phase diagram", caption, figure, CARD_HEIGHT_PX, columns=columns)


def _add_binary(
    figure: Any,  # noqa: ANN401 (plotly is untyped)
    entries: Sequence[PhaseEntry],
    doc: PhaseDiagramDoc,
    name: str,
    marker: dict[str, Any],
    mode: str = "markers",
) -> None:
    if not entries:
        return
    std = doc.formation_energy_std_eV_per_atom
    # the references are zero by definition
    ends = {member.name for member in doc.end_members}
    errors = [
        0.0 if entry.composition.name in ends else _in_mev(_first(entry.formation_energy_std_eV_per_atom, std))
        for entry in entries
        if entry.lowest
    ]
    known = bool(errors) and None not in errors
    trace = go.Scatter(
        x=fractions_of(entries, doc)[:, 1],
        y=[entry.formation_energy_eV_per_atom * MEV_PER_EV for entry in entries],
        error_y={"type": "data", "array": errors, "thickness": 1.2, "width": 4} if known else None,
        mode=mode,
        name=name,
        marker=marker,
        line={"color": INK, "width": 1.3},
        text=[_text(entry, doc) for entry in entries],
        hovertemplate="%{text}<extra></extra>",
    )
    figure.add_trace(trace)


def _add_binary_labels(figure: Any, ordered: Sequence[PhaseEntry], doc: PhaseDiagramDoc) -> None:  # noqa: ANN401
    """Energies of the labels at the structures of the tuned model, and their hull."""
    known = [entry for entry in ordered if entry.reference_formation_energy_eV_per_atom is not None]
    if not known:
        return
    x = fractions_of(known, doc)[:, 1]
    y = [_in_mev(entry.reference_formation_energy_eV_per_atom) for entry in known]
    hull = [i for i, entry in enumerate(known) if entry.reference_stable]
    shade = PALETTE[2]
    line = {"color": shade, "width": 1.3, "dash": "dash"}
    path = {"x": x[hull], "y": [y[i] for i in hull], "mode": "lines", "line": line}
    figure.add_trace(go.Scatter(showlegend=False, hoverinfo="skip", **path))
    marker = {"symbol": "diamond-open", "size": 10, "color": shade, "line": {"width": 1.8}}
    name = f"labels ({doc.reference_level_of_theory})"
    figure.add_trace(go.Scatter(x=x, y=y, mode="markers", name=name, marker=marker))


def _text(entry: PhaseEntry, doc: PhaseDiagramDoc) -> str:
    error = doc.formation_energy_std_eV_per_atom
    formation_std = _in_mev(_first(entry.formation_energy_std_eV_per_atom, error))
    above_std = _in_mev(_first(entry.e_above_hull_std_eV_per_atom, error))
    formation = relative_energy(entry.formation_energy_eV_per_atom * MEV_PER_EV, formation_std)
    above = relative_energy(entry.e_above_hull_eV_per_atom * MEV_PER_EV, above_std)
    lines = [label(entry.composition.name), f"formation energy: {formation} meV/atom"]
    lines.append("on the hull" if entry.stable else f"above the hull: {above} meV/atom")
    if entry.probability_stable is not None:
        lines.append(f"probability of being stable: {entry.probability_stable:.0%}")
    if entry.reference_e_above_hull_eV_per_atom is not None:
        reference = significant(entry.reference_e_above_hull_eV_per_atom * MEV_PER_EV)
        lines.append(f"above the hull by the labels: {reference} meV/atom")
    return "<br>".join(lines + _details(entry))


def _details(entry: PhaseEntry) -> list[str]:
    """Occupancies and motifs of a ground state, a line each."""
    if entry.ground_state is None:
        return []
    places = [
        f"{place.label}: {', '.join(f'{symbol} {share:.0%}' for symbol, share in place.shares.items()) or 'empty'}"
        for place in entry.ground_state.occupancies
    ]
    motifs = [f"{number} {label(motif)}" for motif, number in entry.ground_state.motifs.items()]
    return [*places, f"polyhedra: {', '.join(motifs)}"] if motifs else places


def _first(value: float | None, otherwise: float | None) -> float | None:
    return otherwise if value is None else value


def _missing(doc: PhaseDiagramDoc) -> str:
    return f"Without a ground state: {'; '.join(doc.missing)}." if doc.missing else ""


def _columns(
    entries: Sequence[PhaseEntry], fractions: NDArray[np.float64], doc: PhaseDiagramDoc
) -> dict[str, Sequence[Any]]:
    shares: dict[str, Sequence[Any]] = {
        f"atom_fraction_{member.formula}": fractions[:, i].tolist() for i, member in enumerate(doc.end_members)
    }
    return (
        {"formula": [entry.composition.name for entry in entries]}
        | shares
        | {
            "formation_energy_eV_per_atom": [entry.formation_energy_eV_per_atom for entry in entries],
            "e_above_hull_eV_per_atom": [entry.e_above_hull_eV_per_atom for entry in entries],
            "stable": [entry.stable for entry in entries],
            "e_above_hull_std_eV_per_atom": [entry.e_above_hull_std_eV_per_atom for entry in entries],
            "probability_stable": [entry.probability_stable for entry in entries],
            "reference_formation_energy_eV_per_atom": [e.reference_formation_energy_eV_per_atom for e in entries],
            "reference_e_above_hull_eV_per_atom": [e.reference_e_above_hull_eV_per_atom for e in entries],
            "source_key": [entry.source_key for entry in entries],
        }
    )
