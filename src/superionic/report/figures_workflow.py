"""The campaign as a chain of boxes with what went through each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from superionic.builders.models import find_errors
from superionic.report.data import CampaignData, is_of_frames
from superionic.report.numbers import grouped, plural, significant
from superionic.report.summary import compositions
from superionic.report.theme import INK, Chart, style

GAP = 0.16
"""Space between two boxes, in widths of a column."""
BOX_HEIGHT, ROW_STEP = 1.0, 1.55
DONE, WAITING = "#eaf3fa", "#f5f6f8"
DONE_LINE, WAITING_LINE = "#0072B2", "#b5bcc6"
HEIGHT_PX = 300
ROOM = 10**7
"""Counts beyond are written as powers of ten."""
PS_PER_NS = 1000.0


@dataclass(frozen=True)
class Step:
    """A box of the figure.

    Attributes
    ----------
    title : str
        What happens.
    lines : tuple of str
        What went through, a line each; none if it has not been done.
    counts : tuple of (str, float or None)
        The same as numbers, with their names.
    """

    title: str
    lines: tuple[str, ...]
    counts: tuple[tuple[str, float | None], ...]


def workflow_chart(data: CampaignData) -> Chart:
    """The stages of a campaign with counts; what has no result yet is grey."""
    upper, lower = training_steps(data), prediction_steps(data)
    figure = go.Figure()
    for row, steps in enumerate((upper, lower)):
        for column, step in enumerate(steps):
            _add_box(figure, step, _column(column, len(steps), len(upper)), -row * ROW_STEP)
    _add_arrows(figure, len(upper), len(lower))
    hidden = {"visible": False, "fixedrange": True}
    style(figure, showlegend=False, margin={"l": 4, "r": 4, "t": 4, "b": 4})
    figure.update_xaxes(**hidden, range=[-0.52, len(upper) - 0.48])
    figure.update_yaxes(**hidden, range=[-ROW_STEP - 0.56, 0.56])
    caption = "What went through each stage; grey: nothing yet. Above: to the potential. Below: what it predicts."
    steps = [*upper, *lower]
    columns: dict[str, Sequence[Any]] = {
        "stage": [step.title for step in steps for _ in step.counts],
        "count": [name for step in steps for name, _ in step.counts],
        "number": [number for step in steps for _, number in step.counts],
    }
    return Chart(
        "workflow", "From compositions to conductivities", caption, figure, HEIGHT_PX, wide=True, columns=columns
    )


def training_steps(data: CampaignData) -> list[Step]:
    """From compositions to the potential."""
    return [
        _compositions(data),
        _orderings(data),
        _screening(data),
        _sampling(data),
        _labels(data),
        _dataset(data),
        _potential(data),
    ]


def prediction_steps(data: CampaignData) -> list[Step]:
    """What the potential is used for."""
    drawn = [_monte_carlo(data)] if data.monte_carlo_runs else []
    return [_stability(data), *drawn, _production(data), _conductivity(data)]


def _step(title: str, counts: Sequence[tuple[str, float | None]], lines: Sequence[str], *, done: bool) -> Step:
    return Step(title, tuple(line for line in lines if line) if done else (), tuple(counts) if done else ())


def _compositions(data: CampaignData) -> Step:
    n = len(data.spec.points) if data.spec else len(compositions(data))
    ends = len(data.spec.end_members) if data.spec else 0
    lines = [plural(n, "grid point"), plural(ends, "end member") if ends else ""]
    return _step("Compositions", [("grid points", n), ("end members", ends)], lines, done=n > 0)


def _orderings(data: CampaignData) -> Step:
    kept = sum(len(doc.records) for doc in data.orderings)
    distinct = sum(doc.count_distinct for doc in data.orderings)
    counts = [("distinct", distinct), ("kept", kept)]
    return _step("Orderings", counts, [f"{_large(distinct)} distinct", f"{grouped(kept)} kept"], done=kept > 0)


def _large(count: int) -> str:
    return grouped(count) if count < ROOM else significant(float(count))


def _screening(data: CampaignData) -> Step:
    relaxed = sum(len(doc.energies_eV_per_atom) for doc in data.screenings)
    failed = sum(len(doc.failures) for doc in data.screenings)
    counts = [("relaxed", relaxed), ("failed", failed)]
    lines = [f"{grouped(relaxed)} relaxed", f"{grouped(failed)} failed" if failed else ""]
    return _step("Screening", counts, lines, done=relaxed > 0)


def _sampling(data: CampaignData) -> Step:
    runs = sum(len(doc.runs) for doc in data.samplings)
    requested = sum(doc.requested for doc in data.samplings)
    counts = [("requested", requested), ("MD runs", runs)]
    return _step("Sampling", counts, [f"{grouped(runs)} of {grouped(requested)}", "MD runs"], done=requested > 0)


def _labels(data: CampaignData) -> Step:
    sets = [doc for doc in data.label_sets if is_of_frames(doc, data.documents)]
    requested, accepted = sum(doc.requested for doc in sets), sum(len(doc.label_keys) for doc in sets)
    refused = sum(len(doc.refused) for doc in sets)
    counts = [("requested", requested), ("accepted", accepted), ("refused", refused)]
    lines = [f"{grouped(accepted)} of {grouped(requested)}", f"{grouped(refused)} refused" if refused else "accepted"]
    return _step("Labels", counts, lines, done=requested > 0)


def _dataset(data: CampaignData) -> Step:
    counts = data.dataset.counts if data.dataset else {}
    lines = [f"{grouped(counts.get('train', 0))} train"]
    lines += [f"{grouped(counts.get('valid', 0))} valid, {grouped(counts.get('test', 0))} test"]
    return _step("Data set", list(counts.items()), lines, done=bool(counts))


def _potential(data: CampaignData) -> Step:
    row = find_errors(data.model.errors, "tuned") if data.model else None
    if row is None:
        return Step("Potential", ("trained",) if data.model else (), ())
    energy, force = row.energy_rmse_meV_per_atom, row.force_rmse_meV_per_A
    counts = [("test energy RMSE, meV/atom", energy), ("test force RMSE, meV/Å", force)]
    lines = ["test RMSE", f"{significant(energy)} meV/atom", f"{significant(force)} meV/Å"]
    return _step("Potential", counts, lines, done=True)


def _stability(data: CampaignData) -> Step:
    relaxed = sum(len(doc.energies_eV_per_atom) for doc in data.ground_states)
    lowest = [entry for entry in data.phase_diagram.entries if entry.lowest] if data.phase_diagram else []
    stable = sum(entry.stable for entry in lowest)
    counts = [("orderings relaxed", relaxed), ("compositions", len(lowest)), ("on the hull", stable)]
    lines = [f"{grouped(relaxed)} orderings relaxed", f"{stable} of {len(lowest)} compositions on the hull"]
    return _step("Stability", counts, lines, done=relaxed > 0 or bool(lowest))


def _monte_carlo(data: CampaignData) -> Step:
    replicas, atoms = len(data.monte_carlo_runs), max(run.n_atoms for run in data.monte_carlo_runs)
    counts = [("replicas", replicas), ("atoms", atoms)]
    return _step("Monte Carlo", counts, [plural(replicas, "replica"), f"{grouped(atoms)} atoms each"], done=True)


def _production(data: CampaignData) -> Step:
    runs, time_ns = len(data.trajectories), sum(doc.time_ps for doc in data.trajectories) / PS_PER_NS
    counts = [("MD runs", runs), ("simulated ns", time_ns)]
    return _step("Production MD", counts, [plural(runs, "run"), f"{significant(time_ns)} ns"], done=runs > 0)


def _conductivity(data: CampaignData) -> Step:
    fits = sum(doc.activation_energy_eV is not None for doc in data.conductivities)
    n, places = len(data.conductivities), len(data.pathways)
    counts = [("compositions", n), ("Arrhenius fits", fits), ("pathway analyses", places)]
    pathways = plural(places, "pathway analysis" if places == 1 else "pathway analyse")
    lines = [f"{fits} of {n} with Arrhenius fit", pathways if places else ""]
    return _step("Conductivity", counts, lines, done=n > 0)


def _column(index: int, n: int, n_upper: int) -> tuple[float, float]:
    """Left and right end of a box; the lower row takes the full width as well."""
    step = n_upper / n
    middle = (index + 0.5) * step - 0.5
    half = (step - GAP) / 2
    return middle - half, middle + half


def _add_box(figure: Any, step: Step, ends: tuple[float, float], y: float) -> None:  # noqa: ANN401 (plotly is untyped)
    left, right = ends
    low, high = y - BOX_HEIGHT / 2, y + BOX_HEIGHT / 2
    fill, edge = (DONE, DONE_LINE) if step.lines else (WAITING, WAITING_LINE)
    corners = {"x": [left, right, right, left, left], "y": [low, low, high, high, low]}
    line = {"color": edge, "width": 1.4, "dash": "solid" if step.lines else "dot"}
    figure.add_trace(go.Scatter(mode="lines", fill="toself", fillcolor=fill, line=line, hoverinfo="skip", **corners))
    text = "<br>".join([f"<b>{step.title}</b>", *(step.lines or ("not yet",))])
    middle = {"x": [(left + right) / 2], "y": [y]}
    font = {"size": 12, "color": INK}
    figure.add_trace(
        go.Scatter(mode="text", text=[text], textfont=font, textposition="middle center", hoverinfo="skip", **middle)
    )


def _add_arrows(figure: Any, n_upper: int, n_lower: int) -> None:  # noqa: ANN401 (plotly is untyped)
    """From box to box, and from the potential along a line between the rows to the predictions."""
    ends = [_column(i, n_upper, n_upper) for i in range(n_upper)]
    lower = [_column(i, n_lower, n_upper) for i in range(n_lower)]
    shafts: list[tuple[float, float, float, float]] = [(a[1], 0.0, b[0], 0.0) for a, b in pairwise(ends)]
    under, between, top = -BOX_HEIGHT / 2, -ROW_STEP / 2, -ROW_STEP + BOX_HEIGHT / 2
    last = sum(ends[-1]) / 2
    # all but the last box of the lower row start from the potential; the last one from the runs before it
    starts = [sum(box) / 2 for box in lower[:-1]]
    _add_line(figure, [(last, under), (last, between), (min(starts), between)])
    shafts += [(x, between, x, top) for x in starts]
    shafts.append((lower[-2][1], -ROW_STEP, lower[-1][0], -ROW_STEP))
    for x0, y0, x1, y1 in shafts:
        _add_line(figure, [(x0, y0), (x1, y1)])
    heads = {
        "triangle-right": [s for s in shafts if s[1] == s[3]],
        "triangle-down": [s for s in shafts if s[1] != s[3]],
    }
    for shape, ones in heads.items():
        inset = 0.02 if shape == "triangle-right" else 0.0
        lift = 0.05 if shape == "triangle-down" else 0.0
        places = {"x": [s[2] - inset for s in ones], "y": [s[3] + lift for s in ones]}
        marker = {"symbol": shape, "size": 9, "color": INK}
        figure.add_trace(go.Scatter(mode="markers", marker=marker, hoverinfo="skip", **places))


def _add_line(figure: Any, points: Sequence[tuple[float, float]]) -> None:  # noqa: ANN401 (plotly is untyped)
    path = {"x": [x for x, _ in points], "y": [y for _, y in points]}
    figure.add_trace(go.Scatter(mode="lines", line={"color": INK, "width": 1.3}, hoverinfo="skip", **path))
