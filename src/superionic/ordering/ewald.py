"""Formal-charge electrostatics: the Ewald matrix of a cell and energies of many orderings.

The energy of point charges q on fixed sites is a quadratic form, ``E = q A q / 2``, so the lattice
sum is done once per supercell and every ordering costs one matrix product.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from pymatgen.core import Lattice
from scipy.special import erfc

from superionic.errors import OrderingError
from superionic.ordering.arrangements import Block
from superionic.ordering.lattices import FloatArray, IntArray, LabelArray
from superionic.units import COULOMB_EV_A

REAL_CUTOFF_A = 12.0
DECAY = 5.2
"""Both sums stop where their terms have decayed like erfc(5.2), about 2e-13."""
BLOCK_ELEMENTS = 2_000_000
SHORTEST_DISTANCE_A = 0.01


def ewald_matrix(lattice_A: FloatArray, frac_coords: FloatArray, rows: IntArray | None = None) -> FloatArray:
    """Compute the Ewald interaction matrix of unit point charges.

    The sum of P. P. Ewald, Ann. Phys. 369, 253 (1921), in the form of A. Y. Toukmaji and
    J. A. Board, Comput. Phys. Commun. 95, 73 (1996), eqs. 2-5, with conducting boundary and a
    neutralising background (which cancels for a neutral cell).

    Parameters
    ----------
    lattice_A : ndarray, shape (3, 3)
        Lattice vectors as rows, in angstrom.
    frac_coords : ndarray, shape (n_sites, 3)
        Fractional coordinates.
    rows : ndarray of int, shape (n_rows,), optional
        Rows to compute, by default all; the others of a supercell follow by translation.

    Returns
    -------
    ndarray, shape (n_rows, n_sites)
        Rows of the symmetric matrix A in eV per squared elementary charge; ``E = q A q / 2`` per cell.

    Raises
    ------
    OrderingError
        If two sites coincide.
    """
    # A reduced cell needs the fewest periodic images, however skewed the supercell is.
    reduced = Lattice(lattice_A).get_lll_reduced_lattice()
    cell = np.array(reduced.matrix)
    frac = np.asarray(frac_coords) @ np.asarray(lattice_A) @ np.linalg.inv(cell)
    alpha = DECAY / REAL_CUTOFF_A
    rows = np.arange(len(frac)) if rows is None else rows
    matrix = _real_space(cell, frac, alpha, rows) + _reciprocal_space(cell, frac, alpha, rows)
    matrix -= np.pi / (alpha**2 * reduced.volume)
    matrix[np.arange(len(rows)), rows] -= 2.0 * alpha / np.sqrt(np.pi)
    in_eV: FloatArray = COULOMB_EV_A * matrix
    return in_eV


def _real_space(cell: FloatArray, frac: FloatArray, alpha: float, rows: IntArray) -> FloatArray:
    """Sum erfc(alpha r) / r over all pairs and periodic images within the cutoff."""
    n_sites = len(frac)
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    reach = np.floor(REAL_CUTOFF_A / heights + 0.5).astype(int)
    images = np.array(list(product(*(range(-n, n + 1) for n in reach))), dtype=float) @ cell
    matrix = np.zeros((len(rows), n_sites))
    step = max(1, BLOCK_ELEMENTS // max(1, n_sites))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        difference = frac[part, None, :] - frac[None, :, :]
        vectors = (difference - np.round(difference)) @ cell
        own = part[:, None] == np.arange(n_sites)
        for image in images:
            r = np.linalg.norm(vectors + image, axis=-1)
            close = (r < REAL_CUTOFF_A) if image.any() else (r < REAL_CUTOFF_A) & ~own
            if r[close].min(initial=np.inf) < SHORTEST_DISTANCE_A:
                raise OrderingError(
                    f"Two sites are closer than {SHORTEST_DISTANCE_A} A; merge them into one site that "
                    "several species share."
                )
            matrix[start : start + step][close] += erfc(alpha * r[close]) / r[close]
    return matrix


def _reciprocal_space(cell: FloatArray, frac: FloatArray, alpha: float, rows: IntArray) -> FloatArray:
    """Sum the smooth part over half of reciprocal space (the other half is its mirror image)."""
    g_max = 2.0 * alpha * DECAY
    reciprocal = 2.0 * np.pi * np.linalg.inv(cell).T
    reach = np.floor(g_max * np.linalg.norm(cell, axis=1) / (2.0 * np.pi)).astype(int)
    indices = np.indices(tuple(2 * reach + 1)).reshape(3, -1).T - reach
    indices = indices[len(indices) // 2 + 1 :]
    g_squared = np.sum((indices @ reciprocal) ** 2, axis=1)
    kept = g_squared < g_max**2
    indices, g_squared = indices[kept], g_squared[kept]
    volume = abs(np.linalg.det(cell))
    weights = np.sqrt(8.0 * np.pi / volume * np.exp(-g_squared / (4.0 * alpha**2)) / g_squared)
    matrix = np.zeros((len(rows), len(frac)))
    columns = max(1, BLOCK_ELEMENTS // max(1, len(frac)))
    for start in range(0, len(indices), columns):
        phases = 2.0 * np.pi * frac @ indices[start : start + columns].T
        for wave in (np.cos, np.sin):
            amplitudes = weights[start : start + columns] * wave(phases)
            matrix += amplitudes[rows] @ amplitudes.T
    return matrix


@dataclass(frozen=True, eq=False)
class ChargeEnergy:
    """Ewald energy of a cell as a function of the charge classes of its variable sites.

    Attributes
    ----------
    columns : ndarray of int, shape (n_active,)
        Columns of the label arrays on which the charge varies.
    constant_eV : float
        Energy of all other charges.
    field_eV : ndarray, shape (n_active,)
        Potential of all other charges at the active sites, eV per elementary charge.
    coupling_eV : ndarray, shape (n_active, n_active)
        Ewald matrix of the active sites.
    charges_e : ndarray, shape (n_active, n_labels)
        Charge of each label on each active site, in elementary charges.
    """

    columns: IntArray
    constant_eV: float
    field_eV: FloatArray
    coupling_eV: FloatArray
    charges_e: FloatArray

    @classmethod
    def of(
        cls, matrix_eV: FloatArray, base_e: FloatArray, sites: IntArray, columns: IntArray, charges_e: FloatArray
    ) -> "ChargeEnergy":
        """Split an Ewald matrix into fixed and active sites.

        Parameters
        ----------
        matrix_eV : ndarray, shape (n_sites, n_sites)
            Ewald matrix of all sites.
        base_e : ndarray, shape (n_sites,)
            Fixed charges; 0 on active sites.
        sites, columns : ndarray of int, shape (n_active,)
            Active sites and their columns in the label arrays.
        charges_e : ndarray, shape (n_active, n_labels)
            Charge of each label on each active site.
        """
        constant = 0.5 * float(base_e @ matrix_eV @ base_e)
        return cls(columns, constant, matrix_eV[sites] @ base_e, matrix_eV[np.ix_(sites, sites)], charges_e)

    def centred(self, blocks: Sequence[Block]) -> "ChargeEnergy":
        """Return the same energy as a function of deviations from the mean charge of each block.

        Deviations keep the terms of the form small, which matters in single precision.

        Parameters
        ----------
        blocks : sequence of Block
            Blocks of charge classes on the active sites.
        """
        mean = np.zeros(len(self.columns))
        for block in blocks:
            here = np.isin(self.columns, block.positions)
            mean[here] = self.charges_e[here, : len(block.counts)] @ np.array(block.counts) / len(block.positions)
        field = self.field_eV + self.coupling_eV @ mean
        constant = self.constant_eV + 0.5 * float(mean @ (self.field_eV + field))
        return ChargeEnergy(self.columns, constant, field, self.coupling_eV, self.charges_e - mean[:, None])

    def part(self, inside: npt.NDArray[np.bool_]) -> "ChargeEnergy":
        """Return the energy of some active sites alone, without the constant.

        Parameters
        ----------
        inside : ndarray of bool, shape (n_active,)
            Sites to keep.
        """
        coupling = self.coupling_eV[np.ix_(inside, inside)]
        return ChargeEnergy(self.columns[inside], 0.0, self.field_eV[inside], coupling, self.charges_e[inside])

    def charges(self, labels: LabelArray) -> FloatArray:
        """Return the charges in e, shape (n, n_active), of labels of shape (n, n_columns)."""
        return self.charges_e[np.arange(len(self.columns)), labels[:, self.columns]]

    def potentials(self, charges_e: FloatArray) -> FloatArray:
        """Return the derivative of the energy with respect to each active charge, in eV/e."""
        potentials: FloatArray = charges_e @ self.coupling_eV + self.field_eV
        return potentials

    def energies(self, labels: LabelArray) -> FloatArray:
        """Return the energy per cell of each labelling.

        Parameters
        ----------
        labels : ndarray of int, shape (n, n_columns)
            Charge class of every column.

        Returns
        -------
        ndarray, shape (n,)
            Energies in eV.
        """
        return self.energies_of_charges(self.charges(labels))

    def energies_of_charges(self, charges_e: FloatArray) -> FloatArray:
        """Return the energy per cell in eV, shape (n,), for charges in e, shape (n, n_active)."""
        mean_potentials = 0.5 * (self.potentials(charges_e) + self.field_eV)
        energies: FloatArray = self.constant_eV + np.sum(charges_e * mean_potentials, axis=1)
        return energies
