"""The summary table: what the campaign found for each composition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from superionic.documents import CompositionInfo
from superionic.report.data import CampaignData
from superionic.report.markup import Content, Html, formula, join, table, tag
from superionic.report.numbers import MINUS, interval, relative_energy, significant, with_error
from superionic.report.theme import verdict_words
from superionic.stability.schemas import PhaseEntry
from superionic.transport.schemas import ArrheniusPoint, ConductivityDoc
from superionic.units import MEV_PER_EV

MAX_TEMPERATURE_COLUMNS = 5
WIDE_INTERVAL = 4.0
ON_HULL = "on hull"
BOUNDED = ("too_few_hops", "not_diffusive")
"""Verdicts whose errors reach the upper bound, which is all that such a run has to say."""
NOTHING = tag("span", "–", class_="none", title="not available")


@dataclass(frozen=True)
class CompositionSummary:
    """What is known about one composition; parts that do not exist are None."""

    label: str
    formula: str
    entry: PhaseEntry | None
    conductivity: ConductivityDoc | None


def summarise(data: CampaignData) -> list[CompositionSummary]:
    """One summary per composition: those of the spec first, then any others that have documents."""
    known = compositions(data)
    labels = [point.label for point in data.spec.points] if data.spec else []
    labels += [label for label in known if label not in labels]
    entries = {e.composition.label: e for e in data.phase_diagram.entries if e.lowest} if data.phase_diagram else {}
    fits = {doc.composition.label: doc for doc in data.conductivities if doc.composition}
    return [
        CompositionSummary(label, known[label].name if label in known else "", entries.get(label), fits.get(label))
        for label in labels
    ]


def compositions(data: CampaignData) -> dict[str, CompositionInfo]:
    """All compositions that occur in the documents, by label."""
    docs = (*data.orderings, *data.screenings, *data.label_sets, *data.ground_states, *data.conductivities)
    found = [doc.composition for doc in docs if doc.composition]
    if data.phase_diagram:
        found += [entry.composition for entry in data.phase_diagram.entries]
    return {place.label: place for place in found}


def summary_table(data: CampaignData) -> Html:
    """The table with stability and conductivity of every composition."""
    temperatures = sorted({p.temperature_K for doc in data.conductivities for p in doc.points})
    by_column = len(temperatures) <= MAX_TEMPERATURE_COLUMNS
    sigma_header = [f"{t:g} K" for t in temperatures] if by_column else ["each run"]
    sigma_header = sigma_header or ["runs"]
    reference = _reference_temperature(data)
    header: list[Content] = ["", "tuned model", "labels", "tuned model", "labels", *sigma_header]
    header += [Html("E<sub>a</sub> (eV)"), f"σ({reference:g} K) (S/cm)", "verdict"]
    groups = [
        ("Composition", 1),
        ("Formation energy (meV/atom)", 2),
        ("Energy above hull (meV/atom)", 2),
        ("Conductivity σ (S/cm)", len(sigma_header)),
        ("Arrhenius fit", 3),
    ]
    error = data.phase_diagram.formation_energy_std_eV_per_atom if data.phase_diagram else None
    rows = [_row(item, error, temperatures if by_column else None) for item in summarise(data)]
    return table(header, rows, numeric=range(1, len(header) - 1), groups=groups)


def _reference_temperature(data: CampaignData) -> float:
    if data.conductivities:
        return data.conductivities[0].reference_temperature_K
    return data.spec.transport.reference_temperature_K if data.spec else 300.0


def _row(item: CompositionSummary, error: float | None, temperatures: Sequence[float] | None) -> list[Content]:
    name = join([tag("strong", formula(item.formula) if item.formula else item.label), tag("small", item.label)])
    return [
        name,
        *stability_cells(item.entry, error),
        *_sigma_cells(item, temperatures),
        *_fit_cells(item.conductivity),
    ]


def stability_cells(entry: PhaseEntry | None, error_eV_per_atom: float | None) -> list[Content]:
    """Formation energy and energy above hull, each from the tuned model and from the labels.

    `error_eV_per_atom` stands in where the entry has no standard deviations of its own.
    """
    if entry is None:
        return [NOTHING] * 4
    formation_std = _std(entry.formation_energy_std_eV_per_atom, error_eV_per_atom)
    above_std = _std(entry.e_above_hull_std_eV_per_atom, error_eV_per_atom)
    above = ON_HULL if entry.stable else relative_energy(entry.e_above_hull_eV_per_atom * MEV_PER_EV, above_std)
    return [
        relative_energy(entry.formation_energy_eV_per_atom * MEV_PER_EV, formation_std),
        _label_energy(entry.reference_formation_energy_eV_per_atom),
        _with_probability(above, entry.probability_stable),
        ON_HULL if entry.reference_stable else _label_energy(entry.reference_e_above_hull_eV_per_atom),
    ]


def _std(own_eV: float | None, general_eV: float | None) -> float | None:
    std_eV = general_eV if own_eV is None else own_eV
    return None if std_eV is None else std_eV * MEV_PER_EV


def _with_probability(text: str, probability: float | None) -> Content:
    if probability is None or probability in {0.0, 1.0}:
        return text
    return join([text, tag("small", f"{probability:.0%} stable")], " ")


def _label_energy(value_eV: float | None) -> Content:
    if value_eV is None:
        return NOTHING
    text = f"{value_eV * MEV_PER_EV:.1f}"
    return "0" if float(text) == 0 else text.replace("-", MINUS)


def _sigma_cells(item: CompositionSummary, temperatures: Sequence[float] | None) -> list[Content]:
    points = item.conductivity.points if item.conductivity else []
    if temperatures is None:
        lines = [join([f"{p.temperature_K:g} K: ", sigma_text(p)]) for p in points]
        return [join(lines, "<br>") if lines else NOTHING]
    cells: list[Content] = []
    for temperature in temperatures or [float("nan")]:
        here = [sigma_text(p) for p in points if p.temperature_K == temperature]
        cells.append(join(here, "<br>") if here else NOTHING)
    return cells


def sigma_text(point: ArrheniusPoint) -> Html:
    """Conductivity at one temperature in S/cm; where the verdict is not ok, the bound or a mark."""
    text = with_error(point.conductivity_S_per_cm, point.conductivity_std_S_per_cm)
    if point.verdict == "ok":
        return tag("span", text, title=point.reason or None)
    sigma, error = point.conductivity_S_per_cm, point.conductivity_std_S_per_cm
    if point.verdict in BOUNDED and sigma is not None and error is not None:
        text = f"< {significant(sigma + error, 1)}"
    reason = point.reason or verdict_words(point.verdict)
    badge = tag("span", verdict_badge(point.verdict, reason), class_="stack")
    return tag("span", text, badge, class_="doubtful")


def _fit_cells(doc: ConductivityDoc | None) -> list[Content]:
    if doc is None:
        return [NOTHING, NOTHING, tag("span", "not run", class_="none")]
    return [energy_text(doc), reference_text(doc), verdict_badge(doc.verdict, doc.verdict_reason)]


def energy_text(doc: ConductivityDoc) -> Content:
    """Activation energy with its standard error, eV."""
    if doc.activation_energy_eV is None:
        return NOTHING
    return with_error(doc.activation_energy_eV, doc.activation_energy_std_eV)


def reference_text(doc: ConductivityDoc) -> Content:
    """Conductivity at the reference temperature with its 95 % interval, S/cm."""
    value, bounds = doc.conductivity_at_reference_S_per_cm, doc.conductivity_at_reference_95_S_per_cm
    if value is None:
        return NOTHING
    if bounds is None:
        return f"{significant(value, 1)} (error unknown)"
    digits = 1 if bounds.low <= 0 or bounds.high / bounds.low > WIDE_INTERVAL else 2
    ends = interval(bounds.low, bounds.high, digits)
    shown = tag("small", f"95 %: {ends}")
    text = join([significant(value, digits), shown])
    return text if doc.verdict == "ok" else tag("span", text, class_="doubtful")


def verdict_badge(verdict: str, reason: str = "") -> Html:
    """A verdict as a small label; anything but ok stands out by shape and colour."""
    kind = "ok" if verdict == "ok" else "warn"
    sign = "✓" if verdict == "ok" else "!"
    return tag("span", f"{sign} {verdict_words(verdict)}", class_=f"badge {kind}", title=reason or None)
