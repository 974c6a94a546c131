"""The page of ``superionic analyze``: one file about one or several trajectories of a material."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import superionic
from superionic.documents import CompositionInfo
from superionic.report.markup import Content, Html, details, join, table, tag, unavailable
from superionic.report.numbers import interval, significant, with_error
from superionic.report.shell import grid, html_page, navigation, section, write_page
from superionic.report.summary import NOTHING, verdict_badge
from superionic.report.tables_transport import fits_table
from superionic.transport.anisotropy import AXES, PLANES
from superionic.transport.arrhenius_assemble import RunGroup, fitted_fields, point_document, run_documents
from superionic.transport.pathway_documents import pathway_document
from superionic.transport.schemas import ConductivityDoc
from superionic.transport.study import TemperatureFits
from superionic.transport.verdicts import Verdict

if TYPE_CHECKING:
    from superionic.report.theme import Chart
    from superionic.transport.replicas import CombinedDiffusion
    from superionic.transport.result import Diffusion
    from superionic.transport.study import AnalysedRun, Study, TemperaturePoint

Direction = tuple[float, float, float]


def write_analysis_page(study: Study, path: str | Path, directions: Sequence[Direction] = ()) -> Path:
    """Write the page of a study.

    Parameters
    ----------
    study : Study
        What was analysed.
    path : str or Path
        File to write; folders above it are made.
    directions : sequence of (float, float, float)
        Lattice directions whose diffusivity is shown as well.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    NotConfiguredError
        If plotly is not installed.
    """
    first = study.runs[0]
    title = f"{first.diffusion.mobile} in {first.formula}"
    parts: list[tuple[str, str, Content]] = [("results", "Results", _results(study, directions))]
    if len(study.points) > 1:
        parts.append(("arrhenius", "Arrhenius", _arrhenius(study)))
    parts += [(f"run{k}", _name(run), _run(run, str(k))) for k, run in enumerate(study.runs)]
    if any(run.pathways is not None for run in study.runs):
        parts.append(("pathways", "Pathways", _pathways(study)))
    header = tag(
        "header",
        tag("h1", title),
        tag(
            "p",
            f"{len(study.runs)} runs · made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {superionic.__version__}",
        ),
    )
    links = navigation([(identity, heading) for identity, heading, _ in parts])
    body = tag(
        "main", *(section(identity, heading, content) for identity, heading, content in parts), id="main", tabindex="-1"
    )
    footer = tag("footer", tag("p", "Formulas and sources: the methods page 'Ionic transport' of superionic."))
    return write_page(path, html_page(f"{title}: superionic analyze", header, links, body, footer))


def _name(run: AnalysedRun) -> str:
    more = f" + {len(run.files) - 1}" if len(run.files) > 1 else ""
    return f"{run.files[0].name}{more}, {run.diffusion.temperature_K:g} K"


def _results(study: Study, directions: Sequence[Direction]) -> Html:
    header = [
        "Run",
        "T (K)",
        "analysed (ps)",
        "D (cm²/s)",
        "σ (S/cm)",
        "95 % of σ",
        "Haven ratio",
        "hops",
        "window (ps)",
    ]
    rows: list[list[Content]] = []
    for point in study.points:
        for run in point.runs:
            found = run.diffusion
            window = "{:.3g} to {:.3g}".format(*found.window_ps)
            start: list[Content] = [_name(run), f"{found.temperature_K:g}", f"{found.duration_ps:.4g}"]
            rows.append([*start, *_numbers(found, window)])
        if point.combined is not None:
            name = tag("strong", f"{point.combined.n_used} of {point.combined.n_runs} runs together")
            rows.append([name, f"{point.combined.temperature_K:g}", "", *_numbers(point.combined, "")])
    note = (
        "± is the half width of the 68 % interval. σ is Nernst-Einstein with the tracer diffusivity; dividing by the "
        "Haven ratio includes the correlation between ions. Use no number whose verdict is not ok."
    )
    named = [f"[{u:g} {v:g} {w:g}]" for u, v, w in directions]
    return join(
        [
            table([*header, "verdict", "why"], rows, numeric=range(1, 9)),
            tag("p", note, class_="note"),
            tag("h3", "D along axes, in planes and along directions (cm²/s)"),
            table(
                ["Run", *AXES, *PLANES, *named], [_parts(run, directions) for run in study.runs], numeric=range(1, 12)
            ),
        ]
    )


def _numbers(found: Diffusion | CombinedDiffusion, window: str) -> list[Content]:
    bound = found.diffusivity_upper_bound_cm2_per_s
    value: Content = with_error(found.diffusivity_cm2_per_s, found.diffusivity_std_cm2_per_s)
    if bound is not None:
        value = join([value, tag("small", f"below {significant(bound)} (95 %)")])
    sigma = with_error(found.conductivity_S_per_cm, found.conductivity_std_S_per_cm)
    doubtful = found.verdict is not Verdict.OK
    return [
        tag("em", value) if doubtful else value,
        tag("em", sigma) if doubtful else sigma,
        interval(*found.conductivity_interval95_S_per_cm),
        NOTHING if found.haven_ratio is None else with_error(found.haven_ratio, found.haven_ratio_std),
        str(found.n_hops),
        window,
        verdict_badge(found.verdict.value),
        tag("small", found.verdict_reason),
    ]


def _parts(run: AnalysedRun, directions: Sequence[Direction]) -> list[Content]:
    found = run.diffusion
    values = [*found.diffusivity_axes_cm2_per_s, *found.diffusivity_planes_cm2_per_s]
    stds = [*found.diffusivity_axes_std_cm2_per_s, *found.diffusivity_planes_std_cm2_per_s]
    for direction in directions:
        estimate = found.diffusivity_along(direction)
        values.append(estimate.value)
        stds.append(estimate.std)
    return [_name(run), *(with_error(float(v), float(s)) for v, s in zip(values, stds, strict=True))]


def _run(run: AnalysedRun, identity: str) -> Html:
    from superionic.report import figures_analysis as figures

    found = run.diffusion
    whole = found.integrity if found.cut is None else found.cut.integrity
    charts: list[Chart | None] = [
        figures.msd_chart(found, identity),
        figures.exponent_chart(found, identity),
        figures.direction_chart(found, identity),
        figures.framework_chart(whole, identity),
    ]
    badge = tag("p", verdict_badge(found.verdict.value), " ", found.verdict_reason)
    notes = tag("ul", *(tag("li", note) for note in run.notes)) if run.notes else None
    host = None if whole.checked else unavailable(f"framework: {whole.reason}")
    return join([badge, grid(charts), host, details("Framework, species by species", _host(run)), notes])


def _pathways(study: Study) -> Html:
    from superionic.report.tables_pathways import pathway_charts, pathway_parts

    docs = []
    for run in study.runs:
        if run.pathways is not None:
            place = CompositionInfo(axes={}, label="", formula=run.formula)
            docs.append(pathway_document(run.pathways).model_copy(update={"composition": place}))
    return pathway_parts(docs, pathway_charts(docs))


def _host(run: AnalysedRun) -> Html:
    found = run.diffusion.integrity if run.diffusion.cut is None else run.diffusion.cut.integrity
    header = [
        "Species",
        "atoms",
        "state",
        "displaced",
        "late MSD exponent",
        "rms displacement (Å)",
        "order left",
        "onset (ps)",
    ]
    rows = [
        [
            species.species,
            str(species.count),
            species.state.value.replace("_", " ") + ("" if species.judged else " (not judged)"),
            f"{species.n_displaced} ({100 * species.fraction_displaced:.0f} %)",
            f"{species.late_exponent:.2f}",
            f"{species.rms_displacement_A:.2f}",
            NOTHING if species.order != species.order else f"{100 * species.order:.0f} %",
            NOTHING if species.onset_ps is None else f"{species.onset_ps:.4g}",
        ]
        for species in found.species
    ]
    return table(header, rows, numeric=(1, 3, 4, 5, 6, 7))


def _arrhenius(study: Study) -> Html:
    from superionic.report.figures_transport import arrhenius_chart

    doc = _conductivity_doc(study)
    why = unavailable(f"Arrhenius fit: {study.no_fit_reason}") if study.fit is None else None
    return join([why, grid([arrhenius_chart([doc])]), fits_table([doc])])


def _conductivity_doc(study: Study) -> ConductivityDoc:
    fits = TemperatureFits(study.fit, study.unweighted, study.no_fit_reason, study.prediction)
    points = [point_document(point.result, [""] * len(point.runs)) for point in study.points]
    first = study.runs[0]
    return ConductivityDoc(
        composition=CompositionInfo(axes={}, label="", formula=first.formula),
        model_key="",
        level_of_theory="",
        mobile=first.diffusion.mobile,
        points=points,
        runs=[run for point in study.points for run in run_documents(_group(point))],
        reference_temperature_K=study.reference_temperature_K,
        **fitted_fields(fits, study.reference_temperature_K, Verdict.TOO_FEW_HOPS.value),
    )


def _group(point: TemperaturePoint) -> RunGroup:
    runs = tuple(run.diffusion for run in point.runs)
    cuts = tuple(None if run.cut is None else run.cut.at_ps for run in runs)
    return RunGroup(("",) * len(runs), tuple((0, k) for k in range(len(runs))), cuts, runs, point.combined)
