"""Symmetry-distinct orderings of a disordered crystal, ranked by formal-charge Ewald energy.

The two functions :func:`count_orderings` and :func:`enumerate_orderings` are the interface of this
domain to structures; everything else here works on integer labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pymatgen.core import Structure

from superionic.errors import OrderingError
from superionic.ordering.arrangements import count_raw
from superionic.ordering.cell import DisorderedCell, ReferenceCell
from superionic.ordering.counting import count_distinct
from superionic.ordering.decorate import DecorationRule
from superionic.ordering.hierarchy import (
    Ordering,
    Pattern,
    SearchLimits,
    Space,
    decorate_patterns,
    lowest_first,
    share_out,
)
from superionic.ordering.lattices import FloatArray, IntArray
from superionic.ordering.pooling import OrderingKey, OrderingKeys

Supercell = Sequence[int] | Sequence[Sequence[int]]
SupercellMatrix = tuple[tuple[int, ...], ...]

LONGEST_NUMBER = 10**9
"""Counts from here on are written with three digits."""


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
        ``"uniform"`` or ``"diverse"``: the choice among more decorations than the quota.
    per_pattern : int, optional
        Quota of decorations per charge pattern; by default the square root of ``max_orderings``,
        raised evenly when the patterns run out.
    symprec_A : float
        Distance tolerance of the symmetry search, in angstrom.
    max_exact_patterns : int
        Raw charge patterns of a supercell that are all evaluated (1.5 microseconds and 20 bytes
        each); beyond that number they are searched.
    search_moves : int
        Attempted exchanges per replica of that search.

    Returns
    -------
    OrderingSet
        Orderings, lowest energy per atom first.

    Raises
    ------
    OrderingError
        If an argument, the oxidation states, the total charge or the occupancies do not allow it.
    """
    rule = _check_arguments(supercells, max_orderings, per_pattern, decorations)
    reference = ReferenceCell.of(structure, merge_equal_orbits=merge_equal_orbits, symprec_A=symprec_A)
    cells = [DisorderedCell.of(reference, supercell) for supercell in supercells]
    limits = SearchLimits(max_orderings, max_exact_patterns, search_moves, seed)
    spaces = [Space.of(cell, _with_duplicates(limits, cell, len(cells))) for cell in cells]
    used = _choose_patterns(spaces, max_orderings, per_pattern)
    keys = OrderingKeys(reference) if len(cells) > 1 else None
    orderings = _first_of_each(list(decorate_patterns(used, rule, seed)), keys)
    found = _Found(spaces, used, _pattern_ids(used, keys), rule, seed)
    return found.assemble(orderings, max_orderings)


def _choose_patterns(spaces: list[Space], max_orderings: int, per_pattern: int | None) -> list[tuple[Pattern, int]]:
    """Choose patterns and their quotas of decorations."""
    isovalent = any(len(members) > 1 for s in spaces[0].cell.sublattices for members in s.members)
    # Without isovalent species each pattern is one ordering: nothing to share out before pooling.
    available = sum(len(space.patterns.energies_eV) for space in spaces)
    return share_out(lowest_first(spaces), max_orderings if isovalent else available, per_pattern)


def _with_duplicates(limits: SearchLimits, cell: DisorderedCell, n_cells: int) -> SearchLimits:
    """Ask for more patterns where removing duplicates across supercells may merge several of them."""
    return replace(limits, n_patterns=limits.n_patterns * cell.lost_factor) if n_cells > 1 else limits


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


def _first_of_each(orderings: list[Ordering], keys: OrderingKeys | None) -> list[Ordering]:
    """Drop orderings that an earlier one (of a cell as small or smaller) already describes."""
    if keys is None:
        return orderings
    first: dict[OrderingKey, Ordering] = {}
    for ordering in orderings:
        first.setdefault(keys.key(ordering.pattern.space.cell, ordering.labels), ordering)
    return list(first.values())


def _pattern_ids(used: list[tuple[Pattern, int]], keys: OrderingKeys | None) -> dict[int, int]:
    """Number the patterns (by object identity); the same pattern in two supercells has one number."""
    if keys is None:
        return {id(pattern): number for number, (pattern, _) in enumerate(used)}
    numbers: dict[OrderingKey, int] = {}
    return {
        id(pattern): numbers.setdefault(keys.key(pattern.space.cell, pattern.labels), len(numbers))
        for pattern, _ in used
    }


