"""Ground states as entries of pymatgen, for its phase diagrams and all that builds on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monty.serialization import dumpfn

from superionic.durable import move_whole, scratch_name
from superionic.errors import InputError
from superionic.stability.schemas import GroundStateDoc

if TYPE_CHECKING:
    from pymatgen.entries.computed_entries import ComputedStructureEntry


def ground_state_entries(
    states: Sequence[GroundStateDoc], about: Mapping[str, Mapping[str, Any]] | None = None
) -> list[ComputedStructureEntry]:
    """The lowest ordering of each document, with its structure.

    Parameters
    ----------
    states : sequence of GroundStateDoc
        Ground states.
    about : mapping, optional
        What else to say of each in ``data``, by key of the document.

    Returns
    -------
    list of ComputedStructureEntry
        Energy of the cell in eV by the tuned model, the source as ``entry_id``; ``data`` names the level of theory.
    """
    return [_entry(state, dict((about or {}).get(state.key, {}))) for state in states]


def _entry(state: GroundStateDoc, about: dict[str, Any]) -> ComputedStructureEntry:
    from pymatgen.entries.computed_entries import ComputedStructureEntry

    lowest = state.relaxed[0]
    degeneracy = state.multiplicities[0] if state.multiplicities else None
    data = {
        "model_key": state.model_key,
        "level_of_theory": state.potential.level_of_theory,
        "composition": state.composition.label if state.composition else None,
        "degeneracy": degeneracy,
    }
    structure = lowest.structure.copy().remove_oxidation_states()
    return ComputedStructureEntry(structure, lowest.energy_eV, entry_id=f"{state.key}:0", data=data | about)


def write_entries(entries: Sequence[ComputedStructureEntry], path: Path) -> None:
    """Write entries as a JSON file that ``monty.serialization.loadfn`` reads back.

    Raises
    ------
    InputError
        If the file's name does not end in .json or .json.gz.
    """
    suffix = next((end for end in (".json", ".json.gz") if path.name.endswith(end)), None)
    if suffix is None:
        raise InputError(f"{path}: entries are written as .json or .json.gz; choose such a name")
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = scratch_name(path).with_suffix(suffix)
    dumpfn(list(entries), scratch)
    move_whole(scratch, path)
