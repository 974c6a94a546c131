"""Charge patterns: what formal charges alone can tell apart, with the lowest Ewald energies.

Species of equal charge on a sublattice are one class here, and so is the vacancy with a charge of
zero. Spaces are evaluated completely (:mod:`.exact`) or, if too large, searched (:mod:`.anneal`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from superionic.ordering.arrangements import Canonicaliser, CodeArray
from superionic.ordering.ewald import ChargeEnergy
from superionic.ordering.lattices import FloatArray, IntArray, LabelArray

Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction done; an exception raised in it ends the work."""

TIE_eV = 1e-8
"""Energies closer than this (1e-12 of their size, if that is more) differ by rounding errors only."""
CUT_MARGIN_eV = 1e-6
MOST_TIES = 200_000
"""Patterns that are kept because they tie with the last one wanted."""
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


@dataclass(frozen=True)
class SearchEvidence:
    """What speaks for or against the completeness of a search: two independent halves of it compared.

    Attributes
    ----------
    moves : int
        Attempted exchanges, all replicas together.
    lowest_energies_eV : tuple of float
        Lowest energy per cell that each half found.
    agreement : float
        Share of the patterns listed that both halves found independently.
    last_improvement : float
        Share of the moves after which no half found a lower energy any more.
    """

    moves: int
    lowest_energies_eV: tuple[float, float]
    agreement: float
    last_improvement: float

    def __str__(self) -> str:
        """Summarise in words."""
        first, second = self.lowest_energies_eV
        return (
            f"two independent searches of {self.moves // 2:.2g} moves found lowest energies "
            f"{abs(first - second):.2g} eV apart and share {self.agreement:.0%} of the patterns listed; the lowest "
            f"was last improved after {self.last_improvement:.0%} of the moves"
        )


@dataclass(frozen=True, eq=False)
class ChargePatterns:
    """Distinct charge patterns of one cell, lowest energy first.

    Attributes
    ----------
    labels : ndarray of int8, shape (n_patterns, n_columns)
        Charge class of every column; 0 where the charge does not vary.
    energies_eV : ndarray, shape (n_patterns,)
        Ewald energy per cell.
    multiplicities : ndarray of int, shape (n_patterns,)
        Number of raw patterns equivalent to each.
    evidence : SearchEvidence or None
        How far a search can be relied on; None where every pattern was evaluated, which is a proof.
    """

    labels: LabelArray
    energies_eV: FloatArray
    multiplicities: IntArray
    evidence: SearchEvidence | None

    @property
    def proven(self) -> bool:
        """Whether these are the lowest patterns for certain."""
        return self.evidence is None


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

    def unknown(self, labels: LabelArray) -> tuple[LabelArray, CodeArray]:
        """Return one of each distinct pattern that is not kept already, and their codes."""
        codes, first = np.unique(self._canonicaliser.codes(labels), return_index=True)
        fresh = ~np.isin(codes, self.codes)
        return labels[first[fresh]], codes[fresh]

    def add(self, labels: LabelArray, energies_eV: FloatArray, codes: CodeArray | None = None) -> None:
        """Offer patterns, shape (n, n_columns), with their energies and, if they are known, codes."""
        low = energies_eV <= self.threshold
        if not low.any():
            return
        new = self._canonicaliser.codes(labels[low]) if codes is None else codes[low]
        codes = np.concatenate([self.codes, new])
        energies = np.concatenate([self.energies_eV, energies_eV[low]])
        everything = np.concatenate([self.labels, labels[low]])
        _, first = np.unique(codes, return_index=True)
        first = first[np.argsort(energies[first], kind="stable")]
        self.energies_eV = energies[first]
        first = first[self.energies_eV <= self.threshold]
        if len(first) > max(2 * self.k, MOST_TIES):
            # In a flat landscape almost everything ties: the rule for ties is applied at once.
            first = first[np.sort(np.lexsort((codes[first], tie_groups(energies[first])))[: self.k])]
        self.codes, self.energies_eV, self.labels = codes[first], energies[first], everything[first]

    def result(self, energy: ChargeEnergy, evidence: SearchEvidence | None = None) -> ChargePatterns:
        """Return the k lowest patterns in canonical form; the smaller code decides ties."""
        labels = self._canonicaliser.representatives(self.labels)
        energies = energy.energies(labels)
        groups = tie_groups(energies)
        lowest_of_group = np.full(len(energies), np.inf)
        np.minimum.at(lowest_of_group, groups, energies)
        order = np.lexsort((self.codes, groups))[: self.k]
        multiplicities = self._canonicaliser.orbit_sizes(labels[order])
        return ChargePatterns(labels[order], lowest_of_group[groups[order]], multiplicities, evidence)
