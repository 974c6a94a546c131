"""Relaxation of positions and cell with a potential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE2, GoodOldQuasiNewton
from numpy.typing import NDArray
from pymatgen.core import Structure

from superionic.errors import CalculationError
from superionic.potentials.atoms import closest_approach, to_atoms, to_structure
from superionic.stages import RelaxSettings

QUASI_NEWTON_MAX_ATOMS = 200
"""Above this the dense Hessian of the quasi-Newton method costs more than the steps it saves."""
VOLUME_BOUNDS = (0.5, 2.0)
"""Relative volumes outside these are no relaxation of the same crystal."""
COLLAPSE_RATIO = 0.5
"""Atoms closer than this fraction of their covalent radii sit in a hole of the potential."""


@dataclass(frozen=True)
class Relaxation:
    """Result of a relaxation.

    Attributes
    ----------
    structure : Structure
        The relaxed structure, sites in the order of the input.
    energy_eV : float
        Potential energy of the cell, eV.
    max_force_eV_per_A : float
        Largest force component left, eV/A.
    n_steps : int
        Optimiser steps taken.
    converged : bool
        Whether the force criterion was met.
    """

    structure: Structure
    energy_eV: float
    max_force_eV_per_A: float
    n_steps: int
    converged: bool


class _CellFilter(FrechetCellFilter):
    """Asks for the stress first, so that a potential that has to be told computes it in the same call."""

    def get_forces(self, **options: bool) -> NDArray[np.float64]:
        self.atoms.get_stress()
        forces: NDArray[np.float64] = super().get_forces(**options)  # type: ignore[no-untyped-call]
        return forces


def relax(structure: Structure, calculator: Any, settings: RelaxSettings) -> Relaxation:  # noqa: ANN401 (any ASE calculator)
    """Relax a structure, symmetry not constrained.

    Parameters
    ----------
    structure : Structure
        Ordered start structure; not changed.
    calculator : ase.calculators.calculator.Calculator
        The potential.
    settings : RelaxSettings
        Force criterion, largest number of steps, whether the cell relaxes.

    Returns
    -------
    Relaxation
        Also if the criterion was not met in time; see `converged`.

    Raises
    ------
    CalculationError
        If energies or forces are not finite, the cell collapses or explodes, or atoms fall onto each other.
    """
    atoms = to_atoms(structure)
    atoms.calc = calculator
    target: Any = _CellFilter(atoms) if settings.relax_cell else atoms  # type: ignore[no-untyped-call]
    optimiser = _optimiser(target, len(atoms))
    start_volume = atoms.get_volume()
    optimiser.attach(lambda: _check_volume(atoms, start_volume))
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging run is reported by the checks, not by warnings
        converged = bool(optimiser.run(fmax=settings.fmax_eV_per_A, steps=settings.max_steps))
        ratio = closest_approach(atoms)
    if ratio < COLLAPSE_RATIO:
        raise CalculationError(
            f"relaxation of {atoms.get_chemical_formula()} collapsed: two atoms are at {ratio:.2f} of the sum of their "
            "covalent radii. The potential fails here; label such structures or use another foundation"
        )
    return Relaxation(
        structure=to_structure(atoms, structure),
        energy_eV=float(atoms.get_potential_energy()),
        max_force_eV_per_A=float(np.abs(atoms.get_forces()).max()),
        n_steps=int(optimiser.nsteps),
        converged=converged,
    )


def _optimiser(target: Any, n_atoms: int) -> Any:  # noqa: ANN401 (ASE)
    if n_atoms <= QUASI_NEWTON_MAX_ATOMS:
        return GoodOldQuasiNewton(target, logfile=None)  # type: ignore[arg-type]
    return FIRE2(target, logfile=None)  # type: ignore[arg-type]


def _check_volume(atoms: Atoms, start_volume: float) -> None:
    relative = atoms.get_volume() / start_volume
    if not VOLUME_BOUNDS[0] < relative < VOLUME_BOUNDS[1]:
        raise CalculationError(
            f"relaxation of {atoms.get_chemical_formula()} ran away: the volume is {relative:.2f} of the start. The "
            "potential fails here, or the start structure is no crystal of this composition"
        )
