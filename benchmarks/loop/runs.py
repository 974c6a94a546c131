"""MD of the teacher and of the models, in one cell, with the same settings and the same velocities at the start."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from campaign import Campaign, kept
from compare import ForceErrors, compare_forces
from models import Models
from names import TEACHER
from systems import LoopSystem
from teacher import LEVEL_OF_THEORY, TeacherCalculator

from superionic.dynamics import Progress, RunRequest, SegmentControl, run_segments, run_together
from superionic.dynamics.run_folder import RunFolder
from superionic.potentials.atoms import to_atoms
from superionic.potentials.batch import PointResult, evaluate_many
from superionic.potentials.relax import relax
from superionic.stages import RelaxSettings
from superionic.transport.diffusion import analyze_trajectory
from superionic.transport.displacement import Array, host_frame
from superionic.transport.pathways.density import counts_of, smoothed, supercell_of
from superionic.transport.result import Diffusion
from superionic.transport.trajectory import Trajectory, read_trajectory

START_RELAXATION = RelaxSettings(fmax_eV_per_A=0.05, max_steps=200)
CONTROL = SegmentControl(checkpoint_s=60, progress_s=60)
VOXEL_A, SMOOTHING_A = 0.3, 0.4
CHECKED_FRAMES = 40
"""Frames of each of the teacher's runs on which the forces of the models are compared with the teacher's."""


@dataclass(frozen=True)
class Runs:
    """The MD of one system.

    Attributes
    ----------
    system : LoopSystem
        What is run.
    campaign : Campaign
        Where the orderings come from.
    models : Models
        The models.
    """

    system: LoopSystem
    campaign: Campaign
    models: Models

    def make_teachers(self) -> None:
        """Make the teacher's runs one after the other, or go on with them; finished ones are not touched.

        Several structures in one call of CHGNet, or a second thread, take no less processor time.
        """
        for label, temperature in self.system.runs():
            request = self._request(TEACHER, label, temperature)
            run_segments(
                request.atoms,
                TeacherCalculator(),
                request.settings,
                request.folder,
                model_key=LEVEL_OF_THEORY,
                on_progress=request.on_progress,
                control=CONTROL,
            )

    def make(self, name: str) -> None:
        """Make a model's runs side by side, or go on with them; finished ones are not touched.

        Raises
        ------
        Exception
            What has stopped a run; one that explodes ends for good and counts.
        """
        if all(self.finished(name, *run) for run in self.system.runs()):
            return
        requests = [self._request(name, *run) for run in self.system.runs()]
        key = self.models.reference(name).sha256
        for outcome in run_together(requests, self._calculator(name), model_key=key, control=CONTROL):
            if isinstance(outcome, Exception):
                raise outcome

    def _request(self, name: str, label: str, temperature_K: float) -> RunRequest:
        settings = self.system.md(self.campaign.spec, label, temperature_K)

        def show(found: Progress) -> None:
            line = f"{name} {label} {temperature_K:g} K: step {found.step} of {settings.n_steps}"
            print(line, file=sys.stderr, flush=True)

        return RunRequest(self.start(label), settings, self._place(name, label, temperature_K), show)

    def start(self, label: str) -> Atoms:
        """Supercell of the lowest screened ordering as the teacher relaxes it, for all potentials."""
        file = self.campaign.folder / "md" / f"{label}.start.json"
        ordering = self.campaign.candidates()[label][0]
        cell = kept(file, lambda: relax(ordering, TeacherCalculator(), START_RELAXATION).structure)
        return to_atoms(cell).repeat(self.system.supercell)

    def finished(self, name: str, label: str, temperature_K: float) -> bool:
        """Whether a run has come to its end, its planned one or an explosion."""
        settings = self.system.md(self.campaign.spec, label, temperature_K)
        return RunFolder(self._place(name, label, temperature_K)).holds_end(settings)

    def trajectory(self, name: str, label: str, temperature_K: float) -> Trajectory:
        """The frames of a run."""
        return read_trajectory(RunFolder(self._place(name, label, temperature_K)).trajectory)

    def exploded_at_ps(self, name: str, label: str, temperature_K: float) -> float | None:
        """When a finished run exploded, ps; None if it came to its planned end."""
        run = self.trajectory(name, label, temperature_K)
        return None if run.ended_early is None else (len(run.positions_A) - 1) * run.time_step_ps

    def diffusion(self, name: str, label: str, temperature_K: float) -> Diffusion:
        """Diffusivity and state of the host, as in the transport stage."""
        run, spec = self.trajectory(name, label, temperature_K), self.campaign.spec
        return analyze_trajectory(
            run.positions_A,
            run.lattice_A,
            run.species,
            spec.mobile,
            run.time_step_ps,
            temperature_K,
            charge_e=abs(spec.charges[spec.mobile]),
            discard_ps=self.system.discard_ps,
        )

    def density_halves(self, name: str, label: str, temperature_K: float) -> list[Array]:
        """Density of the mobile ions in the first and in the second half of a run, folded into the ordering's cell."""
        run = self.trajectory(name, label, temperature_K)
        frame = host_frame(
            run.positions_A,
            run.lattice_A,
            run.species,
            self.campaign.spec.mobile,
            run.time_step_ps,
            discard_ps=self.system.discard_ps,
        )
        matrix = supercell_of(self.system.supercell)
        cell = np.linalg.inv(matrix) @ frame.lattice_A
        return [smoothed(counts.astype(float), cell, SMOOTHING_A) for counts in counts_of(frame, matrix, VOXEL_A, 2)]

    def force_errors(self, name: str, label: str, temperature_K: float) -> ForceErrors:
        """Errors of a model on frames of the teacher's run."""
        own, other = (self._points(which, label, temperature_K) for which in (TEACHER, name))
        return compare_forces(own["forces"], other["forces"], own["energies"], other["energies"])

    def _points(self, name: str, label: str, temperature_K: float) -> dict[str, list[Any]]:
        """Energies (eV/atom) and forces (eV/A) of one potential on frames of the teacher's run."""
        folder = self.campaign.folder / "md" / "teacher's frames" / name
        return kept(
            folder / f"{label}-{temperature_K:g}K.json",
            lambda: self._evaluate(name, self._frames(label, temperature_K)),
        )

    def _frames(self, label: str, temperature_K: float) -> list[Atoms]:
        run = self.trajectory(TEACHER, label, temperature_K)
        first = round(self.system.discard_ps / run.time_step_ps)
        chosen = np.linspace(first, len(run.positions_A) - 1, CHECKED_FRAMES).round().astype(int)
        return [Atoms(run.species, positions=run.positions_A[k], cell=run.lattice_A, pbc=True) for k in chosen]

    def _evaluate(self, name: str, frames: list[Atoms]) -> dict[str, list[Any]]:
        points = evaluate_many(frames, self._calculator(name), stress=False)
        sound = [point for point in points if isinstance(point, PointResult)]
        if len(sound) < len(frames):
            raise next(point for point in points if isinstance(point, Exception))
        return {
            "energies": [point.energy_eV / len(frames[0]) for point in sound],
            "forces": [point.forces_eV_per_A.tolist() for point in sound],
        }

    def _place(self, name: str, label: str, temperature_K: float) -> Path:
        return self.campaign.folder / "md" / name / f"{label}-{temperature_K:g}K"

    def _calculator(self, name: str) -> Any:  # noqa: ANN401 (ASE calculator)
        if name == TEACHER:
            return TeacherCalculator()
        return self.models.calculator(name, self.campaign.spec.transport.dtype)
