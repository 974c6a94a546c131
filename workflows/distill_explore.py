"""Active part of the distillation: the student's own hot dynamics supply frames for the teacher."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from distill_model import BatchedLangevin, chunks, collate, graph, predict
from distill_structures import Parent, rattle, separate, strain_cell
from distill_teacher import bare, save

LOG = logging.getLogger("distill")
BULK_MODULUS_EV_PER_A3 = 0.25
LONGEST_A = 60.0


def settle(model: torch.nn.Module, frames: Sequence[Atoms], rng: np.random.Generator) -> list[Atoms]:
    """Let clashes relax: overdamped dynamics at 300 K with isotropic volume corrections."""
    frames = [frame.copy() for frame in frames]
    for _ in range(4):
        run = BatchedLangevin(model, frames, [300.0] * len(frames), rng, friction_per_fs=0.3, step_fs=1.0)
        run.run(12)
        frames = [correct_volume(model, frame) for frame in run.snapshot()]
    return frames


def correct_volume(model: torch.nn.Module, frame: Atoms) -> Atoms:
    """Scale the cell by the student's pressure, at most 3 % in volume."""
    out = predict(model, collate([graph(frame, float(model.r_max))]))
    tension = float(torch.einsum("bii->", out["stress"].detach())) / 3
    factor = 1 - float(np.clip(tension / BULK_MODULUS_EV_PER_A3, -0.03, 0.03))
    scaled = frame.copy()
    scaled.set_cell(np.array(frame.cell) * factor ** (1 / 3), scale_atoms=True)
    return scaled


def sane(frame: Atoms) -> bool:
    """Tell whether positions are finite and nothing has flown away."""
    spread = np.ptp(frame.positions, axis=0) if np.isfinite(frame.positions).all() else np.inf
    return bool(np.max(spread) < LONGEST_A)


def hot_frames(
    model: torch.nn.Module,
    starts: Sequence[Atoms],
    rng: np.random.Generator,
    snapshots: int,
    gap: int,
) -> list[list[Atoms]]:
    """Run hot dynamics of strained structures; give the snapshots and one rattled copy of each."""
    strained = [strain_cell(frame, 0.04, rng) for frame in starts]
    run = BatchedLangevin(model, strained, list(rng.uniform(500, 1300, len(starts))), rng)
    kept: list[list[Atoms]] = [[] for _ in starts]
    for _ in range(snapshots):
        run.run(gap)
        for frames, frame in zip(kept, run.snapshot(), strict=True):
            if sane(frame):
                frames.append(bare(frame))
    for frames in kept:
        if frames:
            width = float(rng.uniform(0.05, 0.2))
            frames.append(rattle(strain_cell(frames[-1], 0.03, rng), width, rng))
    return kept


def explore(
    model: torch.nn.Module,
    parents: Sequence[Parent],
    target: Path,
    seed: int,
    snapshots: int = 3,
    gap: int = 60,
) -> None:
    """Write hot frames of every parent that has no file yet.

    Parameters
    ----------
    model
        The present student.
    parents
        Decorated structures, all of any size; run in batches of 12.
    target
        Folder of the frame files.
    seed
        Seed of strains, velocities and noise.
    snapshots, gap
        How many frames per parent and how many 2 fs steps between them.
    """
    todo = [p for p in parents if not (target / f"{p.key}.xyz").exists()]
    for number, part in enumerate(chunks(todo, 12)):
        rng = np.random.default_rng([seed, number, len(todo)])
        starts = settle(model, [separate(p.atoms) for p in part], rng)
        for parent, frames in zip(part, hot_frames(model, starts, rng, snapshots, gap), strict=True):
            save(target / f"{parent.key}.xyz", frames)
        LOG.info("explored %d parents up to %s", len(part), part[-1].key)
