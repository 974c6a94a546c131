"""Phases that a user brings: a JSON file of pymatgen entries, or a folder of CIFs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superionic.errors import InputError, SpecError
from superionic.stages import StatedPhase

if TYPE_CHECKING:
    from pymatgen.core import Structure
    from pymatgen.entries.computed_entries import ComputedEntry


def read_competing_phases(path: Path | str) -> list[ComputedEntry]:
    """Entries from a JSON file of pymatgen (``monty.serialization.dumpfn``), gzipped or not.

    Raises
    ------
    InputError
        If the file cannot be read or holds something else.
    """
    from monty.serialization import loadfn
    from pymatgen.entries.computed_entries import ComputedEntry

    try:
        found = loadfn(path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: competing phases cannot be read: {error}") from error
    if not isinstance(found, list) or not found or not all(isinstance(entry, ComputedEntry) for entry in found):
        raise InputError(
            f"{path}: no list of pymatgen ComputedEntry; write one with monty.serialization.dumpfn(entries, path)"
        )
    return found


def stated_phases(path: Path | str) -> list[StatedPhase]:
    """Phases of a JSON file of entries or a folder of CIFs.

    Energies of entries with a structure are not taken: they are of another method than the tuned model's.

    Raises
    ------
    InputError
        If nothing can be read, or a structure has partially occupied sites.
    """
    place = Path(path)
    if not place.is_dir():
        return [phase_of_entry(entry, place.name) for entry in read_competing_phases(place)]
    files = sorted(place.glob("*.cif"))
    if not files:
        raise InputError(f"{place}: holds no .cif files; give a folder of CIFs, or a JSON file of pymatgen entries")
    return [_phase_of_cif(file) for file in files]


def phase_of_entry(entry: Any, source: str) -> StatedPhase:  # noqa: ANN401 (ComputedEntry or ComputedStructureEntry)
    """A pymatgen entry as a phase; without a structure it keeps its energy, corrections left out.

    Raises
    ------
    InputError
        If its structure has partially occupied sites.
    """
    formula = str(entry.composition.reduced_formula)
    name = f"{formula} {entry.entry_id}" if entry.entry_id else formula
    structure = getattr(entry, "structure", None)
    if structure is None:
        energy = float(entry.uncorrected_energy_per_atom)
        return StatedPhase(name=name, formula=formula, source=source, energy_eV_per_atom=energy)
    return StatedPhase(name=name, formula=formula, source=source, structure=_as_json(structure, name))


def _phase_of_cif(file: Path) -> StatedPhase:
    from pymatgen.core import Structure

    try:
        structure = Structure.from_file(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read as a CIF: {error}") from error
    formula = str(structure.composition.reduced_formula)
    return StatedPhase(
        name=f"{formula} {file.stem}", formula=formula, source=file.name, structure=_as_json(structure, file.name)
    )


def _as_json(structure: Structure, name: str) -> str:
    if not structure.is_ordered:
        raise InputError(f"{name}: has partially occupied sites, so it has no energy: give an ordered structure")
    from pymatgen.core import Structure

    symbols = [str(site.species.elements[0].symbol) for site in structure]
    bare = Structure(structure.lattice, symbols, structure.frac_coords).as_dict()
    return json.dumps({key: bare[key] for key in ("lattice", "sites")})


def fill_phases(spec_file: Path, data: dict[str, Any]) -> None:
    """Put the phases of ``stability.competing.entries``, a path relative to the spec, beside its name.

    Raises
    ------
    SpecError
        If they cannot be read.
    """
    stability = data.get("stability")
    competing = stability.get("competing") if isinstance(stability, dict) else None
    if not isinstance(competing, dict) or not competing.get("entries"):
        return
    try:
        phases = stated_phases(spec_file.parent / str(competing["entries"]))
    except InputError as error:
        raise SpecError(f"{spec_file}: stability.competing.entries: {error}") from error
    competing["phases"] = [phase.model_dump(mode="json") for phase in phases]
