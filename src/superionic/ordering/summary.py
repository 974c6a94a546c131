"""What a search has found, how, and in words."""

from dataclasses import dataclass

import numpy as np

from superionic.ordering.arrangements import count_raw
from superionic.ordering.decorate import DecorationRule
from superionic.ordering.hierarchy import Ordering, Pattern, Space
from superionic.ordering.result import OrderingSet, StructureList

LONGEST_NUMBER = 10**9
"""Counts from here on are written with three digits."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a search has found and how.

    Attributes
    ----------
    spaces : list of Space
        Supercells.
    used : list of (Pattern, int)
        Patterns and their quotas of decorations.
    ids : dict
        Number of each pattern by the identity of the object.
    rule : DecorationRule
        Choice of decorations.
    seed : int
        Seed of random choices.
    """

    spaces: list[Space]
    used: list[tuple[Pattern, int]]
    ids: dict[int, int]
    rule: DecorationRule
    seed: int

    def assemble(self, orderings: list[Ordering], max_orderings: int) -> OrderingSet:
        """Take the lowest orderings and collect what is known about the whole space.

        Parameters
        ----------
        orderings : list of Ordering
            Distinct orderings, lowest first.
        max_orderings : int
            Number to keep.
        """
        spaces, everything, cut = self.spaces, orderings, len(orderings) > max_orderings
        orderings = orderings[:max_orderings]
        all_decorations = all(quota == pattern.decorations.n_distinct for pattern, quota in self.used)
        within = cut and everything[max_orderings].pattern is orderings[-1].pattern
        exact = all(space.patterns.proven for space in spaces) and all_decorations and not within
        complete = exact and not cut and len(self.used) == sum(space.count_patterns for space in spaces)
        cells = [ordering.pattern.space.cell for ordering in orderings]
        patterns = set(self.ids.values())
        return OrderingSet(
            structures=StructureList(tuple(cells), tuple(ordering.labels for ordering in orderings)),
            energies_eV=np.array([ordering.pattern.energy_eV for ordering in orderings]),
            charge_pattern_ids=np.array([self.ids[id(ordering.pattern)] for ordering in orderings]),
            multiplicities=np.array([ordering.multiplicity for ordering in orderings]),
            exact=exact,
            complete=complete,
            count_distinct=len(orderings) if complete else sum(s.count_distinct for s in spaces),
            count_charge_patterns=len(patterns) if complete else sum(s.count_patterns for s in spaces),
            count_raw=sum(space.count_raw for space in spaces),
            n_atoms=np.array([cell.n_atoms for cell in cells]),
            supercells=tuple(cell.rows for cell in cells),
            evidence=tuple(s.patterns.evidence for s in spaces if s.patterns.evidence is not None),
            mode=f"{self._pattern_mode()}; {self._decoration_mode()}",
            tie_rule=self._tie_rule(),
        )

    def _pattern_mode(self) -> str:
        """Say how charge patterns were found."""
        raw = sum(count_raw(space.cell.charge_blocks) for space in self.spaces)
        searched = [space for space in self.spaces if space.patterns.evidence is not None]
        if not searched:
            return f"lowest of all {_number(raw)} raw charge patterns, proven by complete evaluation"
        return "; ".join(
            f"{_number(count_raw(space.cell.charge_blocks))} raw charge patterns of a supercell are too many to "
            f"evaluate: parallel tempering, NOT proven to be the lowest ({space.patterns.evidence})"
            for space in searched
        )

    def _decoration_mode(self) -> str:
        """Say how many decorations were chosen and how."""
        available = sum(pattern.decorations.n_distinct for pattern, _ in self.used)
        listed = sum(quota for _, quota in self.used)
        if available == len(self.used):
            return "no isovalent decorations to choose"
        if listed == available:
            return f"all {available} decorations of the {len(self.used)} lowest patterns taken"
        return (
            f"{listed} of the {_number(available)} decorations of the {len(self.used)} lowest patterns taken "
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
            DecorationRule.RANKED: "the lowest in the given energy function of all, or of 8 drawn for each",
        }[self.rule]
        return text + (
            "Decorations of one charge pattern with isovalent species have the same formal-charge energy: from "
            f"the lowest pattern up, each gives up to {max(quota for _, quota in self.used)} of them, {how} (seed "
            f"{self.seed}), listed in the order of choice."
        )


def _number(count: int) -> str:
    """Write a count, a long one with three digits."""
    return str(count) if count < LONGEST_NUMBER else f"{count:.3g}"
