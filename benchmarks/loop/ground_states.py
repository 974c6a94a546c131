"""Ground states by the teacher and by the models: the same screened orderings, relaxed by each for itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from campaign import Campaign, kept
from compare import EnergyTable
from models import Models
from names import FIXED, MODELS, SAME, TEACHER
from pymatgen.core import Structure
from teacher import TeacherCalculator

from superionic.ordering.composition import grid_cell
from superionic.potentials.atoms import to_atoms
from superionic.potentials.batch import energies_many
from superionic.potentials.jobs import relax_all


@dataclass(frozen=True)
class GroundStates:
    """Relaxations of one system's orderings.

    Attributes
    ----------
    campaign : Campaign
        Where the orderings come from, and how they are relaxed.
    models : Models
        The models.
    """

    campaign: Campaign
    models: Models

    def make(self) -> None:
        """Relax everything that has not been."""
        for label in self.campaign.candidates():
            for name in (TEACHER, *MODELS):
                self.relaxed(name, label)
            for name in MODELS:
                self.single_points(name, TEACHER, label)
                self.single_points(TEACHER, name, label)

    def relaxed(self, name: str, label: str) -> list[dict[str, Any] | None]:
        """Structure, energy (eV) and convergence of each ordering; None where the relaxation failed."""
        orderings = self.campaign.candidates()[label]

        def relax() -> list[dict[str, Any] | None]:
            print(f"relaxing {label} with {name}", file=sys.stderr, flush=True)
            found, _ = relax_all(orderings, self._calculator(name), self.campaign.spec.stability.relax)
            rows: list[dict[str, Any] | None] = [None] * len(orderings)
            for item in found:
                rows[item.source_index] = {
                    "structure": item.structure,
                    "energy_eV": item.energy_eV,
                    "converged": item.converged,
                }
            return rows

        return kept(self.campaign.folder / "ground-states" / name / f"{label}.json", relax)

    def single_points(self, name: str, relaxed_by: str, label: str) -> list[float | None]:
        """Energies by one potential of the structures that another has relaxed, eV."""

        def compute() -> list[float | None]:
            rows = self.relaxed(relaxed_by, label)
            structures = [to_atoms(row["structure"]) for row in rows if row is not None]
            energies = iter(energies_many(structures, self._calculator(name)))
            found = [None if row is None else next(energies) for row in rows]
            return [value if isinstance(value, float) else None for value in found]

        return kept(self.campaign.folder / "ground-states" / f"{name} on {relaxed_by}" / f"{label}.json", compute)

    def table(self, name: str, view: str) -> EnergyTable:
        """Energies per ordering by the teacher and by a model."""
        rows = []
        for label, orderings in self.campaign.candidates().items():
            reference, energies = self._energies(name, view, label)
            rows += [
                (label, structure, teacher, model)
                for structure, teacher, model in zip(orderings, reference, energies, strict=True)
                if teacher is not None and model is not None
            ]
        return self._tabulated(rows)

    def unfinished(self, name: str) -> tuple[int, int]:
        """Relaxations that failed or did not reach the force criterion, and relaxations in all."""
        rows = [row for label in self.campaign.candidates() for row in self.relaxed(name, label)]
        return sum(row is None or not row["converged"] for row in rows), len(rows)

    def _tabulated(self, rows: Sequence[tuple[str, Structure, float, float]]) -> EnergyTable:
        spec = self.campaign.spec
        ends = [grid_cell(spec, spec.point(axes)).info for axes in spec.end_members]
        return EnergyTable(
            labels=tuple(row[0] for row in rows),
            compositions=tuple(row[1].composition.element_composition for row in rows),
            teacher_eV=np.array([row[2] for row in rows]),
            model_eV=np.array([row[3] for row in rows]),
            end_members=tuple(end.formula for end in ends),
        )

    def _energies(self, name: str, view: str, label: str) -> tuple[list[float | None], list[float | None]]:
        if view == SAME:
            return self.single_points(TEACHER, name, label), self._minima(name, label)
        if view == FIXED:
            return self._minima(TEACHER, label), self.single_points(name, TEACHER, label)
        return self._minima(TEACHER, label), self._minima(name, label)

    def _minima(self, name: str, label: str) -> list[float | None]:
        return [None if row is None else row["energy_eV"] for row in self.relaxed(name, label)]

    def _calculator(self, name: str) -> Any:  # noqa: ANN401 (ASE calculator)
        return TeacherCalculator() if name == TEACHER else self.models.calculator(name)
