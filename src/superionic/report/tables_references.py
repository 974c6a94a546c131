"""Published numbers beside ours, each marked with its level of theory."""

from __future__ import annotations

from collections.abc import Sequence

from superionic.documents import CompositionInfo
from superionic.references import ReferenceQuantity, ReferenceValue, reference_values
from superionic.report.data import CampaignData
from superionic.report.markup import Content, Html, formula, join, table, tag
from superionic.report.numbers import interval, significant, with_error
from superionic.report.summary import NOTHING
from superionic.stability.schemas import PhaseEntry
from superionic.transport.schemas import ConductivityDoc

MEV_PER_EV = 1000.0
SAME_TEMPERATURE_K = 1.0
NAMES: dict[ReferenceQuantity, Content] = {
    ReferenceQuantity.CONDUCTIVITY: "σ (S/cm)",
    ReferenceQuantity.ACTIVATION_ENERGY: Html("E<sub>a</sub> (eV)"),
    ReferenceQuantity.FORMATION_ENERGY: "formation energy (meV/atom)",
    ReferenceQuantity.ABOVE_HULL: "energy above hull (meV/atom)",
    ReferenceQuantity.LATTICE: "a, b, c (Å), angles other than 90°",
}
OF_TRANSPORT = (ReferenceQuantity.CONDUCTIVITY, ReferenceQuantity.ACTIVATION_ENERGY)
OF_STABILITY = (ReferenceQuantity.FORMATION_ENERGY, ReferenceQuantity.ABOVE_HULL)


def transport_references(data: CampaignData) -> Html | None:
    """Published conductivities and activation energies of the campaign's compositions; None without any."""
    docs = {doc.composition.name: (doc.composition, doc) for doc in data.conductivities if doc.composition}
    rows = [
        _row(place, value, _of_transport(doc, value))
        for place, doc in docs.values()
        for value in _values(place, OF_TRANSPORT, data)
    ]
    level = data.conductivities[0].level_of_theory if data.conductivities else ""
    return _table(rows, level)


def stability_references(data: CampaignData) -> Html | None:
    """Published formation energies and hull distances of the campaign's compositions; None without any."""
    if data.phase_diagram is None:
        return None
    lowest = {entry.composition.name: entry for entry in data.phase_diagram.entries if entry.lowest}
    error = data.phase_diagram.formation_energy_std_eV_per_atom
    rows = [
        _row(entry.composition, value, _of_stability(entry, value, error))
        for entry in lowest.values()
        for value in _values(entry.composition, OF_STABILITY, data)
    ]
    # a primitive cell has other constants than the conventional one that is published
    described = [] if data.spec and data.spec.host.primitive else [e for e in lowest.values() if e.ground_state]
    rows += [
        _row(entry.composition, value, cell_text(entry.ground_state.lattice_constants))
        for entry in described
        for value in _values(entry.composition, [ReferenceQuantity.LATTICE], data)
        if entry.ground_state
    ]
    return _table(rows, data.phase_diagram.reference_level_of_theory or "")


def _values(
    place: CompositionInfo, quantities: Sequence[ReferenceQuantity], data: CampaignData
) -> list[ReferenceValue]:
    host = data.spec.host_phase if data.spec else None
    return [
        value
        for value in reference_values()
        if value.quantity in quantities and value.is_of(place.formula, place.polymorph, host)
    ]


def _row(place: CompositionInfo, value: ReferenceValue, ours: Content) -> list[Content]:
    at = f" at {value.temperature_K:g} K" if value.temperature_K else ""
    where = value.source.citation if value.source.doi is None else f"doi {value.source.doi}"
    phase = tag("small", value.phase) if value.phase else ""
    return [
        join([formula(place.name), phase], " "),
        join([NAMES[value.quantity], at]),
        ours,
        published_text(value),
        value.level,
        join([where, tag("small", value.note)], " ") if value.note else where,
    ]


def published_text(value: ReferenceValue) -> str:
    """The number, with its uncertainty or as a range where it was published so."""
    if value.low is not None and value.high is not None:
        return interval(value.low, value.high)
    if value.cell is not None:
        return cell_text(value.cell)
    if value.value is None:
        return NOTHING
    if value.std is not None:
        return with_error(value.value, value.std)
    return f"{value.value:g}".replace("-", "−")


def cell_text(cell: Sequence[float]) -> str:
    """Lattice constants, and the angles that are not right ones, e.g. ``6.92, 11.97, 6.86, β 109.8°``."""
    angles = [f"{name} {angle:.1f}°" for name, angle in zip("αβγ", cell[3:], strict=True) if f"{angle:.1f}" != "90.0"]
    return ", ".join([*(f"{length:.2f}" for length in cell[:3]), *angles])


def _of_transport(doc: ConductivityDoc, value: ReferenceValue) -> Content:
    if value.quantity is ReferenceQuantity.ACTIVATION_ENERGY:
        return with_error(doc.activation_energy_eV, doc.activation_energy_std_eV)
    wanted = value.temperature_K or 0.0
    for point in doc.points:
        if abs(point.temperature_K - wanted) <= SAME_TEMPERATURE_K:
            return with_error(point.conductivity_S_per_cm, point.conductivity_std_S_per_cm)
    extrapolated, bounds = doc.conductivity_at_reference_S_per_cm, doc.conductivity_at_reference_95_S_per_cm
    # room temperature is 298 K to some and 300 K to others
    if extrapolated is None or abs(doc.reference_temperature_K - wanted) > 2 * SAME_TEMPERATURE_K:
        return NOTHING
    ends = f", 95 %: {interval(bounds.low, bounds.high)}" if bounds else ""
    return join([significant(extrapolated), tag("small", f"fit, at {doc.reference_temperature_K:g} K{ends}")], " ")


def _of_stability(entry: PhaseEntry, value: ReferenceValue, error_eV_per_atom: float | None) -> str:
    above = value.quantity is ReferenceQuantity.ABOVE_HULL
    ours = entry.e_above_hull_eV_per_atom if above else entry.formation_energy_eV_per_atom
    error = None if error_eV_per_atom is None else error_eV_per_atom * MEV_PER_EV
    return "0" if ours == 0 else with_error(ours * MEV_PER_EV, error)


def _table(rows: list[list[Content]], level: str) -> Html | None:
    if not rows:
        return None
    header = ["Composition", "quantity", "this campaign", "published", "level of theory", "source"]
    learnt = f", which learnt from labels of {level}" if level else ""
    note = (
        f"This campaign: the tuned model{learnt}. Levels of theory, structures and cells differ, so agreement is no "
        "proof and disagreement no error by itself. A phase is named where it may not be the one computed here."
    )
    return join([table(header, rows, numeric=(2, 3)), tag("p", note, class_="note")])
