"""The report as one HTML file that needs neither network nor server."""

from __future__ import annotations

from pathlib import Path

import superionic
from superionic.report import lineage, tables
from superionic.report.data import CampaignData
from superionic.report.markup import Html, details, join, tag, unavailable
from superionic.report.notices import foundation_of, levels_of_theory, notices
from superionic.report.shell import card, grid, html_page, navigation, section, write_page
from superionic.report.summary import summary_table

PAPER = "https://doi.org/10.1039/d5ta05321h"


def write_report(data: CampaignData, path: str | Path) -> Path:
    """Write the report of a campaign.

    Parameters
    ----------
    data : CampaignData
        The campaign's documents.
    path : str or Path
        File to write; folders above it are made.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    NotConfiguredError
        If plotly is not installed.
    """
    return write_page(path, render(data))


def render(data: CampaignData) -> str:
    """The page as text.

    Raises
    ------
    NotConfiguredError
        If plotly is not installed.
    """
    drawn = [("montecarlo", "Monte Carlo of orderings", _monte_carlo)] if data.monte_carlo_runs else []
    sections = (
        ("results", "Results", _results),
        ("stability", "Stability", _stability),
        *drawn,
        ("transport", "Ionic transport", _transport),
        ("model", "Potential", _model),
        ("data", "Data set", _data),
        ("cost", "Timeline and cost", _cost),
        ("failures", "Failures", _failures),
        ("provenance", "Provenance", _provenance),
    )
    links = navigation([(identity, title) for identity, title, _ in sections])
    body = join(section(identity, title, content(data)) for identity, title, content in sections)
    main = tag("main", _banner(data), body)
    return html_page(f"{data.name}: superionic report", _header(data), links, main, _footer(data))


def _header(data: CampaignData) -> Html:
    facts = [
        f"campaign {data.spec_key}",
        f"made {data.created:%Y-%m-%d %H:%M} UTC",
        f"superionic {superionic.__version__}",
    ]
    if data.spec:
        facts.insert(0, f"mobile species {data.spec.mobile}")
        facts += [f"profile {data.spec.profile}"] if data.spec.profile else []
    return tag("header", tag("h1", data.name), tag("p", " · ".join(facts)), tag("p", tables.cost_line(data)))


def _banner(data: CampaignData) -> Html | None:
    found = notices(data)
    if not found:
        return None
    items = (tag("li", tag("strong", f"{notice.title}: "), notice.text) for notice in found)
    return tag("aside", tag("h2", "Read this first"), tag("ul", *items), class_="banner", role="note")


def _footer(data: CampaignData) -> Html:
    foundation = foundation_of(data)
    parts = [f"Labels: {', '.join(levels_of_theory(data)) or 'none'}."]
    parts += [f"Foundation: {foundation.name}, {foundation.level_of_theory}."] if foundation else []
    source = tag("a", "doi 10.1039/d5ta05321h", href=PAPER)
    return tag(
        "footer", tag("p", " ".join(parts)), tag("p", "Method: Deng et al., J. Mater. Chem. A 2025, ", source, ".")
    )


def _results(data: CampaignData) -> Html:
    note = (
        "± is one standard error. The error of formation energies and hull distances is the model's energy RMSE on the "
        "test set, an upper estimate, because errors of similar structures cancel. Numbers in italics carry a verdict "
        "other than ok: read why before using them."
    )
    return join([summary_table(data), tag("p", note, class_="note")])


def _stability(data: CampaignData) -> Html:
    if data.phase_diagram is None:
        return unavailable("the campaign has no phase diagram; see the failures and the timeline")
    from superionic.report.figures_stability import formation_chart, phase_diagram_chart
    from superionic.report.tables_polymorphs import polymorph_table
    from superionic.report.tables_references import stability_references

    diagram = phase_diagram_chart(data.phase_diagram)
    count = len(data.phase_diagram.end_members)
    reason = f"a phase diagram is drawn for two or three end members, here are {count}; the table has the numbers"
    published, polymorphs = stability_references(data), polymorph_table(data)
    return join(
        [
            None if diagram else unavailable(reason),
            grid([diagram, formation_chart(data.phase_diagram)]),
            details("Polymorphs", polymorphs, open_=True) if polymorphs else None,
            details("Published values", published, open_=True) if published else None,
        ]
    )


def _transport(data: CampaignData) -> Html:
    if not data.diffusions and not data.conductivities:
        return unavailable("no production run was analysed; see the failures and the timeline")
    from superionic.report import tables_transport
    from superionic.report.figures_msd import msd_chart
    from superionic.report.figures_transport import arrhenius_chart
    from superionic.report.tables_pathways import pathway_parts
    from superionic.report.tables_references import transport_references

    arrhenius = arrhenius_chart(data.conductivities)
    fits = tables_transport.fits_table(data.conductivities)
    directions = tables_transport.directions_table(data.conductivities)
    speed = tables_transport.md_table(data.trajectories)
    published = transport_references(data)
    reason = "none were computed (transport.pathway_temperature_K, or its run is missing)"
    return join(
        [
            None if arrhenius else unavailable("Arrhenius plot: no run gave a conductivity above zero"),
            grid([arrhenius, msd_chart(data.diffusions)]),
            pathway_parts(data.pathways) if data.pathways else unavailable(f"pathways: {reason}"),
            details("Arrhenius fits", fits, open_=True) if fits else None,
            details("Published values", published, open_=True) if published else None,
            details("Diffusivities along the axes and in the planes (cm²/s)", directions) if directions else None,
            details(f"All {len(data.diffusions)} runs", tables_transport.runs_table(data.diffusions), open_=True),
            details("Speed and cost of the MD", speed) if speed else None,
        ]
    )


