"""Tables of sites, rates and bottlenecks, and the part of a page that holds them with their figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from superionic.report.markup import Content, Html, details, join, table, tag, unavailable
from superionic.report.numbers import interval, significant, with_error
from superionic.report.shell import grid
from superionic.report.summary import NOTHING, verdict_badge
from superionic.transport.pathway_schemas import BottleneckPart, PathwayDoc, RatePart, SiteOccupancy
from superionic.transport.verdicts import Verdict

if TYPE_CHECKING:
    from superionic.report.theme import Chart

MAX_SURFACES = 2
"""Isosurfaces in one page: each takes a WebGL context of the browser, which has few."""


def pathway_parts(docs: Sequence[PathwayDoc], charts: Sequence[Sequence[Chart]]) -> Html:
    """Verdict, figures and tables of every pathway analysis.

    Parameters
    ----------
    docs : sequence of PathwayDoc
        Documents.
    charts : sequence of sequences of Chart
        Figures of each, from :func:`pathway_charts`.

    Returns
    -------
    Html
        In the order of the documents.
    """
    return join([_part(doc, figures) for doc, figures in zip(docs, charts, strict=True)])


def pathway_charts(docs: Sequence[PathwayDoc], max_surfaces: int = MAX_SURFACES) -> list[tuple[Chart, ...]]:
    """Figures of every pathway analysis; none of those whose density was not loaded.

    Parameters
    ----------
    docs : sequence of PathwayDoc
        Documents.
    max_surfaces : int
        Largest number of isosurfaces.

    Returns
    -------
    list of tuple of Chart
        Projections, isosurface and profile of each.
    """
    from superionic.report.figures_density import projection_chart
    from superionic.report.figures_pathways import profile_chart, surface_chart

    found = []
    for k, doc in enumerate(docs):
        charts: list[Chart | None] = []
        if doc.density_ions_per_A3:
            surface = surface_chart(doc, k) if k < max_surfaces else None
            charts = [projection_chart(doc, k), surface, profile_chart(doc, k)]
        found.append(tuple(chart for chart in charts if chart is not None))
    return found


def _part(doc: PathwayDoc, charts: Sequence[Chart]) -> Html:
    from superionic.report.figures_density import place_title

    warnings = tag("ul", *(tag("li", text) for text in doc.warnings)) if doc.warnings else None
    return join(
        [
            tag("h3", place_title("Pathways", doc)),
            tag("p", verdict_badge(doc.verdict), " ", doc.verdict_reason),
            tag("p", summary_words(doc)),
            warnings,
            grid(charts),
            None if doc.paths else unavailable(f"profile: no way was seen below {doc.visible_up_to_eV:.2f} eV"),
            details(
                "Sites, rates and bottlenecks",
                sites_table(doc),
                rates_table(doc),
                passages_table(doc),
                necks_table(doc),
                open_=doc.verdict != Verdict.FRAMEWORK_UNSTABLE,  # sites of a melt are many and mean little
            ),
        ]
    )


def summary_words(doc: PathwayDoc) -> str:
    """What the analysis amounts to, in two or three sentences."""
    axes = f" along {', '.join(doc.percolation_axes)}" if doc.percolation_axes else ""
    first = f"{sum(doc.jumps.values())} jumps in {doc.duration_ps:.4g} ps; the network of these jumps percolates in"
    parts = [f"{first} {doc.percolation_dimension} dimensions{axes}."]
    if doc.anisotropy is not None:
        ratio = with_error(doc.anisotropy, doc.anisotropy_std)
        parts.append(f"D in the {doc.anisotropy_plane} plane is {ratio} times D along its normal.")
    value = with_error(doc.jump_diffusivity_cm2_per_s, doc.jump_diffusivity_std_cm2_per_s)
    factor = (
        f"tracer over jump diffusivity is f = {with_error(doc.correlation_factor, doc.correlation_factor_std)}"
        if doc.correlation_factor is not None
        else "there is no usable tracer diffusivity to compare with"
    )
    back = "" if doc.return_fraction is None else f"; {100 * doc.return_fraction:.0f} % of the jumps go straight back"
    parts.append(f"Jumps alone make D = {value} cm²/s; {factor}{back}.")
    return " ".join(parts)


def sites_table(doc: PathwayDoc) -> Html:
    """Occupancy and residence time by kind of site."""
    header = ["Site", "sites", "ions per site", "residence (ps)", "95 % (ps)", "jumps away"]
    return table(header, [_site_row(site) for site in doc.sites], numeric=range(1, 6))


def _site_row(site: SiteOccupancy) -> list[Content]:
    high = "∞" if site.residence_high_ps is None else significant(site.residence_high_ps)
    mean = site.residence_time_ps
    return [
        site.label,
        str(site.n_sites),
        significant(site.occupancy, 3),
        NOTHING if mean is None else with_error(mean, site.residence_time_std_ps),
        f"{significant(site.residence_low_ps)} to {high}",
        str(site.n_departures),
    ]


def rates_table(doc: PathwayDoc) -> Html:
    """Jump rates by pair of kinds."""
    header = ["Jump", "distance (Å)", "jumps", "back", "rate (1/ps)", "95 % (1/ps)"]
    return table(header, [_rate_row(rate) for rate in doc.rates], numeric=range(1, 6))


def _rate_row(rate: RatePart) -> list[Content]:
    return [
        f"{rate.start} → {rate.end}",
        f"{rate.distance_A:.2f} ({rate.distance_min_A:.2f} to {rate.distance_max_A:.2f})",
        str(rate.n_jumps),
        str(rate.n_back),
        with_error(rate.rate_per_ps, rate.rate_std_per_ps),
        interval(rate.rate_low_per_ps, rate.rate_high_per_ps),
    ]


def passages_table(doc: PathwayDoc) -> Html | None:
    """Easiest passages between kinds of sites; None where no two touch."""
    if not doc.connections:
        return None
    header = ["Passage", "distance (Å)", "F at the saddle (eV)", "passages per cell"]
    rows: list[list[Content]] = [
        [
            f"{item.start} – {item.end}",
            f"{item.distance_A:.2f}",
            f"{item.free_energy_eV:.2f}",
            str(item.n_passages),
        ]
        for item in doc.connections
    ]
    return table(header, rows, numeric=range(1, 4))


def necks_table(doc: PathwayDoc) -> Html:
    """Bottleneck free energies by direction."""
    header = ["Direction", "way", "isosurface (ions/Å³)", "F (eV)", "+ smoothing (eV)", "counts"]
    return table(header, [_neck_row(neck, doc.visible_up_to_eV) for neck in doc.bottlenecks], numeric=range(2, 6))


def _neck_row(neck: BottleneckPart, visible_eV: float) -> list[Content]:
    if neck.free_energy_eV is None or neck.density_ions_per_A3 is None or neck.vector is None:
        return [neck.direction, "not seen", NOTHING, f"> {visible_eV:.2f}", NOTHING, NOTHING]
    return [
        neck.direction,
        "[{} {} {}]".format(*neck.vector),
        significant(neck.density_ions_per_A3),
        with_error(neck.free_energy_eV, neck.std_eV),
        NOTHING if neck.smoothing_shift_eV is None else f"{neck.smoothing_shift_eV:+.3f}",
        f"{neck.counts:.0f}",
    ]
