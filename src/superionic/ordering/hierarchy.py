"""The hierarchy of a search: supercells, their charge patterns, and quotas of decorations.

Charge patterns of all supercells are ranked together by energy per atom; from the lowest up each
gives some of its decorations until enough orderings are found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np

from superionic.ordering.anneal import search
from superionic.ordering.arrangements import count_raw
from superionic.ordering.cell import DisorderedCell
from superionic.ordering.counting import count_distinct
from superionic.ordering.decorate import DecorationRule, PatternSpace
from superionic.ordering.lattices import LabelArray
from superionic.ordering.patterns import ChargePatterns, evaluate_all, tie_groups


@dataclass(frozen=True)
class SearchLimits:
    """How far charge patterns are evaluated or searched.

    Attributes
    ----------
    n_patterns : int
        Distinct patterns wanted per supercell.
    max_exact_patterns : int
        Largest number of raw patterns that is evaluated completely.
    search_moves : int
        Attempted exchanges per replica where patterns are searched.
    seed : int
        Seed of the search.
    """

    n_patterns: int
    max_exact_patterns: int
    search_moves: int
    seed: int


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
        if count_raw(blocks) <= limits.max_exact_patterns:
            patterns = evaluate_all(blocks, energy, group, k)
        else:
            patterns = search(blocks, energy, group, k, seed=limits.seed, n_moves=limits.search_moves)
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


def lowest_first(spaces: Sequence[Space]) -> Iterator[Pattern]:
    """Yield the patterns of all supercells by energy per atom, small cells first among equals.

    Parameters
    ----------
    spaces : sequence of Space
        Supercells.

    Yields
    ------
    Pattern
        Patterns; their decorations are counted only when their turn comes.
    """
    entries = [(space, row) for space in spaces for row in range(len(space.patterns.energies_eV))]
    per_atom = np.concatenate([space.patterns.energies_eV / space.cell.n_atoms for space in spaces])
    sizes = np.array([space.cell.n_atoms for space, _ in entries])
    for index in np.lexsort((np.arange(len(entries)), sizes, tie_groups(per_atom))):
        space, row = entries[index]
        labels = space.patterns.labels[row]
        yield Pattern(space, labels, float(space.patterns.energies_eV[row]), PatternSpace(space.cell, labels))


def share_out(patterns: Iterator[Pattern], budget: int, per_pattern: int | None) -> list[tuple[Pattern, int]]:
    """Give quotas of decorations to the patterns from the lowest up until the budget is spent.

    Parameters
    ----------
    patterns : iterator of Pattern
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


def decorate_patterns(used: Sequence[tuple[Pattern, int]], rule: DecorationRule, seed: int) -> Iterator[Ordering]:
    """Choose the decorations of every pattern within its quota.

    Parameters
    ----------
    used : sequence of (Pattern, int)
        Patterns and quotas.
    rule : DecorationRule
        How to choose.
    seed : int
        Seed of random choices.

    Yields
    ------
    Ordering
        Orderings, pattern by pattern.
    """
    for number, (pattern, quota) in enumerate(used):
        # One generator per pattern: the choice for one does not depend on the size of the others.
        chosen = pattern.decorations.choose(quota, rule, np.random.default_rng([seed, number]))
        for labels, multiplicity in zip(chosen.labels, chosen.multiplicities, strict=True):
            yield Ordering(pattern, labels, int(multiplicity))
