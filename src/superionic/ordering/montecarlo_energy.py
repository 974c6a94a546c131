"""Energy models for Monte Carlo: total energies and energy changes when two sites exchange their species.

A model holds the state of one supercell. Its contract: ``start(labels)`` sets the state and returns
the energy of the supercell in eV; ``swap_delta(i, j)`` is what the energy would change by if columns
i and j exchanged their labels, and changes nothing; ``swap(i, j)`` exchanges them.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from pymatgen.core import Structure

from superionic.ordering.cell import DisorderedCell
from superionic.ordering.lattices import FloatArray, IntArray, LabelArray
from superionic.ordering.occupancies import charge_e


class EnergyModel(Protocol):
    """Energy of a supercell as a function of the species labels of its disordered sites."""

    def start(self, labels: LabelArray) -> float:
        """Set the state; the energy of the supercell, eV."""

    def swap_delta(self, i: int, j: int) -> float:
        """Energy change in eV if columns i and j exchanged their labels."""

    def swap(self, i: int, j: int) -> None:
        """Exchange the labels of columns i and j."""


class EwaldEnergy:
    """Formal-charge Ewald energy of the whole supercell.

    With the potentials phi = A q of the current charges kept up to date, exchanging unlike charges
    q_i and q_j costs ``d (phi_i - phi_j) + d^2 (A_ii + A_jj - 2 A_ij) / 2`` with ``d = q_j - q_i``;
    that is exact because the energy ``q A q / 2 + f q`` is quadratic.

    Parameters
    ----------
    cell : DisorderedCell
        The supercell.
    """

    def __init__(self, cell: DisorderedCell) -> None:
        self._energy = cell.charge_energy()
        self._matrix = self._energy.coupling_eV
        self._place = np.full(cell.width, -1, dtype=np.int64)
        self._place[self._energy.columns] = np.arange(len(self._energy.columns))
        self._charge_of = _charges_by_label(cell)
        self._charges: FloatArray = np.zeros(0)
        self._potentials: FloatArray = np.zeros(0)

    def start(self, labels: LabelArray) -> float:
        """Set the state; energy in eV."""
        columns = self._energy.columns
        self._charges = self._charge_of[columns, labels[columns]]
        coupled = self._matrix @ self._charges
        self._potentials = coupled + self._energy.field_eV
        return self._energy.constant_eV + float(self._charges @ (self._energy.field_eV + 0.5 * coupled))

    def swap_delta(self, i: int, j: int) -> float:
        """Energy change of a swap, eV."""
        a, b = self._place[i], self._place[j]
        if a < 0:
            return 0.0
        change = self._charges[b] - self._charges[a]
        own = self._matrix[a, a] + self._matrix[b, b] - 2.0 * self._matrix[a, b]
        return float(change * (self._potentials[a] - self._potentials[b]) + 0.5 * change**2 * own)

    def swap(self, i: int, j: int) -> None:
        """Exchange the charges of two sites."""
        a, b = self._place[i], self._place[j]
        if a < 0 or self._charges[a] == self._charges[b]:
            return
        change = self._charges[b] - self._charges[a]
        self._potentials += change * (self._matrix[:, a] - self._matrix[:, b])
        self._charges[[a, b]] = self._charges[[b, a]]


def _charges_by_label(cell: DisorderedCell) -> FloatArray:
    """Charge in e of every species label on every column, shape (width, n_labels)."""
    n_labels = max(len(sublattice.species) for sublattice in cell.sublattices)
    charges = np.zeros((cell.width, n_labels))
    for sublattice in cell.sublattices:
        charges[sublattice.positions, : len(sublattice.species)] = [charge_e(s) for s in sublattice.species]
    return charges


class StructureEnergy:
    """Any function of the ordered structure, such as the energy of a potential; for small cells.

    Parameters
    ----------
    cell : DisorderedCell
        The supercell.
    energy_eV : callable
        Energy in eV of an ordered structure, per cell.
    cache_size : int
        Number of states whose energies are remembered.
    """

    def __init__(
        self, cell: DisorderedCell, energy_eV: Callable[[Structure], float], cache_size: int = 100_000
    ) -> None:
        self._cell, self._function, self._cache_size = cell, energy_eV, cache_size
        self._known: dict[bytes, float] = {}
        self._labels: LabelArray = np.zeros(cell.width, dtype=np.int8)

    def start(self, labels: LabelArray) -> float:
        """Set the state; energy in eV."""
        self._labels = labels.copy()
        return self._evaluate(self._labels)

    def swap_delta(self, i: int, j: int) -> float:
        """Energy change of a swap, eV."""
        trial = self._labels.copy()
        trial[[i, j]] = trial[[j, i]]
        return self._evaluate(trial) - self._evaluate(self._labels)

    def swap(self, i: int, j: int) -> None:
        """Exchange two labels."""
        self._labels[[i, j]] = self._labels[[j, i]]

    def _evaluate(self, labels: LabelArray) -> float:
        state = labels.tobytes()
        if state not in self._known:
            if len(self._known) >= self._cache_size:
                self._known.clear()
            self._known[state] = float(self._function(self._cell.structure(labels)))
        return self._known[state]


class WeightedSum:
    """Sum of energy models with constant weights.

    Parameters
    ----------
    terms : sequence of (float, EnergyModel)
        Weight and model of each term.
    constant_eV : float
        Added to the energy of the supercell, eV.
    """

    def __init__(self, terms: Sequence[tuple[float, EnergyModel]], constant_eV: float = 0.0) -> None:
        self._terms, self._constant_eV = list(terms), constant_eV

    def start(self, labels: LabelArray) -> float:
        """Set the state; energy in eV."""
        return self._constant_eV + sum(weight * model.start(labels) for weight, model in self._terms)

    def swap_delta(self, i: int, j: int) -> float:
        """Energy change of a swap, eV."""
        return sum(weight * model.swap_delta(i, j) for weight, model in self._terms)

    def swap(self, i: int, j: int) -> None:
        """Exchange the labels in every term."""
        for _, model in self._terms:
            model.swap(i, j)


def mobile_columns(cell: DisorderedCell) -> list[IntArray]:
    """Columns of each sublattice on which more than one species is present."""
    return [s.positions for s in cell.sublattices if sum(count > 0 for count in s.counts) > 1]
