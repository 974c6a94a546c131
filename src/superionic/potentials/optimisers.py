"""ASE's optimisers and cell filter, without the Python loops that cost more than a step of a small model."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE2, GoodOldQuasiNewton
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray
from scipy.linalg import expm, expm_frechet

FloatArray = NDArray[np.float64]
QUASI_NEWTON_MAX_ATOMS = 200
"""Above this the dense Hessian of the quasi-Newton method costs more than the steps it saves."""


class CellFilter(FrechetCellFilter):
    """Positions and the logarithm of the deformation of the cell as the coordinates of an optimiser.

    The coordinates and forces are those of ASE's ``FrechetCellFilter`` (the coordinates up to a constant). That filter
    finds its coordinates again from the atoms whenever they are asked for, by a matrix logarithm, and computes the
    forces on the cell from nine directional derivatives; here the coordinates are kept, and one derivative of the
    transposed matrix gives all nine forces: the derivative L(A, E) of exp has the adjoint L(A^T, G), see Higham,
    Functions of Matrices (SIAM 2008), chapter 3.

    Parameters
    ----------
    atoms : ase.Atoms
        Periodic structure with a calculator; nobody else may move its atoms.
    """

    def __init__(self, atoms: Atoms) -> None:
        super().__init__(atoms)  # type: ignore[no-untyped-call]
        self._start_cell_A: FloatArray = atoms.cell.array.copy()
        self._coordinates: FloatArray = np.concatenate([atoms.positions, np.zeros((3, 3))])

    def get_positions(self) -> FloatArray:
        """Coordinates: positions in the undeformed cell (A), and the scaled logarithm of the deformation."""
        return self._coordinates.copy()

    def set_positions(self, new: FloatArray, **_kwargs: Any) -> None:  # type: ignore[override]  # noqa: ANN401
        """Deform the cell and move the atoms."""
        self._coordinates = new.copy()
        deformation = expm(new[-3:] / self.exp_cell_factor)
        self.atoms.set_cell(self._start_cell_A @ deformation.T)
        self.atoms.set_positions(new[:-3] @ deformation.T)

    def get_forces(self, **options: Any) -> FloatArray:  # noqa: ANN401 (ASE's signature)
        """Negative derivative of the energy with respect to the coordinates, eV/A and eV per scaled logarithm."""
        # the stress first, so that a potential that has to be told computes it in the same call
        stress_eV_per_A3 = voigt_6_to_full_3x3_stress(self.atoms.get_stress(**options))
        forces = self.atoms.get_forces(**options)
        logarithm = self._coordinates[-3:] / self.exp_cell_factor
        deformation = expm(logarithm)
        of_deformation = -self.atoms.get_volume() * stress_eV_per_A3 @ np.linalg.inv(deformation).T
        of_logarithm = expm_frechet(logarithm.T, of_deformation, compute_expm=False)
        return np.concatenate([forces @ deformation, of_logarithm / self.exp_cell_factor])


class QuasiNewton(GoodOldQuasiNewton):
    """ASE's quasi-Newton method; the update of its Hessian is written with arrays instead of two nested loops."""

    def update_hessian_bfgs(self, pos: FloatArray, G: FloatArray) -> None:
        """Add the BFGS update of the last step."""
        of_gradient, of_position = G - self.oldG, pos - self.oldpos
        of_prediction = of_position @ self.hessian
        curvature, predicted = of_position @ of_gradient, of_position @ of_prediction
        if abs(predicted) > self.eps and abs(curvature) > self.eps:
            self.hessian += np.outer(of_gradient, of_gradient) / curvature
            self.hessian -= np.outer(of_prediction, of_prediction) / predicted


def optimiser_for(target: Atoms | CellFilter, n_atoms: int) -> Any:  # noqa: ANN401 (ASE)
    """Optimiser whose ``step`` moves a structure once, from the forces where it is.

    Parameters
    ----------
    target : ase.Atoms or CellFilter
        What is optimised.
    n_atoms : int
        Its number of atoms.

    Returns
    -------
    ase.optimize.optimize.Optimizer
        Quasi-Newton for small cells, FIRE (Guenole et al., Comput. Mater. Sci. 175, 109584, 2020) for larger ones.
    """
    method: Any = QuasiNewton if n_atoms <= QUASI_NEWTON_MAX_ATOMS else FIRE2
    return method(target, logfile=None)
