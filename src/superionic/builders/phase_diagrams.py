"""Raw PhaseDiagramDocs to rows of the collection ``phase_diagrams``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from superionic.builders.common import common_fields
from superionic.builders.rows import FreeEnergyRow, PhaseDiagramRow, PhaseRow
from superionic.builders.stored import RawDoc, StoredResult, group_results, light_document
from superionic.documents import structure_name
from superionic.stability.schemas import CompetitionResult, FreeEnergyAt, PhaseDiagramDoc, PolymorphEnergy


def build_phase_diagrams(docs: Iterable[RawDoc]) -> list[PhaseDiagramRow]:
    """One row per phase diagram, with one small entry per composition and polymorph.

    Parameters
    ----------
    docs : iterable of mappings
        Job store documents whose outputs are PhaseDiagramDocs; copies of one key are merged.

    Returns
    -------
    list of PhaseDiagramRow
        Sorted by key.

    Raises
    ------
    DatabaseError
        If an output has no key.
    pydantic.ValidationError
        If an output does not fit the schema.
    """
    return [_row(result) for result in group_results(docs)]


def flatten_phases(row: PhaseDiagramRow) -> list[dict[str, Any]]:
    """One flat mapping per composition and polymorph of a phase diagram, for tables of hulls."""
    shared = {
        "phase_diagram_key": row.key,
        "campaign": row.campaign,
        "model_key": row.model_key,
        "level_of_theory": row.level_of_theory,
        "formation_energy_std_eV_per_atom": row.formation_energy_std_eV_per_atom,
    }
    return [phase.model_dump() | shared for phase in row.phases]


def _row(result: StoredResult) -> PhaseDiagramRow:
    doc = light_document(PhaseDiagramDoc, result.output)
    phases = _phases(doc)
    ground_states = _ground_states(phases)
    return PhaseDiagramRow(
        **common_fields(result, doc),
        model_key=doc.model_key,
        level_of_theory=doc.potential.level_of_theory,
        reference_level_of_theory=doc.reference_level_of_theory,
        end_member_formulas=[member.formula for member in doc.end_members],
        n_compositions=len(ground_states),
        n_compositions_missing=len(doc.missing),
        n_orderings=len(doc.entries),
        n_competing_phases=len(doc.competing),
        stable_formulas=[structure_name(phase.formula, phase.polymorph) for phase in phases if phase.stable],
        largest_e_above_hull_eV_per_atom=max(ground_states.values(), default=None),
        formation_energy_std_eV_per_atom=doc.formation_energy_std_eV_per_atom,
        test_rmse_eV_per_atom=doc.test_rmse_eV_per_atom,
        ground_state_rmse_eV_per_atom=doc.ground_state_rmse_eV_per_atom,
        phases=phases,
    )


def _ground_states(phases: list[PhaseRow]) -> dict[str, float]:
    """Energy above hull of the lowest structure of each composition, eV/atom."""
    lowest: dict[str, float] = {}
    for phase in phases:
        above = phase.e_above_hull_eV_per_atom
        lowest[phase.formula] = min(above, lowest.get(phase.formula, above))
    return lowest


def _phases(doc: PhaseDiagramDoc) -> list[PhaseRow]:
    counts = Counter(entry.composition.label for entry in doc.entries)
    differences = {energy.composition.label: _differences(energy) for energy in doc.polymorphs}
    return [
        PhaseRow(
            composition=entry.composition.label,
            axes=entry.composition.axes,
            formula=entry.composition.formula,
            polymorph=entry.composition.polymorph,
            source_key=entry.source_key,
            n_orderings=counts[entry.composition.label],
            degeneracy=entry.degeneracy,
            formation_energy_eV_per_atom=entry.formation_energy_eV_per_atom,
            e_above_hull_eV_per_atom=entry.e_above_hull_eV_per_atom,
            stable=entry.stable,
            e_above_hull_std_eV_per_atom=entry.e_above_hull_std_eV_per_atom,
            probability_stable=entry.probability_stable,
            reference_formation_energy_eV_per_atom=entry.reference_formation_energy_eV_per_atom,
            reference_e_above_hull_eV_per_atom=entry.reference_e_above_hull_eV_per_atom,
            reference_stable=entry.reference_stable,
            free_energies=[_free_energy(free) for free in entry.free_energies],
            **_competition(entry.competition),
            **differences.get(entry.composition.label, {}),
        )
        for entry in doc.entries
        if entry.lowest
    ]


def _differences(energy: PolymorphEnergy) -> dict[str, float | None]:
    return {
        "energy_difference_eV_per_atom": energy.energy_difference_eV_per_atom,
        "energy_difference_std_eV_per_atom": energy.energy_difference_std_eV_per_atom,
        "reference_energy_difference_eV_per_atom": energy.reference_energy_difference_eV_per_atom,
    }


def _free_energy(free: FreeEnergyAt) -> FreeEnergyRow:
    formation = free.formation_free_energy_bounds_eV_per_atom or (None, None)
    above = free.e_above_hull_bounds_eV_per_atom or (None, None)
    return FreeEnergyRow(
        temperature_K=free.temperature_K,
        formation_free_energy_eV_per_atom=free.formation_free_energy_eV_per_atom,
        formation_free_energy_low_eV_per_atom=formation[0],
        formation_free_energy_high_eV_per_atom=formation[1],
        e_above_hull_eV_per_atom=free.e_above_hull_eV_per_atom,
        e_above_hull_low_eV_per_atom=above[0],
        e_above_hull_high_eV_per_atom=above[1],
        stable=free.stable,
        listed_fraction=free.listed_fraction,
    )


def _competition(result: CompetitionResult | None) -> dict[str, Any]:
    if result is None:
        return {}
    return {
        "e_above_all_phases_eV_per_atom": result.e_above_hull_eV_per_atom,
        "e_above_all_phases_std_eV_per_atom": result.e_above_hull_std_eV_per_atom,
        "decomposition_energy_eV_per_atom": result.decomposition_energy_eV_per_atom,
        "decomposition_energy_std_eV_per_atom": result.decomposition_energy_std_eV_per_atom,
        "probability_stable_all_phases": result.probability_stable,
        "decomposition": result.reaction or None,
        "untrained_products": result.untrained_products,
    }
