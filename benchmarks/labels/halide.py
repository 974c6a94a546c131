"""A foundation that is accurate at the low level of theory, which superionic-mini is not (143 meV/A in halides).

It is superionic-mini, tuned naively to CHGNet 0.3.0 on distorted copies of the candidates: other geometries, no label
of the high level, no ordering of the test set. It stands for what a large universal potential is at its own level.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from shutil import rmtree

import numpy as np
from ase import Atoms
from foreign import low_level
from pool import Parts
from runs import Sets, settings_for, train

from superionic.potentials.registry import trust_file
from superionic.stages import TrainingMode
from superionic.training.assemble import labels_of
from superionic.training.dataset import LabelledFrame
from superionic.training.metrics import errors_between

COPIES, RATTLE_A, STRAIN = 2, 0.06, 0.02
EPOCHS, RATE, SEED = 25, 0.01, 11


def halide_foundation(parts: Parts, folder: Path) -> Path:
    """Model file, made first if need be, and trusted in a list of its own."""
    os.environ["SUPERIONIC_CACHE_DIR"] = str((folder / "cache").resolve())
    file = folder / "halide.model"
    if not file.exists():
        copies = [
            distorted(frame.atoms, number, copy) for number, frame in enumerate(parts.pool) for copy in range(COPIES)
        ]
        valid, test = ([frame.atoms for frame in part] for part in (parts.valid, parts.test))
        sets = Sets(at_low_level(copies), at_low_level(valid), at_low_level(test))
        outcome = train(settings_for(TrainingMode.NAIVE, RATE, EPOCHS), sets, SEED, folder / "halide.run")
        file.write_bytes(outcome.production)
        errors = errors_between(labels_of(sets.test), outcome.evaluations["tuned_test"])
        (folder / "halide.txt").write_text(str(asdict(errors)), encoding="utf-8")
        rmtree(folder / "halide.run")
    trust_file(file)
    return file


def distorted(atoms: Atoms, number: int, copy: int) -> Atoms:
    """A strained and rattled copy."""
    rng, moved = np.random.default_rng([SEED, number, copy]), atoms.copy()
    strain = rng.uniform(-STRAIN, STRAIN, (3, 3))
    moved.set_cell(np.asarray(moved.cell) @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
    moved.positions += rng.normal(0.0, RATTLE_A, moved.positions.shape)
    return moved


def at_low_level(structures: list[Atoms]) -> list[LabelledFrame]:
    """Structures labelled by CHGNet 0.3.0."""
    found = low_level(structures)
    ends = np.cumsum(found.n_atoms)
    return [
        LabelledFrame(
            key=str(number),
            parent_id=str(number),
            composition="low level",
            atoms=atoms,
            energy_eV=float(found.energies_eV[number]),
            forces_eV_per_A=found.forces_eV_per_A[ends[number] - len(atoms) : ends[number]],
            stress_eV_per_A3=found.stresses_eV_per_A3[number],
        )
        for number, atoms in enumerate(structures)
    ]
