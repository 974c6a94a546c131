"""What every engine returns for one structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from superionic.errors import CalculationError
from superionic.labelling.schemas import CalculationInfo, Refusal


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
    level_of_theory : str, optional
        Method that really made it, where the engine finds out only then (a stand-in instead of VASP).
    calculation : CalculationInfo, optional
        How it was calculated.
    """

    energy_eV: float
    forces_eV_per_A: NDArray[np.float64]
    stress_eV_per_A3: NDArray[np.float64]
    level_of_theory: str | None = None
    calculation: CalculationInfo | None = None


class LabelFailure(CalculationError):  # noqa: N818 (it ends as a refused label, not as an error)
    """A calculation that ended without a usable result; becomes a refused label with a named cause.

    Parameters
    ----------
    cause : Refusal
        Why there is no result.
    message : str
        Details, for people.
    folder : str
        Machine and folder of the run.
    calculation : CalculationInfo, optional
        How it was calculated, where it got that far.
    level : str, optional
        Level of theory that really was used.
    """

    def __init__(
        self,
        cause: Refusal,
        message: str,
        folder: str = "",
        calculation: CalculationInfo | None = None,
        level: str | None = None,
    ) -> None:
        super().__init__(f"{cause.value}: {message}")
        self.cause, self.message, self.folder = cause, message, folder
        self.calculation, self.level_of_theory = calculation, level
