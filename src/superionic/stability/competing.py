"""Energy above the hull of everything else: competing phases that the user brings, decomposition products by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymatgen.core import Composition
from scipy.optimize import linprog

from superionic.errors import InputError
from superionic.stability.formation import Entry
from superionic.stability.hull import STABLE_WITHIN_EV_PER_ATOM
from superionic.stability.schemas import PhaseDiagramDoc

if TYPE_CHECKING:
    from pymatgen.entries.computed_entries import ComputedEntry

LEAST_FRACTION = 1e-6
N_SAMPLES = 200


@dataclass(frozen=True, eq=False)
class Competition:
    """A phase against all others.

    Attributes
    ----------
    e_above_hull_eV_per_atom : float
        Energy above the hull of all phases, its own kind included, eV/atom; 0 on the hull.
    decomposition_energy_eV_per_atom : float or None
        Energy against the best mixture of *other* phases, eV/atom: negative by how much a stable phase is stable.
        None if the others cannot make up the composition.
    decomposition : dict
        That mixture: atom fraction of each phase by reduced formula; empty if there is none.
    rows : dict
        The same by position among the phases and then the competitors.
    """

    e_above_hull_eV_per_atom: float
    decomposition_energy_eV_per_atom: float | None
    decomposition: dict[str, float]
    rows: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class CompetitionSpread:
    """Spread of a competition over errors of the energies; arrays are in the order of the phases.

    Attributes
    ----------
    e_above_hull_std_eV_per_atom : numpy.ndarray
        Standard deviation of the energy above the hull, eV/atom, shape (n_phases,).
    decomposition_std_eV_per_atom : numpy.ndarray
        Standard deviation of the decomposition energy, eV/atom, shape (n_phases,); undefined without a mixture.
    probability_stable : numpy.ndarray
        Share of the samples in which the phase is on the hull, shape (n_phases,).
    """

    e_above_hull_std_eV_per_atom: NDArray[np.float64]
    decomposition_std_eV_per_atom: NDArray[np.float64]
    probability_stable: NDArray[np.float64]


def against_competing_phases(phases: Sequence[Entry], competing: Sequence[ComputedEntry]) -> list[Competition]:
    """Hull distances in the full space of the elements, by linear programming.

    No elemental references are needed, only phases that can make up each composition. All energies must be of one
    level of theory and one correction scheme, on the same zero of energy.

    Parameters
    ----------
    phases : sequence of (Composition, energy_eV, n_atoms)
        Phases to judge; those of one composition are orderings or polymorphs of one another.
    competing : sequence of ComputedEntry
        Other phases, with their corrections if they have any.

    Returns
    -------
    list of Competition
        In the order of `phases`.

    Raises
    ------
    InputError
        If there are no phases or an energy is not finite.
    """
    table = _Table.of(phases, competing)
    return [table.compete(k, table.energies_eV_per_atom) for k in range(len(phases))]


def competition_spread(
    phases: Sequence[Entry],
    competing: Sequence[ComputedEntry],
    std_eV_per_atom: ArrayLike,
    *,
    n_samples: int = N_SAMPLES,
    seed: int = 0,
) -> CompetitionSpread:
    """Monte Carlo propagation of independent Gaussian energy errors to the competition.

    Parameters
    ----------
    phases, competing
        As in :func:`against_competing_phases`, one entry per composition and structure.
    std_eV_per_atom : array_like
        Standard deviation of the energy of each phase and then of each competitor, eV/atom.
    n_samples : int
        Sets of energies that are drawn; a probability p has the sampling error sqrt(p (1 - p) / n_samples).
    seed : int
        Seed of the draws.

    Raises
    ------
    InputError
        As in :func:`against_competing_phases`, and if the errors do not fit the entries.
    """
    table = _Table.of(phases, competing)
    std, n_phases = np.asarray(std_eV_per_atom, dtype=np.float64), len(phases)
    if std.shape != table.energies_eV_per_atom.shape or not np.all(np.isfinite(std)) or np.any(std < 0):
        raise InputError("errors of energies must be finite, not negative, and one per phase and competitor")
    draws = np.random.default_rng(seed).standard_normal((n_samples, len(std))) * std
    outcomes = [[table.compete(k, table.energies_eV_per_atom + draw) for k in range(n_phases)] for draw in draws]
    above = np.array([[item.e_above_hull_eV_per_atom for item in row] for row in outcomes])
    decomposition = np.array(
        [[item.decomposition_energy_eV_per_atom for item in row] for row in outcomes], dtype=np.float64
    )
    return CompetitionSpread(
        e_above_hull_std_eV_per_atom=above.std(axis=0, ddof=1),
        decomposition_std_eV_per_atom=decomposition.std(axis=0, ddof=1),
        probability_stable=(above <= STABLE_WITHIN_EV_PER_ATOM).mean(axis=0),
    )


@dataclass(frozen=True, eq=False)
class _Table:
    """Phases and competitors as arrays: atom fractions of the elements, energies, formulas."""

    n_phases: int
    contents: NDArray[np.float64]
    energies_eV_per_atom: NDArray[np.float64]
    formulas: list[str]

    @classmethod
    def of(cls, phases: Sequence[Entry], competing: Sequence[ComputedEntry]) -> _Table:
        if not phases:
            raise InputError("no phases: give at least one (Composition, energy_eV, n_atoms)")
        compositions = [c for c, _, _ in phases] + [entry.composition.element_composition for entry in competing]
        energies = np.array([e / n for _, e, n in phases] + [entry.energy_per_atom for entry in competing])
        bad = [c.reduced_formula for c, e in zip(compositions, energies, strict=True) if not np.isfinite(e)]
        if bad:
            raise InputError(f"energies of {', '.join(bad)} are not finite")
        elements = sorted({element for composition in compositions for element in composition.elements}, key=str)
        contents = np.array([[c.get_atomic_fraction(e) for e in elements] for c in compositions])
        return cls(len(phases), contents, energies, [c.reduced_formula for c in compositions])

    def compete(self, index: int, energies: NDArray[np.float64]) -> Competition:
        """One phase against all others, with given energies per atom."""
        target, energy = self.contents[index], float(energies[index])
        inside = ~np.any((self.contents > 0) & (target == 0), axis=1)
        own = np.zeros(len(energies), dtype=bool)
        own[: self.n_phases] = np.all(np.isclose(self.contents[: self.n_phases], target, atol=LEAST_FRACTION), axis=1)
        others = _best_mixture(np.flatnonzero(inside & ~own), target, self.contents, energies)
        # the hull at a composition is that of the other compositions or the lowest phase of its own
        hull = min(float(energies[own].min()), np.inf if others is None else others[0])
        products: dict[str, float] = defaultdict(float)
        for row, share in (others[1] if others else {}).items():
            products[self.formulas[row]] += share
        return Competition(
            e_above_hull_eV_per_atom=max(0.0, energy - hull),
            decomposition_energy_eV_per_atom=None if others is None else energy - others[0],
            decomposition=dict(products),
            rows=others[1] if others else {},
        )


def _best_mixture(
    rows: NDArray[np.intp], target: NDArray[np.float64], contents: NDArray[np.float64], energies: NDArray[np.float64]
) -> tuple[float, dict[int, float]] | None:
    """Lowest energy of a mixture with a composition, and its atom fractions by row; None if there is none."""
    if not len(rows):
        return None
    zero = float(energies[rows].mean())  # total energies are large, the differences that matter are not
    result = linprog(energies[rows] - zero, A_eq=contents[rows].T, b_eq=target, bounds=(0, None), method="highs")
    if not result.success:
        return None
    shares = {int(row): float(x) for row, x in zip(rows, result.x, strict=True) if x > LEAST_FRACTION}
    return float(result.fun) + zero, shares


def phase_diagram_entries(doc: PhaseDiagramDoc) -> list[ComputedEntry]:
    """Entries of a phase diagram for pymatgen, e.g. for its ``PhaseDiagram`` or :func:`against_competing_phases`.

    Parameters
    ----------
    doc : PhaseDiagramDoc
        Phase diagram.

    Returns
    -------
    list of ComputedEntry
        All orderings: composition and energy of the cell, the source as ``entry_id``, level of theory in ``data``.
    """
    from pymatgen.entries.computed_entries import ComputedEntry

    entries = []
    for item in doc.entries:
        formula = Composition(item.composition.formula)
        cell = formula * (item.n_atoms / formula.num_atoms)
        data = {"level_of_theory": doc.potential.level_of_theory, "model_key": doc.model_key, "lowest": item.lowest}
        name = f"{item.source_key}:{item.source_index}"
        entries.append(ComputedEntry(cell, item.energy_eV, entry_id=name, data=data))
    return entries
