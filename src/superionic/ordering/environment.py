"""Local environments of orderings, to choose decorations that differ from each other."""

from typing import Any

import numpy as np
from pymatgen.core import Lattice, Structure

from superionic.ordering.cell import DisorderedCell
from superionic.ordering.lattices import FloatArray, IntArray, LabelArray

SHELL_CENTRES_A = (2.5, 3.5, 4.5, 5.5)
SHELL_WIDTH_A = 0.5


class EnvironmentFeatures:
    """Smoothed numbers of pairs of species at a few distances.

    For species a and b and a shell at distance c the feature is the sum over pairs of
    ``exp(-(r - c)^2 / 2 w^2)``, periodic images included: a Gaussian-smeared partial pair
    distribution, invariant under the symmetry of the crystal.

    Parameters
    ----------
    cell : DisorderedCell
        The cell.
    """

    def __init__(self, cell: DisorderedCell) -> None:
        self._cell = cell
        self._weights = _shell_weights(cell)
        ions = [s for sublattice in cell.sublattices for s in sublattice.species if s is not None]
        self._decorating = sorted(set(ions), key=str)
        self._species: list[Any] = sorted({*ions, *cell.fixed.values()}, key=str)

    def of(self, labels: LabelArray) -> FloatArray:
        """Return the features of orderings.

        Parameters
        ----------
        labels : ndarray of int, shape (n, n_columns)
            Species labels.

        Returns
        -------
        ndarray, shape (n, n_features)
            Standardised features; constant ones are left out.
        """
        occupied = [self._occupation(labels, species) for species in self._species]
        columns = []
        for species in self._decorating:
            for weights in self._weights:
                surrounding = self._occupation(labels, species) @ weights
                columns += [np.sum(surrounding * other, axis=1) for other in occupied]
        features = np.stack(columns, axis=1)
        spread = features.std(axis=0)
        varying = spread > 1e-6 * (np.abs(features).max(axis=0) + 1e-12)
        standardised: FloatArray = (features - features.mean(axis=0))[:, varying] / spread[varying]
        return standardised

    def _occupation(self, labels: LabelArray, species: Any) -> FloatArray:  # noqa: ANN401 -- pymatgen
        """Return 1 where a species sits and 0 elsewhere, shape (n, n_sites)."""
        occupation = np.zeros((len(labels), len(self._cell.frac_coords)))
        occupation[:, [site for site, fixed in self._cell.fixed.items() if fixed == species]] = 1.0
        for sublattice in self._cell.sublattices:
            if species in sublattice.species:
                label = sublattice.species.index(species)
                sites = self._cell.sites[sublattice.positions]
                occupation[:, sites] = labels[:, sublattice.positions] == label
        return occupation


def _shell_weights(cell: DisorderedCell) -> FloatArray:
    """Return the pair weights of every shell, shape (n_shells, n_sites, n_sites)."""
    n_sites = len(cell.frac_coords)
    reach_A = SHELL_CENTRES_A[-1] + 3.0 * SHELL_WIDTH_A
    points = Structure(Lattice(cell.lattice_A), ["H"] * n_sites, cell.frac_coords)
    first, second, _, distances_A = points.get_neighbor_list(reach_A)
    weights = np.zeros((len(SHELL_CENTRES_A), n_sites, n_sites))
    for shell, centre_A in zip(weights, SHELL_CENTRES_A, strict=True):
        np.add.at(shell, (first, second), np.exp(-0.5 * ((distances_A - centre_A) / SHELL_WIDTH_A) ** 2))
    return weights


def farthest_points(features: FloatArray, n: int) -> IntArray:
    """Choose rows that cover the feature space (T. F. Gonzalez, Theor. Comput. Sci. 38, 293 (1985)).

    Parameters
    ----------
    features : ndarray, shape (n_rows, n_features)
        Points.
    n : int
        Number of rows to choose.

    Returns
    -------
    ndarray of int, shape (n,)
        The row closest to the mean, then always the row farthest from all chosen ones.
    """
    distances = np.linalg.norm(features - features.mean(axis=0), axis=1)
    chosen = [int(distances.argmin())]
    nearest = np.linalg.norm(features - features[chosen[0]], axis=1)
    while len(chosen) < n:
        nearest[chosen[-1]] = -1.0
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(features - features[chosen[-1]], axis=1))
    return np.array(chosen, dtype=np.int64)
