"""Symmetry-distinct orderings of a disordered crystal, ranked by formal-charge Ewald energy.

The two functions :func:`count_orderings` and :func:`enumerate_orderings` are the interface of this
domain to structures; everything else here works on integer labels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np
from pymatgen.core import Structure

from superionic.errors import OrderingError
from superionic.ordering.anneal import search
from superionic.ordering.arrangements import count_raw
from superionic.ordering.cell import DisorderedCell, ReferenceCell
from superionic.ordering.counting import count_distinct
from superionic.ordering.decorate import DecorationRule, PatternSpace
from superionic.ordering.lattices import FloatArray, IntArray, LabelArray
from superionic.ordering.patterns import ChargePatterns, evaluate_all, tie_groups
from superionic.ordering.pooling import OrderingKey, OrderingKeys

Supercell = Sequence[int] | Sequence[Sequence[int]]
SupercellMatrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class OrderingSet:
    """Distinct orderings of one disordered structure, lowest Ewald energy per atom first.

    Attributes
    ----------
    structures : tuple of Structure
        Ordered pymatgen structures with oxidation states.
    energies_eV : ndarray, shape (n,)
        Formal-charge Ewald energy of each structure, per cell of that structure.
    charge_pattern_ids : ndarray of int, shape (n,)
        Structures of one id differ only in where isovalent species sit; ids rise with energy.
    multiplicities : ndarray of int, shape (n,)
        Number of raw orderings of the supercell that are equivalent to each structure.
    exact : bool
        True when nothing that belongs to the answer can be missing: every raw charge pattern was
        evaluated, the patterns listed are the lowest ones (ties at the cut decided by
        ``tie_rule``), and every distinct decoration of each listed pattern is listed. It is
        False when patterns were searched or when a quota cut the decorations of a pattern.
    complete : bool
        Whether all distinct orderings of the supercells are listed.
    count_distinct : int
        Number of distinct orderings of the whole space (Burnside). For several supercells it is
        the number listed when ``complete``, and otherwise the sum over the supercells, an upper
        bound because orderings can fit more than one of them.
    count_charge_patterns : int
        The same for charge patterns.
    count_raw : int
        Number of raw orderings, summed over the supercells.
    n_atoms : ndarray of int, shape (n,)
        Atoms per cell of each structure.
    supercells : tuple of 3x3 tuples of int
        Supercell (rows, in units of the given cell's vectors) that each structure comes from.
    mode : str
        How patterns and decorations were found, in words.
    tie_rule : str
        How orderings of equal energy were chosen and sorted, in words.
    """

    structures: tuple[Structure, ...]
    energies_eV: FloatArray
    charge_pattern_ids: IntArray
    multiplicities: IntArray
    exact: bool
    complete: bool
    count_distinct: int
    count_charge_patterns: int
    count_raw: int
    n_atoms: IntArray
    supercells: tuple[SupercellMatrix, ...]
    mode: str
    tie_rule: str

    def __len__(self) -> int:
        return len(self.structures)


def count_orderings(
    structure: Structure,
    supercell: Supercell = (1, 1, 1),
    merge_equal_orbits: bool = True,
    *,
    symprec_A: float = 0.01,
) -> int:
    """Count the symmetry-distinct orderings of one supercell exactly, whatever their number.

    Parameters
    ----------
    structure : Structure
        Disordered pymatgen Structure; what is missing to full occupancy is vacancy.
    supercell : sequence
        Three positive integers or a 3x3 integer matrix.
    merge_equal_orbits : bool
        Whether orbits with the same species and occupancies share one pool of ions; otherwise
        every crystallographic orbit keeps its own count.
    symprec_A : float
        Distance tolerance of the symmetry search, in angstrom.

    Returns
    -------
    int
        Number of orbits of the orderings under the space-group operations of the supercell
        (Burnside's lemma).

    Raises
    ------
    OrderingError
        If the supercell is invalid or cannot realise the occupancies.
    """
    reference = ReferenceCell.of(structure, merge_equal_orbits=merge_equal_orbits, symprec_A=symprec_A)
    cell = DisorderedCell.of(reference, supercell)
    return count_distinct(cell.permutations, cell.blocks)


def enumerate_orderings(
    structure: Structure,
    supercells: Sequence[Supercell] = ((1, 1, 1),),
    max_orderings: int = 2000,
    merge_equal_orbits: bool = True,
    seed: int = 0,
    *,
    decorations: DecorationRule | str = DecorationRule.UNIFORM,
    per_pattern: int | None = None,
    symprec_A: float = 0.01,
    max_exact_patterns: int = 3_000_000,
    search_moves: int = 50_000,
) -> OrderingSet:
    """Find symmetry-distinct orderings of low Ewald energy, hierarchically.

    Charge patterns come first: species of equal charge on a sublattice are one class. The lowest
    patterns are then decorated with their isovalent species, a quota for each pattern.

    Parameters
    ----------
    structure : Structure
        Disordered pymatgen Structure with oxidation states; what is missing to full occupancy is
        vacancy.
    supercells : sequence of supercells
        Each three positive integers or a 3x3 integer matrix. Orderings of several supercells are
        pooled, ranked by energy per atom, and each appears once, in the smallest cell.
    max_orderings : int
        Largest number of orderings returned.
    merge_equal_orbits : bool
        Whether orbits with the same species and occupancies share one pool of ions.
    seed : int
        Seed of all random choices.
    decorations : DecorationRule or str
        ``"uniform"`` or ``"diverse"``: the choice among more decorations than the quota.
    per_pattern : int, optional
        Quota of decorations per charge pattern. By default it is the square root of
        ``max_orderings``, raised evenly when the patterns run out. ``max_orderings`` itself
        exhausts the lowest pattern before the next one.
    symprec_A : float
        Distance tolerance of the symmetry search, in angstrom.
    max_exact_patterns : int
        Largest number of raw charge patterns of a supercell that is evaluated completely (about
        1 microsecond and 20 bytes each); above it patterns are searched.
    search_moves : int
        Attempted exchanges per replica of that search.

    Returns
    -------
    OrderingSet
        Orderings, lowest energy per atom first.

    Raises
    ------
    OrderingError
        If an argument is invalid, oxidation states are missing, the cell is charged, or a
        supercell cannot realise the occupancies.
    """
    rule = _check_arguments(supercells, max_orderings, per_pattern, decorations)
    reference = ReferenceCell.of(structure, merge_equal_orbits=merge_equal_orbits, symprec_A=symprec_A)
    spaces = [
        _Space.of(DisorderedCell.of(reference, supercell), max_orderings, seed, max_exact_patterns, search_moves)
        for supercell in supercells
    ]
    isovalent = any(len(m) > 1 for s in spaces[0].cell.sublattices for m in s.members)
    # Without isovalent species each pattern is one ordering: nothing to share out before pooling.
    budget = max_orderings if isovalent else max_orderings * len(spaces)
    used = _share(_lowest_first(spaces), budget, per_pattern)
    orderings = list(_decorate(used, rule, seed))
    keys = OrderingKeys(reference) if len(spaces) > 1 else None
    if keys is not None:
        orderings = _first_of_each(orderings, keys)
    cut = len(orderings) > max_orderings
    ids = _pattern_ids(used, keys)
    return _assemble(orderings[:max_orderings], used, spaces, ids, cut=cut, rule=rule, seed=seed)


def _check_arguments(
    supercells: Sequence[Supercell], max_orderings: int, per_pattern: int | None, decorations: str
) -> DecorationRule:
    """Refuse arguments that mean nothing; return the decoration rule."""
    if max_orderings < 1:
        raise OrderingError(f"max_orderings is {max_orderings}; ask for at least 1 ordering.")
    if per_pattern is not None and per_pattern < 1:
        raise OrderingError(f"per_pattern is {per_pattern}; ask for at least 1 decoration, or leave it out.")
    if not len(supercells) or np.ndim(supercells[0]) == 0:
        raise OrderingError(f"supercells is {supercells!r}; give a list of supercells such as [(1, 1, 2)].")
    try:
        return DecorationRule(decorations)
    except ValueError as error:
        names = ", ".join(repr(str(rule)) for rule in DecorationRule)
        raise OrderingError(f"decorations is {decorations!r}; choose one of {names}.") from error


@dataclass(frozen=True, eq=False)
class _Space:
    """One supercell with its lowest charge patterns."""

    cell: DisorderedCell
    patterns: ChargePatterns
    count_patterns: int
    count_distinct: int
    count_raw: int

    @classmethod
    def of(
        cls, cell: DisorderedCell, max_orderings: int, seed: int, max_exact_patterns: int, search_moves: int
    ) -> "_Space":
        """Find the lowest charge patterns of a supercell, completely if that is affordable."""
        cell.check_charges()
        blocks, permutations = cell.charge_blocks, cell.permutations
        count_patterns = count_distinct(permutations, blocks)
        k = min(max_orderings, count_patterns)
        energy = cell.charge_energy()
        if count_raw(blocks) <= max_exact_patterns:
            patterns = evaluate_all(blocks, energy, permutations, k)
        else:
            patterns = search(blocks, energy, permutations, k, seed=seed, n_moves=search_moves)
        count = count_distinct(permutations, cell.blocks)
        return cls(cell, patterns, count_patterns, count, count_raw(cell.blocks))


@dataclass(frozen=True, eq=False)
class _Pattern:
    """A charge pattern of one of the supercells with all its decorations."""

    space: _Space
    row: int
    decorations: PatternSpace

    @classmethod
    def of(cls, space: _Space, row: int) -> "_Pattern":
        """Take a pattern of a supercell."""
        return cls(space, row, PatternSpace(space.cell, space.patterns.labels[row]))

    @property
    def labels(self) -> LabelArray:
        """Charge classes of the columns of the cell."""
        return self.space.patterns.labels[self.row]

    @property
    def energy_eV(self) -> float:
        """Ewald energy per cell."""
        return float(self.space.patterns.energies_eV[self.row])


@dataclass(frozen=True, eq=False)
class _Ordering:
    """Species labels of one ordering and the pattern that it decorates."""

    pattern: _Pattern
    labels: LabelArray
    multiplicity: int


def _lowest_first(spaces: list[_Space]) -> Iterator[_Pattern]:
    """Yield the patterns of all supercells by energy per atom, small cells first among equals."""
    entries = [(space, row) for space in spaces for row in range(len(space.patterns.energies_eV))]
    per_atom = np.concatenate([space.patterns.energies_eV / space.cell.n_atoms for space in spaces])
    sizes = [space.cell.n_atoms for space, _ in entries]
    for index in np.lexsort((np.arange(len(entries)), sizes, tie_groups(per_atom))):
        yield _Pattern.of(*entries[index])


def _share(patterns: Iterator[_Pattern], budget: int, per_pattern: int | None) -> list[tuple[_Pattern, int]]:
    """Give quotas to the patterns from the lowest up until the budget is spent."""
    quota = per_pattern or isqrt(budget - 1) + 1
    used: list[tuple[_Pattern, int]] = []
    left = budget
    for pattern in patterns:
        share = min(quota, pattern.decorations.n_distinct, left)
        used.append((pattern, share))
        left -= share
        if not left:
            return used
    if per_pattern is None:
        capacities = [pattern.decorations.n_distinct for pattern, _ in used]
        shares = even_shares(capacities, budget)
        used = [(pattern, share) for (pattern, _), share in zip(used, shares, strict=True)]
    return used


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


def _decorate(used: list[tuple[_Pattern, int]], rule: DecorationRule, seed: int) -> Iterator[_Ordering]:
    """Choose the decorations of every pattern within its quota."""
    for number, (pattern, quota) in enumerate(used):
        # One generator per pattern: the choice for one does not depend on the size of the others.
        chosen = pattern.decorations.choose(quota, rule, np.random.default_rng([seed, number]))
        for labels, multiplicity in zip(chosen.labels, chosen.multiplicities, strict=True):
            yield _Ordering(pattern, labels, int(multiplicity))


def _first_of_each(orderings: list[_Ordering], keys: OrderingKeys) -> list[_Ordering]:
    """Drop orderings that an earlier one (of a cell as small or smaller) already describes."""
    first: dict[OrderingKey, _Ordering] = {}
    for ordering in orderings:
        first.setdefault(keys.key(ordering.pattern.space.cell, ordering.labels), ordering)
    return list(first.values())


def _pattern_ids(used: list[tuple[_Pattern, int]], keys: OrderingKeys | None) -> dict[int, int]:
    """Number the patterns (by object identity); the same pattern in two supercells has one number."""
    if keys is None:
        return {id(pattern): number for number, (pattern, _) in enumerate(used)}
    numbers: dict[OrderingKey, int] = {}
    return {
        id(pattern): numbers.setdefault(keys.key(pattern.space.cell, pattern.labels), len(numbers))
        for pattern, _ in used
    }


def _mode(spaces: list[_Space], used: list[tuple[_Pattern, int]], rule: DecorationRule, seed: int) -> str:
    """Say how patterns and decorations were found."""
    raw = sum(count_raw(space.cell.charge_blocks) for space in spaces)
    if all(space.patterns.proven for space in spaces):
        patterns = f"all {raw} raw charge patterns evaluated"
    else:
        patterns = (
            f"{raw:.3g} raw charge patterns are too many to evaluate: searched by parallel tempering (seed {seed}) "
            "and exchange of neighbours, NOT proven to be the lowest"
        )
    available = sum(pattern.decorations.n_distinct for pattern, _ in used)
    listed = sum(quota for _, quota in used)
    if available == len(used):
        return f"{patterns}; no isovalent decorations to choose"
    if listed == available:
        return f"{patterns}; all {available} decorations of the {len(used)} patterns listed"
    return (
        f"{patterns}; {listed} of {available if available < 10**9 else f'{available:.3g}'} decorations of the "
        f"{len(used)} lowest patterns chosen ({rule}, seed {seed})"
    )


def _tie_rule(used: list[tuple[_Pattern, int]], rule: DecorationRule, seed: int) -> str:
    """Say how orderings of equal energy are chosen and sorted."""
    text = (
        "Sorted by Ewald energy per atom; distinct charge patterns of equal energy (within 1e-8 eV per cell) by "
        "size of the cell, then by their canonical site code, also where the list is cut. "
    )
    if all(pattern.decorations.n_raw == 1 for pattern, _ in used):
        return text + "No isovalent species share a sublattice, so a charge pattern is one ordering."
    how = {
        DecorationRule.UNIFORM: "drawn at random, every raw decoration with equal probability",
        DecorationRule.DIVERSE: "by farthest-point selection in smeared pair distributions",
    }[rule]
    largest = max(quota for _, quota in used)
    return text + (
        "Decorations of one charge pattern with isovalent species have the same formal-charge energy: from the "
        f"lowest pattern up, each pattern gives up to {largest} of them, {how} (seed {seed}), listed in the "
        "order of choice."
    )


def _assemble(
    orderings: list[_Ordering],
    used: list[tuple[_Pattern, int]],
    spaces: list[_Space],
    ids: dict[int, int],
    *,
    cut: bool,
    rule: DecorationRule,
    seed: int,
) -> OrderingSet:
    """Write the orderings as structures and collect what is known about the whole space."""
    exact = all(s.patterns.proven for s in spaces) and all(q == p.decorations.n_distinct for p, q in used)
    complete = exact and not cut and len(used) == sum(space.count_patterns for space in spaces)
    cells = [ordering.pattern.space.cell for ordering in orderings]
    return OrderingSet(
        structures=tuple(cell.structure(o.labels) for cell, o in zip(cells, orderings, strict=True)),
        energies_eV=np.array([ordering.pattern.energy_eV for ordering in orderings]),
        charge_pattern_ids=np.array([ids[id(ordering.pattern)] for ordering in orderings]),
        multiplicities=np.array([ordering.multiplicity for ordering in orderings]),
        exact=exact,
        complete=complete,
        count_distinct=len(orderings) if complete else sum(space.count_distinct for space in spaces),
        count_charge_patterns=len(set(ids.values())) if complete else sum(s.count_patterns for s in spaces),
        count_raw=sum(space.count_raw for space in spaces),
        n_atoms=np.array([cell.n_atoms for cell in cells]),
        supercells=tuple(tuple(tuple(row) for row in cell.matrix.tolist()) for cell in cells),
        mode=_mode(spaces, used, rule, seed),
        tie_rule=_tie_rule(used, rule, seed),
    )
