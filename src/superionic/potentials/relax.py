"""Relaxation of positions and cell with a potential, of many structures at once.

Each structure has its own ASE optimiser. All take their next step together, from forces that one batch
gives for all; those that have arrived make room for those that wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from pymatgen.core import Structure

from superionic.errors import CalculationError
from superionic.potentials.atoms import changes, closest_pair, to_atoms, to_structure
from superionic.potentials.batch import PointResult, evaluate_many, guarded
from superionic.potentials.optimisers import CellFilter, optimiser_for
from superionic.stages import RelaxSettings

VOLUME_BOUNDS = (0.5, 2.0)
"""Relative volumes outside these are no relaxation of the same crystal."""
MOVING_ATOMS = 4000
"""Structures that move together have about this many atoms in all; it bounds the memory of their Hessians."""
COLLAPSE_RATIO = 0.5
"""Atoms closer than this fraction of their covalent radii sit in a hole of the potential."""


@dataclass(frozen=True)
class Relaxation:
    """Result of a relaxation.

    Attributes
    ----------
    structure : Structure
        The relaxed structure, sites in the order of the input.
    energy_eV : float
        Potential energy of the cell, eV.
    max_force_eV_per_A : float
        Largest force component left, eV/A.
    n_steps : int
        Optimiser steps taken.
    converged : bool
        Whether the force criterion was met.
    """

    structure: Structure
    energy_eV: float
    max_force_eV_per_A: float
    n_steps: int
    converged: bool


def relax(structure: Structure, calculator: Any, settings: RelaxSettings) -> Relaxation:  # noqa: ANN401 (any ASE calculator)
    """Relax a structure, symmetry not constrained.

    Parameters
    ----------
    structure : Structure
        Ordered start structure; not changed.
    calculator : ase.calculators.calculator.Calculator
        The potential.
    settings : RelaxSettings
        Force criterion, largest number of steps, whether the cell relaxes.

    Returns
    -------
    Relaxation
        Also if the criterion was not met in time; see `converged`.

    Raises
    ------
    CalculationError
        If energies or forces are not finite, the cell collapses or explodes, or atoms fall onto each other.
    InputError
        If the potential does not know an element, or a site is partially occupied.
    """
    (outcome,) = relax_many([structure], calculator, settings)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def relax_many(
    structures: Sequence[Structure],
    calculator: Any,  # noqa: ANN401 (any ASE calculator)
    settings: RelaxSettings,
    *,
    max_edges: int | None = None,
) -> list[Relaxation | Exception]:
    """Relax many structures; a :class:`LightMACECalculator` evaluates them in batches.

    The steps are those of one relaxation after the other, up to the rounding of the forces.

    Parameters
    ----------
    structures : sequence of Structure
        Ordered start structures of any sizes and compositions; not changed.
    calculator, settings
        As for :func:`relax`.
    max_edges : int, optional
        As for :func:`superionic.potentials.batch.evaluate_many`.

    Returns
    -------
    list of Relaxation or Exception
        In the order of `structures`; an exception, as :func:`relax` raises it, where a relaxation failed.
    """
    outcomes: dict[int, Relaxation | Exception] = {}
    moving: dict[int, _Run] = {}
    waiting = deque(enumerate(structures))
    while waiting or moving:
        while waiting and sum(len(run.atoms) for run in moving.values()) < MOVING_ATOMS:
            index, structure = waiting.popleft()
            started = guarded(_Run, structure, calculator, settings)
            if isinstance(started, Exception):
                outcomes[index] = started
            else:
                moving[index] = started
        present = [run.atoms for run in moving.values()]
        points = evaluate_many(present, calculator, stress=settings.relax_cell, max_edges=max_edges)
        for (index, run), point in zip(list(moving.items()), points, strict=True):
            outcome = point if isinstance(point, Exception) else guarded(run.advance, point)
            if outcome is not None:
                outcomes[index] = outcome
                del moving[index]
    return [outcomes[index] for index in range(len(structures))]


class _Run:
    """One structure on its way, with an optimiser of its own."""

    def __init__(self, structure: Structure, calculator: Any, settings: RelaxSettings) -> None:  # noqa: ANN401
        self.atoms = to_atoms(structure)
        self._structure, self._settings = structure, settings
        self._known = _KnownPoint(calculator)
        self.atoms.calc = self._known
        self._target: Any = CellFilter(self.atoms) if settings.relax_cell else self.atoms
        self._optimiser = optimiser_for(self._target, len(self.atoms))
        self._start_volume = self.atoms.get_volume()
        self._n_steps = 0

    def advance(self, point: PointResult) -> Relaxation | None:
        """Finish if the structure has arrived where `point` was computed, otherwise take the next step."""
        self._known.accept(self.atoms, point)
        with np.errstate(over="ignore", invalid="ignore"):  # a diverging run is reported by the checks, not by warnings
            remaining = np.linalg.norm(self._target.get_forces(), axis=1).max()
            converged = bool(remaining < self._settings.fmax_eV_per_A)
            if converged or self._n_steps >= self._settings.max_steps:
                return self._finish(point, converged)
            self._optimiser.step()
            self._n_steps += 1
            self._check_volume()
        return None

    def _finish(self, point: PointResult, converged: bool) -> Relaxation:
        ratio, pair = closest_pair(self.atoms)
        if ratio < COLLAPSE_RATIO:
            raise CalculationError(
                f"relaxation of {self.atoms.get_chemical_formula()} collapsed: two atoms ({pair}) are at {ratio:.2f} "
                "of the sum of their covalent radii. The potential fails here; label such structures or use another "
                "foundation"
            )
        return Relaxation(
            structure=to_structure(self.atoms, self._structure),
            energy_eV=point.energy_eV,
            max_force_eV_per_A=float(np.abs(point.forces_eV_per_A).max()),
            n_steps=self._n_steps,
            converged=converged,
        )

    def _check_volume(self) -> None:
        relative = self.atoms.get_volume() / self._start_volume
        if not VOLUME_BOUNDS[0] < relative < VOLUME_BOUNDS[1]:
            raise CalculationError(
                f"relaxation of {self.atoms.get_chemical_formula()} ran away: the volume is {relative:.2f} of the "
                "start. The potential fails here, or the start structure is no crystal of this composition"
            )


class _KnownPoint(Calculator):
    """Gives an optimiser what the batch has computed; other points, which FIRE visits within a step, it computes."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (ASE declares it so)

    def __init__(self, calculator: Any) -> None:  # noqa: ANN401 (any ASE calculator)
        super().__init__()  # type: ignore[no-untyped-call]
        self._calculator = calculator

    def accept(self, atoms: Atoms, point: PointResult) -> None:
        self.atoms = atoms.copy()
        self.results = {"energy": point.energy_eV, "free_energy": point.energy_eV, "forces": point.forces_eV_per_A}
        if point.stress_eV_per_A3 is not None:
            self.results["stress"] = full_3x3_to_voigt_6_stress(point.stress_eV_per_A3)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,  # noqa: ARG002 (ASE's signature)
    ) -> None:
        assert atoms is not None
        (point,) = evaluate_many([atoms], self._calculator, stress="stress" in properties)
        if isinstance(point, Exception):
            raise point
        self.accept(atoms, point)

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:  # noqa: ARG002 (ASE's signature)
        return changes(self.atoms, atoms)
