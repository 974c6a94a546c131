"""Conversion between pymatgen and ASE, what has changed in a structure, and the closest approach of atoms."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_changes
from ase.data import covalent_radii
from numpy.typing import NDArray
from pymatgen.core import Structure
from scipy.spatial import cKDTree

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


def closest_approach(atoms: Atoms, largest: float = 1.0) -> float:
    """Smallest distance between two atoms, periodic images included, in units of the sum of their covalent radii.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure; atoms may lie outside of the cell.
    largest : float
        Only smaller ratios matter; the smaller it is, the faster is the search.

    Returns
    -------
    float
        The ratio; infinite if no pair is closer than `largest`, NaN if a position is not finite. Radii are those of
        Cordero et al., Dalton Trans. 2008, 2832.
    """
    return closest_pair(atoms, largest)[0]


def closest_pair(atoms: Atoms, largest: float = 1.0) -> tuple[float, str]:
    """What :func:`closest_approach` returns, and the elements of the pair: ``Li-Li``, or nothing if none are close."""
    if not np.isfinite(atoms.positions).all():
        return float("nan"), ""
    radii = covalent_radii[atoms.numbers]
    positions, owners = _with_images(atoms, 2 * largest * float(radii.max()))
    pairs = cKDTree(positions).query_pairs(2 * largest * float(radii.max()), output_type="ndarray")
    first, second = pairs[pairs[:, 0] < len(atoms)].T  # the atoms come before their images
    distances = np.linalg.norm(positions[first] - positions[second], axis=1)
    ratios = distances / (radii[owners[first]] + radii[owners[second]])
    if not np.any(ratios < largest):
        return float("inf"), ""
    closest = int(np.argmin(ratios))
    return float(ratios[closest]), "-".join(atoms.symbols[owners[each[closest]]] for each in (first, second))


def _with_images(atoms: Atoms, reach_A: float) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Positions of the atoms inside the cell, then of their images within reach of it, and whose images they are."""
    cell = atoms.cell.complete().array
    fractional = np.linalg.solve(cell.T, atoms.positions.T).T
    fractional[:, atoms.pbc] -= np.floor(fractional[:, atoms.pbc])
    owners = np.arange(len(atoms))
    margins = reach_A * np.linalg.norm(np.linalg.inv(cell), axis=0)  # in units of the heights of the cell
    for axis in np.flatnonzero(atoms.pbc):
        start, margin = fractional, margins[axis]
        found, whose = [start], [owners]
        for shift in range(1, int(np.ceil(margin)) + 1):
            for sign in (shift, -shift):
                along = start[:, axis] + sign
                near = (along > -margin) & (along < 1.0 + margin)
                image = start[near].copy()
                image[:, axis] += sign
                found.append(image)
                whose.append(owners[near])
        fractional, owners = np.concatenate(found), np.concatenate(whose)
    return fractional @ cell, owners
