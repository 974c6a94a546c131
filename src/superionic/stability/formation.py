"""Formation energies against chosen end members."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition

from superionic.errors import InputError

Entry = tuple[Composition, float, int]
"""Composition of a cell, its total energy in eV, and its number of atoms."""

FRACTION_TOLERANCE = 1e-6


def atom_fractions(composition: Composition, end_members: Sequence[Composition]) -> NDArray[np.float64]:
    """Share of the atoms of a composition that each end member supplies.

    Parameters
    ----------
    composition : Composition
        What is to be expressed.
    end_members : sequence of Composition
        Linearly independent compositions.

    Returns
    -------
    numpy.ndarray
        Barycentric coordinates, shape (n_end_members,), summing to 1.

    Raises
    ------
    InputError
        If the end members are linearly dependent or do not span the composition.
    """
    elements = sorted({element.symbol for c in (composition, *end_members) for element in c.elements})
    basis = np.array([[member.get_atomic_fraction(e) for e in elements] for member in end_members]).T
    target = np.array([composition.get_atomic_fraction(e) for e in elements])
    solution, _, rank, _ = np.linalg.lstsq(basis, target, rcond=None)
    if rank < len(end_members):
        names = ", ".join(member.reduced_formula for member in end_members)
        raise InputError(f"end members {names} are linearly dependent: drop or replace one of them")
    if np.abs(basis @ solution - target).max() > FRACTION_TOLERANCE or solution.min() < -FRACTION_TOLERANCE:
        names = ", ".join(member.reduced_formula for member in end_members)
        raise InputError(
            f"{composition.reduced_formula} is not a mixture of the end members {names}: "
            "choose end members that enclose every composition"
        )
    fractions = np.clip(solution, 0.0, None)
    return np.asarray(fractions / fractions.sum(), dtype=np.float64)


def reference_energies(entries: Sequence[Entry], end_members: Sequence[Composition]) -> NDArray[np.float64]:
    """Lowest energy per atom among the entries of each end member, eV/atom, shape (n_end_members,).

    Raises
    ------
    InputError
        If an end member has no entry.
    """
    references = []
    for member in end_members:
        energies = [energy / n for composition, energy, n in entries if composition.almost_equals(_scaled(member, n))]
        if not energies:
            raise InputError(f"end member {member.reduced_formula} has no entry: add its energy to the entries")
        references.append(min(energies))
    return np.array(references)


def formation_energies(
    entries: Sequence[Entry], fractions: NDArray[np.float64], references: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""Formation energy per atom, :math:`E/N - \sum_i w_i E_i`, eV/atom, shape (n_entries,).

    Parameters
    ----------
    entries : sequence of (Composition, energy_eV, n_atoms)
        The phases.
    fractions : numpy.ndarray
        Atom fractions of the end members, shape (n_entries, n_end_members).
    references : numpy.ndarray
        Energies of the end members, eV/atom, shape (n_end_members,).
    """
    per_atom = np.array([energy / n_atoms for _, energy, n_atoms in entries])
    return np.asarray(per_atom - fractions @ references, dtype=np.float64)


def _scaled(composition: Composition, n_atoms: int) -> Composition:
    return composition * (n_atoms / composition.num_atoms)
