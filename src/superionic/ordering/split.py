"""How the variable sites of a cell are divided in two, so that pairs of halves make all patterns.

A subgroup H of the symmetry group that keeps the first half as a set allows the patterns of that
half to be restricted to one representative per orbit of H: any pattern (u, v) is equivalent to one
whose first half is a representative, because an element of H brings u there and moves v along.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from math import prod

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from superionic.ordering.arrangements import Block, all_positions, count_raw, multinomial
from superionic.ordering.counting import count_distinct
from superionic.ordering.lattices import IntArray

MOST_ROWS = 1_000_000
"""Arrangements of one half that are held in memory (some hundred bytes each)."""
FEW_ROWS = 10_000
"""Spaces of this size are not worth a division."""
MOST_PARTS = 6
"""Largest number of parts of an orbit whose unions are tried as a half."""
SECONDS_PER_PAIR, SECONDS_PER_ROW, SECONDS_PER_IMAGE = 1e-8, 2e-6, 1e-9
"""Rough costs; they only choose between divisions that give the same answer."""

SHORT_SECONDS = 1.0
"""A division this cheap is taken without looking at others."""

Counts = tuple[int, ...]
MaskArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Case:
    """One way to divide the ions between the halves.

    Attributes
    ----------
    first, second : list of Block
        Blocks of the two halves; the first is the one with more arrangements, because it is reduced by symmetry.
    exchanged : bool
        Whether the first half of the case is the second of the division.
    """

    first: list[Block]
    second: list[Block]
    exchanged: bool


@dataclass(frozen=True, eq=False)
class Split:
    """A division of the variable sites in two halves.

    Attributes
    ----------
    blocks : list of Block
        Blocks that are divided.
    in_first : ndarray of bool, shape (n_columns,)
        Columns of the first half.
    subgroup : ndarray of int, shape (order, n_columns)
        Operations that keep the first half, and so the second, as a set.
    """

    blocks: list[Block]
    in_first: MaskArray
    subgroup: IntArray

    @property
    def is_affordable(self) -> bool:
        """Whether the patterns of each half fit into memory."""
        return self.rows(first=True) <= MOST_ROWS and self.rows(first=False) <= MOST_ROWS

    @property
    def seconds(self) -> float:
        """Rough cost of evaluating all pairs."""
        order, first = len(self.subgroup), self.rows(first=True)
        images = first * order * max(1, int(self.in_first.sum()))
        pairs = count_raw(self.blocks) / order
        return (
            SECONDS_PER_PAIR * pairs + SECONDS_PER_ROW * (first + self.rows(first=False)) + SECONDS_PER_IMAGE * images
        )

    def rows(self, *, first: bool) -> int:
        """Return the number of patterns of one half, summed over all cases."""
        return prod(
            sum(multinomial(mine if first else other) for mine, other in _ways(block, self.in_first))
            for block in self.blocks
        )

    @cached_property
    def n_pairs(self) -> int:
        """Number of pairs that have to be evaluated: representatives times second halves."""
        return sum(count_distinct(self.subgroup, case.first) * count_raw(case.second) for case in self.cases())

    def fits(self, max_pairs: int) -> bool:
        """Return whether there are at most so many pairs; a single one always fits."""
        # Symmetry only makes them fewer, so counting them exactly is needed near the limit only.
        return count_raw(self.blocks) <= max(1, max_pairs) or self.n_pairs <= max_pairs

    def cases(self) -> Iterator[Case]:
        """Yield every way to divide the ions between the halves."""
        sites = [
            (b.positions[self.in_first[b.positions]], b.positions[~self.in_first[b.positions]]) for b in self.blocks
        ]
        for ways in product(*(_ways(block, self.in_first) for block in self.blocks)):
            pairs = list(zip(sites, ways, strict=True))
            first = [Block(mine, counts) for (mine, _), (counts, _) in pairs if len(mine)]
            second = [Block(other, counts) for (_, other), (_, counts) in pairs if len(other)]
            exchanged = count_raw(second) > count_raw(first)
            yield Case(second, first, exchanged) if exchanged else Case(first, second, exchanged)


def _ways(block: Block, in_first: MaskArray) -> list[tuple[Counts, Counts]]:
    """Return the counts of a block's labels in the two halves, in all possible ways."""
    room = int(in_first[block.positions].sum())
    return [
        (mine, tuple(c - m for c, m in zip(block.counts, mine, strict=True))) for mine in _bounded(block.counts, room)
    ]


