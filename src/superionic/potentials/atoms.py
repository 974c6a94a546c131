"""Conversion between pymatgen and ASE, what has changed in a structure, and the closest approach of atoms."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_changes
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from pymatgen.core import Structure

from superionic.errors import InputError


def to_atoms(structure: Structure) -> Atoms:
    """Periodic ASE atoms of an ordered structure, in the same order, oxidation states left out.

    Raises
    ------
    InputError
        If a site is partially occupied.
    """
    if not structure.is_ordered:
        raise InputError(f"{structure.composition.formula} has partially occupied sites: enumerate orderings first")
    symbols = [site.specie.symbol for site in structure]
    return Atoms(symbols, positions=structure.cart_coords, cell=structure.lattice.matrix, pbc=True)


def to_structure(atoms: Atoms, like: Structure) -> Structure:
    """Structure with the cell and positions of `atoms` and the species of `like`, wrapped into the cell."""
    return Structure(atoms.cell.array, like.species, atoms.positions, coords_are_cartesian=True, to_unit_cell=True)


def changes(before: Atoms | None, now: Atoms) -> list[str]:
    """What differs between two states of a structure: exactly, and faster than ASE's comparison of everything.

    Parameters
    ----------
    before, now : ase.Atoms
        The states; None before the first calculation.

    Returns
    -------
    list of str
        ASE's names of what differs: positions, numbers, cell, pbc.
    """
    if before is None:
        return list(all_changes)
    pairs = {
        "positions": (before.positions, now.positions),
        "numbers": (before.numbers, now.numbers),
        "cell": (before.cell.array, now.cell.array),
        "pbc": (before.pbc, now.pbc),
    }
    return [name for name, (old, new) in pairs.items() if not np.array_equal(old, new)]


def closest_approach(atoms: Atoms) -> float:
    """Smallest distance between two atoms, periodic images included, in units of the sum of their covalent radii.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.

    Returns
    -------
    float
        The ratio; infinite if no pair is closer than the sum of its radii. Radii are those of Cordero et al.,
        Dalton Trans. 2008, 2832.
    """
    radii = covalent_radii[atoms.numbers]
    first, second, distance_A = neighbor_list("ijd", atoms, list(radii))
    if len(distance_A) == 0:
        return float("inf")
    return float(np.min(distance_A / (radii[first] + radii[second])))
