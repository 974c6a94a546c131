"""Raw LabelDocs to rows of the collection ``labels``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from pymatgen.core import Composition

from superionic.builders.common import common_fields
from superionic.builders.rows import LabelRow
from superionic.builders.stored import RawDoc, StoredResult, group_results, light_document
from superionic.labelling.schemas import StoredLabel

UNREAD = tuple(f"output.structure.sites.{name}" for name in ("abc", "xyz", "label", "properties", "species.occu"))
"""Parts of a stored label that no row needs."""


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
    doc = light_document(StoredLabel, result.output)
    sites: list[RawDoc] = doc.structure["sites"]
    common = common_fields(result, doc)
    if common["formula"] is None:
        common["formula"] = _formula(sites)
    n_atoms = len(sites)
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
        volume_A3=abs(float(np.linalg.det(doc.structure["lattice"]["matrix"]))),
        energy_eV=doc.energy_eV,
        energy_eV_per_atom=None if doc.energy_eV is None else doc.energy_eV / n_atoms,
        max_force_eV_per_A=_largest(doc.forces_eV_per_A),
        max_stress_eV_per_A3=_largest(doc.stress_eV_per_A3),
    )


def _formula(sites: list[RawDoc]) -> str:
    counts = Counter(species["element"] for site in sites for species in site["species"])
    return str(Composition(counts).reduced_formula)


def _largest(rows: list[list[float]] | None) -> float | None:
    """Largest absolute component; a single non-finite one is what the reader must see."""
    if not rows:
        return None
    values = [abs(value) for row in rows for value in row]
    return next((value for value in values if value != value), max(values, default=None))  # noqa: PLR0124 (NaN test)
