"""Enumerated orderings as tables and files: numbered CIFs or extended XYZ, and a JSON summary."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import spglib
from pymatgen.core import Structure

from superionic.errors import OrderingError
from superionic.ordering.occupancies import charge_e
from superionic.ordering.patterns import Progress
from superionic.ordering.result import OrderingSet
from superionic.ordering.supercells import supercell_label
from superionic.ordering.tasks import OrderingTask
from superionic.provenance import software_versions

SUMMARY = "summary.json"
SYMPREC_A = 0.01
MOST_SPACE_GROUPS = 5000
"""Orderings of a list whose space groups are determined in files and JSON (about 1 ms each)."""


class FileFormat(StrEnum):
    """How structures are written."""

    CIF = "cif"
    EXTXYZ = "extxyz"


@dataclass(frozen=True)
class OrderingRow:
    """One ordering in a table or summary.

    Attributes
    ----------
    rank : int
        Place in the list, from 1.
    energy_eV : float
        Formal-charge Ewald energy per cell.
    energy_above_lowest_eV_per_atom : float
        Energy per atom relative to the lowest of the list.
    multiplicity : int
        Raw orderings of the supercell that are equivalent to this one.
    charge_pattern_id : int
        Orderings with the same number differ only in isovalent species.
    space_group : str or None
        Symbol and number (spglib, 0.01 A, ideal positions); None where it was not determined.
    n_atoms : int
        Atoms in the cell.
    supercell : str
        Supercell of the given cell, ``1x1x2`` or the rows of a matrix.
    file : str or None
        File that holds the structure.
    """

    rank: int
    energy_eV: float
    energy_above_lowest_eV_per_atom: float
    multiplicity: int
    charge_pattern_id: int
    space_group: str | None
    n_atoms: int
    supercell: str
    file: str | None = None


def described(found: OrderingSet, n_rows: int, *, first: int = 0) -> Iterator[tuple[OrderingRow, Structure]]:
    """Yield rows with their structures, which are written one at a time.

    Parameters
    ----------
    found : OrderingSet
        Orderings.
    n_rows : int
        Number of rows.
    first : int
        Index of the first row.
    """
    per_atom = found.energies_eV / found.n_atoms
    with_groups = min(len(found), MOST_SPACE_GROUPS)
    for index in range(first, min(n_rows, len(found))):
        structure = found.structures[index]
        yield (
            OrderingRow(
                rank=index + 1,
                energy_eV=float(found.energies_eV[index]),
                energy_above_lowest_eV_per_atom=max(0.0, float(per_atom[index] - per_atom[0])),
                multiplicity=int(found.multiplicities[index]),
                charge_pattern_id=int(found.charge_pattern_ids[index]),
                space_group=space_group(structure) if index < with_groups else None,
                n_atoms=int(found.n_atoms[index]),
                supercell=supercell_label(found.supercells[index]),
            ),
            structure,
        )


def space_group(structure: Structure, symprec_A: float = SYMPREC_A) -> str | None:
    """Return the space group of an ordered structure, e.g. ``C2/m (12)``, or None where spglib finds none."""
    cell = (structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), list(structure.atomic_numbers))
    symbol: str | None = spglib.get_spacegroup(cell, symprec=symprec_A)
    return symbol


def composition_summary(
    task: OrderingTask, found: OrderingSet, rows: list[OrderingRow], wall_time_s: float
) -> dict[str, Any]:
    """Everything about one composition as plain data; counts are exact integers.

    Parameters
    ----------
    task : OrderingTask
        What was asked.
    found : OrderingSet
        The answer.
    rows : list of OrderingRow
        Its table.
    wall_time_s : float
        Time that the enumeration took.
    """
    return {
        "label": task.label,
        "formula": task.formula,
        "axes": task.axes,
        "supercells": [supercell_label(cell) for cell in task.supercells],
        "settings": task.settings.model_dump(mode="json") | {"seed": task.seed},
        "count_listed": len(found),
        "count_distinct": int(found.count_distinct),
        "count_charge_patterns": int(found.count_charge_patterns),
        "count_raw": int(found.count_raw),
        "exact": bool(found.exact),
        "complete": bool(found.complete),
        "mode": found.mode,
        "tie_rule": found.tie_rule,
        "search_evidence": [asdict(evidence) for evidence in found.evidence],
        "wall_time_s": round(wall_time_s, 3),
        "orderings": [asdict(row) for row in rows],
    }


def write_orderings(
    directory: Path,
    task: OrderingTask,
    found: OrderingSet,
    file_format: FileFormat,
    wall_time_s: float,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the structures of one composition and its summary.

    Parameters
    ----------
    directory : Path
        Folder; see :func:`prepare_folder`.
    task : OrderingTask
        What was asked.
    found : OrderingSet
        The answer.
    file_format : FileFormat
        Numbered CIFs, or one extended XYZ file.
    wall_time_s : float
        Time that the enumeration took.
    progress : callable, optional
        Called with what is being done and the fraction done.

    Returns
    -------
    dict
        The summary, also written to ``summary.json`` when all structures are.
    """
    prepare_folder(directory)
    directory.mkdir(parents=True, exist_ok=True)
    rows = []
    with _writer(directory, task, found, file_format) as write:
        for row, structure in described(found, len(found)):
            rows.append(replace(row, file=write(row, structure)))
            if progress is not None:
                progress("writing files", row.rank / len(found))
    summary = composition_summary(task, found, rows, wall_time_s)
    write_summary(directory, summary | {"software": versions()})
    return summary


