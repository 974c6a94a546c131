"""Arrangements of labels on blocks of sites: numbering, drawing, and identity under symmetry."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb, prod

import numpy as np
import numpy.typing as npt

from superionic.ordering.lattices import IntArray, LabelArray

CodeArray = npt.NDArray[np.uint64]
CHUNK_ELEMENTS = 131_072
"""Codes held at a time (arrangements x permutations): what stays in the second-level cache."""
HALF_BITS = np.uint64(32)
HALF_MASK = np.uint64(2**32 - 1)
ZOBRIST_SEED = 20250621


@dataclass(frozen=True, eq=False)
class Block:
    """Sites that share a fixed number of each label.

    Attributes
    ----------
    positions : ndarray of int, shape (n,)
        Columns of the label array.
    counts : tuple of int
        Number of sites with label 0, 1, ...; they add up to n.
    """

    positions: IntArray
    counts: tuple[int, ...]


def multinomial(counts: Sequence[int]) -> int:
    """Return the number of distinct sequences with the given count of each label, exactly."""
    return prod(comb(sum(counts[: label + 1]), count) for label, count in enumerate(counts))


def count_raw(blocks: Sequence[Block]) -> int:
    """Return the number of arrangements on the blocks, equivalent ones counted separately."""
    return prod(multinomial(block.counts) for block in blocks)


def all_positions(blocks: Sequence[Block]) -> IntArray:
    """Return the positions of all blocks, one after the other."""
    return np.concatenate([np.zeros(0, dtype=np.int64), *(block.positions for block in blocks)])


def unrank(blocks: Sequence[Block], ranks: IntArray, width: int) -> LabelArray:
    """Write down arrangements by their number.

    Parameters
    ----------
    blocks : sequence of Block
        Blocks to fill; the last one varies fastest. There must be fewer than 2^62 arrangements.
    ranks : ndarray of int, shape (n,)
        Numbers in ``range(count_raw(blocks))``.
    width : int
        Number of columns of the result; columns outside all blocks are 0.

    Returns
    -------
    ndarray of int8, shape (n, width)
        Labels; different numbers give different arrangements.
    """
    labels = np.zeros((len(ranks), width), dtype=np.int8)
    for block in reversed(blocks):
        ranks, inner = np.divmod(ranks, multinomial(block.counts))
        labels[:, block.positions] = _unrank_block(inner, block.counts)
    return labels


def _unrank_block(ranks: IntArray, counts: tuple[int, ...]) -> LabelArray:
    """Place one label after the other, each on a subset of the sites that are still free."""
    labels = np.zeros((len(ranks), sum(counts)), dtype=np.int8)
    for label in range(len(counts) - 1, 0, -1):
        n_free = sum(counts[: label + 1])
        ranks, inner = np.divmod(ranks, comb(n_free, counts[label]))
        # Free sites are those with label 0; every row has the same number of them.
        labels[labels == 0] = (label * _subset(inner, n_free, counts[label])).ravel()
    return labels


def _subset(ranks: IntArray, n: int, size: int) -> LabelArray:
    """Return the indicator of the subsets with the given numbers (combinatorial number system)."""
    subsets = np.zeros((n, len(ranks)), dtype=np.int8)
    missing = np.full(len(ranks), size)
    for site, table in enumerate(_subsets_without(n, size)):
        without = table[missing]
        chosen = ranks >= without
        ranks = ranks - without * chosen
        missing -= chosen
        subsets[site] = chosen
    return np.ascontiguousarray(subsets.T)


@lru_cache(maxsize=4096)
def _subsets_without(n: int, size: int) -> IntArray:
    """Return, for each site, how many subsets of the later sites have 0, 1, ... members, at most 2^62."""
    return np.array([[min(comb(n - site - 1, m), 2**62) for m in range(size + 1)] for site in range(n)])


def draw(blocks: Sequence[Block], size: int, width: int, rng: np.random.Generator) -> LabelArray:
    """Draw arrangements at random, each raw arrangement with the same probability.

    Parameters
    ----------
    blocks : sequence of Block
        Blocks to fill.
    size : int
        Number of draws (repeats are possible).
    width : int
        Number of columns of the result; columns outside all blocks are 0.
    rng : numpy Generator
        Source of random numbers.

    Returns
    -------
    ndarray of int8, shape (size, width)
        Labels.
    """
    labels = np.zeros((size, width), dtype=np.int8)
    for block in blocks:
        base = np.repeat(np.arange(len(block.counts), dtype=np.int8), block.counts)
        labels[:, block.positions] = rng.permuted(np.tile(base, (size, 1)), axis=1)
    return labels


class Canonicaliser:
    """Identify arrangements that a permutation group maps onto each other.

    Every arrangement gets a 64-bit code, and its orbit the smallest code of its members. When the
    labels of all sites fit into 64 bits the code *is* the arrangement and identity is exact;
    otherwise codes are sums of random numbers (A. L. Zobrist, Univ. of Wisconsin Tech. Rep. 88,
    1970), where n orbits suffer a false match with odds of about n^2 / 2^65.

    Parameters
    ----------
    permutations : ndarray of int, shape (order, n_sites)
        The group; it must map every block onto itself.
    blocks : sequence of Block
        Blocks of variable sites.
    """

    def __init__(self, permutations: IntArray, blocks: Sequence[Block]) -> None:
        self._positions = all_positions(blocks)
        restricted = np.unique(permutations[:, self._positions], axis=0)
        self._permutations: IntArray = restricted
        self._table, self.collision_free = _code_table(blocks, permutations.shape[1])
        # Codes of all images are sums over sites: one matrix product for each half of their 64 bits, exact in
        # double precision. Label 0 contributes nothing.
        images = self._table[restricted][:, :, 1:].transpose(2, 1, 0).reshape(-1, len(restricted))
        self._low = (images & HALF_MASK).astype(np.float64)
        self._high = (images >> HALF_BITS).astype(np.float64)

    def codes(self, labels: LabelArray) -> CodeArray:
        """Return the code of the orbit of each arrangement.

        Parameters
        ----------
        labels : ndarray of int, shape (n, n_sites)
            Arrangements.

        Returns
        -------
        ndarray of uint64, shape (n,)
            Equal for equivalent arrangements and only for these.
        """
        return self._reduced(labels)[0]

    def representatives(self, labels: LabelArray) -> LabelArray:
        """Return the member with the smallest code of the orbit of each arrangement."""
        best = self._reduced(labels)[1]
        canonical = labels.copy()
        targets = self._permutations[best]
        np.put_along_axis(canonical, targets, labels[:, self._positions], axis=1)
        return canonical

    def is_representative(self, labels: LabelArray) -> npt.NDArray[np.bool_]:
        """Return whether each arrangement has the smallest code of its orbit."""
        smallest: npt.NDArray[np.bool_] = self.codes(labels) == self._own_codes(labels)
        return smallest

    def orbit_sizes(self, labels: LabelArray) -> IntArray:
        """Return the number of arrangements in the orbit of each arrangement."""
        own = self._own_codes(labels)
        stabilisers = [np.sum(total == own[rows, None], axis=1) for rows, total in self._images_of(labels)]
        return len(self._permutations) // np.concatenate([np.zeros(0, dtype=np.int64), *stabilisers])

    def _own_codes(self, labels: LabelArray) -> CodeArray:
        """Return the codes of the arrangements themselves."""
        own: CodeArray = self._table[self._positions, labels[:, self._positions]].sum(axis=1, dtype=np.uint64)
        return own

    def _reduced(self, labels: LabelArray) -> tuple[CodeArray, IntArray]:
        """Return the smallest code of each orbit and the permutation that leads to it."""
        codes = np.empty(len(labels), dtype=np.uint64)
        best = np.empty(len(labels), dtype=np.int64)
        for rows, total in self._images_of(labels):
            best[rows] = total.argmin(axis=1)
            codes[rows] = total.min(axis=1)
        return codes, best

    def _images_of(self, labels: LabelArray) -> Iterator[tuple[slice, CodeArray]]:
        """Yield rows and the codes of all their images, shape (n_rows, order)."""
        order = len(self._permutations)
        step = max(1, CHUNK_ELEMENTS // order)
        for start in range(0, len(labels), step):
            part = labels[start : start + step, self._positions]
            present = np.hstack([part == label for label in range(1, self._table.shape[1])] or [part[:, :0]])
            low, high = (present.astype(np.float64) @ table for table in (self._low, self._high))
            total = (high.astype(np.uint64) << HALF_BITS) + low.astype(np.uint64)
            yield slice(start, start + step), total


def _code_table(blocks: Sequence[Block], width: int) -> tuple[CodeArray, bool]:
    """Return the contribution of each (site, label) to a code, and whether codes are unique."""
    n_labels = max((len(block.counts) for block in blocks), default=1)
    radices = np.ones(width, dtype=object)
    for block in blocks:
        radices[block.positions] = len(block.counts)
    collision_free = prod(int(radix) for radix in radices) <= 2**64
    if not collision_free:
        table = np.random.default_rng(ZOBRIST_SEED).integers(2**64, size=(width, n_labels), dtype=np.uint64)
        table[:, 0] = 0
        return table, False
    table = np.zeros((width, n_labels), dtype=np.uint64)
    weight = 1
    for site, radix in enumerate(radices):
        table[site, : int(radix)] = [label * weight for label in range(int(radix))]
        weight *= int(radix)
    return table, True
