"""All figures of a campaign by section: what the page shows and what is written as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from superionic.documents import CompositionInfo
from superionic.report.conductivity_at import common_temperature
from superionic.report.data import CampaignData
from superionic.report.shell import require_plotly
from superionic.report.summary import compositions
from superionic.report.tables_pathways import pathway_charts
from superionic.report.theme import Chart
from superionic.sampling.montecarlo_schemas import MonteCarloRunDoc


@dataclass(frozen=True)
class Gallery:
    """The figures of a campaign.

    Attributes
    ----------
    sections : dict of str to tuple of Chart
        Figures of each section of the page, in its order.
    pathways : tuple of tuple of Chart
        Figures of each pathway analysis.
    temperature_K : float or None
        Temperature of the conductivities over the composition, K; None if no run can be used.
    """

    sections: dict[str, tuple[Chart, ...]]
    pathways: tuple[tuple[Chart, ...], ...]
    temperature_K: float | None = None

    @property
    def charts(self) -> tuple[Chart, ...]:
        """All of them."""
        groups = (*self.sections.values(), *self.pathways)
        return tuple(chart for charts in groups for chart in charts)

    def of(self, section: str) -> tuple[Chart, ...]:
        """Figures of a section."""
        return self.sections[section]

    def starting(self, section: str, *names: str) -> tuple[Chart, ...]:
        """Figures of a section whose identity starts with one of the names."""
        return tuple(chart for chart in self.of(section) if chart.identity.startswith(names))


def draw(data: CampaignData, temperature_K: float | None = None) -> Gallery:
    """Draw every figure that the campaign has documents for.

    Parameters
    ----------
    data : CampaignData
        The campaign's documents.
    temperature_K : float, optional
        Temperature of the conductivities over the composition, K; by default the one with most usable runs.

    Returns
    -------
    Gallery
        The figures.

    Raises
    ------
    NotConfiguredError
        If plotly is not installed.
    """
    require_plotly()
    temperature = temperature_K or common_temperature(data.conductivities)
    return Gallery(
        {
            "workflow": _workflow(data),
            "stability": _kept(_stability(data)),
            "montecarlo": _kept(_monte_carlo(data)),
            "transport": _kept(_transport(data, temperature)),
            "model": _kept(_model(data)),
            "cost": _kept(_cost(data)),
        },
        tuple(pathway_charts(data.pathways)),
        temperature,
    )


def end_members(data: CampaignData) -> tuple[CompositionInfo, ...]:
    """End members of the phase diagram, or those of the spec whose formulas are known; none otherwise."""
    if data.phase_diagram is not None:
        return tuple(data.phase_diagram.end_members)
    known = {tuple(sorted(place.axes.items())): place for place in compositions(data).values()}
    wanted = data.spec.end_members if data.spec else []
    keys = [tuple(sorted((name, float(value)) for name, value in member.items())) for member in wanted]
    return tuple(known[key] for key in keys) if all(key in known for key in keys) else ()


def _kept(charts: Sequence[Chart | None]) -> tuple[Chart, ...]:
    return tuple(chart for chart in charts if chart is not None)


def _workflow(data: CampaignData) -> tuple[Chart, ...]:
    from superionic.report.figures_workflow import workflow_chart

    return (workflow_chart(data),)


def _stability(data: CampaignData) -> Sequence[Chart | None]:
    from superionic.report.figures_free_energy import free_energy_chart
    from superionic.report.figures_stability import formation_chart, phase_diagram_chart

    if data.phase_diagram is None:
        return ()
    charts = (phase_diagram_chart, formation_chart, free_energy_chart)
    return [chart(data.phase_diagram) for chart in charts]


def _monte_carlo(data: CampaignData) -> Sequence[Chart | None]:
    from superionic.report.figures_montecarlo import expansion_chart, trace_chart

    by_place: dict[str, list[MonteCarloRunDoc]] = {}
    for run in data.monte_carlo_runs:
        by_place.setdefault(run.composition.label if run.composition else "", []).append(run)
    traces = [trace_chart(sorted(runs, key=lambda run: run.replica)) for runs in by_place.values()]
    return [*traces, *(expansion_chart(doc) for doc in data.expansions)]


def _transport(data: CampaignData, temperature_K: float | None) -> Sequence[Chart | None]:
    from superionic.report.figures_composition import composition_chart
    from superionic.report.figures_msd import msd_chart
    from superionic.report.figures_planar import planar_chart
    from superionic.report.figures_transport import arrhenius_chart

    docs = data.conductivities
    over_composition = composition_chart(docs, end_members(data), temperature_K) if temperature_K else None
    return over_composition, arrhenius_chart(docs), planar_chart(docs), msd_chart(data.diffusions)


def _model(data: CampaignData) -> Sequence[Chart | None]:
    from superionic.report.figures_active import rounds_chart
    from superionic.report.figures_curves import comparison_chart, learning_curve_chart
    from superionic.report.figures_property import property_curve_chart
    from superionic.report.figures_training import history_chart, parity_charts

    charts: list[Chart | None] = []
    if data.model is not None:
        charts += [*parity_charts(data.model), history_chart(data.model)]
    if data.active is not None:
        charts.append(rounds_chart(data.active, data.spec.active.tolerance_meV_per_A if data.spec else None))
    if data.learning_curve is not None:
        charts += [learning_curve_chart(data.learning_curve), comparison_chart(data.learning_curve)]
    if data.property_curve is not None:
        charts.append(property_curve_chart(data.property_curve))
    return charts


def _cost(data: CampaignData) -> Sequence[Chart | None]:
    from superionic.report.figures_campaign import cost_chart, timeline_chart

    return timeline_chart(data.jobs), cost_chart(data.jobs)
