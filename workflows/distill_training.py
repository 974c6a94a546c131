"""Training of `superionic-mini` within a time budget, resumable."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from distill_model import NUMBERS, Architecture, Graph, build, collate, errors, graph, load, predict
from torch_ema import ExponentialMovingAverage

LOG = logging.getLogger("distill")
LARGE_FORCE = 2.0  # eV/A


@dataclass(frozen=True)
class Schedule:
    """Settings of one training run.

    The learning rate falls along a half cosine over the time budget; after `late` of the budget the
    energy weight is multiplied by `late_energy`.
    """

    minutes: float
    learning_rate: float = 0.01
    batch: int = 3
    energy: float = 5.0
    forces: float = 1.0
    stress: float = 20.0
    late: float = 0.6
    late_energy: float = 4.0
    ema: float = 0.998
    seed: int = 1


def fit_e0s(frames: Sequence[Atoms]) -> np.ndarray:
    """Fit one energy per element to the labels by least squares."""
    counts = np.array([[np.sum(f.numbers == z) for z in NUMBERS] for f in frames], dtype=float)
    energies = np.array([f.info["REF_energy"] for f in frames])
    weights = 1.0 / counts.sum(axis=1)
    return np.linalg.lstsq(counts * weights[:, None], energies * weights, rcond=None)[0]


def fresh_model(arch: Architecture, frames: Sequence[Atoms], graphs: Sequence[Graph]) -> torch.nn.Module:
    """Build a model whose constants come from the training data."""
    forces = np.concatenate([f.arrays["REF_forces"].ravel() for f in frames])
    edges = sum(g["edge_index"].shape[1] for g in graphs)
    atoms = sum(len(g["positions"]) for g in graphs)
    return build(arch, fit_e0s(frames), float(np.sqrt(np.mean(forces**2))), edges / atoms)


def loss_of(model: torch.nn.Module, batch: Graph, schedule: Schedule, energy_weight: float) -> torch.Tensor:
    """Give the training loss: Huber per-atom energy and stress, mean length of the force errors.

    The force error of an atom counts less if its force is large: hot frames matter more than rattled ones.
    """
    out = predict(model, batch, training=True)
    d_e = (out["energy"] - batch["energy"].float()) / batch["ptr"].diff()
    d_f = out["forces"] - batch["forces"]
    d_s = out["stress"] - batch["stress"]
    zero = torch.zeros(())
    l_e = torch.nn.functional.smooth_l1_loss(d_e, zero.expand_as(d_e), beta=0.01)
    l_s = torch.nn.functional.smooth_l1_loss(d_s, zero.expand_as(d_s), beta=0.002)
    calm = 1 / torch.sqrt(1 + (batch["forces"] ** 2).sum(dim=1) / LARGE_FORCE**2)
    l_f = (calm * torch.sqrt((d_f**2).sum(dim=1) + 1e-6)).mean()
    return energy_weight * l_e + schedule.forces * l_f + schedule.stress * l_s


def train(
    frames: Sequence[Atoms],
    valid: dict[str, list[Atoms]],
    target: Path,
    schedule: Schedule,
    arch: Architecture,
    start: Path | None = None,
) -> None:
    """Train and write the averaged model to `target`.

    Parameters
    ----------
    frames
        Labelled structures.
    valid
        Labelled structures per system, for the log only: nothing is chosen by them.
    target
        Model file; ``target.ckpt`` beside it allows to resume.
    schedule, arch
        Settings.
    start
        Model file whose weights are the starting point; else random weights.
    """
    torch.manual_seed(schedule.seed)
    graphs = [graph(frame, arch.r_max_A) for frame in frames]
    model = load(start) if start else fresh_model(arch, frames, graphs).float()
    trainer = _Trainer(model, graphs, schedule, target.with_suffix(".ckpt"))
    trainer.resume()
    while not trainer.finished:
        trainer.epoch()
        if trainer.epochs % 3 == 0 or trainer.finished:
            with trainer.average.average_parameters():
                for system, part in valid.items():
                    LOG.info("epoch %d %s %s", trainer.epochs, system, errors(model, part))
    with trainer.average.average_parameters():
        write_model(model, target)


def write_model(model: torch.nn.Module, target: Path) -> None:
    """Write a model file in one step."""
    partial = target.with_suffix(".part")
    torch.save(model, partial)
    partial.replace(target)


class _Trainer:
    """State of one training run."""

    def __init__(self, model: torch.nn.Module, graphs: Sequence[Graph], schedule: Schedule, checkpoint: Path) -> None:
        self.model, self.graphs, self.schedule = model, graphs, schedule
        self.checkpoint = checkpoint
        self.optimizer = torch.optim.Adam(model.parameters(), lr=schedule.learning_rate, amsgrad=True)
        self.average = ExponentialMovingAverage(model.parameters(), decay=schedule.ema)
        self.rng = np.random.default_rng(schedule.seed)
        self.used_s, self.epochs = 0.0, 0

    @property
    def progress(self) -> float:
        """Fraction of the time budget that is used."""
        return self.used_s / (60 * self.schedule.minutes)

    @property
    def finished(self) -> bool:
        """Tell whether the budget is used up."""
        return self.progress >= 1

    def resume(self) -> None:
        """Continue from the checkpoint if there is one."""
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        self.used_s, self.epochs = state["used_s"], state["epochs"]
        LOG.info("resumed after %d epochs, %.0f s", self.epochs, self.used_s)

    def save(self) -> None:
        """Write the checkpoint in one step."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
            "used_s": self.used_s,
            "epochs": self.epochs,
        }
        partial = self.checkpoint.with_suffix(".tmp")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def epoch(self) -> None:
        """Go once through the data, or until the budget is used up."""
        order = self.rng.permutation(len(self.graphs))
        total, count = 0.0, 0
        for first in range(0, len(order), self.schedule.batch):
            began = time.perf_counter()
            total += self._update([self.graphs[i] for i in order[first : first + self.schedule.batch]])
            count += 1
            self.used_s += time.perf_counter() - began
            if self.finished:
                break
        self.epochs += 1
        self.save()
        LOG.info("epoch %d: loss %.4f, %.0f s used", self.epochs, total / count, self.used_s)

    def _update(self, graphs: Sequence[Graph]) -> float:
        """Make one optimiser step."""
        plan, p = self.schedule, min(self.progress, 1.0)
        warm = min(1.0, (self.used_s + 1) / 20)
        rate = plan.learning_rate * warm * (0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * p)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        weight = plan.energy * (plan.late_energy if p > plan.late else 1.0)
        loss = loss_of(self.model, collate(graphs), plan, weight)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimizer.step()
        self.average.update()
        return float(loss.detach())
