"""What every engine returns for one structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class SinglePoint:
    """Energy, forces and stress of one structure.

    Attributes
    ----------
    energy_eV : float
        Energy of the cell (consistent with the forces), eV.
    forces_eV_per_A : numpy.ndarray, (n_atoms, 3)
        Forces, eV/A.
    stress_eV_per_A3 : numpy.ndarray, (3, 3)
        Stress tensor with ASE's sign (positive under tension), eV/A^3.
    """

    energy_eV: float
    forces_eV_per_A: NDArray[np.float64]
    stress_eV_per_A3: NDArray[np.float64]
