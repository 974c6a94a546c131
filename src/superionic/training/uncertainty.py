"""How far a model can be trusted on a structure: disagreement of a committee, distance to the training set.

Both give one number per structure. What either means in meV/A is found by calibration against known errors
(:mod:`superionic.training.calibration`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from superionic.errors import InputError
from superionic.training.metrics import Evaluation
from superionic.units import MEV_PER_EV

FloatArray = NDArray[np.float64]
MIN_COMMITTEE = 2
EXPLAINED_VARIANCE = 0.99
UNIT_SAMPLE = 2000
"""Largest number of training atoms of an element from which its unit of distance is found."""


@dataclass(frozen=True, eq=False)
class Disagreement:
    """How much the members of a committee differ on each structure.

    Attributes
    ----------
    forces_meV_per_A : numpy.ndarray, (n,)
        Root mean square, over all force components of the structure, of the standard deviation among the members.
    largest_force_meV_per_A : numpy.ndarray, (n,)
        The same over the three components of the atom where it is largest.
    energy_meV_per_atom : numpy.ndarray, (n,)
        Standard deviation of the energy per atom among the members.
    """

    forces_meV_per_A: FloatArray
    largest_force_meV_per_A: FloatArray
    energy_meV_per_atom: FloatArray


def committee_disagreement(members: Sequence[Evaluation]) -> Disagreement:
    """Disagreement of a committee (Seung, Opper and Sompolinsky, COLT 1992; Lakshminarayanan et al., NIPS 2017).

    With forces F of M members, the number of a structure of N atoms is

        sqrt( 1/(3N) sum_components 1/(M-1) sum_m (F_m - mean F)^2 ),

    which compares with the RMSE of the mean of the committee on that structure.

    Parameters
    ----------
    members : sequence of Evaluation
        Predictions of at least two models for the same structures.

    Raises
    ------
    InputError
        If there are fewer than two members, or they were evaluated on different structures.
    """
    _same_structures(members)
    forces = np.stack([member.forces_eV_per_A for member in members])
    per_atom = MEV_PER_EV**2 * forces.var(axis=0, ddof=1).mean(axis=1)
    energies = np.stack([member.energies_eV / member.n_atoms for member in members])
    owners = _owners(members[0].n_atoms)
    largest = np.zeros(len(members[0]))
    np.maximum.at(largest, owners, per_atom)
    return Disagreement(
        forces_meV_per_A=np.sqrt(_mean_per_structure(per_atom, members[0].n_atoms)),
        largest_force_meV_per_A=np.sqrt(largest),
        energy_meV_per_atom=MEV_PER_EV * energies.std(axis=0, ddof=1),
    )


def committee_mean(members: Sequence[Evaluation]) -> Evaluation:
    """Mean of the predictions of a committee.

    Raises
    ------
    InputError
        If there are fewer than two members, or they were evaluated on different structures.
    """
    _same_structures(members)
    return Evaluation(
        energies_eV=np.mean([member.energies_eV for member in members], axis=0),
        forces_eV_per_A=np.mean([member.forces_eV_per_A for member in members], axis=0),
        stresses_eV_per_A3=np.mean([member.stresses_eV_per_A3 for member in members], axis=0),
        n_atoms=members[0].n_atoms,
    )


@dataclass(frozen=True, eq=False)
class AtomicFeatures:
    """Invariant features of all atoms of several structures, one structure after the other.

    Attributes
    ----------
    values : numpy.ndarray, (sum of n_atoms, f)
        Features, e.g. of :meth:`LightMACECalculator.invariant_features`.
    numbers : numpy.ndarray, (sum of n_atoms,)
        Atomic numbers.
    n_atoms : numpy.ndarray, (n,)
        Atoms of each structure.
    """

    values: FloatArray
    numbers: NDArray[np.int64]
    n_atoms: NDArray[np.int64]


class LatentDistance:
    """Distance of atomic environments to the nearest ones of a training set, in the space of a model's features.

    A measure that needs one model and no further training (Janet, Duan, Yang, Nandy and Kulik, Chem. Sci. 10, 7913,
    2019). Features are standardised per element with the mean and spread of the training atoms, and projected on the
    principal components that explain 99 % of their variance. The unit of each element is the root mean square distance
    of its training atoms to their nearest neighbour in *another* training structure: 1 means as far away as training
    structures are from each other.

    Parameters
    ----------
    training : AtomicFeatures
        Features of the training set; at least two structures.

    Raises
    ------
    InputError
        If there are fewer than two training structures.
    """

    def __init__(self, training: AtomicFeatures) -> None:
        if len(training.n_atoms) < MIN_COMMITTEE:
            raise InputError("the distance to a training set needs at least two training structures")
        owners = _owners(training.n_atoms)
        self._spaces: Mapping[int, _ElementSpace] = {
            int(number): _ElementSpace(training.values[own], owners[own])
            for number in np.unique(training.numbers)
            for own in [training.numbers == number]
        }

    def of_atoms(self, features: AtomicFeatures) -> FloatArray:
        """Distance of every atom, in the unit of its element; infinite for elements without training atoms."""
        distances = np.full(len(features.values), np.inf)
        for number, space in self._spaces.items():
            own = features.numbers == number
            if own.any():
                distances[own] = space.distances(features.values[own])
        return distances

    def of_structures(self, features: AtomicFeatures) -> FloatArray:
        """Root mean square of the distances of the atoms of each structure, (n,)."""
        return np.sqrt(_mean_per_structure(self.of_atoms(features) ** 2, features.n_atoms))


class _ElementSpace:
    """Standardised training environments of one element, in their leading principal components."""

    def __init__(self, values: FloatArray, owners: NDArray[np.int64]) -> None:
        self._mean, spread = values.mean(axis=0), values.std(axis=0)
        varying = spread > 1e-9 * np.abs(values).max(initial=1.0)
        scaled = (values[:, varying] - self._mean[varying]) / spread[varying]
        _, singular, axes = np.linalg.svd(scaled, full_matrices=False)
        kept = int(np.searchsorted(np.cumsum(singular**2), EXPLAINED_VARIANCE * np.sum(singular**2))) + 1
        self._project = np.zeros((values.shape[1], min(kept, len(axes))))
        self._project[varying] = axes[:kept].T / spread[varying][:, None]
        points = (values - self._mean) @ self._project
        self._tree = cKDTree(points)
        self._unit = _distance_between_structures(self._tree, points, owners)

    def distances(self, values: FloatArray) -> FloatArray:
        found: FloatArray = self._tree.query((values - self._mean) @ self._project)[0]
        return found / self._unit


def _distance_between_structures(tree: Any, points: FloatArray, owners: NDArray[np.int64]) -> float:  # noqa: ANN401
    """Root mean square distance to the nearest point of another structure; 1 where that says nothing."""
    sample = np.arange(0, len(points), -(-len(points) // UNIT_SAMPLE))
    most = int(np.bincount(owners).max())
    distances, neighbours = tree.query(points[sample], k=list(range(1, min(most + 1, len(points)) + 1)))
    distances[owners[neighbours] == owners[sample][:, None]] = np.inf
    nearest = distances.min(axis=1)
    found = nearest[np.isfinite(nearest)]
    unit = float(np.sqrt(np.mean(found**2))) if len(found) else 0.0
    return unit if unit > 0 else 1.0


def _same_structures(members: Sequence[Evaluation]) -> None:
    if len(members) < MIN_COMMITTEE:
        raise InputError(f"{len(members)} model is no committee: at least {MIN_COMMITTEE} are needed to disagree")
    if any(not np.array_equal(member.n_atoms, members[0].n_atoms) for member in members):
        raise InputError("the members of the committee were evaluated on different structures")


def _owners(n_atoms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the structure that each atom belongs to."""
    return np.repeat(np.arange(len(n_atoms)), n_atoms)


def _mean_per_structure(per_atom: FloatArray, n_atoms: NDArray[np.int64]) -> FloatArray:
    sums = np.zeros(len(n_atoms))
    np.add.at(sums, _owners(n_atoms), per_atom)
    return sums / n_atoms
