"""Search for low-energy charge patterns where there are too many to evaluate them all.

Parallel tempering (R. H. Swendsen and J.-S. Wang, Phys. Rev. Lett. 57, 2607 (1986)) on the Ewald
quadratic form collects low patterns; then the neighbours (one exchange of two ions) of the best
ones are evaluated until nothing new appears. Short runs among symmetric patterns come first,
because low-energy patterns of large cells are often periodic and a random walk rarely meets them.
The search finds low energies but proves nothing.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from superionic.ordering.arrangements import Block, Canonicaliser, draw
from superionic.ordering.ewald import ChargeEnergy
from superionic.ordering.folding import Fold, folds
from superionic.ordering.lattices import FloatArray, IntArray, LabelArray
from superionic.ordering.patterns import ChargePatterns, LowestPatterns, Progress, SearchEvidence, TIE_eV

N_RUNGS, N_LADDERS = 32, 4
"""Temperatures, and replicas at each of them."""
MOVES_PER_EXCHANGE, MOVES_PER_HARVEST = 64, 64
COLDEST, HOTTEST = 0.01, 1.0
"""Ends of the temperature ladder in units of the rms energy change of a random exchange."""
MOVES_SHARE_OF_FOLDS = 8
"""A run among symmetric patterns has one part in this many of the moves of the main run."""
EXPANSION_ROUNDS = 10
NEIGHBOURS_PER_BATCH = 500_000


class _Walkers:
    """Replicas at a ladder of temperatures, all moved at once by exchanges of two ions."""

    def __init__(self, labels: LabelArray, energy: ChargeEnergy, pairs: IntArray, rng: np.random.Generator) -> None:
        self.labels = labels
        self._energy, self._pairs, self._rng = energy, pairs, rng
        self._charges = energy.charges(labels)
        self._potentials = energy.potentials(self._charges)
        coupling = energy.coupling_eV
        self._stiffness = np.diag(coupling)[:, None] + np.diag(coupling)[None, :] - 2.0 * coupling
        self.energies_eV = energy.energies(labels)
        self._kT = self._ladder()

    def _ladder(self) -> FloatArray:
        """Return geometric temperatures from the energy scale of random exchanges."""
        i, j = self._pairs[self._rng.integers(len(self._pairs), size=(4096, 1)), :].transpose(2, 0, 1)
        changes = self._changes(np.arange(len(self.labels))[None, :], i, j)
        scale = float(np.sqrt(np.mean(changes**2))) or 1.0
        return np.tile(np.geomspace(COLDEST * scale, HOTTEST * scale, N_RUNGS), N_LADDERS)

    def _changes(self, walker: IntArray, i: IntArray, j: IntArray) -> FloatArray:
        """Return the energy change in eV when active sites i and j exchange their charges."""
        d = self._charges[walker, j] - self._charges[walker, i]
        drop = self._potentials[walker, i] - self._potentials[walker, j]
        return d * drop + 0.5 * d * d * self._stiffness[i, j]

    def move(self, n_moves: int) -> None:
        """Try some Metropolis exchanges in every replica."""
        n = len(self.labels)
        picks = self._pairs[self._rng.integers(len(self._pairs), size=(n_moves, n))]
        limits = -np.log(self._rng.random((n_moves, n)) + 1e-300) * self._kT
        walker = np.arange(n)
        for pick, limit in zip(picks, limits, strict=True):
            i, j = pick[:, 0], pick[:, 1]
            changes = self._changes(walker, i, j)
            accepted = np.flatnonzero((changes < limit) & (self._charges[walker, i] != self._charges[walker, j]))
            self._exchange(accepted, i[accepted], j[accepted])
            self.energies_eV[accepted] += changes[accepted]

    def _exchange(self, walker: IntArray, i: IntArray, j: IntArray) -> None:
        """Exchange the ions on active sites i and j and update the potentials."""
        d = self._charges[walker, j] - self._charges[walker, i]
        coupling = self._energy.coupling_eV
        self._potentials[walker] += d[:, None] * (coupling[i] - coupling[j])
        self._charges[walker, i] += d
        self._charges[walker, j] -= d
        i, j = self._energy.columns[i], self._energy.columns[j]
        self.labels[walker, i], self.labels[walker, j] = self.labels[walker, j], self.labels[walker, i]

    def swap_temperatures(self) -> None:
        """Let neighbours on each ladder exchange their temperatures (detailed balance)."""
        # Replicas of one temperature are paired with those of the next at random.
        order = np.lexsort((self._rng.random(len(self._kT)), self._kT)).reshape(N_RUNGS, N_LADDERS)
        for lower, upper in pairwise(order):
            gain = (self.energies_eV[lower] - self.energies_eV[upper]) * (1.0 / self._kT[lower] - 1.0 / self._kT[upper])
            yes = np.log(self._rng.random(N_LADDERS) + 1e-300) < gain
            a, b = lower[yes], upper[yes]
            self._kT[a], self._kT[b] = self._kT[b], self._kT[a]


def search(
    blocks: list[Block],
    energy: ChargeEnergy,
    permutations: IntArray,
    k: int,
    *,
    seed: int,
    n_moves: int,
    progress: Progress | None = None,
) -> ChargePatterns:
    """Search for the k lowest distinct charge patterns.

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
    seed : int
        Seed of the random numbers.
    n_moves : int
        Attempted exchanges per replica.
    progress : callable, optional
        Told the fraction done.

    Returns
    -------
    ChargePatterns
        Up to k patterns, not proven to be the lowest, with the evidence of two independent halves
        of the search.
    """
    halves = []
    for half in range(2):
        rng = np.random.default_rng([seed, half])
        found = _Half(LowestPatterns(Canonicaliser(permutations, blocks), k, permutations.shape[1]), energy, rng)

        def report(fraction: float, half: int = half) -> None:
            if progress is not None:
                progress("search of charge patterns", 0.5 * (half + fraction))

        found.run(blocks, permutations, n_moves, report)
        halves.append(found)
    return _joined(halves, energy, k)


class _Half:
    """One of two independent searches."""

    def __init__(self, lowest: LowestPatterns, energy: ChargeEnergy, rng: np.random.Generator) -> None:
        self.lowest = lowest
        self.moves = 0
        self.moves_at_lowest = 0
        self._energy, self._rng = energy, rng

    def run(self, blocks: list[Block], permutations: IntArray, n_moves: int, report: Callable[[float], None]) -> None:
        """Search among symmetric patterns, then among all, then around the best."""
        for fold in folds(blocks, self._energy, permutations, self._rng):
            self._search_fold(fold, permutations.shape[1], n_moves // MOVES_SHARE_OF_FOLDS)
        _temper(self.lowest, blocks, self._energy, self._rng, n_moves, self._note, report)
        _add_neighbours(self.lowest, self._energy, _exchangeable_pairs(blocks))

    def _search_fold(self, fold: Fold, width: int, n_moves: int) -> None:
        """Search among the patterns that one operation leaves unchanged."""
        identity = np.arange(len(fold.energy.columns))[None, :]
        part = LowestPatterns(Canonicaliser(identity, fold.blocks), N_RUNGS, identity.size)
        _temper(part, fold.blocks, fold.energy, self._rng, n_moves)
        unfolded = fold.unfold(part.labels, width)
        self.lowest.add(unfolded, self._energy.energies(unfolded))

    def _note(self, moves: int, *, improved: bool) -> None:
        """Count moves and remember when the lowest energy was last improved."""
        self.moves += moves
        if improved:
            self.moves_at_lowest = self.moves


def _joined(halves: list[_Half], energy: ChargeEnergy, k: int) -> ChargePatterns:
    """Pool what two searches found and compare it."""
    first, second = (half.lowest for half in halves)
    known = [set(part.codes.tolist()) for part in (first, second)]
    energies = (float(first.energies_eV[0]), float(second.energies_eV[0]))
    first.add(second.labels, second.energies_eV)
    listed = set(first.codes[:k].tolist())
    evidence = SearchEvidence(
        moves=sum(half.moves for half in halves),
        lowest_energies_eV=energies,
        agreement=len(listed & known[0] & known[1]) / len(listed),
        last_improvement=max(half.moves_at_lowest / half.moves for half in halves),
    )
    return first.result(energy, evidence)


def _temper(
    lowest: LowestPatterns,
    blocks: list[Block],
    energy: ChargeEnergy,
    rng: np.random.Generator,
    n_moves: int,
    note: Callable[..., None] = lambda moves, *, improved: None,  # noqa: ARG005 -- nothing to note
    report: Callable[[float], None] = lambda fraction: None,  # noqa: ARG005 -- nobody to tell
) -> None:
    """Run parallel tempering from the patterns known so far and from random ones; collect the lowest."""
    width = lowest.labels.shape[1]
    known = lowest.labels[: N_RUNGS * N_LADDERS // 2].copy()
    random = draw(blocks, max(2 * lowest.k, N_RUNGS * N_LADDERS), width, rng)
    # Random patterns are collected first, so that there is an answer even in a flat landscape.
    lowest.add(random, energy.energies(random))
    start = np.concatenate([known, random[: N_RUNGS * N_LADDERS - len(known)]])
    walkers = _Walkers(rng.permutation(start), energy, _exchangeable_pairs(blocks), rng)
    harvest: list[LabelArray] = []
    for step in range(0, n_moves, MOVES_PER_EXCHANGE):
        moves = min(MOVES_PER_EXCHANGE, n_moves - step)
        walkers.move(moves)
        walkers.swap_temperatures()
        note(moves * len(start), improved=walkers.energies_eV.min() < lowest.energies_eV[0] - TIE_eV)
        harvest.append(walkers.labels[walkers.energies_eV <= lowest.threshold])
        if len(harvest) == MOVES_PER_HARVEST or step + MOVES_PER_EXCHANGE >= n_moves:
            found = np.unique(np.concatenate(harvest), axis=0)
            lowest.add(found, energy.energies(found))
            harvest = []
            report(step / n_moves)


def _exchangeable_pairs(blocks: list[Block]) -> IntArray:
    """Return all pairs of active sites of the same block, shape (n_pairs, 2)."""
    pairs, start = [], 0
    for block in blocks:
        n = len(block.positions)
        pairs.append(np.stack(np.triu_indices(n, 1), axis=1) + start)
        start += n
    return np.concatenate(pairs)


def _add_neighbours(lowest: LowestPatterns, energy: ChargeEnergy, pairs: IntArray) -> None:
    """Evaluate all single exchanges of the best patterns, repeatedly while new ones appear."""
    k = lowest.k
    expanded = np.zeros(0, dtype=np.uint64)
    step = max(1, NEIGHBOURS_PER_BATCH // len(pairs))
    for _ in range(EXPANSION_ROUNDS):
        fresh = ~np.isin(lowest.codes[:k], expanded)
        labels = lowest.labels[:k][fresh]
        expanded = np.concatenate([expanded, lowest.codes[:k][fresh]])
        if not len(labels):
            return
        for start in range(0, len(labels), step):
            part = labels[start : start + step]
            neighbours, energies = _neighbours(part, energy, pairs, lowest.threshold)
            lowest.add(neighbours, energies)


def _neighbours(
    labels: LabelArray, energy: ChargeEnergy, pairs: IntArray, threshold_eV: float
) -> tuple[LabelArray, FloatArray]:
    """Return the single exchanges below a threshold and their energies."""
    charges = energy.charges(labels)
    potentials = energy.potentials(charges)
    i, j = pairs.T
    coupling = energy.coupling_eV
    d = charges[:, j] - charges[:, i]
    stiffness = coupling[i, i] + coupling[j, j] - 2.0 * coupling[i, j]
    changes = d * (potentials[:, i] - potentials[:, j]) + 0.5 * d * d * stiffness
    energies = energy.energies(labels)[:, None] + changes
    row, pair = np.nonzero((energies <= threshold_eV) & (d != 0))
    found = labels[row]
    first, second = energy.columns[i[pair]], energy.columns[j[pair]]
    rows = np.arange(len(row))
    found[rows, first], found[rows, second] = found[rows, second], found[rows, first]
    return found, energies[row, pair]
