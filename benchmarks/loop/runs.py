"""MD of the teacher and of the models, in one cell, with the same settings and the same velocities at the start."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase import Atoms
from campaign import Campaign, kept
from systems import LoopSystem
from teacher import TeacherCalculator

from superionic.dynamics import Progress, RunStatus, SegmentControl, SegmentOutcome, run_segments
from superionic.potentials.atoms import to_atoms
from superionic.potentials.relax import relax
from superionic.stages import RelaxSettings

TEACHER = "teacher"
START_RELAXATION = RelaxSettings(fmax_eV_per_A=0.05, max_steps=200)


@dataclass(frozen=True)
class Runs:
    """The MD of one system.

    Attributes
    ----------
    system : LoopSystem
        What is run.
    campaign : Campaign
        Where the orderings come from.
    folder : Path
        Folder of the closed-loop test.
    """

    system: LoopSystem
    campaign: Campaign
    folder: Path

    def start(self, label: str) -> Atoms:
        """Supercell of the lowest screened ordering as the teacher relaxes it, for all potentials."""
        file = self.folder / "md" / f"{label}.start.json"

        def relaxed() -> Any:  # noqa: ANN401 (Structure)
            found = relax(self.campaign.candidates()[label][0], TeacherCalculator(), START_RELAXATION)
            return found.structure

        cell = kept(file, relaxed)
        return to_atoms(cell).repeat(self.system.supercell)

    def place(self, model: str, label: str, temperature_K: float) -> Path:
        """Folder of one run."""
        return self.folder / "md" / model / f"{label}-{temperature_K:g}K"

    def make(self, model: str, key: str, label: str, temperature_K: float, calculator: Any) -> SegmentOutcome:  # noqa: ANN401
        """Make one run, or go on with it; one that is finished is not touched. `key` tells potentials apart."""
        settings = self.system.md(self.campaign.spec, label, temperature_K)
        name = f"{model} {label} {temperature_K:g} K"

        def show(found: Progress) -> None:
            print(f"{name}: step {found.step} of {settings.n_steps}", file=sys.stderr, flush=True)

        outcome = run_segments(
            self.start(label),
            calculator,
            settings,
            self.place(model, label, temperature_K),
            model_key=key,
            on_progress=show,
            control=SegmentControl(checkpoint_s=60, progress_s=60),
        )
        assert outcome.status is not RunStatus.PAUSED
        return outcome
