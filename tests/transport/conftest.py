"""Synthetic trajectories with known answers."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest


@dataclass
class Run:
    """A synthetic trajectory and its true diffusivity."""

    positions_A: np.ndarray
    lattice_A: np.ndarray
    species: list[str]
    time_step_ps: float
    diffusivity_cm2_per_s: float

    @property
    def arguments(self):
        return (self.positions_A, self.lattice_A, self.species, "Li", self.time_step_ps, 800.0)


HOP_A = 3.0
HOST_EDGE = 3
CELL_A = 12.0


def hop_run(
    seed, *, mobile=24, duration_ps=100.0, diffusivity_A2_per_ps=0.1, weights=(1.0, 1.0, 1.0), dt=0.2, back=0.0
):
    """Independent hops on a cubic lattice, 0.3 A vibrations, a vibrating host of chlorine.

    With probability `back` a hop undoes the one before; the hop rate is raised so that D stays as given.
    """
    rng = np.random.default_rng(seed)
    frames = round(duration_ps / dt)
    directions = np.concatenate([np.eye(3), -np.eye(3)]) * HOP_A
    odds = np.tile(weights, 2) / (2 * np.sum(weights))
    hops = rng.random((frames, mobile)) < 6.0 * diffusivity_A2_per_ps * dt / HOP_A**2 * (1 + back) / (1 - back)
    choice = rng.choice(6, p=odds, size=(frames, mobile))
    for ion in range(mobile if back else 0):
        times = np.flatnonzero(hops[:, ion])
        for before, after in pairwise(times):
            if rng.random() < back:
                choice[after, ion] = (choice[before, ion] + 3) % 6
    steps = directions[choice] * hops[..., None]
    paths = np.cumsum(steps, axis=0) + rng.uniform(0, CELL_A, (mobile, 3))
    grid = np.stack(np.meshgrid(*[np.arange(HOST_EDGE)] * 3), axis=-1).reshape(1, -1, 3) * CELL_A / HOST_EDGE
    host = grid + 0.1 * rng.normal(size=(frames, HOST_EDGE**3, 3))
    positions = np.concatenate([paths + 0.3 * rng.normal(size=paths.shape), host], axis=1)
    species = ["Li"] * mobile + ["Cl"] * HOST_EDGE**3
    return Run(positions, CELL_A * np.eye(3), species, dt, diffusivity_A2_per_ps * 1e-4)


@pytest.fixture
def make_run():
    return hop_run
