"""Labelled structures from a file that somebody else wrote: keys, parents, isolated atoms, and what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.io import read
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from superionic.training.dataset import ENERGY_KEY, FORCES_KEY, STRESS_KEY, LabelledFrame

PARENT_KEY: Final = "parent_id"
STRUCTURE, CONSECUTIVE = "structure", "consecutive"
"""Ways of grouping that need no key in the file."""
ISOLATED_ATOM: Final = "isolatedatom"
ISOLATED_DISTANCE_A: Final = 6.0
SYMMETRY_TOLERANCE: Final = 1e-3
VOIGT: Final = (6,)
UNREADABLE: Final = (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, ImportError, RuntimeError)
"""What ASE's readers raise for files that they do not understand."""


@dataclass(frozen=True)
class LabelKeys:
    """Under which names a file holds its labels.

    Attributes
    ----------
    energy, forces, stress : str
        Names in the comment line (energy, stress) and of the columns (forces). The plain names ``energy``, ``forces``
        and ``stress`` are what ASE takes for results of a calculator.
    needs_stress : bool
        False to train on energies and forces alone, whatever else the file holds.
    """

    energy: str = ENERGY_KEY
    forces: str = FORCES_KEY
    stress: str = STRESS_KEY
    needs_stress: bool = True


@dataclass(frozen=True)
class LabelledFile:
    """Labelled structures of one file, and everything that is wrong with it.

    Attributes
    ----------
    path : Path
        The file.
    frames : tuple of LabelledFrame
        The structures whose labels are complete.
    isolated_atoms_eV : dict
        Energies of isolated atoms by symbol, eV.
    levels_of_theory : frozenset of str
        Levels of theory that the structures name.
    grouped : bool
        Whether the parents were named by the file.
    problems : tuple of str
        What must be mended before a training can start.
    notes : tuple of str
        What a reader of the errors should know.
    """

    path: Path
    frames: tuple[LabelledFrame, ...] = ()
    isolated_atoms_eV: dict[str, float] | None = None
    levels_of_theory: frozenset[str] = frozenset()
    grouped: bool = False
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_labelled_file(path: Path, keys: LabelKeys | None = None, group_by: str | None = None) -> LabelledFile:
    """Read labelled structures; nothing is raised, all problems are listed in the result.

    Parameters
    ----------
    path : Path
        Extended XYZ, or any other format that ASE reads with labels. Units are eV, eV/A and eV/A^3 (ASE's sign).
    keys : LabelKeys, optional
        Names of the labels; by default those of MACE (``REF_energy``, ``REF_forces``, ``REF_stress``).
    group_by : str, optional
        How structures that resemble each other are kept in one part of the data: a key of the comment line,
        ``consecutive`` (neighbours in the file with the same atoms in the same order) or ``structure`` (each on its
        own). By default ``parent_id`` where the file has it, else ``consecutive``.

    Returns
    -------
    LabelledFile
        Structures, isolated atoms, problems and notes.
    """
    keys = keys or LabelKeys()
    try:
        images = list(read(path, index=":"))
    except UNREADABLE as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        return LabelledFile(path, problems=(f"{path} cannot be read: {cause}. Give an extended XYZ file",))
    alone = [atoms for atoms in images if _is_isolated(atoms)]
    crystals = [(number, atoms) for number, atoms in enumerate(images) if not _is_isolated(atoms)]
    if not crystals:
        return LabelledFile(path, problems=(f"{path} holds no structures with labels",))
    problems = _problems_of_labels(path, crystals, keys) + _problems_of_cells(path, crystals)
    e0s, more = _isolated(path, alone, keys)
    parents = _Parents.of(path, [atoms for _, atoms in crystals], group_by)
    frames = [_frame(path, place, keys, parent) for place, parent in zip(crystals, parents.names, strict=True)]
    return LabelledFile(
        path=path,
        frames=tuple(frame for frame in frames if frame is not None),
        isolated_atoms_eV=e0s,
        levels_of_theory=frozenset(str(a.info["level_of_theory"]) for a in images if a.info.get("level_of_theory")),
        grouped=parents.from_file,
        problems=(*problems, *more, *parents.problems),
        notes=parents.notes,
    )


