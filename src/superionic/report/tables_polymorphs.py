"""Energies of polymorphs against the host's structure."""

from __future__ import annotations

from superionic.references import ReferenceQuantity, reference_values
from superionic.report.data import CampaignData
from superionic.report.markup import Content, Html, formula, join, table, tag
from superionic.report.numbers import with_error
from superionic.report.summary import NOTHING
from superionic.report.tables_references import published_text
from superionic.stability.schemas import PolymorphEnergy
from superionic.units import MEV_PER_EV


def polymorph_table(data: CampaignData) -> Html | None:
    """One row per polymorph: energy less that of the host's structure, by model, labels and publications."""
    if data.phase_diagram is None or not data.phase_diagram.polymorphs:
        return None
    host = data.spec.host_phase if data.spec else None
    groups = [("Structure", 2), ("Energy difference", 2), ("Other sources (meV/atom)", 2)]
    header = ["polymorph", "against", "meV/atom", "meV per formula unit", "labels", "published"]
    rows = [_row(energy, host) for energy in data.phase_diagram.polymorphs]
    note = (
        "Lowest orderings of both structures, relaxed with the one tuned model; below zero the polymorph is the lower "
        "one. Errors are √2 times the model's error (see results), as if it were wrong independently in "
        "each structure."
    )
    untested = [energy.composition.name for energy in data.phase_diagram.polymorphs if not _tested(data, energy)]
    if untested:
        note += f" The test set holds no structure of {', '.join(untested)}, so that error is one of other structures."
    shown = table(header, rows, numeric=range(2, 6), groups=groups)
    return join([shown, tag("p", note, class_="note")])


def _tested(data: CampaignData, energy: PolymorphEnergy) -> bool:
    counts = data.dataset.counts_by_composition if data.dataset else {}
    return bool(counts.get(energy.composition.label, {}).get("test"))


def _row(energy: PolymorphEnergy, host_phase: str | None) -> list[Content]:
    label = energy.reference_energy_difference_eV_per_atom
    return [
        formula(energy.composition.name),
        host_phase or "host",
        _mev(energy.energy_difference_eV_per_atom, energy.energy_difference_std_eV_per_atom),
        _mev(energy.energy_difference_eV_per_formula_unit, energy.energy_difference_std_eV_per_formula_unit),
        NOTHING if label is None else _mev(label, None),
        _published(energy, host_phase),
    ]


def _mev(value_eV: float, std_eV: float | None) -> Content:
    return with_error(value_eV * MEV_PER_EV, None if std_eV is None else std_eV * MEV_PER_EV)


def _published(energy: PolymorphEnergy, host_phase: str | None) -> Content:
    """Values for the same pair of structures, each with its level of theory."""
    place = energy.composition
    found = [
        join([published_text(value), tag("small", f"{value.level}, {value.source.citation}")], " ")
        for value in reference_values()
        if value.quantity is ReferenceQuantity.POLYMORPH_ENERGY
        and value.is_of(place.formula, place.polymorph)
        and value.compares_with(host_phase)
    ]
    return join(found, "<br>") if found else NOTHING
