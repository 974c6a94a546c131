"""Tables of the transport stage: fits, directions, single runs, speed and cost of the MD."""

from __future__ import annotations

from collections.abc import Sequence

from superionic.documents import BaseDoc
from superionic.report.conductivity_at import SigmaAt, sigma_at
from superionic.report.markup import Content, Html, formula, join, table, tag
from superionic.report.numbers import duration, interval, significant, with_error
from superionic.report.summary import NOTHING, verdict_badge
from superionic.transport.anisotropy import AXES, PLANES
from superionic.transport.schemas import ArrheniusFit, ArrheniusPoint, ConductivityDoc, DiffusionDoc, TrajectoryDoc

PS_PER_NS, S_PER_HOUR = 1000.0, 3600.0


def runs_table(diffusions: tuple[DiffusionDoc, ...]) -> Html:
    """Every production run with its numbers, verdict and reason."""
    header = ["Composition", "T (K)", "ordering", "replica", "analysed (ps)", "D (cm²/s)", "σ (S/cm)", "Haven ratio"]
    ordered = sorted(diffusions, key=lambda d: (_formula(d), d.temperature_K, d.ordering, d.replica))
    rows = [
        [
            formula(_formula(doc)),
            f"{doc.temperature_K:g}",
            str(doc.ordering),
            str(doc.replica),
            f"{doc.analysed_ps:.4g}" + ("" if doc.cut_at_ps is None else " (cut)"),
            _diffusivity(doc),
            with_error(doc.conductivity_S_per_cm, doc.conductivity_std_S_per_cm),
            NOTHING if doc.haven_ratio is None else with_error(doc.haven_ratio, doc.haven_ratio_std),
            f"{doc.n_hops:.0f}",
            verdict_badge(doc.verdict),
            tag("small", doc.verdict_reason),
        ]
        for doc in ordered
    ]
    return table([*header, "hops", "verdict", "why"], rows, numeric=range(1, 9))


def _formula(doc: BaseDoc) -> str:
    return doc.composition.name if doc.composition else ""


def _diffusivity(doc: DiffusionDoc) -> Content:
    text = with_error(doc.diffusivity_cm2_per_s, doc.diffusivity_std_cm2_per_s)
    bound = doc.upper_bound_cm2_per_s
    return text if bound is None else join([text, tag("small", f"below {significant(bound)} (95 %)")])


def directions_table(conductivities: Sequence[ConductivityDoc]) -> Html | None:
    """Diffusivities along the axes and in the planes of every temperature; None without any."""
    rows = [
        [formula(_formula(doc)), f"{point.temperature_K:g}", *_directions(point)]
        for doc in conductivities
        for point in doc.points
        if point.diffusivity_axes_cm2_per_s
    ]
    return table(["Composition", "T (K)", *AXES, *PLANES, "verdict"], rows, numeric=range(1, 8)) if rows else None


def _directions(point: ArrheniusPoint) -> list[Content]:
    planes, stds = point.diffusivity_planes_cm2_per_s, point.diffusivity_planes_std_cm2_per_s
    pairs = list(zip(point.diffusivity_axes_cm2_per_s, point.diffusivity_axes_std_cm2_per_s, strict=True))
    pairs += [(planes[name], stds[name]) for name in PLANES]
    doubtful = point.verdict != "ok"
    cells = [with_error(*pair) for pair in pairs]
    return [*(tag("em", cell) if doubtful else cell for cell in cells), verdict_badge(point.verdict, point.reason)]


def composition_table(conductivities: Sequence[ConductivityDoc], temperature_K: float) -> Html:
    """Conductivity of every composition at one temperature, where it comes from, and its activation energy."""
    rows = [
        [join([formula(item.composition.name), tag("small", item.composition.label)]), *_at(item)]
        for doc in conductivities
        if (item := sigma_at(doc, temperature_K)) is not None
    ]
    header: list[Content] = ["Composition", "σ (S/cm)", "68 %", "from", Html("E<sub>a</sub> (eV)")]
    note = "Runs whose verdict is not ok are in italics; they enter neither contour nor line."
    return join([table(header, rows, numeric=(1, 2, 4)), tag("p", note, class_="note")])


def _at(item: SigmaAt) -> list[Content]:
    ends = interval(max(item.low, 0.0), item.high)
    cells: list[Content] = [significant(item.value), ends, item.origin.value]
    cells.append(with_error(item.activation_energy_eV, item.activation_energy_std_eV))
    return cells if item.usable else [tag("em", cell) for cell in cells]


