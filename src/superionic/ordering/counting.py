"""Exact numbers of arrangements, raw and symmetry-distinct (Burnside's lemma).

All numbers are Python integers, so they are exact at any size.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import prod

import numpy as np

from superionic.ordering.arrangements import Block, multinomial
from superionic.ordering.lattices import IntArray

CycleType = tuple[tuple[int, int], ...]
"""(length, number of cycles of that length) pairs."""


def count_distinct(permutations: IntArray, blocks: Sequence[Block]) -> int:
    """Count arrangements that no permutation of a group maps onto each other.

    Burnside's lemma: the number of orbits is the mean, over the group, of the number of
    arrangements that a permutation leaves unchanged (W. Burnside, Theory of Groups of Finite
    Order, 1897, sections 118-119). A permutation keeps an arrangement when each of its cycles carries
    one label, so it is enough to know the cycle lengths on every block.

    Parameters
    ----------
    permutations : ndarray of int, shape (order, n_sites)
        The group; every block must be mapped onto itself.
    blocks : sequence of Block
        Independent sets of sites with the number of sites per label.

    Returns
    -------
    int
        Number of distinct arrangements.
    """
    lengths = cycle_lengths(permutations)
    signatures = Counter(tuple(_cycle_type(row[block.positions]) for block in blocks) for row in lengths)
    fixed = sum(
        number * prod(_kept(cycles, block.counts) for cycles, block in zip(signature, blocks, strict=True))
        for signature, number in signatures.items()
    )
    orbits, remainder = divmod(fixed, len(permutations))
    assert remainder == 0, "Burnside sum is not divisible by the order of the group"
    return orbits


def cycle_lengths(permutations: IntArray) -> IntArray:
    """Return the length of the cycle that contains each site, shape (order, n_sites)."""
    start = np.arange(permutations.shape[1])
    lengths = np.zeros_like(permutations)
    current, step = permutations, 1
    while not lengths.all():
        lengths[(current == start) & (lengths == 0)] = step
        current = np.take_along_axis(permutations, current, axis=1)
        step += 1
    return lengths


def _cycle_type(lengths: IntArray) -> CycleType:
    """Summarise the cycle lengths of the sites of one block; the most frequent cycle comes last."""
    values, sites = np.unique(lengths, return_counts=True)
    pairs = [(int(length), int(n) // int(length)) for length, n in zip(values, sites, strict=True)]
    return tuple(sorted(pairs, key=lambda pair: (pair[1], pair[0])))


@lru_cache(maxsize=65536)
def _kept(cycles: CycleType, counts: tuple[int, ...]) -> int:
    """Count labellings of cycles whose summed lengths per label are the counts."""
    if not cycles:
        return int(not any(counts))
    (length, number), rest = cycles[0], cycles[1:]
    if not rest:
        # The last cycle length has no choice left: each label must fill a whole number of cycles.
        return 0 if any(count % length for count in counts) else multinomial([c // length for c in counts])
    total = 0
    for shares in _shares(number, tuple(count // length for count in counts)):
        left = tuple(count - length * share for count, share in zip(counts, shares, strict=True))
        total += multinomial(shares) * _kept(rest, left)
    return total


def _shares(number: int, limits: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield every way to split a number of cycles among labels within their limits."""
    if len(limits) == 1:
        if number <= limits[0]:
            yield (number,)
        return
    for first in range(min(number, limits[0]) + 1):
        for others in _shares(number - first, limits[1:]):
            yield (first, *others)
