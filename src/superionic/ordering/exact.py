"""Complete evaluation of all charge patterns of a cell: the k lowest distinct ones, proven.

The variable sites are divided in two halves (:mod:`.split`). With the Ewald form, the energy of a
pattern is ``e(u) + e(v) + u C v``: one matrix product evaluates a tile of patterns, first halves u
against second halves v. Lower bounds skip what cannot be among the lowest. Products are computed
in single precision with a rigorous margin for rounding, and every survivor again in double.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

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
FIRST_TILES = 4
FEW_PAIRS = 10_000_000
"""Spaces of this size are evaluated as fast as thread pools can be limited."""
UNIT_ROUNDOFF = 2.0**-24
BATCH = 16_384
"""Candidates that are compared by symmetry at a time."""


def allowed_cores() -> int:
    """Return the number of cores this process may use (affinity and ``OMP_NUM_THREADS``)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(asked)) if asked.isdigit() and int(asked) else cores


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    """Find the thread pools of the process; looking for them takes 10 ms."""
    return ThreadpoolController()


@dataclass(frozen=True, eq=False)
class _Pairs:
    """All pairs of first and second halves of one case, with what is needed to evaluate them.

    Attributes
    ----------
    first : ndarray of int8, shape (n_first, n_columns)
        Representatives of the first half, in rising order of their lower bounds.
    energies_eV, bounds_eV : ndarray, shape (n_first,)
        Energy of each first half alone, and least energy of any pair less the second half's own.
    couplings : ndarray of float32, shape (n_first, n_sites + 1)
        Potential of the first half at the sites of the second, and 1.
    second : ndarray of int, shape (n_second,)
        Numbers of the second halves, in rising order of their energy.
    partners : ndarray of float32, shape (n_sites + 1, n_second)
        Charges of the second half, and its own energy: one more term of the matrix product.
    rounding_eV : float
        Bound of the rounding error of a product in single precision.
    """

    case: Case
    first: LabelArray
    energies_eV: FloatArray
    bounds_eV: FloatArray
    couplings: SingleArray
    second: IntArray
    partners: SingleArray
    rounding_eV: float

    @property
    def least_energy(self) -> float:
        """Lower bound of the energy of all pairs, in eV."""
        return float(self.bounds_eV[0] + self.partners[-1, 0]) - self.rounding_eV

    def below(self, corner: tuple[int, int], limit: Callable[[], float]) -> Iterator[Found]:
        """Yield first and second halves of the pairs below a limit in a span of tiles."""
        rows = slice(corner[0], corner[0] + TILE_ROWS)
        bounds, energies, couplings = self.bounds_eV[rows], self.energies_eV[rows], self.couplings[rows]
        end = min(corner[1] + SPAN_COLUMNS, len(self.second))
        for start in range(corner[1], end, TILE_COLUMNS):
            at_most = limit() + self.rounding_eV
            least_second = float(self.partners[-1, start]) - self.rounding_eV
            alive = int(np.searchsorted(bounds + least_second, at_most, side="right"))
            if not alive:
                return
            tile = couplings[:alive] @ self.partners[:, start : min(start + TILE_COLUMNS, end)]
            row, column = np.nonzero(tile <= (at_most - energies[:alive]).astype(np.float32)[:, None])
            if len(row):
                yield row + rows.start, column + start

    def labels(self, found: Found) -> LabelArray:
        """Write pairs as patterns, shape (n, n_columns)."""
        second = unrank(self.case.second, self.second[found[1]], self.first.shape[1])
        labels: LabelArray = self.first[found[0]] + second
        return labels


def _pairs(case: Case, split: Split, energy: ChargeEnergy) -> _Pairs:
    """Write down both halves of a case and what couples them."""
    in_first, width = split.in_first[energy.columns] != case.exchanged, split.subgroup.shape[1]
    inner, outer = energy.part(in_first), energy.part(~in_first)
    second, partners = _second_half(case, outer, width)
    coupling = energy.coupling_eV[np.ix_(in_first, ~in_first)]
    first, energies, couplings = _first_half(case, inner, coupling, split.subgroup)
    bounds = energies + _least_coupling(couplings, partners[:-1, 0], case.second, outer.columns)
    order = np.argsort(bounds, kind="stable")
    left = np.hstack([couplings[order], np.ones((len(order), 1), dtype=np.float32)])
    scale = float(np.abs(left).max(axis=0) @ np.abs(partners).max(axis=1) + np.abs(energies).max())
    rounding = 4.0 * (left.shape[1] + 4) * UNIT_ROUNDOFF * scale
    return _Pairs(case, first[order], energies[order], bounds[order], left, second, partners, rounding)


def _first_half(
    case: Case, energy: ChargeEnergy, coupling_eV: FloatArray, subgroup: IntArray
) -> tuple[LabelArray, FloatArray, SingleArray]:
    """Write down the representatives of the first half, their energies, and their potentials at the other sites."""
    canonicaliser, width = Canonicaliser(subgroup, case.first), subgroup.shape[1]
    labels, energies, couplings = [], [], []
    for ranks in _chunks(count_raw(case.first)):
        part = unrank(case.first, ranks, width)
        part = part[canonicaliser.is_representative(part)]
        charges = energy.charges(part)
        labels.append(part)
        energies.append(energy.energies_of_charges(charges))
        couplings.append((charges @ coupling_eV).astype(np.float32))
    return np.concatenate(labels), np.concatenate(energies), np.concatenate(couplings)


