"""Raw LabelDocs to rows of the collection ``labels``."""

from __future__ import annotations

from collections.abc import Iterable

from superionic.builders.common import common_fields
from superionic.builders.rows import LabelRow
from superionic.builders.stored import RawDoc, StoredResult, group_results, light_document
from superionic.labelling.schemas import LabelDoc


def build_labels(docs: Iterable[RawDoc]) -> list[LabelRow]:
    """One row per label, refused ones included.

    Parameters
    ----------
    docs : iterable of mappings
        Job store documents whose outputs are LabelDocs; copies of one key are merged.

    Returns
    -------
    list of LabelRow
        Sorted by key.

    Raises
    ------
    DatabaseError
        If an output has no key.
    pydantic.ValidationError
        If an output does not fit the schema.
    """
    return [_row(result) for result in group_results(docs)]


def _row(result: StoredResult) -> LabelRow:
    doc = light_document(LabelDoc, result.output)
    n_atoms = len(doc.structure)
    common = common_fields(result, doc)
    if common["formula"] is None:
        common["formula"] = doc.structure.composition.reduced_formula
    return LabelRow(
        **common,
        level_of_theory=doc.level_of_theory,
        settings_hash=doc.settings_hash,
        message=doc.message,
        folder=doc.calculation.folder if doc.calculation else "",
        accepted=doc.accepted,
        refusal=doc.refusal.value if doc.refusal else None,
        parent_id=doc.parent_id,
        frame_index=doc.frame_index,
        n_atoms=n_atoms,
        volume_A3=float(doc.structure.volume),
        energy_eV=doc.energy_eV,
        energy_eV_per_atom=None if doc.energy_eV is None else doc.energy_eV / n_atoms,
        max_force_eV_per_A=_largest(doc.forces_eV_per_A),
        max_stress_eV_per_A3=_largest(doc.stress_eV_per_A3),
    )


def _largest(rows: list[list[float]] | None) -> float | None:
    """Largest absolute component; a single non-finite one is what the reader must see."""
    if not rows:
        return None
    values = [abs(value) for row in rows for value in row]
    return next((value for value in values if value != value), max(values, default=None))  # noqa: PLR0124 (NaN test)
