"""Charge patterns: what formal charges alone can tell apart, with the lowest Ewald energies.

Species of equal charge on a sublattice are one class here, and so is the vacancy with a charge of
zero. Small spaces are evaluated completely; larger ones are searched (:mod:`.anneal`).
"""

from dataclasses import dataclass

import numpy as np

from superionic.ordering.arrangements import Block, Canonicaliser, CodeArray, count_raw, unrank
from superionic.ordering.ewald import ChargeEnergy
from superionic.ordering.lattices import FloatArray, IntArray, LabelArray

TIE_eV = 1e-8
"""Energies closer than this (1e-12 of their size, if that is more) differ by rounding errors only."""
CUT_MARGIN_eV = 1e-6
CHUNK = 8_192
"""Arrangements written down at a time."""


def tie_groups(energies_eV: FloatArray) -> IntArray:
    """Number groups of equal energies in ascending order.

    Parameters
    ----------
    energies_eV : ndarray, shape (n,)
        Energies in any order.

    Returns
    -------
    ndarray of int, shape (n,)
        Group of each energy; lower groups have lower energies.
    """
    order = np.argsort(energies_eV, kind="stable")
    gaps = np.diff(energies_eV[order], prepend=energies_eV[order[:1]])
    groups = np.empty(len(order), dtype=np.int64)
    groups[order] = np.cumsum(gaps > np.maximum(TIE_eV, 1e-12 * np.abs(energies_eV[order])))
    return groups


@dataclass(frozen=True, eq=False)
class ChargePatterns:
    """Distinct charge patterns of one cell, lowest energy first.

    Attributes
    ----------
    labels : ndarray of int8, shape (n_patterns, n_columns)
        Charge class of every column; 0 where the charge does not vary.
    energies_eV : ndarray, shape (n_patterns,)
        Ewald energy per cell.
    proven : bool
        Whether every pattern was evaluated, so that these are the lowest ones.
    """

    labels: LabelArray
    energies_eV: FloatArray
    proven: bool


class LowestPatterns:
    """Collect distinct patterns and keep the k lowest.

    Parameters
    ----------
    canonicaliser : Canonicaliser
        Identity of patterns.
    k : int
        Number of patterns to keep; patterns that tie with the k-th are kept, too.
    width : int
        Number of columns of the label arrays.
    """

    def __init__(self, canonicaliser: Canonicaliser, k: int, width: int) -> None:
        self._canonicaliser = canonicaliser
        self.k = k
        self.codes: CodeArray = np.zeros(0, dtype=np.uint64)
        self.energies_eV: FloatArray = np.zeros(0)
        self.labels: LabelArray = np.zeros((0, width), dtype=np.int8)

    @property
    def threshold(self) -> float:
        """Energy in eV per cell above which a further pattern is of no interest."""
        if len(self.energies_eV) < self.k:
            return np.inf
        return float(self.energies_eV[self.k - 1]) + CUT_MARGIN_eV

    def add(self, labels: LabelArray, energies_eV: FloatArray) -> None:
        """Offer patterns, shape (n, n_columns), with their energies."""
        low = energies_eV <= self.threshold
        if not low.any():
            return
        codes = np.concatenate([self.codes, self._canonicaliser.codes(labels[low])])
        energies = np.concatenate([self.energies_eV, energies_eV[low]])
        everything = np.concatenate([self.labels, labels[low]])
        _, first = np.unique(codes, return_index=True)
        first = first[np.argsort(energies[first], kind="stable")]
        self.energies_eV = energies[first]
        first = first[self.energies_eV <= self.threshold]
        self.codes, self.energies_eV, self.labels = codes[first], energies[first], everything[first]

    def result(self, energy: ChargeEnergy, *, proven: bool) -> ChargePatterns:
        """Return the k lowest patterns in canonical form; the smaller code decides ties."""
        labels = self._canonicaliser.representatives(self.labels)
        energies = energy.energies(labels)
        groups = tie_groups(energies)
        lowest_of_group = np.full(len(energies), np.inf)
        np.minimum.at(lowest_of_group, groups, energies)
        order = np.lexsort((self.codes, groups))[: self.k]
        return ChargePatterns(labels[order], lowest_of_group[groups[order]], proven)


def evaluate_all(blocks: list[Block], energy: ChargeEnergy, permutations: IntArray, k: int) -> ChargePatterns:
    """Evaluate every raw charge pattern and return the k lowest distinct ones.

    Parameters
    ----------
    blocks : list of Block
        Charge-class blocks.
    energy : ChargeEnergy
        Ewald energy.
    permutations : ndarray of int, shape (order, n_columns)
        Symmetry group.
    k : int
        Number of patterns wanted.

    Returns
    -------
    ChargePatterns
        Proven to be the lowest ones; ties at the cut are decided by the smaller code.
    """
    width = permutations.shape[1]
    n_raw = count_raw(blocks)
    energies = np.empty(n_raw)
    for start in range(0, n_raw, CHUNK):
        ranks = np.arange(start, min(start + CHUNK, n_raw))
        energies[ranks] = energy.energies(unrank(blocks, ranks, width))
    order = _lowest_ranks(energies, k * len(permutations))
    lowest = LowestPatterns(Canonicaliser(permutations, blocks), k, width)
    step = min(CHUNK, max(1024, 4 * k))
    for start in range(0, len(order), step):
        ranks = order[start : start + step]
        if energies[ranks[0]] > lowest.threshold:
            break
        lowest.add(unrank(blocks, ranks, width), energies[ranks])
    return lowest.result(energy, proven=True)


def _lowest_ranks(energies_eV: FloatArray, n: int) -> IntArray:
    """Return the numbers of the n lowest energies and of what ties with them, in rising order.

    An orbit has no more members than the group has elements, so k times the order of the group raw
    patterns contain the k lowest distinct ones.
    """
    if n >= len(energies_eV):
        return np.argsort(energies_eV)
    cut_eV = np.partition(energies_eV, n)[n] + CUT_MARGIN_eV
    ranks = np.flatnonzero(energies_eV <= cut_eV)
    return ranks[np.argsort(energies_eV[ranks])]
