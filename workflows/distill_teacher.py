"""What the teacher (CHGNet 0.3.0) does in the distillation: make frames and label them."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.filters import FrechetCellFilter
from ase.io import read, write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.optimize import FIRE
from distill_structures import Parent, rattle, separate, shortest_ratio, strain_cell
from pymatgen.io.ase import AseAtomsAdaptor

LOG = logging.getLogger("distill")
GPA_PER_EV_A3 = 160.21766208
MAX_FORCE_EV_PER_A = 25.0
MIN_RATIO = 0.5
WIDE_RATTLES = 0.15  # fraction of the rattles that is wide, for the repulsive wall


def load_teacher() -> torch.nn.Module:
    """Load CHGNet 0.3.0 on the CPU."""
    warnings.filterwarnings("ignore")
    from chgnet.model import CHGNet

    with contextlib.redirect_stdout(io.StringIO()):
        return CHGNet.load(model_name="0.3.0", use_device="cpu", verbose=False)


def teacher_calculator(teacher: torch.nn.Module) -> Calculator:
    """Wrap the teacher as an ASE calculator."""
    from chgnet.model.dynamics import CHGNetCalculator

    with contextlib.redirect_stdout(io.StringIO()):
        return CHGNetCalculator(model=teacher, use_device="cpu")


def relax(atoms: Atoms, steps: int, every: int) -> list[Atoms]:
    """Relax positions and cell for a few steps; give every n-th frame, the last one included."""
    frames: list[Atoms] = []
    optimizer = FIRE(FrechetCellFilter(atoms), logfile=None, maxstep=0.15)
    optimizer.attach(lambda: frames.append(bare(atoms)), interval=every)
    optimizer.run(fmax=0.05, steps=steps)
    return [*frames[1:], bare(atoms)]


def bare(atoms: Atoms) -> Atoms:
    """Copy species, positions and cell only."""
    return Atoms(atoms.symbols, positions=atoms.positions, cell=np.array(atoms.cell), pbc=True)


def heat(atoms: Atoms, temperature_k: float, steps: int, every: int, rng: np.random.Generator) -> list[Atoms]:
    """Run Langevin dynamics with 2 fs steps from 1.5 times the temperature; give every n-th frame."""
    MaxwellBoltzmannDistribution(atoms, temperature_K=1.5 * temperature_k, rng=rng)
    dynamics = Langevin(atoms, 2 * units.fs, temperature_K=temperature_k, friction=0.02 / units.fs, rng=rng)
    frames: list[Atoms] = []
    dynamics.attach(lambda: frames.append(bare(atoms)), interval=every)
    dynamics.run(steps)
    return frames[1:]


def burst(parent: Parent, calculator: Calculator, seed: int) -> list[Atoms]:
    """Make training frames from one parent: relaxation, strain, short hot dynamics, rattles."""
    rng = np.random.default_rng([seed, crc32(parent.key.encode())])
    atoms = separate(parent.atoms)
    atoms.calc = calculator
    small = parent.system == "glue"
    frames = relax(atoms, 10 if small else 20, 7)
    relaxed = bare(atoms)
    hot = strain_cell(relaxed, 0.04, rng)
    hot.calc = calculator
    frames += heat(hot, float(rng.uniform(300, 1200)), 24 if small else 36, 12, rng)
    for _ in range(4):
        low, high = (0.25, 0.4) if rng.random() < WIDE_RATTLES else (0.04, 0.25)
        frames.append(rattle(strain_cell(relaxed, 0.05, rng), float(rng.uniform(low, high)), rng))
    return frames


def hot_test(parent: Parent, calculator: Calculator, seed: int) -> list[Atoms]:
    """Make test frames from one parent: 800 to 1000 K dynamics in a strained cell, 3 late frames."""
    rng = np.random.default_rng([seed, crc32(parent.key.encode()), 1])
    atoms = separate(parent.atoms)
    atoms.calc = calculator
    relax(atoms, 25, 25)
    hot = strain_cell(bare(atoms), 0.03, rng)
    hot.calc = calculator
    return heat(hot, float(rng.choice([800, 900, 1000])), 120, 30, rng)[1:]


def label(frames: list[Atoms], teacher: torch.nn.Module) -> list[Atoms]:
    """Label frames with energy, forces and stress; frames that are too extreme are left out."""
    frames = [frame for frame in frames if shortest_ratio(frame) > MIN_RATIO]
    structures = [AseAtomsAdaptor.get_structure(frame) for frame in frames]
    if not structures:
        return []
    results = teacher.predict_structure(structures, task="efs", batch_size=8)
    results = [results] if isinstance(results, dict) else results
    labelled = [_attach(f, r) for f, r in zip(frames, results, strict=True)]
    return [f for f in labelled if np.abs(f.arrays["REF_forces"]).max() < MAX_FORCE_EV_PER_A]


def _attach(frame: Atoms, result: dict[str, Any]) -> Atoms:
    """Store one result under the REF_ keys in eV, eV/A and eV/A^3."""
    out = bare(frame)
    out.info["REF_energy"] = float(result["e"]) * len(frame)
    out.info["REF_stress"] = np.asarray(result["s"], dtype=float) / GPA_PER_EV_A3
    out.arrays["REF_forces"] = np.asarray(result["f"], dtype=float)
    return out


def label_folder(source: Path, target: Path, teacher: torch.nn.Module) -> int:
    """Label every frame file of a folder that has no label file yet; give the number of frames."""
    target.mkdir(parents=True, exist_ok=True)
    total = 0
    for path in sorted(source.glob("*.xyz")):
        done = target / path.name
        if done.exists():
            continue
        labelled = label(read(path, ":"), teacher)
        for frame in labelled:
            frame.info["parent"] = path.stem
        save(done, labelled)
        total += len(labelled)
        LOG.info("labelled %s: %d frames", path.stem, len(labelled))
    return total


def save(path: Path, frames: list[Atoms]) -> None:
    """Write frames in one step, so that a file is either absent or complete."""
    partial = path.with_suffix(".part")
    write(partial, frames, format="extxyz")
    partial.replace(path)
