"""The report as one HTML file that needs neither network nor server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import superionic
from superionic.report import lineage, tables
from superionic.report.composition_points import BINARY, TERNARY
from superionic.report.data import CampaignData
from superionic.report.gallery import Gallery, draw, end_members
from superionic.report.markup import Html, details, join, tag, unavailable
from superionic.report.notices import foundation_of, levels_of_theory, notices
from superionic.report.numbers import significant
from superionic.report.shell import card, grid, html_page, navigation, section, write_page
from superionic.report.summary import summary_table

if TYPE_CHECKING:
    from superionic.report.theme import Chart

PAPER = "https://doi.org/10.1039/d5ta05321h"


def write_report(
    data: CampaignData,
    path: str | Path,
    *,
    temperature_K: float | None = None,
    figures: str | Path | None = None,
) -> Path:
    """Write the report of a campaign.

    Parameters
    ----------
    data : CampaignData
        The campaign's documents.
    path : str or Path
        File to write; folders above it are made.
    temperature_K : float, optional
        Temperature of the conductivities over the composition, K; by default the one with most usable runs.
    figures : str or Path, optional
        Folder for every figure as PNG and SVG and its numbers as CSV.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    NotConfiguredError
        If plotly is not installed.
    """
    gallery = draw(data, temperature_K)
    if figures is not None:
        from superionic.report.printed.files import write_figures

        write_figures(gallery.charts, figures)
    return write_page(path, render(data, gallery))


def render(data: CampaignData, gallery: Gallery | None = None) -> str:
    """The page as text.

    Parameters
    ----------
    data : CampaignData
        The campaign's documents.
    gallery : Gallery, optional
        Its figures, if they are drawn already.

    Raises
    ------
    NotConfiguredError
        If plotly is not installed.
    """
    shown = gallery or draw(data)
    drawn = [("montecarlo", "Monte Carlo of orderings", _monte_carlo)] if data.monte_carlo_runs else []
    sections = (
        ("workflow", "Workflow", _workflow),
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
    body = join(section(identity, title, content(data, shown)) for identity, title, content in sections)
    main = tag("main", _banner(data), body, id="main", tabindex="-1")
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


def _workflow(_data: CampaignData, gallery: Gallery) -> Html:
    return grid(gallery.of("workflow"))


def _results(data: CampaignData, _gallery: Gallery) -> Html:
    note = (
        f"± is one standard error. That of formation energies and hull distances follows from {_energy_error(data)}: "
        "too large where errors of similar structures cancel, too small where the model errs by composition. "
        "Numbers in italics carry a verdict other than ok: read why before using them."
    )
    return join([summary_table(data), tag("p", note, class_="note")])


def _energy_error(data: CampaignData) -> str:
    """Which of the model's errors the hull's rest on, in words."""
    doc = data.phase_diagram
    test_eV, cold_eV = (doc.test_rmse_eV_per_atom, doc.ground_state_rmse_eV_per_atom) if doc else (None, None)
    tested = "the RMSE of the model's energy on the test set" + ("" if test_eV is None else f" ({_mev(test_eV)})")
    if cold_eV is None:
        return tested
    cold = f"that at the labelled ground states ({_mev(cold_eV)})"
    return f"the larger of {tested} and {cold}"


def _mev(energy_eV: float) -> str:
    return f"{significant(1000 * energy_eV)} meV/atom"


def _stability(data: CampaignData, gallery: Gallery) -> Html:
    if data.phase_diagram is None:
        return unavailable("the campaign has no phase diagram; see the failures and the timeline")
    from superionic.report.tables_polymorphs import polymorph_table
    from superionic.report.tables_references import stability_references
    from superionic.report.tables_stability import stability_tables

    count = len(data.phase_diagram.end_members)
    reason = f"a phase diagram is drawn for two or three end members, here are {count}; the table has the numbers"
    published, polymorphs = stability_references(data), polymorph_table(data)
    return join(
        [
            None if gallery.starting("stability", "phase-diagram") else unavailable(reason),
            grid(gallery.of("stability")),
            stability_tables(data),
            details("Polymorphs", polymorphs, open_=True) if polymorphs else None,
            details("Published values", published, open_=True) if published else None,
        ]
    )


def _transport(data: CampaignData, gallery: Gallery) -> Html:
    if not data.diffusions and not data.conductivities:
        return unavailable("no production run was analysed; see the failures and the timeline")
    from superionic.report import tables_transport
    from superionic.report.tables_pathways import pathway_parts
    from superionic.report.tables_references import transport_references

    arrhenius = gallery.starting("transport", "arrhenius")
    over_composition = gallery.starting("transport", "conductivity-map")
    fits = tables_transport.fits_table(data.conductivities)
    directions = tables_transport.directions_table(data.conductivities)
    speed = tables_transport.md_table(data.trajectories)
    published = transport_references(data)
    reason = "none were computed (transport.pathway_temperature_K, or its run is missing)"
    return join(
        [
            _over_composition(data, gallery, over_composition) if over_composition else unavailable(_no_map(data)),
            None if arrhenius else unavailable("Arrhenius plot: no run gave a conductivity above zero"),
            grid(gallery.starting("transport", "arrhenius", "planar", "msd")),
            pathway_parts(data.pathways, gallery.pathways) if data.pathways else unavailable(f"pathways: {reason}"),
            details("Arrhenius fits", fits, open_=True) if fits else None,
            details("Published values", published, open_=True) if published else None,
            details("Diffusivities along the axes and in the planes (cm²/s)", directions) if directions else None,
            details(f"All {len(data.diffusions)} runs", tables_transport.runs_table(data.diffusions), open_=True),
            details("Speed and cost of the MD", speed) if speed else None,
        ]
    )


def _over_composition(data: CampaignData, gallery: Gallery, charts: Sequence[Chart]) -> Html:
    from superionic.report.tables_transport import composition_table

    assert gallery.temperature_K is not None
    title = f"Numbers at {gallery.temperature_K:g} K"
    beside = tag("div", tag("h3", title), composition_table(data.conductivities, gallery.temperature_K), class_="card")
    return tag("div", *(card(chart) for chart in charts), beside, class_="grid")


def _no_map(data: CampaignData) -> str:
    n = len(end_members(data))
    if n not in {BINARY, TERNARY}:
        return f"conductivity over the composition: drawn for two or three end members, known are {n}"
    return "conductivity over the composition: no run has the verdict ok (--temperature shows the others)"


def _monte_carlo(data: CampaignData, gallery: Gallery) -> Html:
    return join([tables.monte_carlo_table(data.monte_carlo), grid(gallery.of("montecarlo"))])


def _model(data: CampaignData, gallery: Gallery) -> Html:
    if data.model is None:
        return unavailable("no potential was trained; see the failures and the timeline")
    from superionic.report import tables_training

    parity = gallery.starting("model", "parity")
    elements = tables_training.element_table(data.model)
    cards = [card(chart) for chart in (*parity, *gallery.starting("model", "history"))]
    if elements:
        beside = tag("div", tag("h3", "Errors of the test forces by element"), elements, class_="card")
        cards.insert(len(parity), beside)
    return join(
        [
            None if parity else unavailable("parity plots: the model's document holds no test values"),
            tag("div", *cards, class_="grid"),
            _rounds(data, gallery) if data.active else None,
            _learning_curve(data, gallery),
            _property_curve(data, gallery),
            details("Errors by set and composition", tables_training.error_table(data.model, data), open_=True),
            details("Hyper-parameters: requested and effective", tables.hyperparameter_table(data.model)),
        ]
    )


def _rounds(data: CampaignData, gallery: Gallery) -> Html:
    assert data.active is not None
    return join(
        [
            grid(gallery.starting("model", "rounds")),
            details("Rounds of labels", tables.rounds_table(data.active), open_=True),
        ]
    )


def _learning_curve(data: CampaignData, gallery: Gallery) -> Html | None:
    from superionic.report import tables_training

    doc = data.learning_curve
    if doc is None or not gallery.starting("model", "learning-curve"):
        if data.active:
            return None
        asked = bool(data.spec and data.spec.training.learning_curve)
        reason = "its trainings did not finish" if asked else "training.learning_curve of the spec asks for none"
        return unavailable(f"learning curve over the size of the training set: {reason}")
    fits, modes = tables_training.fit_table(doc), tables_training.comparison_table(doc)
    return join(
        [
            grid(gallery.starting("model", "learning-curve", "comparison")),
            details("Fits of the learning curve and advice", fits) if fits else None,
            details("Training modes side by side", modes) if modes else None,
        ]
    )


def _property_curve(data: CampaignData, gallery: Gallery) -> Html | None:
    from superionic.report import tables_training

    if data.property_curve is None:
        asked = bool(data.spec and data.spec.training.property_curve)
        reason = "predictions against training structures: the job did not finish"
        return unavailable(reason) if asked else None
    verdicts = tables_training.property_table(data.property_curve)
    return join(
        [
            grid(gallery.starting("model", "property-curve")),
            details("Verdicts of the MD runs by model", verdicts, open_=True) if verdicts else None,
        ]
    )


def _data(data: CampaignData, _gallery: Gallery) -> Html:
    if not (data.orderings or data.label_sets or data.dataset):
        return unavailable("no orderings and no labels yet")
    refused = data.dataset.refused_by_cause if data.dataset else {}
    causes = ", ".join(f"{count} {cause.replace('_', ' ')}" for cause, count in refused.items())
    note = tag("p", f"Left out of the data set: {causes}.", class_="note") if causes else None
    return join([tables.data_table(data), note])


def _cost(data: CampaignData, gallery: Gallery) -> Html:
    if not gallery.of("cost"):
        return unavailable("no job has recorded its start and cost")
    stages = tag("div", tag("h3", "Jobs per stage"), tables.cost_table(data.jobs), class_="card")
    cards = [card(chart) for chart in gallery.of("cost")]
    return tag("div", *cards, stages, class_="grid")


def _failures(data: CampaignData, _gallery: Gallery) -> Html:
    if not data.failures:
        return tag("p", "No failed, refused or unfinished work is recorded.")
    return tables.failure_table(data.failures)


def _provenance(data: CampaignData, _gallery: Gallery) -> Html:
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