def fits_table(conductivities: Sequence[ConductivityDoc]) -> Html | None:
    """The weighted fit of every composition and the unweighted one beside it; None without a fit."""
    rows = [
        [formula(_formula(doc)), *_fit(fit)]
        for doc in conductivities
        for fit in (doc.weighted_fit, doc.unweighted_fit)
        if fit is not None
    ]
    if not rows:
        return None
    reference = f"{conductivities[0].reference_temperature_K:g}"
    header: list[Content] = ["Composition", "fit", Html("E<sub>a</sub> (eV)"), "95 %", "D₀ (cm²/s)"]
    header += [f"σ({reference} K) (S/cm)", "95 %", "points", "curved?", "remarks"]
    note = (
        "Weighted: by the errors of the points, with Student's t where their scatter exceeds them; this fit gives the "
        "numbers of the campaign. Unweighted: all points alike, as usual in the literature, for comparison. Curved: "
        "probability of so much curvature if the plot were straight; below 0.05 no single activation energy holds."
    )
    return join([table(header, rows, numeric=range(2, 8)), tag("p", note, class_="note")])


def _fit(fit: ArrheniusFit) -> list[Content]:
    bend = fit.curvature
    curved: Content = NOTHING if bend is None else f"p = {significant(bend.p_value, 1)}"
    left_out = [f"left out: {point.temperature_K:g} K, {point.reason.replace('_', ' ')}" for point in fit.excluded]
    return [
        fit.method,
        with_error(fit.activation_energy_eV, fit.activation_energy_std_eV),
        _ends(fit.activation_energy_95_eV),
        significant(fit.prefactor_cm2_per_s),
        significant(fit.conductivity_at_reference_S_per_cm),
        _ends(fit.conductivity_at_reference_95_S_per_cm),
        str(len(fit.temperatures_K)),
        tag("strong", curved) if bend is not None and bend.significant else curved,
        join([tag("small", text) for text in (*fit.warnings, *left_out)]),
    ]


def _ends(ends: tuple[float | None, float | None]) -> Content:
    low, high = ends
    return NOTHING if low is None or high is None else interval(low, high)


def md_table(trajectories: Sequence[TrajectoryDoc]) -> Html | None:
    """Speed and cost of every production run; None without any."""
    if not trajectories:
        return None
    header = ["Composition", "T (K)", "ordering", "replica", "atoms", "length (ps)", "ns/day", "side by side"]
    header += ["segments", "wall time", "CPU time", "device", "remarks"]
    ordered = sorted(trajectories, key=lambda doc: (_formula(doc), doc.temperature_K, doc.ordering, doc.replica))
    rows = [[formula(_formula(doc)), *_speed(doc), *_cost(doc)] for doc in ordered]
    total_ns = sum(doc.time_ps for doc in trajectories) / PS_PER_NS
    known = [doc.resources for doc in trajectories if doc.resources is not None]
    wall, cpu = (sum(getattr(cost, name) for cost in known) for name in ("wall_time_s", "cpu_time_s"))
    note = (
        f"{significant(total_ns, 3)} ns in all; {duration(wall)} of wall time and {cpu / S_PER_HOUR:.3g} core-hours, "
        "of all jobs that worked at a run, killed ones included. Runs side by side bear equal shares; ns/day is the "
        "speed of one of them."
    )
    return join([table(header, rows, numeric=range(1, 11)), tag("p", note, class_="note")])


def _speed(doc: TrajectoryDoc) -> list[Content]:
    whole = doc.time_ps >= doc.requested_time_ps
    return [
        f"{doc.temperature_K:g}",
        str(doc.ordering),
        str(doc.replica),
        str(doc.n_atoms),
        f"{doc.time_ps:.4g}" if whole else f"{doc.time_ps:.4g} of {doc.requested_time_ps:.4g}",
        NOTHING if doc.ns_per_day is None else significant(doc.ns_per_day),
        str(doc.together) if doc.engine == "ase" else f"{doc.together} in {doc.engine}",
        str(doc.segments),
    ]


def _cost(doc: TrajectoryDoc) -> list[Content]:
    cost = doc.resources
    times: list[Content] = [NOTHING] * 3
    if cost is not None:
        times = [duration(cost.wall_time_s), duration(cost.cpu_time_s), cost.device]
    return [*times, join([tag("small", text) for text in doc.warnings])]
