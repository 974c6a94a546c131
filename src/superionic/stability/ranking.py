"""Orderings ranked by the energy of a potential without relaxation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.core import Structure
from scipy.stats import spearmanr

from superionic.potentials.static import static_energies

FEWEST_RANKS = 3


@dataclass(frozen=True)
class StaticRanking:
    """Energies of unrelaxed orderings.

    Attributes
    ----------
    energies_eV_per_atom : list of float or None
        In the order of the structures, eV/atom; None where the potential failed.
    """

    energies_eV_per_atom: list[float | None]

    def lowest(self, number: int) -> list[int]:
        """Positions of the lowest ones, in their old order; those without an energy come last in the ranking."""
        heights = [np.inf if energy is None else energy for energy in self.energies_eV_per_atom]
        return sorted(np.argsort(heights, kind="stable")[:number].tolist())


def rank_statically(structures: Sequence[Structure], calculator: object) -> StaticRanking:
    """Evaluate orderings as they are, in batches.

    Parameters
    ----------
    structures : sequence of Structure
        Orderings of one composition, in cells of any size.
    calculator : ase.calculators.calculator.Calculator
        The potential.
    """
    outcomes = static_energies(structures, calculator)
    pairs = zip(structures, outcomes, strict=True)
    return StaticRanking([None if isinstance(found, Exception) else found / len(s) for s, found in pairs])


def rank_correlation(first: Sequence[float | None], second: Sequence[float | None]) -> float | None:
    """Spearman's rank correlation of two lists of energies; pairs with a missing energy do not count.

    Returns
    -------
    float or None
        None for fewer than three pairs, or if one list is constant.
    """
    pairs = np.array([(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None])
    if len(pairs) < FEWEST_RANKS or np.any(np.ptp(pairs, axis=0) == 0):
        return None
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)