def _results(atoms: Atoms) -> dict[str, Any]:
    return dict(atoms.calc.results) if atoms.calc is not None else {}


def _value(atoms: Atoms, key: str) -> Any:  # noqa: ANN401 (whatever the file holds)
    for place in (atoms.info, atoms.arrays, _results(atoms)):
        if place.get(key) is not None:
            return place[key]
    return None


def _is_isolated(atoms: Atoms) -> bool:
    """One atom that is marked as isolated, or has no image within the reach of a model."""
    if len(atoms) != 1:
        return False
    if str(atoms.info.get("config_type", "")).replace("_", "").lower() == ISOLATED_ATOM:
        return True
    if not atoms.pbc.any():
        return True
    lengths = atoms.cell.lengths()[atoms.pbc]
    return bool(lengths.min() > ISOLATED_DISTANCE_A)


def _energy(value: Any) -> float | None:  # noqa: ANN401
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _forces(value: Any, n_atoms: int) -> NDArray[np.float64] | None:  # noqa: ANN401
    found = _numbers(value)
    return found if found is not None and found.shape == (n_atoms, 3) else None


def _stress(value: Any) -> NDArray[np.float64] | None:  # noqa: ANN401
    """Symmetric tensor from 3x3, nine or six (Voigt: xx, yy, zz, yz, xz, xy) numbers."""
    found = _numbers(value)
    if found is None or found.size not in {6, 9}:
        return None
    full = np.asarray(voigt_6_to_full_3x3_stress(found)) if found.shape == VOIGT else found.reshape(3, 3)
    scale = max(float(np.abs(full[np.isfinite(full)]).max(initial=0.0)), SYMMETRY_TOLERANCE)
    asymmetry = np.abs(full - full.T)
    if np.any(asymmetry[np.isfinite(asymmetry)] > SYMMETRY_TOLERANCE * scale):
        return None
    return (full + full.T) / 2


def _numbers(value: Any) -> NDArray[np.float64] | None:  # noqa: ANN401
    try:
        return np.asarray(value, dtype=np.float64) if value is not None else None
    except (TypeError, ValueError):
        return None


def _problems_of_labels(path: Path, crystals: Sequence[tuple[int, Atoms]], keys: LabelKeys) -> list[str]:
    wanted = {"energy": keys.energy, "forces": keys.forces} | ({"stress": keys.stress} if keys.needs_stress else {})
    problems = []
    for label, key in wanted.items():
        lacking = [number for number, atoms in crystals if _value(atoms, key) is None]
        odd = [n for n, atoms in crystals if _value(atoms, key) is not None and _label(atoms, label, key) is None]
        if len(lacking) == len(crystals):
            problems.append(_nothing_under(path, label, key, crystals))
        elif lacking:
            problems.append(
                f"{path}: {len(lacking)} of {len(crystals)} structures have no {label} under {key} (first: number "
                f"{lacking[0]}, counted from 0); label them or take them out"
            )
        if odd:
            problems.append(f"{path}: {len(odd)} structures (first: number {odd[0]}) have under {key} {SHAPES[label]}")
    return problems


SHAPES: Final = {
    "energy": "no single number",
    "forces": "no three numbers per atom",
    "stress": "neither a symmetric 3x3 tensor nor six numbers (Voigt order xx, yy, zz, yz, xz, xy)",
}


def _label(atoms: Atoms, label: str, key: str) -> Any:  # noqa: ANN401
    value = _value(atoms, key)
    if label == "energy":
        return _energy(value)
    return _forces(value, len(atoms)) if label == "forces" else _stress(value)


def _nothing_under(path: Path, label: str, key: str, crystals: Sequence[tuple[int, Atoms]]) -> str:
    if label == "forces":
        found = {name for _, atoms in crystals for name in atoms.arrays if name not in {"numbers", "positions"}}
    else:
        found = {name for _, atoms in crystals for name in atoms.info}
    results = {name for _, atoms in crystals for name in _results(atoms) if label in name}
    names = ", ".join(sorted(found | results)) or "nothing"
    cure = f"name the right one with --{label}-key"
    if label == "stress":
        cure += ", or train on energies and forces alone with --no-stress"
    return f"{path}: no structure has its {label} under {key}; there is {names}: {cure}"


