"""Errors of a potential against labels, element offsets between levels of theory, and parity data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from superionic.errors import InputError
from superionic.units import MEV_PER_EV

FloatArray = NDArray[np.float64]
MAX_PARITY_FORCES = 3000
MIN_FREE_CLUSTERS = 3
"""Fewer structures, less the means that were taken off, say nothing about the error of a slope."""


@dataclass(frozen=True)
class Evaluation:
    """Energies, forces and stresses of several structures, from labels or from a model.

    Attributes
    ----------
    energies_eV : ndarray
        Energies of the cells, (n,), eV.
    forces_eV_per_A : ndarray
        Forces of all atoms of all structures, (sum of n_atoms, 3), eV/A.
    stresses_eV_per_A3 : ndarray
        Stress tensors, (n, 3, 3), eV/A^3.
    n_atoms : ndarray
        Atoms of each structure, (n,).
    """

    energies_eV: FloatArray
    forces_eV_per_A: FloatArray
    stresses_eV_per_A3: FloatArray
    n_atoms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.energies_eV)

    def subset(self, keep: Sequence[int]) -> Evaluation:
        """The same values for some of the structures, in the order of ``keep``."""
        ends = np.cumsum(self.n_atoms)
        forces = [self.forces_eV_per_A[ends[i] - self.n_atoms[i] : ends[i]] for i in keep]
        index = np.asarray(keep, dtype=np.int64)
        return Evaluation(
            energies_eV=self.energies_eV[index],
            forces_eV_per_A=np.concatenate(forces) if forces else np.zeros((0, 3)),
            stresses_eV_per_A3=self.stresses_eV_per_A3[index],
            n_atoms=self.n_atoms[index],
        )

    def shifted(self, shifts_eV: FloatArray) -> Evaluation:
        """The same values with an energy added to each structure."""
        return Evaluation(self.energies_eV + shifts_eV, self.forces_eV_per_A, self.stresses_eV_per_A3, self.n_atoms)


@dataclass(frozen=True)
class Errors:
    """Errors on one set of structures, and the softening slopes.

    Energies are per atom; forces and stresses are counted by component (3 per atom, 9 per structure), as MACE does. R2
    of energies is taken about the mean of each composition, R2 of forces and stresses about the mean of each tensor
    component. What cannot be computed is None, e.g. R2 of values that are all equal.

    Slopes are those of predicted against reference values, with their standard errors: of force components through the
    origin, of energies about the mean of each composition. Below 1 the potential is too soft, as universal potentials
    are (Deng et al., npj Comput. Mater. 11, 9 (2025), doi 10.1038/s41524-024-01500-6).
    """

    n_structures: int
    energy_rmse_meV_per_atom: float
    energy_mae_meV_per_atom: float
    force_rmse_meV_per_A: float
    force_mae_meV_per_A: float
    stress_rmse_meV_per_A3: float
    energy_max_meV_per_atom: float | None = None
    energy_r2: float | None = None
    force_max_meV_per_A: float | None = None
    force_r2: float | None = None
    stress_mae_meV_per_A3: float | None = None
    stress_max_meV_per_A3: float | None = None
    stress_r2: float | None = None
    energy_slope: float | None = None
    energy_slope_std: float | None = None
    force_slope: float | None = None
    force_slope_std: float | None = None


@dataclass(frozen=True)
class ForceErrors:
    """Errors of the force components on the atoms of one element, and their softening slope."""

    n_atoms: int
    force_rmse_meV_per_A: float
    force_mae_meV_per_A: float
    force_max_meV_per_A: float
    force_r2: float | None
    force_slope: float | None
    force_slope_std: float | None


@dataclass(frozen=True)
class ElementOffsets:
    """Energy per element that best explains a difference of total energies.

    Attributes
    ----------
    eV_per_atom : dict
        Offset per atomic number, eV.
    rank : int
        Independent compositions in the fit. Below the number of elements the single offsets are not physical; only
        their sums over compositions inside the fitted family are.
    """

    eV_per_atom: dict[int, float]
    rank: int

    @property
    def deficient(self) -> bool:
        """Whether the compositions do not determine every single offset."""
        return self.rank < len(self.eV_per_atom)

    def energies_of(self, numbers: Sequence[NDArray[np.int64]]) -> FloatArray:
        """Sum of the offsets over the atoms of each structure, (n,), eV; elements that were not fitted count 0."""
        table = np.zeros(len(chemical_symbols))
        for number, offset in self.eV_per_atom.items():
            table[number] = offset
        return np.array([table[atoms].sum() for atoms in numbers])


def fit_element_offsets(numbers: Sequence[NDArray[np.int64]], differences_eV: FloatArray) -> ElementOffsets:
    """Least-squares energy per element, sum_z n_z e_z = difference, weighted per atom.

    Of all solutions the one of smallest norm is taken. This is what MACE calls estimated E0s when the differences are
    label minus foundation, and average E0s when they are the labels themselves.

    Parameters
    ----------
    numbers : sequence of ndarray
        Atomic numbers of each structure.
    differences_eV : ndarray
        Energy to explain, (n,), eV.

    Returns
    -------
    ElementOffsets
        One offset per element that occurs.

    Raises
    ------
    InputError
        If there are no structures or an energy is not finite.
    """
    if len(numbers) == 0 or not np.all(np.isfinite(differences_eV)):
        raise InputError("element offsets need at least one structure and finite energies; check the labels")
    elements = sorted({int(z) for atoms in numbers for z in np.unique(atoms)})
    counts = np.array([[np.count_nonzero(atoms == z) for z in elements] for atoms in numbers], dtype=float)
    per_atom = 1.0 / counts.sum(axis=1)
    solution, _, rank, _ = np.linalg.lstsq(counts * per_atom[:, None], differences_eV * per_atom, rcond=1e-9)
    return ElementOffsets(dict(zip(elements, solution.tolist(), strict=True)), int(rank))


def errors_between(reference: Evaluation, predicted: Evaluation, groups: Sequence[str] | None = None) -> Errors:
    """Errors of predictions against references on the same structures.

    Parameters
    ----------
    reference, predicted : Evaluation
        Values of the same structures.
    groups : sequence of str, optional
        Composition of each structure, about whose means R2 and slope of the energies are taken; one by default.

    Raises
    ------
    InputError
        If the two do not belong to the same structures, or there are none.
    """
    if len(reference) == 0 or not np.array_equal(reference.n_atoms, predicted.n_atoms):
        raise InputError(
            f"cannot compare {len(predicted)} predictions with {len(reference)} references of other structures; "
            "evaluate the model on the labelled structures in their order"
        )
    energy = MEV_PER_EV * (predicted.energies_eV - reference.energies_eV) / reference.n_atoms
    force = MEV_PER_EV * (predicted.forces_eV_per_A - reference.forces_eV_per_A)
    stress = MEV_PER_EV * (predicted.stresses_eV_per_A3 - reference.stresses_eV_per_A3)
    places = ["all"] * len(reference) if groups is None else groups
    energy_spread = centred(reference.energies_eV / reference.n_atoms, places)
    energy_slope = slope_through_origin(
        energy_spread,
        centred(predicted.energies_eV / predicted.n_atoms, places),
        np.arange(len(reference)),
        n_means=len(set(places)),
    )
    structures = np.repeat(np.arange(len(reference)), reference.n_atoms)
    force_slope = slope_through_origin(reference.forces_eV_per_A, predicted.forces_eV_per_A, structures)
    return Errors(
        n_structures=len(reference),
        energy_rmse_meV_per_atom=_rms(energy),
        energy_mae_meV_per_atom=float(np.mean(np.abs(energy))),
        force_rmse_meV_per_A=_rms(force),
        force_mae_meV_per_A=float(np.mean(np.abs(force))),
        stress_rmse_meV_per_A3=_rms(stress),
        energy_max_meV_per_atom=float(np.max(np.abs(energy))),
        energy_r2=_r2(energy, MEV_PER_EV * energy_spread),
        force_max_meV_per_A=float(np.max(np.abs(force))),
        force_r2=_r2(force, MEV_PER_EV * _about_mean(reference.forces_eV_per_A)),
        stress_mae_meV_per_A3=float(np.mean(np.abs(stress))),
        stress_max_meV_per_A3=float(np.max(np.abs(stress))),
        stress_r2=_r2(stress, MEV_PER_EV * _about_mean(reference.stresses_eV_per_A3)),
        energy_slope=energy_slope[0],
        energy_slope_std=energy_slope[1],
        force_slope=force_slope[0],
        force_slope_std=force_slope[1],
    )


def errors_by_group(reference: Evaluation, predicted: Evaluation, groups: Sequence[str]) -> dict[str, Errors]:
    """Errors over all structures (``all``) and over those of each group.

    Parameters
    ----------
    reference, predicted : Evaluation
        Values of the same structures.
    groups : sequence of str
        Group of each structure, e.g. its composition.

    Returns
    -------
    dict
        Errors per group; ``all`` comes first.
    """
    found = {"all": errors_between(reference, predicted, groups)}
    for group in sorted(set(groups)):
        keep = [index for index, name in enumerate(groups) if name == group]
        found[group] = errors_between(reference.subset(keep), predicted.subset(keep))
    return found


def force_errors_by_element(
    reference: Evaluation, predicted: Evaluation, numbers: Sequence[NDArray[np.int64]]
) -> dict[str, ForceErrors]:
    """Errors of the forces on the atoms of each element.

    Parameters
    ----------
    reference, predicted : Evaluation
        Values of the same structures.
    numbers : sequence of ndarray
        Atomic numbers of each structure.

    Returns
    -------
    dict
        Errors per chemical symbol, lightest element first.
    """
    elements = np.concatenate([np.asarray(atoms) for atoms in numbers])
    structures = np.repeat(np.arange(len(reference)), reference.n_atoms)
    found = {}
    for number in np.unique(elements).tolist():
        mine = elements == number
        true = reference.forces_eV_per_A[mine]
        error = MEV_PER_EV * (predicted.forces_eV_per_A[mine] - true)
        slope, slope_std = slope_through_origin(true, predicted.forces_eV_per_A[mine], structures[mine])
        found[chemical_symbols[number]] = ForceErrors(
            n_atoms=int(mine.sum()),
            force_rmse_meV_per_A=_rms(error),
            force_mae_meV_per_A=float(np.mean(np.abs(error))),
            force_max_meV_per_A=float(np.max(np.abs(error))),
            force_r2=_r2(error, MEV_PER_EV * _about_mean(true)),
            force_slope=slope,
            force_slope_std=slope_std,
        )
    return found


def slope_through_origin(
    reference: FloatArray, predicted: FloatArray, clusters: NDArray[np.int64], n_means: int = 0
) -> tuple[float | None, float | None]:
    """Least-squares slope of predicted against reference values through the origin, and its standard error.

    The error allows for correlated residuals of unequal size within a cluster (Liang and Zeger, Biometrika 73, 13
    (1986), with the factor for few clusters): the components of the forces in one structure are not independent.

    Parameters
    ----------
    reference, predicted : ndarray
        Values of any shape whose first axis is that of ``clusters``.
    clusters : ndarray
        Cluster of each entry of the first axis, e.g. its structure.
    n_means : int
        Means that were taken off the values before; each costs a degree of freedom.

    Returns
    -------
    tuple of float or None
        Slope, None where all references are zero; standard error, None where too few clusters are left.
    """
    weight = float(np.sum(np.square(reference)))
    # rounding alone gives values that are all equal a spread of 1e-16 of their size
    if weight <= np.finfo(float).tiny:
        return None, None
    slope = float(np.sum(reference * predicted)) / weight
    products = (reference * (predicted - slope * reference)).reshape(len(clusters), -1).sum(axis=1)
    labels, index = np.unique(clusters, return_inverse=True)
    scores = np.bincount(index, weights=products)
    free = len(labels) - 1 - n_means
    if free < MIN_FREE_CLUSTERS:
        return slope, None
    return slope, float(np.sqrt(len(labels) / free * np.sum(np.square(scores)))) / weight


def centred(values: FloatArray, groups: Sequence[str]) -> FloatArray:
    """Values minus the mean of their group, (n,); what is left of rounding is set to zero."""
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    means = np.bincount(index, weights=values) / np.bincount(index)
    spread = values - means[index]
    return np.where(np.abs(spread) > 1e-12 * np.maximum(np.abs(values), 1.0), spread, 0.0)


def parity_sample(reference: Evaluation, predicted: Evaluation, seed: int) -> dict[str, list[float]]:
    """Values for parity plots: all energies and stress components, a seeded sample of the force components.

    Returns
    -------
    dict
        Fields of :class:`superionic.training.schemas.Parity`.
    """
    n_forces = reference.forces_eV_per_A.size
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.permutation(n_forces)[:MAX_PARITY_FORCES])
    labelled = ~np.isnan(reference.stresses_eV_per_A3).any(axis=(1, 2))
    columns: dict[str, list[float]] = {}
    for name, values in (("reference", reference), ("predicted", predicted)):
        columns[f"energy_{name}_eV_per_atom"] = (values.energies_eV / values.n_atoms).tolist()
        columns[f"force_{name}_eV_per_A"] = values.forces_eV_per_A.ravel()[drawn].tolist()
        columns[f"stress_{name}_eV_per_A3"] = values.stresses_eV_per_A3[labelled].ravel().tolist()
    return columns


def _r2(errors: FloatArray, spread: FloatArray) -> float | None:
    total = float(np.sum(np.square(spread)))
    return 1.0 - float(np.sum(np.square(errors))) / total if total > 0 else None


def _about_mean(values: FloatArray) -> FloatArray:
    return np.asarray(values - values.mean(axis=0))


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
