"""Energy of a structure as it is."""

from __future__ import annotations

import math
from typing import Any

from pymatgen.core import Structure

from superionic.errors import CalculationError
from superionic.potentials.atoms import to_atoms


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
    CalculationError
        If the energy is not finite.
    """
    atoms = to_atoms(structure)
    atoms.calc = calculator
    energy_eV = float(atoms.get_potential_energy())
    if not math.isfinite(energy_eV):
        raise CalculationError(
            f"the energy of {structure.formula} is not finite: atoms are too close for the potential, or it does not "
            "cover these elements"
        )
    return energy_eV