def _bounded(limits: Sequence[int], total: int) -> Iterator[Counts]:
    """Yield all tuples of the given sum whose entries are within the limits."""
    if len(limits) == 1:
        if total <= limits[0]:
            yield (total,)
        return
    for value in range(max(0, total - sum(limits[1:])), min(limits[0], total) + 1):
        for rest in _bounded(limits[1:], total - value):
            yield (value, *rest)


def best_split(blocks: list[Block], permutations: IntArray) -> Split | None:
    """Choose the division that makes complete evaluation cheapest.

    Parameters
    ----------
    blocks : list of Block
        Blocks of variable sites.
    permutations : ndarray of int, shape (order, n_columns)
        Symmetry group.

    Returns
    -------
    Split or None
        None when no division found fits into memory.
    """
    whole = Split(blocks, np.zeros(permutations.shape[1], dtype=bool), permutations)
    if count_raw(blocks) <= FEW_ROWS:
        return whole
    splits = [_grown(blocks, permutations, orbits(permutations, all_positions(blocks)))]
    if splits[0].is_affordable and splits[0].seconds < SHORT_SECONDS:
        return splits[0]
    # Orbits alone cannot divide a single sublattice: parts of an orbit have a smaller group.
    splits += [Split(blocks, mask, _keeping(permutations, mask)) for mask in _halves_of_orbits(blocks, permutations)]
    positions = all_positions(blocks)
    identity = np.arange(permutations.shape[1])[None, :]
    splits.append(_grown(blocks, identity, [np.array([p]) for p in positions]))
    affordable = [split for split in splits if split.is_affordable]
    return min(affordable, key=lambda split: split.seconds, default=None)


def orbits(permutations: IntArray, positions: IntArray) -> list[IntArray]:
    """Return the orbits of a group on some columns, smallest first."""
    names = permutations[:, positions].min(axis=0)
    found = [positions[names == name] for name in np.unique(names)]
    return sorted(found, key=len)


def _grown(blocks: list[Block], subgroup: IntArray, parts: list[IntArray]) -> Split:
    """Fill the first half part by part, keep the cheapest stage, and move single parts while that helps."""
    best = Split(blocks, np.zeros(subgroup.shape[1], dtype=bool), subgroup)
    mask = best.in_first.copy()
    # The first parts alone save nothing, so a search that stops at the first dear step would never start.
    for part in parts:
        mask[part] = True
        trial = Split(blocks, mask.copy(), subgroup)
        best = trial if trial.seconds < best.seconds else best
    improved = True
    while improved:
        improved = False
        for part in parts:
            mask = best.in_first.copy()
            mask[part] = ~mask[part]
            trial = Split(blocks, mask, subgroup)
            if trial.seconds < best.seconds:
                best, improved = trial, True
    return best


def _keeping(permutations: IntArray, mask: MaskArray) -> IntArray:
    """Return the operations that keep a set of columns."""
    return permutations[np.all(mask[permutations] == mask, axis=1)]


def _halves_of_orbits(blocks: list[Block], permutations: IntArray) -> Iterator[MaskArray]:
    """Yield unions of blocks of imprimitivity of the largest orbit, without and with other orbits.

    The finest partition of an orbit that the group respects and that joins two given sites is the
    set of connected components of the graph of all images of that pair (M. D. Atkinson, Math.
    Comput. 29, 911 (1975)).
    """
    every = orbits(permutations, all_positions(blocks))
    largest = every[-1] if every else np.zeros(0, dtype=np.int64)
    seen: set[bytes] = set()
    for other in largest[1:]:
        edges = permutations[:, [largest[0], other]]
        graph = coo_array((np.ones(len(edges)), edges.T), shape=(permutations.shape[1],) * 2)
        names = connected_components(graph, directed=False)[1][largest]
        parts = [largest[names == name] for name in np.unique(names)]
        if names.tobytes() in seen or not 1 < len(parts) <= MOST_PARTS:
            continue
        seen.add(names.tobytes())
        for chosen in combinations(parts, len(parts) // 2):
            mask = np.zeros(permutations.shape[1], dtype=bool)
            mask[np.concatenate(chosen)] = True
            yield mask