def _problems_of_cells(path: Path, crystals: Sequence[tuple[int, Atoms]]) -> list[str]:
    open_ones = [number for number, atoms in crystals if not atoms.pbc.all() or atoms.cell.rank < len(atoms.pbc)]
    if not open_ones:
        return []
    return [
        (
            f"{path}: {len(open_ones)} structures (first: number {open_ones[0]}) are not periodic in three directions; "
            'give each crystal its Lattice and pbc="T T T", and take molecules out'
        )
    ]


def _isolated(path: Path, alone: Sequence[Atoms], keys: LabelKeys) -> tuple[dict[str, float] | None, list[str]]:
    energies: dict[str, float] = {}
    problems = []
    for atoms in alone:
        symbol, energy = atoms.get_chemical_symbols()[0], _energy(_value(atoms, keys.energy))
        if energy is None:
            problems.append(f"{path}: the isolated {symbol} atom has no energy under {keys.energy}")
        elif energies.setdefault(symbol, energy) != energy:
            problems.append(f"{path}: there are several isolated {symbol} atoms with different energies; leave one")
    return energies or None, problems


@dataclass(frozen=True)
class _Parents:
    """Group of each structure, and how far it can be trusted."""

    names: tuple[str, ...]
    from_file: bool = False
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path, images: Sequence[Atoms], group_by: str | None) -> _Parents:
        if group_by is None and any(PARENT_KEY in atoms.info for atoms in images):
            group_by = PARENT_KEY
        if group_by == STRUCTURE:
            names = tuple(f"{path.name}-{number}" for number in range(len(images)))
            note = "each structure is its own parent, so the test errors are too good if structures are alike"
            return cls(names, notes=(f"{path}: {note}",))
        if group_by in {None, CONSECUTIVE}:
            return cls._consecutive(path, images)
        found = [atoms.info.get(group_by) for atoms in images]
        lacking = sum(value is None for value in found)
        names = tuple("" if value is None else str(value) for value in found)
        if not lacking:
            return cls(names, from_file=True)
        known = ", ".join(sorted({key for atoms in images for key in atoms.info})) or "nothing"
        cure = f"use --group-by with a key that all have, {CONSECUTIVE} or {STRUCTURE}"
        problem = f"{path}: {lacking} structures have no {group_by} to group them by (there is: {known}): {cure}"
        return cls(tuple(name or "?" for name in names), problems=(problem,))

    @classmethod
    def _consecutive(cls, path: Path, images: Sequence[Atoms]) -> _Parents:
        runs = [list(run) for _, run in groupby(images, key=lambda atoms: atoms.numbers.tolist())]
        names = tuple(f"{path.name}-{number}" for number, run in enumerate(runs) for _ in run)
        notes = [
            (
                f"{path}: no {PARENT_KEY}; {len(runs)} groups of consecutive structures with the same atoms are kept "
                "together in the split"
            )
        ]
        seen = Counter(tuple(run[0].numbers.tolist()) for run in runs)
        if max(seen.values()) > 1:
            notes.append(
                f"{path}: the same atoms come back in several groups; if these are frames of one run, test errors are "
                "too good: give each run its own parent_id"
            )
        return cls(names, notes=tuple(notes))


def _frame(path: Path, place: tuple[int, Atoms], keys: LabelKeys, parent: str) -> LabelledFrame | None:
    number, atoms = place
    energy, forces = _energy(_value(atoms, keys.energy)), _forces(_value(atoms, keys.forces), len(atoms))
    stress = _stress(_value(atoms, keys.stress)) if keys.needs_stress else None
    if energy is None or forces is None or (keys.needs_stress and stress is None):
        return None
    return LabelledFrame(
        key=str(atoms.info.get("label_key", f"{path.name}:{number}")),
        parent_id=parent,
        composition=str(atoms.info.get("composition", atoms.get_chemical_formula(empirical=True))),
        atoms=Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True),
        energy_eV=energy,
        forces_eV_per_A=forces,
        stress_eV_per_A3=stress,
    )


def with_prefix(frames: Sequence[LabelledFrame], prefix: str) -> list[LabelledFrame]:
    """The same frames with parents that cannot be confused with those of another file."""
    return [replace(frame, parent_id=f"{prefix}:{frame.parent_id}") for frame in frames]
