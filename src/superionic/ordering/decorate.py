"""Decorations: which isovalent species sits where inside a charge pattern.

Formal-charge electrostatics cannot tell isovalent species apart, so all decorations of a pattern
have the same Ewald energy and some rule must choose among them. Two decorations are the same when
an operation that keeps the charge pattern (its stabiliser) maps one onto the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from superionic.ordering.arrangements import Block, Canonicaliser, count_raw, draw, unrank
from superionic.ordering.cell import DisorderedCell
from superionic.ordering.counting import count_distinct
from superionic.ordering.environment import EnvironmentFeatures, farthest_points
from superionic.ordering.lattices import FloatArray, IntArray, LabelArray
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
    RANKED = "ranked"
    """Lowest in an energy function that the caller supplies."""


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


RankingEnergies = Callable[[LabelArray], FloatArray]
"""Energies in eV, shape (n,), of orderings given as species labels, shape (n, n_columns)."""


class PatternSpace:
    """All decorations of one charge pattern.

    Parameters
    ----------
    cell : DisorderedCell
        The cell.
    pattern : ndarray of int, shape (n_columns,)
        Charge class of every column.
    base : ndarray of int8, shape (n_columns,)
        The pattern filled with the first species of each class (:meth:`DisorderedCell.first_species_labels`).
    multiplicity : int
        Number of raw patterns equivalent to it.
    """

    def __init__(self, cell: DisorderedCell, pattern: LabelArray, base: LabelArray, multiplicity: int) -> None:
        self._cell, self._pattern = cell, pattern
        self.base, self.multiplicity = base, multiplicity
        self._blocks, self._members = self._isovalent() if cell.is_isovalent else ([], [])
        self.n_raw = count_raw(self._blocks)

    @property
    def is_single(self) -> bool:
        """Whether no isovalent species share sites: the pattern is the only ordering, ``base``."""
        return not self._blocks

    def _isovalent(self) -> tuple[list[Block], list[IntArray]]:
        """Return blocks of sites that isovalent species share, and the labels of these species."""
        blocks, species = [], []
        for sublattice in self._cell.sublattices:
            for charge_class, labels in enumerate(sublattice.members):
                if len(labels) > 1:
                    here = sublattice.positions[self._pattern[sublattice.positions] == charge_class]
                    blocks.append(Block(here, tuple(sublattice.counts[label] for label in labels)))
                    species.append(np.array(labels))
        return blocks, species

    @cached_property
    def _stabiliser(self) -> IntArray:
        """Operations that leave the pattern unchanged."""
        return stabiliser(self._cell.permutations, self._pattern)

    @cached_property
    def n_distinct(self) -> int:
        """Number of distinct decorations."""
        return count_distinct(self._stabiliser, self._blocks) if self._blocks else 1

    def choose(
        self,
        quota: int,
        rule: DecorationRule,
        rng: np.random.Generator,
        energies_eV: RankingEnergies | None = None,
    ) -> Decorations:
        """Choose distinct decorations.

        Parameters
        ----------
        quota : int
            Number wanted; all are returned when there are no more than that.
        rule : DecorationRule
            How to choose.
        rng : numpy Generator
            Source of random numbers.
        energies_eV : callable, optional
            What the rule ``ranked`` ranks by.

        Returns
        -------
        Decorations
            In the order of choice, so that a prefix is itself a choice by the same rule.
        """
        if self.is_single:
            return Decorations(self.base[None, :], np.array([self.multiplicity]))
        canonicaliser = Canonicaliser(self._stabiliser, self._blocks)
        candidates = self._candidates(quota, rule, canonicaliser, rng)
        candidates = candidates[self._preference(candidates, quota, rule, energies_eV)]
        multiplicities = self.multiplicity * canonicaliser.orbit_sizes(candidates)
        return Decorations(self._species_labels(candidates), multiplicities)

    def _candidates(
        self, quota: int, rule: DecorationRule, canonicaliser: Canonicaliser, rng: np.random.Generator
    ) -> LabelArray:
        """Write down the decorations among which the rule chooses."""
        if self.n_raw <= max(SMALL_SPACE, 2 * quota * len(self._stabiliser)):
            return self._all(canonicaliser, rng)
        # Here n_distinct exceeds 2 x quota, so drawing that many distinct ones ends soon.
        wanted = min(CANDIDATES_PER_CHOICE * quota, MOST_CANDIDATES, self.n_distinct // 2)
        return self._sample(canonicaliser, quota if rule is DecorationRule.UNIFORM else max(quota, wanted), rng)

    def _preference(
        self, candidates: LabelArray, quota: int, rule: DecorationRule, energies_eV: RankingEnergies | None
    ) -> IntArray:
        """Return the numbers of the chosen candidates in the order of choice."""
        chosen = np.arange(min(quota, len(candidates)))
        if rule is DecorationRule.UNIFORM or len(candidates) == 1:
            return chosen
        labels = self._species_labels(candidates[: max(quota, MOST_CANDIDATES)])
        if rule is DecorationRule.DIVERSE:
            return farthest_points(EnvironmentFeatures(self._cell).of(labels), len(chosen))
        assert energies_eV is not None, "enumerate_orderings asks for an energy function with this rule"
        return np.argsort(energies_eV(labels), kind="stable")[: len(chosen)]

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
        labels = np.tile(self.base, (len(decorations), 1))
        for block, members in zip(self._blocks, self._members, strict=True):
            labels[:, block.positions] = members[decorations[:, block.positions]]
        return labels
