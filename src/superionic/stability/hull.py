"""Pseudo-binary and pseudo-ternary hulls between end members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, DummySpecies

from superionic.errors import InputError
from superionic.stability.formation import Entry, atom_fractions, formation_energies, reference_energies

STABLE_WITHIN_EV_PER_ATOM = 1e-8


@dataclass(frozen=True)
class PhaseDiagram:
    """Formation energies and hull distances; all arrays are in the order of the entries.

    Attributes
    ----------
    fractions : numpy.ndarray
        Barycentric coordinates (atom fractions of the end members), shape (n_entries, n_end_members).
    formation_energy_eV_per_atom : numpy.ndarray
        Formation energy against the end members, eV/atom, shape (n_entries,).
    e_above_hull_eV_per_atom : numpy.ndarray
        Energy above the hull, eV/atom, shape (n_entries,).
    stable : numpy.ndarray
        Whether the entry is on the hull, shape (n_entries,).
    """

    fractions: NDArray[np.float64]
    formation_energy_eV_per_atom: NDArray[np.float64]
    e_above_hull_eV_per_atom: NDArray[np.float64]
    stable: NDArray[np.bool_]


def build_phase_diagram(entries: Sequence[Entry], end_members: Sequence[Composition | str]) -> PhaseDiagram:
    """Hull of phases that are mixtures of end members.

    Parameters
    ----------
    entries : sequence of (Composition, energy_eV, n_atoms)
        Phases: composition of the cell, its total energy in eV, its number of atoms. Several entries
        of one composition are polymorphs or orderings.
    end_members : sequence of Composition
        Compositions whose lowest entries are the references (two: binary, three: ternary, ...).

    Returns
    -------
    PhaseDiagram
        Formation energies and energies above the hull, in the order of the entries.

    Raises
    ------
    InputError
        If there are no entries, fewer than two end members, an energy is not finite, an end member has
        no entry, or a composition is no mixture of the end members.
    """
    members = [Composition(member) for member in end_members]
    _check(entries, members)
    fractions = np.array([atom_fractions(composition, members) for composition, _, _ in entries])
    formation = formation_energies(entries, fractions, reference_energies(entries, members))
    above = _above_hull(fractions, formation)
    return PhaseDiagram(fractions, formation, above, above <= STABLE_WITHIN_EV_PER_ATOM)


def _check(entries: Sequence[Entry], members: Sequence[Composition]) -> None:
    if not entries:
        raise InputError("no entries: give at least one (Composition, energy_eV, n_atoms) per end member")
    if len(members) < 2:  # noqa: PLR2004 (a hull needs two ends)
        raise InputError(f"{len(members)} end member given: a hull needs at least two")
    for composition, energy, n_atoms in entries:
        if not np.isfinite(energy) or n_atoms < 1:
            raise InputError(f"entry {composition.formula}: energy {energy} eV of {n_atoms} atoms is not usable")
        if abs(composition.num_atoms - n_atoms) > 1e-6 * n_atoms:
            raise InputError(
                f"entry {composition.formula} has {composition.num_atoms:g} atoms, not n_atoms = {n_atoms}"
            )


def _above_hull(fractions: NDArray[np.float64], formation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hull distances from pymatgen, with one dummy species per end member as the elements."""
    from pymatgen.analysis.phase_diagram import PDEntry
    from pymatgen.analysis.phase_diagram import PhaseDiagram as ElementalPhaseDiagram

    species = [DummySpecies(f"X{chr(ord('a') + index)}", 0) for index in range(fractions.shape[1])]
    entries = [
        PDEntry(Composition({s: float(w) for s, w in zip(species, row, strict=True) if w > 0}), float(energy))
        for row, energy in zip(fractions, formation, strict=True)
    ]
    diagram = ElementalPhaseDiagram(entries)
    return np.array([max(0.0, diagram.get_e_above_hull(entry) or 0.0) for entry in entries])
