"""Raw PhaseDiagramDocs to rows of the collection ``phase_diagrams``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from superionic.builders.common import common_fields
from superionic.builders.rows import PhaseDiagramRow, PhaseRow
from superionic.builders.stored import RawDoc, StoredResult, group_results, light_document
from superionic.stability.schemas import PhaseDiagramDoc, PhaseEntry


def build_phase_diagrams(docs: Iterable[RawDoc]) -> list[PhaseDiagramRow]:
    """One row per phase diagram, with one small entry per composition.

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
    """One flat mapping per composition of a phase diagram, for tables of hulls."""
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
    phases = _phases(doc.entries)
    return PhaseDiagramRow(
        **common_fields(result, doc),
        model_key=doc.model_key,
        level_of_theory=doc.potential.level_of_theory,
        reference_level_of_theory=doc.reference_level_of_theory,
        end_member_formulas=[member.formula for member in doc.end_members],
        n_compositions=len(phases),
        n_compositions_missing=len(doc.missing),
        n_orderings=len(doc.entries),
        stable_formulas=[phase.formula for phase in phases if phase.stable],
        largest_e_above_hull_eV_per_atom=max((phase.e_above_hull_eV_per_atom for phase in phases), default=None),
        formation_energy_std_eV_per_atom=doc.formation_energy_std_eV_per_atom,
        phases=phases,
    )


def _phases(entries: list[PhaseEntry]) -> list[PhaseRow]:
    counts = Counter(entry.composition.label for entry in entries)
    return [
        PhaseRow(
            composition=entry.composition.label,
            axes=entry.composition.axes,
            formula=entry.composition.formula,
            source_key=entry.source_key,
            n_orderings=counts[entry.composition.label],
            formation_energy_eV_per_atom=entry.formation_energy_eV_per_atom,
            e_above_hull_eV_per_atom=entry.e_above_hull_eV_per_atom,
            stable=entry.stable,
            e_above_hull_std_eV_per_atom=entry.e_above_hull_std_eV_per_atom,
            probability_stable=entry.probability_stable,
            reference_formation_energy_eV_per_atom=entry.reference_formation_energy_eV_per_atom,
            reference_e_above_hull_eV_per_atom=entry.reference_e_above_hull_eV_per_atom,
            reference_stable=entry.reference_stable,
        )
        for entry in entries
        if entry.lowest
    ]