@dataclass(frozen=True, eq=False)
class _Found:
    """What a search has found and how."""

    spaces: list[Space]
    used: list[tuple[Pattern, int]]
    ids: dict[int, int]
    rule: DecorationRule
    seed: int

    def assemble(self, orderings: list[Ordering], max_orderings: int) -> OrderingSet:
        """Write the lowest orderings as structures and collect what is known about the whole space."""
        spaces, cut = self.spaces, len(orderings) > max_orderings
        orderings = orderings[:max_orderings]
        all_decorations = all(quota == pattern.decorations.n_distinct for pattern, quota in self.used)
        exact = all(space.patterns.proven for space in spaces) and all_decorations
        complete = exact and not cut and len(self.used) == sum(space.count_patterns for space in spaces)
        cells = [ordering.pattern.space.cell for ordering in orderings]
        patterns = set(self.ids.values())
        return OrderingSet(
            structures=tuple(cell.structure(o.labels) for cell, o in zip(cells, orderings, strict=True)),
            energies_eV=np.array([ordering.pattern.energy_eV for ordering in orderings]),
            charge_pattern_ids=np.array([self.ids[id(ordering.pattern)] for ordering in orderings]),
            multiplicities=np.array([ordering.multiplicity for ordering in orderings]),
            exact=exact,
            complete=complete,
            count_distinct=len(orderings) if complete else sum(s.count_distinct for s in spaces),
            count_charge_patterns=len(patterns) if complete else sum(s.count_patterns for s in spaces),
            count_raw=sum(space.count_raw for space in spaces),
            n_atoms=np.array([cell.n_atoms for cell in cells]),
            supercells=tuple(tuple(tuple(row) for row in cell.matrix.tolist()) for cell in cells),
            mode=f"{self._pattern_mode()}; {self._decoration_mode()}",
            tie_rule=self._tie_rule(),
        )

    def _pattern_mode(self) -> str:
        """Say how charge patterns were found."""
        raw = sum(count_raw(space.cell.charge_blocks) for space in self.spaces)
        if all(space.patterns.proven for space in self.spaces):
            return f"all {raw} raw charge patterns evaluated"
        return (
            f"{raw:.3g} raw charge patterns are too many to evaluate: searched by parallel tempering (seed "
            f"{self.seed}) and exchange of neighbours, NOT proven to be the lowest"
        )

    def _decoration_mode(self) -> str:
        """Say how many decorations were chosen and how."""
        available = sum(pattern.decorations.n_distinct for pattern, _ in self.used)
        listed = sum(quota for _, quota in self.used)
        if available == len(self.used):
            return "no isovalent decorations to choose"
        if listed == available:
            return f"all {available} decorations of the {len(self.used)} lowest patterns taken"
        number = str(available) if available < LONGEST_NUMBER else f"{available:.3g}"
        return (
            f"{listed} of the {number} decorations of the {len(self.used)} lowest patterns taken "
            f"({self.rule}, seed {self.seed})"
        )

    def _tie_rule(self) -> str:
        """Say how orderings of equal energy are chosen and sorted."""
        text = (
            "Sorted by Ewald energy per atom; distinct charge patterns of equal energy (within 1e-8 eV) by size "
            "of the cell, then by their canonical site code, also where the list is cut. "
        )
        if all(pattern.decorations.n_raw == 1 for pattern, _ in self.used):
            return text + "No isovalent species share a sublattice, so a charge pattern is one ordering."
        how = {
            DecorationRule.UNIFORM: "drawn at random, every raw decoration with equal probability",
            DecorationRule.DIVERSE: "by farthest-point selection in smeared pair distributions",
        }[self.rule]
        return text + (
            "Decorations of one charge pattern with isovalent species have the same formal-charge energy: from "
            f"the lowest pattern up, each gives up to {max(quota for _, quota in self.used)} of them, {how} (seed "
            f"{self.seed}), listed in the order of choice."
        )
