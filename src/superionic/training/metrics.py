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
    """Root-mean-square and mean absolute errors on one set of structures.

    Energies are per atom; forces and stresses are counted by component (3 per atom, 9 per structure), as MACE does.
    """

    n_structures: int
    energy_rmse_meV_per_atom: float
    energy_mae_meV_per_atom: float
    force_rmse_meV_per_A: float
    force_mae_meV_per_A: float
    stress_rmse_meV_per_A3: float


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


def errors_between(reference: Evaluation, predicted: Evaluation) -> Errors:
    """Errors of predictions against references on the same structures.

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
    return Errors(
        n_structures=len(reference),
        energy_rmse_meV_per_atom=_rms(energy),
        energy_mae_meV_per_atom=float(np.mean(np.abs(energy))),
        force_rmse_meV_per_A=_rms(force),
        force_mae_meV_per_A=float(np.mean(np.abs(force))),
        stress_rmse_meV_per_A3=_rms(stress),
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
    found = {"all": errors_between(reference, predicted)}
    for group in sorted(set(groups)):
        keep = [index for index, name in enumerate(groups) if name == group]
        found[group] = errors_between(reference.subset(keep), predicted.subset(keep))
    return found


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


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
