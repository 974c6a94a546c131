"""The architecture of `superionic-mini`, batches of structures, and batched evaluation and dynamics."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mace  # noqa: F401  (before anything that imports e3nn)
import numpy as np
import torch
from ase import Atoms, units
from ase.data import atomic_numbers
from distill_structures import ELEMENTS
from mace.data.neighborhood import get_neighborhood

NUMBERS = sorted(atomic_numbers[symbol] for symbol in ELEMENTS)
MAX_FORCE = 40.0  # eV/A: a student that goes wrong must not end the whole batch
Graph = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Architecture:
    """Size of the model; the defaults are those of the shipped file."""

    hidden_irreps: str = "40x0e"
    interactions: int = 2
    max_ell: int = 2
    correlation: int = 2
    r_max_A: float = 5.0
    radial_mlp: tuple[int, ...] = (32, 32)
    bessel: int = 8
    readout_irreps: str = "16x0e"

    def as_dict(self) -> dict[str, Any]:
        """Give the fields for the model card."""
        return {"class": "ScaleShiftMACE", **asdict(self)}


def build(arch: Architecture, e0s: np.ndarray, scale: float, neighbours: float) -> torch.nn.Module:
    """Make a MACE with random weights and the given constants."""
    from e3nn import o3
    from mace import modules

    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    return modules.ScaleShiftMACE(
        r_max=arch.r_max_A,
        num_bessel=arch.bessel,
        num_polynomial_cutoff=5,
        max_ell=arch.max_ell,
        interaction_cls=block,
        interaction_cls_first=block,
        num_interactions=arch.interactions,
        num_elements=len(NUMBERS),
        hidden_irreps=o3.Irreps(arch.hidden_irreps),
        MLP_irreps=o3.Irreps(arch.readout_irreps),
        atomic_energies=e0s,
        avg_num_neighbors=neighbours,
        atomic_numbers=NUMBERS,
        correlation=arch.correlation,
        gate=torch.nn.functional.silu,
        radial_MLP=list(arch.radial_mlp),
        atomic_inter_scale=scale,
        atomic_inter_shift=0.0,
    )


def load(path: Path) -> torch.nn.Module:
    """Load a model file that this workflow has written."""
    warnings.filterwarnings("ignore")
    return torch.load(path, map_location="cpu", weights_only=False).float()


def graph(atoms: Atoms, r_max: float) -> Graph:
    """Turn one structure, with its labels if it has any, into tensors."""
    edges, shifts, unit_shifts, cell = get_neighborhood(
        atoms.positions, r_max, (True, True, True), np.array(atoms.cell)
    )
    onehot = np.equal.outer(atoms.numbers, NUMBERS).astype(np.float32)
    out = {
        "positions": torch.tensor(atoms.positions, dtype=torch.float32),
        "node_attrs": torch.tensor(onehot),
        "edge_index": torch.tensor(edges, dtype=torch.long),
        "shifts": torch.tensor(shifts, dtype=torch.float32),
        "unit_shifts": torch.tensor(unit_shifts, dtype=torch.float32),
        "cell": torch.tensor(cell, dtype=torch.float32),
    }
    if "REF_energy" in atoms.info:
        out["energy"] = torch.tensor([atoms.info["REF_energy"]], dtype=torch.float64)
        out["stress"] = torch.tensor(np.reshape(atoms.info["REF_stress"], (1, 3, 3)), dtype=torch.float32)
        out["forces"] = torch.tensor(atoms.arrays["REF_forces"], dtype=torch.float32)
    return out


def collate(graphs: Sequence[Graph]) -> Graph:
    """Join several structures into one batch."""
    sizes = torch.tensor([len(g["positions"]) for g in graphs])
    ptr = torch.cat([torch.zeros(1, dtype=torch.long), torch.cumsum(sizes, 0)])
    out = {key: torch.cat([g[key] for g in graphs]) for key in graphs[0] if key != "edge_index"}
    out["edge_index"] = torch.cat(
        [g["edge_index"] + start for g, start in zip(graphs, ptr.tolist(), strict=False)], dim=1
    )
    out["batch"] = torch.repeat_interleave(torch.arange(len(graphs)), sizes)
    out["ptr"] = ptr
    return out


def predict(model: torch.nn.Module, batch: Graph, training: bool = False) -> Graph:
    """Call the model for energy, forces and stress; the batch itself is left unchanged."""
    inputs = {k: v for k, v in batch.items() if k not in ("energy", "forces", "stress")}
    inputs["positions"] = inputs["positions"].detach().clone()
    out: Graph = model(inputs, training=training, compute_stress=True)
    return out


def chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Cut a sequence into pieces."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def errors(model: torch.nn.Module, frames: Sequence[Atoms]) -> dict[str, float]:
    """Compute RMS errors against the labels.

    Returns
    -------
    dict
        ``energy_meV_per_atom``, ``force_meV_per_A`` (per component), ``stress_meV_per_A3``, the RMS
        force of the labels, and counts.
    """
    r_max = float(model.r_max)
    d_e, d_f, d_s, ref = [], [], [], []
    for part in chunks(frames, 16):
        batch = collate([graph(frame, r_max) for frame in part])
        out = predict(model, batch)
        atoms = batch["ptr"].diff()
        d_e.append(((out["energy"].detach().double() - batch["energy"]) / atoms).numpy())
        d_f.append((out["forces"].detach() - batch["forces"]).numpy().ravel())
        d_s.append((out["stress"].detach() - batch["stress"]).numpy().ravel())
        ref.append(batch["forces"].numpy().ravel())

    def rms(parts: list[np.ndarray]) -> float:
        return round(float(1000 * np.sqrt(np.mean(np.concatenate(parts).astype(float) ** 2))), 3)

    return {
        "energy_meV_per_atom": rms(d_e),
        "force_meV_per_A": rms(d_f),
        "stress_meV_per_A3": rms(d_s),
        "reference_rms_force_meV_per_A": rms(ref),
        "structures": len(frames),
        "parents": len({frame.info.get("parent") for frame in frames}),
    }


class BatchedLangevin:
    """Langevin dynamics (BAOAB) of many structures at once with one call of the model per step.

    Parameters
    ----------
    model
        The potential.
    frames
        Starting structures.
    temperatures_K
        One temperature per structure.
    step_fs, friction_per_fs
        Time step and friction.
    rng
        Source of velocities and noise.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        frames: Sequence[Atoms],
        temperatures_K: Sequence[float],
        rng: np.random.Generator,
        step_fs: float = 2.0,
        friction_per_fs: float = 0.01,
    ) -> None:
        self.model, self.rng = model, rng
        self.frames = [frame.copy() for frame in frames]
        self.splits = np.cumsum([len(f) for f in frames])[:-1]
        self.dt = step_fs * units.fs
        masses = np.concatenate([f.get_masses() for f in frames])[:, None]
        kt = units.kB * np.repeat(temperatures_K, [len(f) for f in frames])[:, None]
        self.masses, self.width = masses, np.sqrt(kt / masses)
        self.keep = float(np.exp(-friction_per_fs * step_fs))
        self.velocities = rng.normal(size=(len(masses), 3)) * self.width
        self.energies, self.forces = self._evaluate()

    def _evaluate(self) -> tuple[np.ndarray, np.ndarray]:
        """Compute energies (eV) and forces (eV/A) of the present positions."""
        r_max = float(self.model.r_max)
        batch = collate([graph(frame, r_max) for frame in self.frames])
        out = self.model(batch, compute_stress=False)
        forces = np.clip(out["forces"].detach().numpy().astype(float), -MAX_FORCE, MAX_FORCE)
        return out["energy"].detach().numpy().astype(float), np.nan_to_num(forces)

    def _move(self, displacement: np.ndarray) -> None:
        for frame, part in zip(self.frames, np.split(displacement, self.splits), strict=True):
            frame.positions += part

    def step(self) -> None:
        """Advance by one time step."""
        self.velocities += 0.5 * self.dt * self.forces / self.masses
        self._move(0.5 * self.dt * self.velocities)
        noise = self.rng.normal(size=self.velocities.shape) * self.width
        self.velocities = self.keep * self.velocities + np.sqrt(1 - self.keep**2) * noise
        self._move(0.5 * self.dt * self.velocities)
        self.energies, self.forces = self._evaluate()
        self.velocities += 0.5 * self.dt * self.forces / self.masses

    def run(self, steps: int) -> None:
        """Advance by many steps."""
        for _ in range(steps):
            self.step()

    def snapshot(self) -> list[Atoms]:
        """Copy the present structures."""
        return [frame.copy() for frame in self.frames]
