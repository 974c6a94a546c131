"""Figures of the Monte Carlo of orderings: traces, and the cross validation of the cluster expansion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from superionic.report.theme import GREY, INK, PALETTE, Chart, axis, colour, dash, style
from superionic.sampling.montecarlo_schemas import ClusterExpansionDoc, MonteCarloRunDoc
from superionic.units import MEV_PER_EV

MAX_POINTS = 1000


def trace_chart(runs: Sequence[MonteCarloRunDoc]) -> Chart | None:
    """Energy and acceptance of every replica of one composition against sweeps, the temperature beside them.

    Returns
    -------
    Chart or None
        None if there is no run.
    """
    if not runs:
        return None
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, row_heights=[0.5, 0.28, 0.22], vertical_spacing=0.05)
    zero_eV = min(run.mean_energy_eV for run in runs)
    columns: dict[str, list[Any]] = {"replica": [], "sweep": [], "energy_meV_per_atom": [], "acceptance": []}
    for run in runs:
        shade = colour(run.replica)
        sweeps, energies = _thinned(run.energies_eV)
        energies_meV = (energies - zero_eV) / run.n_atoms * MEV_PER_EV
        _, acceptances = _thinned(run.acceptances)
        name = f"replica {run.replica}: τ = {run.tau_sweeps:.1f} sweeps, {run.verdict.value.replace('_', ' ')}"
        line = {"color": shade, "width": 1.2, "dash": dash(run.replica)}
        shared = {"mode": "lines", "line": line, "legendgroup": str(run.replica)}
        figure.add_trace(go.Scatter(x=sweeps, y=energies_meV, name=name, **shared), row=1, col=1)
        figure.add_trace(go.Scatter(x=sweeps, y=acceptances, showlegend=False, **shared), row=2, col=1)
        columns["replica"] += [run.replica] * len(sweeps)
        columns["sweep"] += sweeps.tolist()
        columns["energy_meV_per_atom"] += energies_meV.tolist()
        columns["acceptance"] += acceptances.tolist()
    sweeps, temperatures_K = _thinned(runs[0].temperatures_K)
    line = {"color": INK, "width": 1.2}
    figure.add_trace(go.Scatter(x=sweeps, y=temperatures_K, mode="lines", line=line, showlegend=False), row=3, col=1)
    figure.add_vline(x=runs[0].production_start, line={"color": GREY, "dash": "dot", "width": 1})
    style(figure)
    for row, title in ((1, "energy (meV/atom)"), (2, "acceptance"), (3, "T (K)")):
        figure.update_xaxes(**axis("sweep" if row == 3 else "", showticklabels=row == 3), row=row, col=1)  # noqa: PLR2004
        figure.update_yaxes(**axis(title), row=row, col=1)
    return Chart(
        f"montecarlo-{runs[0].key[:8]}", _title(runs[0], "Monte Carlo"), _caption(runs), figure, 520, columns=columns
    )


def _caption(runs: Sequence[MonteCarloRunDoc]) -> str:
    run = runs[0]
    stride = _stride(run.energies_eV)
    thinned = f" Drawn is one sweep in {stride}." if stride > 1 else ""
    return (
        f"{run.n_atoms} atoms, {run.energy} energies ({run.level_of_theory}), relative to the lowest mean; a sweep "
        f"attempts {run.n_sites} swaps. Right of the dotted line: production at {run.freeze_K:g} K.{thinned}"
    )


def expansion_chart(expansion: ClusterExpansionDoc) -> Chart:
    """Cross-validation predictions of a cluster expansion against its training energies."""
    per_atom = MEV_PER_EV / expansion.host.composition.num_atoms
    reference = np.asarray(expansion.energies_eV)
    zero_eV = float(reference.min()) if len(reference) else 0.0
    x = (reference - zero_eV) * per_atom
    y = (np.asarray(expansion.predicted_eV) - zero_eV) * per_atom
    figure = go.Figure()
    marker = {"symbol": "circle-open", "size": 6, "color": PALETTE[0]}
    figure.add_trace(go.Scatter(x=x, y=y, mode="markers", marker=marker, showlegend=False))
    ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))]
    line = {"color": INK, "width": 1, "dash": "dot"}
    figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", line=line, showlegend=False, hoverinfo="skip"))
    style(figure, xaxis=axis("training energy (meV/atom)"), yaxis=axis("predicted, left out (meV/atom)"))
    caption = (
        f"{expansion.n_training} orderings, {'relaxed' if expansion.relaxed else 'static'} energies of "
        f"{expansion.potential.name} ({expansion.potential.level_of_theory}); {expansion.n_parameters} parameters; "
        f"{expansion.n_folds}-fold cross-validation RMSE {expansion.cv_rmse_meV_per_atom:.2f} meV/atom."
    )
    columns = {"energy_meV_per_atom": x.tolist(), "predicted_meV_per_atom": y.tolist()}
    name = f"expansion-{expansion.key[:8]}"
    return Chart(name, _title(expansion, "Cluster expansion"), caption, figure, 400, columns=columns)


def _title(document: MonteCarloRunDoc | ClusterExpansionDoc, what: str) -> str:
    return f"{what}: {document.composition.name}" if document.composition else what


def _stride(values: Sequence[float]) -> int:
    return max(1, -(-len(values) // MAX_POINTS))


def _thinned(values: Sequence[float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Positions and values of at most MAX_POINTS evenly spaced members."""
    positions = np.arange(0, len(values), _stride(values))
    return positions, np.asarray(values, dtype=np.float64)[positions]
