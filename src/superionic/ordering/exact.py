"""Complete evaluation of all charge patterns of a cell: the k lowest distinct ones, proven.

The variable sites are divided in two halves (:mod:`.split`). With the Ewald form, the energy of a
pattern is ``e(u) + e(v) + u C v``: one matrix product evaluates a tile of patterns, first halves u
against second halves v. Lower bounds skip what cannot be among the lowest. Products are computed
in single precision with a rigorous margin for rounding, and every survivor again in double.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from superionic.ordering.arrangements import Block, Canonicaliser, count_raw, unrank
from superionic.ordering.ewald import ChargeEnergy
from superionic.ordering.lattices import FloatArray, IntArray, LabelArray
from superionic.ordering.patterns import CHUNK, ChargePatterns, LowestPatterns, Progress
from superionic.ordering.split import Case, Split

SingleArray = npt.NDArray[np.float32]
TILE_ROWS, TILE_COLUMNS = 128, 2048
"""A tile of single-precision energies that stays in the second-level cache."""
SPAN_COLUMNS = 32 * TILE_COLUMNS
"""Columns that are evaluated before survivors are collected; bounds the memory for them."""
Found = tuple[IntArray, IntArray]
"""Numbers of first and of second halves, shape (n,) each."""
UNIT_ROUNDOFF = 2.0**-24
BATCH = 16_384
"""Candidates that are compared by symmetry at a time."""


def allowed_cores() -> int:
    """Return the number of cores this process may use (affinity and ``OMP_NUM_THREADS``)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(asked)) if asked.isdigit() and int(asked) else cores


@dataclass(frozen=True, eq=False)
class _Half:
    """Arrangements of one half of the sites.

    Attributes
    ----------
    labels : ndarray of int8, shape (n, n_columns)
        Labels; 0 outside the half.
    charges_e : ndarray, shape (n, n_active)
        Deviation of the charges from the mean of their block; 0 outside the half.
    energies_eV : ndarray, shape (n,)
        Energy of the half alone.
    """

    labels: LabelArray
    charges_e: FloatArray
    energies_eV: FloatArray

    @classmethod
    def of(cls, labels: LabelArray, energy: ChargeEnergy, inside: npt.NDArray[np.bool_]) -> "_Half":
        """Compute charges and energies; ``inside`` marks the active sites of the half."""
        charges = np.where(inside, energy.charges(labels), 0.0)
        energies = np.sum(charges * (energy.field_eV + 0.5 * (charges @ energy.coupling_eV)), axis=1)
        return cls(labels, charges, energies)

    def __getitem__(self, rows: IntArray) -> "_Half":
        return _Half(self.labels[rows], self.charges_e[rows], self.energies_eV[rows])


@dataclass(frozen=True, eq=False)
class _Pairs:
    """All pairs of first and second halves of one case.

    Rows of ``first`` rise in their lower bound; rows of ``second`` rise in energy.
    """

    first: _Half
    second: _Half
    couplings: SingleArray
    partners: SingleArray
    bounds_eV: FloatArray
    rounding_eV: float

    def below(self, corner: tuple[int, int], limit: Callable[[], float]) -> Iterator[Found]:
        """Yield first and second halves of the pairs below a limit in a span of tiles."""
        rows = slice(corner[0], corner[0] + TILE_ROWS)
        bounds, energies, couplings = self.bounds_eV[rows], self.first.energies_eV[rows], self.couplings[rows]
        end = min(corner[1] + SPAN_COLUMNS, len(self.second.energies_eV))
        for start in range(corner[1], end, TILE_COLUMNS):
            at_most = limit() + self.rounding_eV
            alive = int(np.searchsorted(bounds + self.second.energies_eV[start], at_most, side="right"))
            if not alive:
                return
            tile = couplings[:alive] @ self.partners[:, start : min(start + TILE_COLUMNS, end)]
            row, column = np.nonzero(tile <= (at_most - energies[:alive]).astype(np.float32)[:, None])
            if len(row):
                yield row + rows.start, column + start


def _pairs(case: Case, split: Split, energy: ChargeEnergy) -> _Pairs:
    """Write down both halves of a case and what couples them."""
    width = split.subgroup.shape[1]
    in_first = split.in_first[energy.columns]
    first = _Half.of(_representatives(case.first, split.subgroup, width), energy, in_first)
    second = _Half.of(unrank(case.second, np.arange(count_raw(case.second)), width), energy, ~in_first)
    second = second[np.argsort(second.energies_eV, kind="stable")]
    partner = second.charges_e[:, ~in_first]
    couplings = first.charges_e[:, in_first] @ energy.coupling_eV[np.ix_(in_first, ~in_first)]
    bounds = first.energies_eV + _least_coupling(couplings, partner, case.second, energy.columns[~in_first])
    order = np.argsort(bounds, kind="stable")
    # The energy of the second half rides along as one more term of the matrix product.
    left = np.hstack([couplings[order], np.ones((len(order), 1))])
    right = np.vstack([partner.T, second.energies_eV])
    scale = np.abs(left).max(initial=0.0, axis=0) @ np.abs(right).max(initial=0.0, axis=1)
    scale += float(np.abs(first.energies_eV).max(initial=0.0))
    rounding = 4.0 * (left.shape[1] + 4) * UNIT_ROUNDOFF * float(scale)
    return _Pairs(first[order], second, _single(left), _single(right), bounds[order], rounding)


