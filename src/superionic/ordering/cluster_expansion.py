"""Cluster expansions: the energy of an ordering as a sum over pairs, triplets, ... of its sites.

J. M. Sanchez, F. Ducastelle, D. Gratias, Physica A 128, 334 (1984). Optionally the formal-charge
Ewald energy with a fitted weight (an inverse dielectric constant) is a further feature: W. D.
Richards et al., Energy Environ. Sci. 9, 3272 (2016).
"""

from dataclasses import dataclass

import numpy as np

from superionic.errors import InsufficientDataError, OrderingError
from superionic.ordering.cell import DisorderedCell
from superionic.ordering.cluster_space import ClusterEnergy, ClusterFeatures
from superionic.ordering.lattices import FloatArray, IntArray, LabelArray
from superionic.ordering.montecarlo import random_labels
from superionic.ordering.montecarlo_energy import EnergyModel, EwaldEnergy, WeightedSum
from superionic.ordering.ridge import centred_rank, cross_validate, fit_ridge

VALUES_PER_PARAMETER = 1.2
"""Fewer distinct training orderings than this per parameter are refused."""
PROBES_PER_FEATURE = 1.5
ORBIT_TOLERANCE_A = 1e-3


@dataclass(frozen=True, eq=False)
class ClusterExpansion:
    """A fitted cluster expansion with its errors; plain numbers only, so that it can be stored.

    Attributes
    ----------
    cutoffs_A : tuple of float
        Largest distance inside a pair, triplet, ... in angstrom.
    orbits : tuple of (int, float, int)
        Order, radius (A) and multiplicity of the cluster behind each parameter, the constant first.
    parameters_eV : ndarray, shape (1 + n_features,)
        Constant and coefficients of the averaged cluster functions, eV per reference cell.
    ewald_weight : float
        Weight of the Ewald energy; 0 where it is not part of the model.
    n_parameters : int
        Independent parameters that the training orderings determine, the constant included.
    n_training, n_distinct : int
        Training orderings, and those among them with distinct features.
    n_folds : int
        Folds of the cross validation.
    cv_rmse_eV, fit_rmse_eV, spread_eV : float
        Error of predictions of left-out orderings, of the fit, and standard deviation of the energies;
        all in eV per reference cell.
    energies_eV, predicted_eV : ndarray, shape (n_training,)
        Training energies and their cross-validation predictions, eV per reference cell.
    """

    cutoffs_A: tuple[float, ...]
    orbits: tuple[tuple[int, float, int], ...]
    parameters_eV: FloatArray
    ewald_weight: float
    n_parameters: int
    n_training: int
    n_distinct: int
    n_folds: int
    cv_rmse_eV: float
    fit_rmse_eV: float
    spread_eV: float
    energies_eV: FloatArray
    predicted_eV: FloatArray


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Orderings and their energies.

    Attributes
    ----------
    cells : tuple of DisorderedCell
        Supercell of each ordering.
    labels : tuple of ndarray
        Species labels of each ordering.
    energies_eV : ndarray, shape (n,)
        Energy of each supercell, eV.
    """

    cells: tuple[DisorderedCell, ...]
    labels: tuple[LabelArray, ...]
    energies_eV: FloatArray

    @property
    def sizes(self) -> IntArray:
        """Reference cells in each supercell."""
        return np.array([cell.cosets.size for cell in self.cells], dtype=np.int64)

    def features(self, features: ClusterFeatures) -> FloatArray:
        """Averaged cluster functions of every ordering, shape (n, n_features)."""
        pairs = zip(self.cells, self.labels, strict=True)
        return np.array([features.vector(cell, labels) for cell, labels in pairs])


def fit_cluster_expansion(
    features: ClusterFeatures,
    training: TrainingSet,
    target_cell: DisorderedCell,
    *,
    ewald: bool = False,
    n_folds: int = 10,
    seed: int = 0,
) -> ClusterExpansion:
    """Fit a cluster expansion that is to be used in a given supercell.

    Parameters
    ----------
    features : ClusterFeatures
        Cluster functions of the reference crystal.
    training : TrainingSet
        Orderings with energies.
    target_cell : DisorderedCell
        Supercell of the Monte Carlo runs: what its orderings need must be resolved by the training.
    ewald : bool
        Whether the Ewald energy is a further feature.
    n_folds : int
        Folds of the cross validation.
    seed : int
        Seed of folds and of the random orderings that probe the target cell.

    Returns
    -------
    ClusterExpansion
        The fit and its errors.

    Raises
    ------
    InsufficientDataError
        If the training orderings are too few or do not determine the parameters.
    """
    rows = training.features(features)
    require_determined(features, rows, target_cell, n_folds=n_folds, seed=seed)
    _, groups = np.unique(rows.round(8), axis=0, return_inverse=True)
    rank = centred_rank(rows)
    n_distinct = len(np.unique(groups))
    columns = np.column_stack([rows, _ewald_energies(training)]) if ewald else rows
    energies_eV = training.energies_eV / training.sizes
    fit = fit_ridge(columns, energies_eV)
    predicted_eV = cross_validate(columns, energies_eV, groups.ravel(), n_folds, seed)
    width = rows.shape[1]
    return ClusterExpansion(
        cutoffs_A=features.cutoffs_A,
        orbits=features.orbits,
        parameters_eV=np.concatenate([[fit.constant], fit.coefficients[:width]]),
        ewald_weight=float(fit.coefficients[width]) if ewald else 0.0,
        n_parameters=rank + 1 + int(ewald),
        n_training=len(rows),
        n_distinct=n_distinct,
        n_folds=n_folds,
        cv_rmse_eV=_rms(predicted_eV - energies_eV),
        fit_rmse_eV=_rms(fit.predict(columns) - energies_eV),
        spread_eV=float(energies_eV.std()),
        energies_eV=energies_eV,
        predicted_eV=predicted_eV,
    )


def expansion_energy(expansion: ClusterExpansion, features: ClusterFeatures, cell: DisorderedCell) -> EnergyModel:
    """Energy model of a supercell by a fitted expansion.

    Parameters
    ----------
    expansion : ClusterExpansion
        The fit.
    features : ClusterFeatures
        Cluster functions of the same crystal and cutoffs.
    cell : DisorderedCell
        The supercell.

    Raises
    ------
    OrderingError
        If the expansion belongs to other clusters.
    """
    stored, now = np.array(expansion.orbits), np.array(features.orbits)
    if stored.shape != now.shape or np.any(np.abs(stored - now) > ORBIT_TOLERANCE_A):
        raise OrderingError(
            "the stored cluster expansion belongs to other clusters than icet finds now (another structure, other "
            "cutoffs or another version of icet): fit it again"
        )
    clusters = ClusterEnergy(features, cell, expansion.parameters_eV)
    if expansion.ewald_weight == 0.0:
        return clusters
    return WeightedSum([(1.0, clusters), (expansion.ewald_weight, EwaldEnergy(cell))])


def require_determined(
    features: ClusterFeatures, rows: FloatArray, target_cell: DisorderedCell, *, n_folds: int = 10, seed: int = 0
) -> None:
    """Refuse training orderings that cannot determine an expansion, whatever their energies.

    Parameters
    ----------
    features : ClusterFeatures
        Cluster functions of the reference crystal.
    rows : ndarray, shape (n, n_features)
        Averaged cluster functions of the training orderings.
    target_cell : DisorderedCell
        Supercell that the expansion is to serve.
    n_folds : int
        Folds of the cross validation.
    seed : int
        Seed of the random orderings that probe the target cell.

    Raises
    ------
    InsufficientDataError
        If the orderings are too few, or alike in something that varies in the target cell.
    """
    n_distinct = len(np.unique(rows.round(8), axis=0))
    _require_enough(n_distinct, centred_rank(rows) + 1, n_folds, features)
    _require_resolved(rows, _probe(features, target_cell, seed), features)


def _require_enough(n_distinct: int, n_parameters: int, n_folds: int, features: ClusterFeatures) -> None:
    if n_distinct < VALUES_PER_PARAMETER * n_parameters or n_distinct <= n_folds:
        raise InsufficientDataError(
            f"{n_distinct} distinct training orderings are too few for a cluster expansion with {n_parameters} "
            f"parameters (cutoffs {list(features.cutoffs_A)} A) and {n_folds} folds: raise "
            "montecarlo.training_orderings or lower montecarlo.cutoffs_A"
        )


def _probe(features: ClusterFeatures, cell: DisorderedCell, seed: int) -> FloatArray:
    """Features of random orderings of the target cell."""
    rng = np.random.default_rng(seed)
    number = int(np.ceil(PROBES_PER_FEATURE * (len(features.orbits) - 1))) + 1
    return np.array([features.vector(cell, random_labels(cell, rng)) for _ in range(number)])


def _require_resolved(rows: FloatArray, probe: FloatArray, features: ClusterFeatures) -> None:
    missing = centred_rank(rows, probe) - centred_rank(rows)
    if missing > 0:
        raise InsufficientDataError(
            f"{missing} combinations of the cluster functions (cutoffs {list(features.cutoffs_A)} A) vary among "
            "orderings of the Monte Carlo cell but not among the training orderings, mostly because distant clusters "
            "fall onto near ones in small cells. Cross validation cannot see this, so the fit is refused: add larger "
            "cells of other shapes to montecarlo.training_supercells, raise montecarlo.training_orderings, or lower "
            "montecarlo.cutoffs_A"
        )


def _ewald_energies(training: TrainingSet) -> FloatArray:
    """Ewald energy of every ordering, eV per reference cell."""
    models: dict[int, EwaldEnergy] = {}
    energies = []
    for cell, labels in zip(training.cells, training.labels, strict=True):
        model = models.setdefault(id(cell), EwaldEnergy(cell))
        energies.append(model.start(labels) / cell.cosets.size)
    return np.array(energies)


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))
