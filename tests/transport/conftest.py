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


@dataclass
class LatticeWalk:
    """Ions that hop on a lattice of sites with known rates, and what must come out."""

    positions_A: np.ndarray
    lattice_A: np.ndarray
    species: list[str]
    time_step_ps: float
    sites: np.ndarray
    jumps: int
    times_ps: np.ndarray

    @property
    def arguments(self):
        return (self.positions_A, self.lattice_A, self.species, "Li", self.time_step_ps)


def lattice_walk(
    seed,
    sites,
    moves,
    lattice_A,
    *,
    supercell=(1, 1, 1),
    n_ions=24,
    duration_ps=200.0,
    dt=0.1,
    vibration_A=0.15,
    back=0.0,
    framework=((0.5, 0.5, 0.5),),
):
    """Kinetic Monte Carlo: independent ions, `moves` = (from site, to site, image, rate per ps) in the unit cell.

    With probability `back` a jump is followed at once by its reverse in place of a fresh choice; waiting times stay.
    """
    rng = np.random.default_rng(seed)
    sites, lattice_A = np.asarray(sites, dtype=float), np.asarray(lattice_A, dtype=float)
    frames = round(duration_ps / dt)
    paths = np.empty((frames, n_ions, 3))
    times_ps, count = np.zeros(len(sites)), 0
    choices = [[m for m in moves if m[0] == k] for k in range(len(sites))]
    for ion in range(n_ions):
        site, cell, time, last = int(rng.integers(len(sites))), rng.integers(0, supercell, 3), 0.0, None
        while time < frames * dt:
            rates = np.array([m[3] for m in choices[site]])
            wait = rng.exponential(1.0 / rates.sum()) if len(rates) else np.inf
            start, stop = int(np.ceil(time / dt)), int(np.ceil(min((time + wait) / dt, frames)))
            paths[start:stop, ion] = sites[site] + cell
            times_ps[site] += min(wait, frames * dt - time)
            time += wait
            if time >= frames * dt:
                break
            if last is not None and rng.random() < back:
                other, shift = last
            else:
                _, other, shift, _ = choices[site][rng.choice(len(rates), p=rates / rates.sum())]
            last = (site, -np.array(shift))
            site, cell, count = other, cell + np.array(shift), count + 1
    host = np.array([(np.array(f) + c) for c in np.ndindex(*supercell) for f in framework])
    where = np.concatenate([paths, np.tile(host, (frames, 1, 1))], axis=1) @ lattice_A
    where += vibration_A * rng.normal(size=where.shape)
    species = ["Li"] * n_ions + ["Cl"] * len(host)
    big = np.diag(supercell) @ lattice_A
    return LatticeWalk(where, big, species, dt, sites, count, times_ps)


@pytest.fixture
def make_walk():
    return lattice_walk


@pytest.fixture
def boltzmann_positions():
    """Independent positions in U = sum_k A_k (1 - cos(2 pi m_k s_k)) / 2 on fractional coordinates s."""

    def sample(seed, barriers_eV, periods, lattice_A, *, n_frames, n_ions, temperature_K=800.0):
        rng = np.random.default_rng(seed)
        kept, kT = [], 8.617333262e-5 * temperature_K
        while sum(map(len, kept)) < n_frames * n_ions:
            s = rng.random((200_000, 3))
            energy = (np.array(barriers_eV) * (1 - np.cos(2 * np.pi * s * np.array(periods))) / 2).sum(axis=1)
            kept.append(s[rng.random(len(s)) < np.exp(-energy / kT)])
        s = np.concatenate(kept)[: n_frames * n_ions].reshape(n_frames, n_ions, 3)
        host = np.zeros((n_frames, 1, 3))
        return np.concatenate([s @ np.asarray(lattice_A), host], axis=1), ["Li"] * n_ions + ["Cl"]

    return sample