def write_summary(directory: Path, summary: dict[str, Any]) -> None:
    """Write ``summary.json`` into a folder, complete or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    partial = directory / f".{SUMMARY}.part"
    partial.write_text(json.dumps(summary, indent=1) + "\n")
    partial.replace(directory / SUMMARY)


def versions() -> dict[str, str]:
    """Versions of the software behind energies, symmetry and files."""
    return software_versions() | {"spglib": str(spglib.__version__)}


def prepare_folder(directory: Path) -> None:
    """Remove the results of an earlier call from a folder; refuse a folder that holds anything else.

    Raises
    ------
    OrderingError
        If the folder holds files that no summary in it lists.
    """
    if not directory.exists():
        return
    if not directory.is_dir():
        raise OrderingError(f"{directory} is a file; give a folder to -o")
    known = _listed_files(directory)
    strangers = [path.name for path in directory.iterdir() if path.name not in known]
    if strangers:
        raise OrderingError(
            f"{directory} holds files that are no result of an earlier enumeration "
            f"({', '.join(sorted(strangers)[:3])}); give another folder to -o or clear it"
        )
    for name in known:
        (directory / name).unlink(missing_ok=True)


def _listed_files(directory: Path) -> set[str]:
    try:
        rows = json.loads((directory / SUMMARY).read_text())["orderings"]
        return {str(row["file"]) for row in rows if row["file"]} | {SUMMARY}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


@contextmanager
def _writer(
    directory: Path, task: OrderingTask, found: OrderingSet, file_format: FileFormat
) -> Iterator[Callable[[OrderingRow, Structure], str]]:
    """Give a function that writes one structure and returns the name of its file."""
    if file_format is FileFormat.EXTXYZ:
        with (directory / "orderings.extxyz").open("w") as file:

            def append(row: OrderingRow, structure: Structure) -> str:
                _append_frame(file, structure, task, row)
                return "orderings.extxyz"

            yield append
    else:
        digits = max(4, len(str(len(found))))

        def write(row: OrderingRow, structure: Structure) -> str:
            name = f"{row.rank:0{digits}d}.cif"
            (directory / name).write_text(cif_text(structure, task, row))
            return name

        yield write


def _append_frame(file: TextIO, structure: Structure, task: OrderingTask, row: OrderingRow) -> None:
    import ase.io
    from ase import Atoms

    atoms = Atoms(
        structure.atomic_numbers, cell=structure.lattice.matrix, scaled_positions=structure.frac_coords, pbc=True
    )
    atoms.set_array("formal_charge_e", np.array([charge_e(site.specie) for site in structure]))
    # "energy" is left to calculators: a formal-charge energy must not be taken for a label.
    atoms.info = {
        "rank": row.rank,
        "ewald_energy_eV": row.energy_eV,
        "multiplicity": row.multiplicity,
        "charge_pattern_id": row.charge_pattern_id,
        "space_group": row.space_group or "unknown",
        "supercell": row.supercell,
        "composition": task.label,
        "formula": task.formula,
    }
    ase.io.write(file, atoms, format="extxyz")


def cif_text(structure: Structure, task: OrderingTask, row: OrderingRow) -> str:
    """Write an ordered structure as a CIF in P1 with its oxidation numbers.

    Parameters
    ----------
    structure : Structure
        Ordered, with oxidation states.
    task : OrderingTask
        Where it comes from, for the comments.
    row : OrderingRow
        Its row of the table, for the comments.
    """
    a, b, c = structure.lattice.abc
    alpha, beta, gamma = structure.lattice.angles
    species = structure.species
    names = {each: (str(each), each.symbol) for each in dict.fromkeys(species)}
    numbers = dict.fromkeys((symbol for _, symbol in names.values()), 0)
    atoms = []
    for each, (x, y, z) in zip(species, structure.frac_coords.tolist(), strict=True):
        name, symbol = names[each]
        numbers[symbol] += 1
        atoms.append(f"{name} {symbol}{numbers[symbol]} 1 {x:.8f} {y:.8f} {z:.8f} 1")
    lines = [
        f"# {task.formula} ({task.label}), ordering {row.rank}, supercell {row.supercell}",
        f"# formal-charge Ewald energy {row.energy_eV:.8f} eV per cell, multiplicity {row.multiplicity}",
        f"# charge pattern {row.charge_pattern_id}, space group {row.space_group or 'not determined'}",
        f"data_ordering_{row.rank}",
        "_symmetry_space_group_name_H-M 'P 1'",
        *(f"_cell_length_{name} {value:.8f}" for name, value in (("a", a), ("b", b), ("c", c))),
        *(f"_cell_angle_{name} {value:.8f}" for name, value in (("alpha", alpha), ("beta", beta), ("gamma", gamma))),
        "_symmetry_Int_Tables_number 1",
        f"_chemical_formula_sum '{structure.composition.element_composition.formula}'",
        "loop_\n_symmetry_equiv_pos_site_id\n_symmetry_equiv_pos_as_xyz\n1 'x, y, z'",
        "loop_\n_atom_type_symbol\n_atom_type_oxidation_number",
        *(f"{name} {charge_e(each):g}" for each, (name, _) in names.items()),
        "loop_\n_atom_site_type_symbol\n_atom_site_label\n_atom_site_symmetry_multiplicity",
        "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy",
        *atoms,
    ]
    return "\n".join(lines) + "\n"