def _second_half(case: Case, energy: ChargeEnergy, width: int) -> tuple[IntArray, SingleArray]:
    """Number the second halves by rising energy and write down their charges and, in the last row, energies."""
    total = count_raw(case.second)
    partners = np.empty((len(energy.columns) + 1, total), dtype=np.float32)
    energies = np.empty(total)
    for ranks in _chunks(total):
        charges = energy.charges(unrank(case.second, ranks, width))
        energies[ranks] = energy.energies_of_charges(charges)
        partners[:-1, ranks[0] : ranks[-1] + 1] = charges.T
    partners[-1] = energies
    order = np.argsort(energies, kind="stable")
    return order, np.ascontiguousarray(partners[:, order])


def _chunks(total: int) -> Iterator[IntArray]:
    """Yield the numbers below a total in pieces."""
    for start in range(0, total, CHUNK):
        yield np.arange(start, min(start + CHUNK, total))


def _least_coupling(
    couplings: SingleArray, charges_e: SingleArray, blocks: list[Block], columns: IntArray
) -> FloatArray:
    """Return the least coupling energy of each first half with any second half.

    Within a block the least product of a field and a permuted set of charges is the oppositely
    sorted one (rearrangement inequality).
    """
    least = np.zeros(len(couplings))
    for block in blocks:
        here = np.isin(columns, block.positions)
        least += np.sort(couplings[:, here], axis=1) @ np.sort(charges_e[here])[::-1]
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
    cases = [_pairs(case, split, centred) for case in split.cases()]
    total = sum(len(pairs.first) * len(pairs.second) for pairs in cases)
    tell = _Teller(total, progress)
    with nullcontext() if total < FEW_PAIRS else _libraries().limit(limits=1, user_api="blas"):
        # The most promising case first: the sooner the threshold is low, the more is skipped.
        for pairs in sorted(cases, key=lambda pairs: pairs.least_energy):
            _scan(pairs, lowest, energy, centred.constant_eV, 1 if total < FEW_PAIRS else cores, tell)
    return lowest.result(energy)


class _Teller:
    """Count evaluated pairs and tell the fraction done."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress, self._done = total, progress, 0

    def __call__(self, n_pairs: int) -> None:
        """Count some more pairs."""
        self._done += n_pairs
        if self._progress is not None:
            self._progress("charge patterns", min(1.0, self._done / self._total))


def _scan(
    pairs: _Pairs, lowest: LowestPatterns, energy: ChargeEnergy, constant_eV: float, cores: int, tell: _Teller
) -> None:
    """Offer all pairs of a case that can be among the lowest."""

    def limit() -> float:
        return lowest.threshold - constant_eV

    def survivors(corner: tuple[int, int]) -> list[Found]:
        return list(pairs.below(corner, limit))

    n_first, n_second = len(pairs.first), len(pairs.second)
    if pairs.least_energy > limit():
        tell(n_first * n_second)
        return
    if not np.isfinite(lowest.threshold):
        _offer(pairs, lowest, energy, _cheapest(pairs, lowest.k))
    corners = list(product(range(0, n_first, TILE_ROWS), range(0, n_second, SPAN_COLUMNS)))
    for corner, found in zip(corners, _in_order(survivors, corners, cores), strict=True):
        for first, second in found:
            for start in range(0, len(first), BATCH):
                part = slice(start, start + BATCH)
                _offer(pairs, lowest, energy, (first[part], second[part]))
        tell(min(TILE_ROWS, n_first - corner[0]) * min(SPAN_COLUMNS, n_second - corner[1]))


def _cheapest(pairs: _Pairs, k: int) -> Found:
    """Return low pairs of the first tiles, so that a first threshold is known early."""
    tile = pairs.couplings[:TILE_ROWS] @ pairs.partners[:, : FIRST_TILES * TILE_COLUMNS]
    tile += pairs.energies_eV[:TILE_ROWS, None].astype(np.float32)
    n = min(4 * k, tile.size) - 1
    row, column = np.divmod(np.argpartition(tile.ravel(), n)[: n + 1], tile.shape[1])
    return row, column


def _offer(pairs: _Pairs, lowest: LowestPatterns, energy: ChargeEnergy, found: Found) -> None:
    """Write pairs as patterns and offer them with their energies in double precision."""
    labels, codes = lowest.unknown(pairs.labels(found))
    lowest.add(labels, energy.energies(labels), codes)


def _in_order(
    work: Callable[[tuple[int, int]], list[Found]], items: Iterable[tuple[int, int]], cores: int
) -> Iterator[list[Found]]:
    """Apply a function to items, on several threads if asked, and yield the results in order.

    Threads do not run far ahead, because later items profit from the threshold that earlier ones lower.
    """
    if cores == 1:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(cores)
    running: deque[Future[list[Found]]] = deque()
    try:
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) > cores:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