def _monte_carlo(data: CampaignData) -> Html:
    from superionic.report.figures_montecarlo import expansion_chart, trace_chart

    places = dict.fromkeys(run.composition.label if run.composition else "" for run in data.monte_carlo_runs)
    by_place = [
        [run for run in data.monte_carlo_runs if (run.composition.label if run.composition else "") == place]
        for place in places
    ]
    charts = [trace_chart(sorted(runs, key=lambda run: run.replica)) for runs in by_place]
    return join(
        [
            tables.monte_carlo_table(data.monte_carlo),
            grid([*charts, *(expansion_chart(doc) for doc in data.expansions)]),
        ]
    )


def _model(data: CampaignData) -> Html:
    if data.model is None:
        return unavailable("no potential was trained; see the failures and the timeline")
    from superionic.report import tables_training
    from superionic.report.figures_training import history_chart, parity_charts

    parity = parity_charts(data.model)
    charts = [chart for chart in (*parity, history_chart(data.model)) if chart is not None]
    elements = tables_training.element_table(data.model)
    cards = [card(chart) for chart in charts]
    if elements:
        beside = tag("div", tag("h3", "Errors of the test forces by element"), elements, class_="card")
        cards.insert(len(parity), beside)
    return join(
        [
            None if parity else unavailable("parity plots: the model's document holds no test values"),
            tag("div", *cards, class_="grid"),
            _rounds(data) if data.active else None,
            _learning_curve(data),
            _property_curve(data),
            details("Errors by set and composition", tables_training.error_table(data.model, data), open_=True),
            details("Hyper-parameters: requested and effective", tables.hyperparameter_table(data.model)),
        ]
    )


def _rounds(data: CampaignData) -> Html:
    assert data.active is not None
    from superionic.report.figures_active import rounds_chart

    chart = rounds_chart(data.active, data.spec.active.tolerance_meV_per_A if data.spec else None)
    return join([grid([chart]), details("Rounds of labels", tables.rounds_table(data.active), open_=True)])


def _learning_curve(data: CampaignData) -> Html | None:
    from superionic.report import tables_training
    from superionic.report.figures_curves import comparison_chart, learning_curve_chart

    doc = data.learning_curve
    curve = learning_curve_chart(doc) if doc else None
    if doc is None or curve is None:
        if data.active:
            return None
        asked = bool(data.spec and data.spec.training.learning_curve)
        reason = "its trainings did not finish" if asked else "training.learning_curve of the spec asks for none"
        return unavailable(f"learning curve over the size of the training set: {reason}")
    fits, modes = tables_training.fit_table(doc), tables_training.comparison_table(doc)
    return join(
        [
            grid([curve, comparison_chart(doc)]),
            details("Fits of the learning curve and advice", fits) if fits else None,
            details("Training modes side by side", modes) if modes else None,
        ]
    )


def _property_curve(data: CampaignData) -> Html | None:
    from superionic.report import tables_training
    from superionic.report.figures_property import property_curve_chart

    if data.property_curve is None:
        asked = bool(data.spec and data.spec.training.property_curve)
        reason = "predictions against training structures: the job did not finish"
        return unavailable(reason) if asked else None
    verdicts = tables_training.property_table(data.property_curve)
    return join(
        [
            grid([property_curve_chart(data.property_curve)]),
            details("Verdicts of the MD runs by model", verdicts, open_=True) if verdicts else None,
        ]
    )


def _data(data: CampaignData) -> Html:
    if not (data.orderings or data.label_sets or data.dataset):
        return unavailable("no orderings and no labels yet")
    refused = data.dataset.refused_by_cause if data.dataset else {}
    causes = ", ".join(f"{count} {cause.replace('_', ' ')}" for cause, count in refused.items())
    note = tag("p", f"Left out of the data set: {causes}.", class_="note") if causes else None
    return join([tables.data_table(data), note])


def _cost(data: CampaignData) -> Html:
    from superionic.report.figures_campaign import cost_chart, timeline_chart

    timeline, cost = timeline_chart(data.jobs), cost_chart(data.jobs)
    if timeline is None and cost is None:
        return unavailable("no job has recorded its start and cost")
    stages = tag("div", tag("h3", "Jobs per stage"), tables.cost_table(data.jobs), class_="card")
    cards = [card(chart) for chart in (timeline, cost) if chart is not None]
    return tag("div", *cards, stages, class_="grid")


def _failures(data: CampaignData) -> Html:
    if not data.failures:
        return tag("p", "No failed, refused or unfinished work is recorded.")
    return tables.failure_table(data.failures)


def _provenance(data: CampaignData) -> Html:
    if not data.documents:
        return unavailable("the documents' records were not loaded")
    return join(
        [
            details("Numbers and the documents behind them", lineage.provenance_table(data)),
            details("Software versions", lineage.versions_table(data.documents)),
            details(f"All {len(data.documents)} documents", lineage.documents_table(data.documents)),
            details("Settings of the campaign", lineage.settings_tables(data.spec)) if data.spec else None,
        ]
    )