def _single(array: FloatArray) -> SingleArray:
    """Return a contiguous copy in single precision."""
    return np.ascontiguousarray(array, dtype=np.float32)


def _representatives(blocks: list[Block], subgroup: IntArray, width: int) -> LabelArray:
    """Write down the arrangements that have the smallest code of their orbit under a subgroup."""
    canonicaliser = Canonicaliser(subgroup, blocks)
    total = count_raw(blocks)
    kept = []
    for start in range(0, total, CHUNK):
        labels = unrank(blocks, np.arange(start, min(start + CHUNK, total)), width)
        kept.append(labels[canonicaliser.is_representative(labels)])
    return np.concatenate(kept)


def _least_coupling(couplings: FloatArray, partner: FloatArray, blocks: list[Block], columns: IntArray) -> FloatArray:
    """Return the least coupling energy of each first half with any second half.

    Within a block the least product of a field and a permuted set of charges is the oppositely
    sorted one (rearrangement inequality).
    """
    least = np.zeros(len(couplings))
    for block in blocks:
        here = np.isin(columns, block.positions)
        charges = np.sort(partner[0, here])[::-1]
        least += np.sort(couplings[:, here], axis=1) @ charges
    return least


def evaluate_all(
    split: Split,
    energy: ChargeEnergy,
    permutations: IntArray,
    k: int,
    *,
    cores: int = 1,
    progress: Progress | None = None,
) -> ChargePatterns:
    """Return the k lowest distinct charge patterns of a cell.

    Parameters
    ----------
    split : Split
        Division of the variable sites.
    energy : ChargeEnergy
        Ewald energy.
    permutations : ndarray of int, shape (order, n_columns)
        Symmetry group.
    k : int
        Number of patterns wanted.
    cores : int
        Threads that evaluate tiles; the answer does not depend on it.
    progress : callable, optional
        Told the fraction done.

    Returns
    -------
    ChargePatterns
        Proven to be the lowest ones; ties at the cut are decided by the smaller code.
    """
    centred = energy.centred(split.blocks)
    lowest = LowestPatterns(Canonicaliser(permutations, split.blocks), k, permutations.shape[1])
    total, done = split.n_pairs, 0
    with threadpool_limits(1, "blas"):
        for case in split.cases():
            pairs = _pairs(case, split, centred)
            _scan(pairs, lowest, energy, centred.constant_eV, cores)
            done += len(pairs.first.labels) * len(pairs.second.labels)
            if progress is not None:
                progress("charge patterns", done / total)
    return lowest.result(energy)


def _scan(pairs: _Pairs, lowest: LowestPatterns, energy: ChargeEnergy, constant_eV: float, cores: int) -> None:
    """Offer all pairs of a case that can be among the lowest."""

    def limit() -> float:
        return lowest.threshold - constant_eV

    def survivors(corner: tuple[int, int]) -> list[Found]:
        return list(pairs.below(corner, limit))

    rows, columns = range(0, len(pairs.first.labels), TILE_ROWS), range(0, len(pairs.second.labels), SPAN_COLUMNS)
    if not np.isfinite(lowest.threshold):
        _offer(pairs, lowest, energy, _cheapest(pairs, lowest.k))
    for found in _in_order(survivors, product(rows, columns), cores):
        for first, second in found:
            for start in range(0, len(first), BATCH):
                part = slice(start, start + BATCH)
                _offer(pairs, lowest, energy, (first[part], second[part]))


def _cheapest(pairs: _Pairs, k: int) -> Found:
    """Return low pairs of the first tile, so that a first threshold is known early."""
    tile = pairs.couplings[:TILE_ROWS] @ pairs.partners[:, :TILE_COLUMNS]
    tile += pairs.first.energies_eV[:TILE_ROWS, None].astype(np.float32)
    n = min(4 * k, tile.size) - 1
    row, column = np.divmod(np.argpartition(tile.ravel(), n)[: n + 1], tile.shape[1])
    return row, column


def _offer(pairs: _Pairs, lowest: LowestPatterns, energy: ChargeEnergy, found: Found) -> None:
    """Write pairs as patterns and offer them with their energies in double precision."""
    labels = pairs.first.labels[found[0]] + pairs.second.labels[found[1]]
    lowest.add(labels, energy.energies(labels))


def _in_order(
    work: Callable[[tuple[int, int]], list[Found]], items: Iterable[tuple[int, int]], cores: int
) -> Iterator[list[Found]]:
    """Apply a function to items, on several threads if asked, and yield the results in order."""
    if cores == 1:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(cores)
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
