"""Decorations: which isovalent species sits where inside a charge pattern.

Formal-charge electrostatics cannot tell isovalent species apart, so all decorations of a pattern
have the same Ewald energy and some rule must choose among them. Two decorations are the same when
an operation that keeps the charge pattern (its stabiliser) maps one onto the other.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from superionic.ordering.arrangements import Block, Canonicaliser, count_raw, draw, unrank
from superionic.ordering.cell import DisorderedCell
from superionic.ordering.counting import count_distinct
from superionic.ordering.environment import EnvironmentFeatures, farthest_points
from superionic.ordering.lattices import IntArray, LabelArray
from superionic.ordering.patterns import CHUNK
from superionic.ordering.symmetry import stabiliser

SMALL_SPACE = 200_000
"""Raw decorations of one pattern that are always written down completely."""
CANDIDATES_PER_CHOICE = 8
MOST_CANDIDATES = 20_000


class DecorationRule(StrEnum):
    """How decorations of one charge pattern are chosen when there are more than wanted."""

    UNIFORM = "uniform"
    """At random, every raw decoration with the same probability (the ideal solid solution)."""
    DIVERSE = "diverse"
    """As different as possible in their local environments (farthest-point selection)."""


@dataclass(frozen=True, eq=False)
class Decorations:
    """Chosen decorations of one charge pattern.

    Attributes
    ----------
    labels : ndarray of int8, shape (n, n_columns)
        Species label of every column.
    multiplicities : ndarray of int, shape (n,)
        Number of raw orderings of the cell equivalent to each.
    """

    labels: LabelArray
    multiplicities: IntArray


class PatternSpace:
    """All decorations of one charge pattern.

    Parameters
    ----------
    cell : DisorderedCell
        The cell.
    pattern : ndarray of int, shape (n_columns,)
        Charge class of every column.
    """

    def __init__(self, cell: DisorderedCell, pattern: LabelArray) -> None:
        self._cell = cell
        self._stabiliser = stabiliser(cell.permutations, pattern)
        self._blocks: list[Block] = []
        self._members: list[IntArray] = []
        self._base = np.zeros(cell.width, dtype=np.int8)
        for sublattice in cell.sublattices:
            for charge_class, labels in enumerate(sublattice.members):
                here = sublattice.positions[pattern[sublattice.positions] == charge_class]
                self._base[here] = labels[0]
                if len(labels) > 1:
                    self._blocks.append(Block(here, tuple(sublattice.counts[label] for label in labels)))
                    self._members.append(np.array(labels))
        self.n_raw = count_raw(self._blocks)
        self.n_distinct = count_distinct(self._stabiliser, self._blocks) if self._blocks else 1

    def choose(self, quota: int, rule: DecorationRule, rng: np.random.Generator) -> Decorations:
        """Choose distinct decorations.

        Parameters
        ----------
        quota : int
            Number wanted; all are returned when there are no more than that.
        rule : DecorationRule
            How to choose.
        rng : numpy Generator
            Source of random numbers.

        Returns
        -------
        Decorations
            In the order of choice, so that a prefix is itself a choice by the same rule.
        """
        canonicaliser = Canonicaliser(self._stabiliser, self._blocks)
        diverse = rule is DecorationRule.DIVERSE
        if self.n_raw <= max(SMALL_SPACE, 2 * quota * len(self._stabiliser)):
            candidates = self._all(canonicaliser, rng)
        else:
            # Here n_distinct exceeds 2 x quota, so drawing that many distinct ones ends soon.
            wanted = min(CANDIDATES_PER_CHOICE * quota, MOST_CANDIDATES, self.n_distinct // 2)
            candidates = self._sample(canonicaliser, max(quota, wanted) if diverse else quota, rng)
        if diverse and len(candidates) > 1:
            candidates = candidates[: max(quota, MOST_CANDIDATES)]
            features = EnvironmentFeatures(self._cell).of(self._species_labels(candidates))
            candidates = candidates[farthest_points(features, min(quota, len(candidates)))]
        labels = self._species_labels(candidates[:quota])
        return Decorations(labels, self._multiplicities(labels))

    def _all(self, canonicaliser: Canonicaliser, rng: np.random.Generator) -> LabelArray:
        """Write down one of each distinct decoration, in the order in which random draws meet them."""
        ranks = rng.permutation(self.n_raw)
        codes = [
            canonicaliser.codes(unrank(self._blocks, ranks[start : start + CHUNK], self._cell.width))
            for start in range(0, self.n_raw, CHUNK)
        ]
        _, first = np.unique(np.concatenate(codes), return_index=True)
        return unrank(self._blocks, ranks[np.sort(first)], self._cell.width)

    def _sample(self, canonicaliser: Canonicaliser, n: int, rng: np.random.Generator) -> LabelArray:
        """Draw at random until there are n distinct decorations."""
        found = np.zeros((0, self._cell.width), dtype=np.int8)
        while len(found) < n:
            drawn = draw(self._blocks, n - len(found), self._cell.width, rng)
            found = np.concatenate([found, drawn])
            _, first = np.unique(canonicaliser.codes(found), return_index=True)
            found = found[np.sort(first)]
        return found

    def _species_labels(self, decorations: LabelArray) -> LabelArray:
        """Translate labels within blocks to species labels of all columns."""
        labels = np.tile(self._base, (len(decorations), 1))
        for block, members in zip(self._blocks, self._members, strict=True):
            labels[:, block.positions] = members[decorations[:, block.positions]]
        return labels

    def _multiplicities(self, labels: LabelArray) -> IntArray:
        """Return the orbit sizes under the whole group: its order over that of the stabiliser."""
        order = len(self._cell.permutations)
        return np.array([order // len(stabiliser(self._stabiliser, row)) for row in labels], dtype=np.int64)
