"""Energies of structures as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymatgen.core import Structure

from superionic.potentials.atoms import to_atoms
from superionic.potentials.batch import energies_many


def static_energy(structure: Structure, calculator: Any) -> float:  # noqa: ANN401 (any ASE calculator)
    """Potential energy of an ordered structure without relaxation.

    Parameters
    ----------
    structure : Structure
        Ordered structure.
    calculator : ase.calculators.calculator.Calculator
        The potential.

    Returns
    -------
    float
        Energy of the cell in eV.

    Raises
    ------
    NotFiniteError
        If the energy is not finite.
    InputError
        If the potential does not know an element.
    """
    (energy,) = static_energies([structure], calculator)
    if isinstance(energy, Exception):
        raise energy
    return energy


def static_energies(structures: Sequence[Structure], calculator: Any) -> list[float | Exception]:  # noqa: ANN401
    """Potential energies of ordered structures without relaxation, computed in batches.

    Parameters
    ----------
    structures : sequence of Structure
        Ordered structures.
    calculator : ase.calculators.calculator.Calculator
        The potential.

    Returns
    -------
    list of float or Exception
        Energies of the cells in eV; an exception where :func:`static_energy` raises it.
    """
    return energies_many([to_atoms(structure) for structure in structures], calculator)
