"""The potential as a run sees it: one evaluation per set of positions, and no memory of earlier ones when told so."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class PresentPoint:
    """Energy and forces at the present positions of one cell that does not change.

    Some calculators keep tables of neighbours over several steps (ASE's Lennard-Jones and EMT do), and then the order
    of their sums, and the last bits of the forces, depend on the steps before. After :meth:`forget` the next evaluation
    starts from nothing, as it does in a process that begins there.

    Parameters
    ----------
    calculator : ase.calculators.calculator.Calculator
        The potential.
    """

    def __init__(self, calculator: Any) -> None:  # noqa: ANN401 (any ASE calculator)
        self._calculator = calculator
        self._positions: FloatArray | None = None
        self._forces: FloatArray = np.empty((0, 3))
        self._forget = True

    def forget(self) -> None:
        """Let the evaluation of the next new positions be independent of all before."""
        self._forget = True

    def get_forces(self, atoms: Atoms) -> FloatArray:
        """Forces, eV/A; a copy."""
        self._evaluate(atoms)
        return self._forces.copy()

    def get_potential_energy(self, atoms: Atoms, force_consistent: bool = False) -> float:
        """Potential energy, eV."""
        self._evaluate(atoms)
        if force_consistent:
            return float(self._calculator.get_potential_energy(atoms, force_consistent=True))
        return float(self._calculator.get_potential_energy(atoms))

    def _evaluate(self, atoms: Atoms) -> None:
        if self._positions is not None and np.array_equal(self._positions, atoms.positions):
            return
        if self._forget and hasattr(self._calculator, "reset"):
            self._calculator.reset()
        self._positions = None  # should the calculator fail
        self._forces = np.asarray(self._calculator.get_forces(atoms))
        self._positions, self._forget = atoms.positions.copy(), False
