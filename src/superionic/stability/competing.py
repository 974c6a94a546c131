"""Energy above the hull of everything else: competing phases that the user brings, decomposition products by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from monty.serialization import loadfn
from numpy.typing import NDArray
from pymatgen.core import Composition
from pymatgen.entries.computed_entries import ComputedEntry
from scipy.optimize import linprog

from superionic.errors import InputError
from superionic.stability.formation import Entry
from superionic.stability.schemas import PhaseDiagramDoc

LEAST_FRACTION = 1e-6


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
    """

    e_above_hull_eV_per_atom: float
    decomposition_energy_eV_per_atom: float | None
    decomposition: dict[str, float]


def read_competing_phases(path: Path | str) -> list[ComputedEntry]:
    """Entries from a JSON file of pymatgen (``monty.serialization.dumpfn``), gzipped or not.

    Raises
    ------
    InputError
        If the file cannot be read or holds something else.
    """
    try:
        found = loadfn(path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: competing phases cannot be read: {error}") from error
    if not isinstance(found, list) or not found or not all(isinstance(entry, ComputedEntry) for entry in found):
        raise InputError(
            f"{path}: no list of pymatgen ComputedEntry; write one with monty.serialization.dumpfn(entries, path)"
        )
    return found


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
    if not phases:
        raise InputError("no phases: give at least one (Composition, energy_eV, n_atoms)")
    compositions = [c for c, _, _ in phases] + [entry.composition.element_composition for entry in competing]
    energies = np.array([e / n for _, e, n in phases] + [entry.energy_per_atom for entry in competing])
    bad = [c.reduced_formula for c, e in zip(compositions, energies, strict=True) if not np.isfinite(e)]
    if bad:
        raise InputError(f"energies of {', '.join(bad)} are not finite")
    elements = sorted({element for composition in compositions for element in composition.elements}, key=str)
    contents = np.array([[c.get_atomic_fraction(e) for e in elements] for c in compositions])
    formulas = [c.reduced_formula for c in compositions]
    return [_compete(k, len(phases), contents, energies, formulas) for k in range(len(phases))]


def _compete(
    index: int, n_phases: int, contents: NDArray[np.float64], energies: NDArray[np.float64], formulas: list[str]
) -> Competition:
    target, energy = contents[index], float(energies[index])
    inside = ~np.any((contents > 0) & (target == 0), axis=1)
    own = np.zeros(len(energies), dtype=bool)
    own[:n_phases] = np.all(np.isclose(contents[:n_phases], target, atol=LEAST_FRACTION), axis=1)
    hull, _ = _best_mixture(np.flatnonzero(inside), target, contents, energies) or (energy, {})
    others = _best_mixture(np.flatnonzero(inside & ~own), target, contents, energies)
    products: dict[str, float] = defaultdict(float)
    for row, share in (others[1] if others else {}).items():
        products[formulas[row]] += share
    return Competition(max(0.0, energy - hull), None if others is None else energy - others[0], dict(products))


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
    entries = []
    for item in doc.entries:
        formula = Composition(item.composition.formula)
        cell = formula * (item.n_atoms / formula.num_atoms)
        data = {"level_of_theory": doc.potential.level_of_theory, "model_key": doc.model_key, "lowest": item.lowest}
        name = f"{item.source_key}:{item.source_index}"
        entries.append(ComputedEntry(cell, item.energy_eV, entry_id=name, data=data))
    return entries
