"""Symmetry-distinct orderings of a disordered crystal, ranked by formal-charge Ewald energy.

The two functions :func:`count_orderings` and :func:`enumerate_orderings` are the interface of this
domain to structures; everything else here works on integer labels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from pymatgen.core import Structure

from superionic.errors import OrderingError
from superionic.ordering.arrangements import count_raw
from superionic.ordering.cell import DisorderedCell, ReferenceCell
from superionic.ordering.counting import count_distinct
from superionic.ordering.decorate import DecorationRule
from superionic.ordering.exact import allowed_cores
from superionic.ordering.hierarchy import (
    EnergyFunction,
    Ordering,
    Pattern,
    PatternQueue,
    SearchLimits,
    Space,
    decorate_patterns,
    share_out,
)
from superionic.ordering.patterns import Progress
from superionic.ordering.pooling import OrderingKey, OrderingKeys
from superionic.ordering.result import OrderingSet
from superionic.ordering.summary import Found

Supercell = Sequence[int] | Sequence[Sequence[int]]


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
    cell = _cell(structure, supercell, merge_equal_orbits, symprec_A)
    return count_distinct(cell.permutations, cell.blocks)


def count_raw_orderings(
    structure: Structure, supercell: Supercell = (1, 1, 1), merge_equal_orbits: bool = True, *, symprec_A: float = 0.01
) -> int:
    """Count the orderings of one supercell, equivalent ones separately: what their multiplicities add up to.

    Parameters and errors are those of :func:`count_orderings`.
    """
    reference = ReferenceCell.of(structure, merge_equal_orbits=merge_equal_orbits, symprec_A=symprec_A)
    return count_raw(DisorderedCell.of(reference, supercell, symmetry=False).blocks)


def count_charge_patterns(
    structure: Structure,
    supercell: Supercell = (1, 1, 1),
    merge_equal_orbits: bool = True,
    *,
    symprec_A: float = 0.01,
) -> int:
    """Count what formal charges can tell apart: orderings in which isovalent ions are not distinguished.

    Parameters and errors are those of :func:`count_orderings`; oxidation states are needed.

    Returns
    -------
    int
        Number of symmetry-distinct charge patterns.
    """
    cell = _cell(structure, supercell, merge_equal_orbits, symprec_A)
    return count_distinct(cell.permutations, cell.charge_blocks)


def _cell(structure: Structure, supercell: Supercell, merge_equal_orbits: bool, symprec_A: float) -> DisorderedCell:
    """Build one supercell of a disordered structure."""
    reference = ReferenceCell.of(structure, merge_equal_orbits=merge_equal_orbits, symprec_A=symprec_A)
    return DisorderedCell.of(reference, supercell)


def enumerate_orderings(
    structure: Structure,
    supercells: Sequence[Supercell] = ((1, 1, 1),),
    max_orderings: int = 2000,
    merge_equal_orbits: bool = True,
    seed: int = 0,
    *,
    decorations: DecorationRule | str = DecorationRule.UNIFORM,
    energy_function: EnergyFunction | None = None,
    per_pattern: int | None = None,
    symprec_A: float = 0.01,
    max_exact_evaluations: int = 3_000_000_000,
    search_moves: int = 20_000,
    cores: int | None = None,
    progress: Progress | None = None,
) -> OrderingSet:
    """Find distinct orderings of low Ewald energy: charge patterns first, then isovalent decorations.

    Parameters
    ----------
    structure : Structure
        Disordered, with oxidation states; what is missing to full occupancy is vacancy.
    supercells : sequence of supercells
        Three integers or a 3x3 integer matrix each; an ordering appears once, in the smallest.
    max_orderings : int
        Largest number of orderings returned.
    merge_equal_orbits : bool
        Whether orbits with the same species and occupancies share one pool of ions.
    seed : int
        Seed of all random choices.
    decorations : DecorationRule or str
        ``"uniform"``, ``"diverse"`` or ``"ranked"``: the choice among more decorations than the quota.
    energy_function : callable, optional
        Energies in eV of a list of ordered structures of one supercell, for ``"ranked"``.
    per_pattern : int, optional
        Quota of decorations per charge pattern; by default the square root of ``max_orderings``,
        raised evenly when the patterns run out.
    symprec_A : float
        Distance tolerance of the symmetry search, in angstrom.
    max_exact_evaluations : int
        Most charge patterns of a supercell that are evaluated, about 10^8 per second and core, to
        prove which are the lowest (symmetry reduces their number before); else they are searched.
    search_moves : int
        Attempted exchanges per replica of that search (2 searches of 128 replicas).
    cores : int, optional
        Threads, by default all cores allowed; the answer does not depend on it.
    progress : callable, optional
        Called with what is being done and the fraction done; raise an exception in it to cancel.

    Returns
    -------
    OrderingSet
        Orderings, lowest energy per atom first.

    Raises
    ------
    OrderingError
        If an argument, the oxidation states, the total charge or the occupancies do not allow it.
    """
    rule = _check_arguments(supercells, max_orderings, per_pattern, decorations, energy_function)
    reference = ReferenceCell.of(structure, merge_equal_orbits=merge_equal_orbits, symprec_A=symprec_A)
    cells = [DisorderedCell.of(reference, supercell) for supercell in supercells]
    limits = SearchLimits(max_orderings, max_exact_evaluations, search_moves, seed, cores or allowed_cores(), progress)
    spaces = [Space.of(cell, _with_duplicates(limits, cell, len(cells))) for cell in cells]
    keys = OrderingKeys(reference) if len(cells) > 1 else None
    queue, budget, orderings = PatternQueue(spaces), max_orderings, list[Ordering]()
    while True:
        used = _choose_patterns(queue, budget, per_pattern)
        chosen = decorate_patterns(used, rule, seed, energy_function, progress)
        orderings = _first_of_each(chosen, keys, max_orderings + 1)
        if len(orderings) >= max_orderings or sum(quota for _, quota in used) < budget:
            break
        # Duplicates across supercells were dropped: start again with more, in the same proportions.
        budget *= 2
    found = Found(spaces, used, _pattern_ids(orderings, keys), rule, seed)
    return found.assemble(orderings, max_orderings)


def _choose_patterns(queue: PatternQueue, budget: int, per_pattern: int | None) -> list[tuple[Pattern, int]]:
    """Choose patterns and their quotas of decorations."""
    if queue.spaces[0].cell.is_isovalent:
        return share_out(queue, budget, per_pattern)
    # Without isovalent species each pattern is one ordering: nothing to share out.
    return [(pattern, 1) for pattern in queue]


def _with_duplicates(limits: SearchLimits, cell: DisorderedCell, n_cells: int) -> SearchLimits:
    """Ask for more patterns where removing duplicates across supercells may merge several of them."""
    return replace(limits, n_patterns=limits.n_patterns * cell.lost_factor) if n_cells > 1 else limits


def _check_arguments(
    supercells: Sequence[Supercell],
    max_orderings: int,
    per_pattern: int | None,
    decorations: str,
    energy_function: EnergyFunction | None,
) -> DecorationRule:
    """Refuse arguments that mean nothing; return the decoration rule."""
    if max_orderings < 1:
        raise OrderingError(f"max_orderings is {max_orderings}; ask for at least 1 ordering.")
    if per_pattern is not None and per_pattern < 1:
        raise OrderingError(f"per_pattern is {per_pattern}; ask for at least 1 decoration, or leave it out.")
    if not len(supercells) or np.ndim(supercells[0]) == 0:
        raise OrderingError(f"supercells is {supercells!r}; give a list of supercells such as [(1, 1, 2)].")
    try:
        rule = DecorationRule(decorations)
    except ValueError as error:
        names = ", ".join(repr(str(rule)) for rule in DecorationRule)
        raise OrderingError(f"decorations is {decorations!r}; choose one of {names}.") from error
    if (rule is DecorationRule.RANKED) != (energy_function is not None):
        raise OrderingError('decorations="ranked" and energy_function belong together; give both or none.')
    return rule


def _first_of_each(orderings: Iterable[Ordering], keys: OrderingKeys | None, n: int) -> list[Ordering]:
    """Return the first n that no earlier one (of a cell as small or smaller) describes."""
    if keys is None:
        return list(orderings)
    first: dict[OrderingKey, Ordering] = {}
    for ordering in orderings:
        first.setdefault(keys.key(ordering.pattern.space.cell, ordering.labels), ordering)
        if len(first) == n:
            break
    # Equivalence is that of the crystal here, which may have operations that the supercell lacks.
    return [
        replace(ordering, multiplicity=keys.multiplicity(ordering.pattern.space.cell, ordering.labels))
        for ordering in first.values()
    ]


def _pattern_ids(orderings: list[Ordering], keys: OrderingKeys | None) -> dict[int, int]:
    """Number the patterns (by object identity); the same pattern in two supercells has one number."""
    patterns = {id(ordering.pattern): ordering.pattern for ordering in orderings}
    if keys is None or len(patterns) == len(orderings):
        return {name: number for number, name in enumerate(patterns)}
    numbers: dict[OrderingKey, int] = {}
    return {
        name: numbers.setdefault(keys.key(pattern.space.cell, pattern.labels), len(numbers))
        for name, pattern in patterns.items()
    }
