"""The hierarchy of a search: supercells, their charge patterns, and quotas of decorations.

Charge patterns of all supercells are ranked together by energy per atom; from the lowest up each
gives some of its decorations until enough orderings are found.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from typing import overload

import numpy as np
from numpy.typing import ArrayLike
from pymatgen.core import Structure

from superionic.ordering.anneal import search
from superionic.ordering.arrangements import count_raw
from superionic.ordering.cell import DisorderedCell
from superionic.ordering.counting import count_distinct
from superionic.ordering.decorate import DecorationRule, PatternSpace, RankingEnergies
from superionic.ordering.exact import evaluate_all
from superionic.ordering.lattices import LabelArray
from superionic.ordering.patterns import ChargePatterns, Progress, tie_groups
from superionic.ordering.split import best_split


@dataclass(frozen=True)
class SearchLimits:
    """How far charge patterns are evaluated or searched.

    Attributes
    ----------
    n_patterns : int
        Distinct patterns wanted per supercell.
    max_evaluations : int
        Largest number of patterns that is evaluated to prove which are lowest.
    search_moves : int
        Attempted exchanges per replica where patterns are searched.
    seed : int
        Seed of the search.
    cores : int
        Threads.
    progress : callable, optional
        Told what is done and the fraction done.
    """

    n_patterns: int
    max_evaluations: int
    search_moves: int
    seed: int
    cores: int = 1
    progress: Progress | None = None


@dataclass(frozen=True, eq=False)
class Space:
    """One supercell with its lowest charge patterns.

    Attributes
    ----------
    cell : DisorderedCell
        The supercell.
    patterns : ChargePatterns
        Its lowest distinct charge patterns.
    count_patterns, count_distinct, count_raw : int
        Distinct charge patterns, distinct orderings and raw orderings of the supercell.
    """

    cell: DisorderedCell
    patterns: ChargePatterns
    count_patterns: int
    count_distinct: int
    count_raw: int

    @cached_property
    def first_orderings(self) -> LabelArray:
        """The patterns filled with the first species of each charge class, shape (n_patterns, n_columns)."""
        return self.cell.first_species_labels(self.patterns.labels)

    @classmethod
    def of(cls, cell: DisorderedCell, limits: SearchLimits) -> "Space":
        """Find the lowest charge patterns of a supercell, completely if that is affordable.

        Parameters
        ----------
        cell : DisorderedCell
            The supercell.
        limits : SearchLimits
            What is affordable.

        Raises
        ------
        OrderingError
            If oxidation states are missing or the cell is charged.
        """
        cell.check_charges()
        blocks, group = cell.charge_blocks, cell.permutations
        count_patterns = count_distinct(group, blocks)
        k = min(limits.n_patterns, count_patterns)
        energy = cell.charge_energy()
        split = best_split(blocks, group)
        if split is not None and split.fits(limits.max_evaluations):
            patterns = evaluate_all(split, energy, group, k, cores=limits.cores, progress=limits.progress)
        else:
            patterns = search(
                blocks, energy, group, k, seed=limits.seed, n_moves=limits.search_moves, progress=limits.progress
            )
        return cls(cell, patterns, count_patterns, count_distinct(group, cell.blocks), count_raw(cell.blocks))


@dataclass(frozen=True, eq=False)
class Pattern:
    """A charge pattern of one of the supercells.

    Attributes
    ----------
    space : Space
        Its supercell.
    labels : ndarray of int8, shape (n_columns,)
        Charge classes.
    energy_eV : float
        Ewald energy per cell.
    decorations : PatternSpace
        All its decorations.
    """

    space: Space
    labels: LabelArray
    energy_eV: float
    decorations: PatternSpace


@dataclass(frozen=True, eq=False)
class Ordering:
    """One ordering.

    Attributes
    ----------
    pattern : Pattern
        The pattern that it decorates.
    labels : ndarray of int8, shape (n_columns,)
        Species labels.
    multiplicity : int
        Raw orderings of the supercell that are equivalent to it.
    """

    pattern: Pattern
    labels: LabelArray
    multiplicity: int


class PatternQueue(Sequence[Pattern]):
    """The patterns of all supercells by energy per atom, small cells first among equals.

    The decorations of a pattern are counted when its turn comes, once.

    Parameters
    ----------
    spaces : sequence of Space
        Supercells with their lowest patterns.
    """

    def __init__(self, spaces: Sequence[Space]) -> None:
        self.spaces = spaces
        entries = [(space, row) for space in spaces for row in range(len(space.patterns.energies_eV))]
        per_atom = np.concatenate([space.patterns.energies_eV / space.cell.n_atoms for space in spaces])
        sizes = np.array([space.cell.n_atoms for space, _ in entries])
        order = np.lexsort((np.arange(len(entries)), sizes, tie_groups(per_atom)))
        self._entries = [entries[index] for index in order]
        self._known: dict[int, Pattern] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Pattern: ...

    @overload
    def __getitem__(self, index: slice) -> list[Pattern]: ...

    def __getitem__(self, index: int | slice) -> Pattern | list[Pattern]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index not in self._known:
            space, row = self._entries[index]
            labels = space.patterns.labels[row]
            base, multiplicity = space.first_orderings[row], int(space.patterns.multiplicities[row])
            decorations = PatternSpace(space.cell, labels, base, multiplicity)
            self._known[index] = Pattern(space, labels, float(space.patterns.energies_eV[row]), decorations)
        return self._known[index]


def share_out(patterns: Iterable[Pattern], budget: int, per_pattern: int | None) -> list[tuple[Pattern, int]]:
    """Give quotas of decorations to the patterns from the lowest up until the budget is spent.

    Parameters
    ----------
    patterns : iterable of Pattern
        Patterns, lowest first.
    budget : int
        Number of orderings wanted.
    per_pattern : int, optional
        Quota of each pattern. By default it is the square root of the budget, and when the patterns
        run out the budget is shared evenly among all of them.

    Returns
    -------
    list of (Pattern, int)
        Patterns that are used and their quotas.
    """
    quota = per_pattern or isqrt(budget - 1) + 1
    used: list[tuple[Pattern, int]] = []
    left = budget
    for pattern in patterns:
        share = min(quota, pattern.decorations.n_distinct, left)
        used.append((pattern, share))
        left -= share
        if not left:
            return used
    if per_pattern is not None:
        return used
    shares = even_shares([pattern.decorations.n_distinct for pattern, _ in used], budget)
    return [(pattern, share) for (pattern, _), share in zip(used, shares, strict=True)]


def even_shares(capacities: Sequence[int], budget: int) -> list[int]:
    """Share a budget as evenly as the capacities allow; the first ones get what does not divide.

    Parameters
    ----------
    capacities : sequence of int
        Most that each can take.
    budget : int
        Amount to share.

    Returns
    -------
    list of int
        Shares; their sum is the budget or, if that is less, the sum of the capacities.
    """
    shares = [0] * len(capacities)
    while takers := [i for i, capacity in enumerate(capacities) if shares[i] < capacity]:
        if budget == 0:
            break
        each, extra = divmod(budget, len(takers))
        for rank, i in enumerate(takers):
            gift = min(capacities[i] - shares[i], each + (rank < extra))
            shares[i] += gift
            budget -= gift
    return shares


EnergyFunction = Callable[[Sequence[Structure]], ArrayLike]
"""Energies in eV, shape (n,), of ordered structures of one supercell."""


def decorate_patterns(
    used: Sequence[tuple[Pattern, int]],
    rule: DecorationRule,
    seed: int,
    energy_function: EnergyFunction | None = None,
    progress: Progress | None = None,
) -> Iterator[Ordering]:
    """Choose the decorations of every pattern within its quota.

    Parameters
    ----------
    used : sequence of (Pattern, int)
        Patterns and quotas.
    rule : DecorationRule
        How to choose.
    seed : int
        Seed of random choices.
    energy_function : callable, optional
        What the rule ``ranked`` ranks by.
    progress : callable, optional
        Told the fraction done.

    Yields
    ------
    Ordering
        Orderings, pattern by pattern.
    """
    for number, (pattern, quota) in enumerate(used):
        if pattern.decorations.is_single:
            yield Ordering(pattern, pattern.decorations.base, pattern.decorations.multiplicity)
            continue
        # One generator per pattern: the choice for one does not depend on the size of the others.
        rng = np.random.default_rng([seed, number])
        chosen = pattern.decorations.choose(quota, rule, rng, _ranking(pattern, energy_function))
        for labels, multiplicity in zip(chosen.labels, chosen.multiplicities, strict=True):
            yield Ordering(pattern, labels, int(multiplicity))
        if progress is not None:
            progress("decorations", (number + 1) / len(used))


def _ranking(pattern: Pattern, energy_function: EnergyFunction | None) -> RankingEnergies | None:
    """Turn an energy function of structures into one of labels."""
    if energy_function is None:
        return None
    return lambda labels: np.asarray(
        energy_function([pattern.space.cell.structure(row) for row in labels]), dtype=float
    )
