"""Accepted labels as arrays: thousands travel as one npz file, bit for bit, and no structure is made on the way."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from pymatgen.core import Element, Lattice, Structure

from superionic.documents import CompositionInfo
from superionic.errors import DatabaseError, InputError

FloatArray = NDArray[np.float64]

NOTHING: Final = -1
"""Stands in the arrays for no frame index and no composition."""


@dataclass(frozen=True, eq=False)
class Label:
    """One accepted label.

    Attributes
    ----------
    key : str
        Key of its LabelDoc, which says how it was calculated.
    level_of_theory : str
        Method.
    parent_id : str
        Identity of the parent ordering, for splits that do not leak.
    frame_index : int or None
        Position of the structure in its source document.
    composition : CompositionInfo or None
        Grid point.
    numbers : ndarray
        Atomic numbers, (n_atoms,).
    fractional : ndarray
        Fractional coordinates as they were labelled, (n_atoms, 3).
    cell_A : ndarray
        Cell vectors as rows, (3, 3), A.
    energy_eV : float
        Energy of the cell, eV.
    forces_eV_per_A : ndarray
        Forces, (n_atoms, 3), eV/A.
    stress_eV_per_A3 : ndarray
        Stress tensor, (3, 3), eV/A^3, ASE sign.
    """

    key: str
    level_of_theory: str
    parent_id: str
    frame_index: int | None
    composition: CompositionInfo | None
    numbers: NDArray[np.int64]
    fractional: FloatArray
    cell_A: FloatArray
    energy_eV: float
    forces_eV_per_A: FloatArray
    stress_eV_per_A3: FloatArray

    @property
    def atoms(self) -> Atoms:
        """The structure for ASE, without a calculator, made anew at every call."""
        return Atoms(numbers=self.numbers, positions=self.fractional @ self.cell_A, cell=self.cell_A, pbc=True)

    @property
    def structure(self) -> Structure:
        """The structure for pymatgen, of plain elements, made anew at every call."""
        return Structure(Lattice(self.cell_A), [Element.from_Z(z) for z in self.numbers], self.fractional)


def geometry_of(structure: Structure | Mapping[str, Any]) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Arrays of an ordered structure, given as such or as pymatgen's plain data, of which no structure is made.

    Returns
    -------
    tuple of ndarray
        Atomic numbers (n_atoms,), fractional coordinates (n_atoms, 3) and cell vectors as rows (3, 3), A.

    Raises
    ------
    InputError
        If a site has not exactly one kind of atom.
    """
    if isinstance(structure, Structure):
        structure = structure.as_dict(verbosity=0)
    sites = structure["sites"]
    return (
        np.array([_atomic_number(_symbol(site)) for site in sites], dtype=np.int64),
        np.array([site["abc"] for site in sites], dtype=np.float64).reshape(-1, 3),
        np.array(structure["lattice"]["matrix"], dtype=np.float64),
    )


def _symbol(site: Mapping[str, Any]) -> str:
    species = site["species"]
    if len(species) != 1 or species[0]["occu"] != 1:
        raise InputError(f"a labelled structure has a disordered site ({species}); label ordered structures only")
    return str(species[0]["element"])


@cache
def _atomic_number(symbol: str) -> int:
    return int(Element(symbol).Z)


def pack(labels: Sequence[Label], places: Sequence[int]) -> bytes:
    """Numbers of labels as one npz file, the atoms of all labels one after the other.

    Parameters
    ----------
    labels : sequence of Label
        The labels.
    places : sequence of int
        For each label, where its composition stands in a list that is kept elsewhere, or ``NOTHING``.

    Returns
    -------
    bytes
        ``n_atoms``, ``cells_A``, ``energies_eV``, ``stresses_eV_per_A3``, ``frame_indices`` and ``places`` with one
        entry per label; ``numbers``, ``fractional`` and ``forces_eV_per_A`` with one per atom. ``numpy.load`` reads it.
    """
    n = len(labels)
    no_atoms = np.zeros((0, 3))
    buffer = io.BytesIO()
    np.savez(
        buffer,
        n_atoms=np.array([len(label.numbers) for label in labels], dtype=np.int32),
        cells_A=np.array([label.cell_A for label in labels]).reshape(n, 3, 3),
        energies_eV=np.array([label.energy_eV for label in labels], dtype=np.float64),
        stresses_eV_per_A3=np.array([label.stress_eV_per_A3 for label in labels]).reshape(n, 3, 3),
        frame_indices=np.array([_number(label.frame_index) for label in labels], dtype=np.int32),
        places=np.array(places, dtype=np.int32),
        numbers=np.concatenate([np.zeros(0, dtype=np.int64), *(label.numbers for label in labels)]).astype(np.uint8),
        fractional=np.concatenate([no_atoms, *(label.fractional for label in labels)]),
        forces_eV_per_A=np.concatenate([no_atoms, *(label.forces_eV_per_A for label in labels)]),
    )
    return buffer.getvalue()


def unpack(
    data: bytes,
    *,
    keys: Sequence[str],
    parent_ids: Sequence[str],
    compositions: Sequence[CompositionInfo],
    level_of_theory: str,
) -> list[Label]:
    """Inverse of :func:`pack`, with what it leaves out.

    Parameters
    ----------
    data : bytes
        The npz file.
    keys, parent_ids : sequence of str
        Of each label.
    compositions : sequence of CompositionInfo
        What the places point to.
    level_of_theory : str
        Method of all labels.

    Raises
    ------
    DatabaseError
        If there are not as many keys or parents as labels.
    """
    arrays = dict(np.load(io.BytesIO(data)))
    n_atoms = arrays["n_atoms"]
    if not len(keys) == len(parent_ids) == len(n_atoms):
        raise DatabaseError(
            f"a stored set has numbers of {len(n_atoms)} labels, but {len(keys)} keys and {len(parent_ids)} parents: "
            "it was changed after it had been written; run the job that joins the labels again"
        )
    per_atom = (
        np.split(arrays[name], np.cumsum(n_atoms))[: len(n_atoms)]
        for name in ("numbers", "fractional", "forces_eV_per_A")
    )
    per_label = (arrays[name] for name in ("cells_A", "energies_eV", "stresses_eV_per_A3", "frame_indices", "places"))
    return [
        Label(
            key=key,
            level_of_theory=level_of_theory,
            parent_id=parent_id,
            frame_index=None if frame == NOTHING else int(frame),
            composition=None if place == NOTHING else compositions[place],
            numbers=numbers.astype(np.int64),
            fractional=fractional,
            cell_A=cell_A,
            energy_eV=float(energy),
            forces_eV_per_A=forces,
            stress_eV_per_A3=stress,
        )
        for key, parent_id, numbers, fractional, forces, cell_A, energy, stress, frame, place in zip(
            keys, parent_ids, *per_atom, *per_label, strict=True
        )
    ]


def _number(index: int | None) -> int:
    return NOTHING if index is None else index
