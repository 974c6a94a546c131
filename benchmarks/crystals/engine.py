"""Molecular dynamics by pair potentials: Langevin, constant cubic cell, numba (extra `selection`).

Coulomb forces are damped and shifted to zero at the cut-off (Fennell and Gezelter, J. Chem. Phys. 124, 234104 (2006)),
which leaves out the far field: close to, not equal to, the Ewald sums of the papers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from models import COULOMB_EV_A, Array, Model
from numba import njit
from numpy.typing import NDArray
from scipy.special import erfc

KB_EV_PER_K = 8.617333e-5
EV_PER_A_AMU = 9648.533
"""Acceleration in A/ps^2 of 1 eV/A on 1 amu."""
DAMPING_PER_A = 0.22
BINS_PER_A2 = 400
FRICTION_PER_PS = 2.0
SAME_ATOM_A2 = 1e-9
SPRING_EV_PER_A2 = 15.0


@dataclass(frozen=True, eq=False)
class Run:
    """A trajectory with its energies.

    Attributes
    ----------
    positions_A : numpy.ndarray, (frames, atoms, 3)
        Unwrapped positions.
    lattice_A : numpy.ndarray, (3, 3)
        The cell.
    species : list of str
        Symbols.
    time_step_ps : float
        Time between frames.
    energy_eV : numpy.ndarray, (frames,)
        Potential energy.
    set_temperature_K : numpy.ndarray, (frames,)
        Temperature of the thermostat.
    """

    positions_A: Array
    lattice_A: Array
    species: list[str]
    time_step_ps: float
    energy_eV: Array
    set_temperature_K: Array


def simulate(
    model: Model,
    cells: int,
    temperatures_K: tuple[float, float],
    time_ps: float,
    *,
    edge_A: float | None = None,
    time_step_fs: float = 2.0,
    stride: int = 20,
    seed: int = 0,
    hold: float = 0.0,
    vacancies: int = 0,
) -> Run:
    """Run a crystal at one temperature, or heat it linearly from one to the other after holding it for a while.

    Parameters
    ----------
    model : Model
        Crystal and potential.
    cells : int
        Cubic cells along each edge.
    temperatures_K : tuple of float
        Temperature at the start and at the end.
    time_ps : float
        Length.
    edge_A : float, optional
        Edge of the cubic cell, if not that of the model.
    time_step_fs : float
        MD step.
    stride : int
        Steps between frames.
    seed : int
        Seed of velocities and thermostat.
    hold : float
        Share of the run at the first temperature before heating starts.
    vacancies : int
        Atoms of each element left out.
    """
    edge = edge_A or model.edge_A
    symbols = [symbol for symbol, sites in model.sites.items() for _ in range(len(sites) * cells**3)]
    corners = np.argwhere(np.ones((cells, cells, cells)))
    start = np.concatenate([edge * (corners[:, None] + np.array(s)).reshape(-1, 3) for s in model.sites.values()])
    kinds = sorted(model.sites)
    kind = np.array([kinds.index(symbol) for symbol in symbols])
    box = cells * edge
    table = _table(model, kinds, min(model.cutoff_A, box))
    steps = round(time_ps * 1000 / time_step_fs)
    ramp = np.clip((np.arange(steps) / steps - hold) / max(1.0 - hold, 1e-9), 0.0, 1.0)
    heat = temperatures_K[0] + (temperatures_K[1] - temperatures_K[0]) * ramp
    kept = _without(symbols, vacancies, seed)
    symbols, start, kind = [symbols[i] for i in kept], start[kept], kind[kept]
    masses = np.array([atomic_masses[atomic_numbers[symbol]] for symbol in symbols])
    images = 0 if box >= 2 * table[1] else 1
    x, e = _langevin(
        start,
        masses,
        kind,
        _springs(start, box, model.molecule_A),
        box,
        images,
        *table,
        heat,
        1e-3 * time_step_fs,
        FRICTION_PER_PS,
        stride,
        np.random.default_rng(seed),
    )
    return Run(x, box * np.eye(3), symbols, 1e-3 * time_step_fs * stride, e, heat[::stride])


def _without(symbols: list[str], vacancies: int, seed: int) -> NDArray[np.intp]:
    rng, names = np.random.default_rng(seed), np.array(symbols)
    kept = [rng.permutation(np.flatnonzero(names == name))[vacancies:] for name in dict.fromkeys(symbols)]
    return np.sort(np.concatenate(kept))


def _table(model: Model, kinds: list[str], cutoff: float) -> tuple[Array, float]:
    """Energy and -dU/dr / r on a grid of r^2, pair by pair of kinds: (kinds, kinds, bins, 2)."""
    squares = np.arange(int(cutoff**2 * BINS_PER_A2) + 2) / BINS_PER_A2
    r = np.sqrt(np.maximum(squares, 0.8))
    out = np.zeros((len(kinds), len(kinds), len(r), 2))
    for i, a in enumerate(kinds):
        for j, b in enumerate(kinds):
            out[i, j] = np.stack(_shifted(model, a, b, r, cutoff), axis=-1)
    return out, cutoff


def _shifted(model: Model, a: str, b: str, r: Array, cutoff: float) -> tuple[Array, Array]:
    charge = COULOMB_EV_A * model.charges_e[a] * model.charges_e[b]

    def energy(r: Array) -> Array:
        return np.asarray(model.pair(a, b, r) + charge * erfc(DAMPING_PER_A * r) / r, dtype=np.float64)

    def slope(r: Array) -> Array:
        return np.asarray((energy(r + 1e-4) - energy(r - 1e-4)) / 2e-4, dtype=np.float64)

    end = np.array([cutoff])
    shifted = energy(r) - energy(end) - slope(end) * (r - cutoff)
    return shifted, (slope(end) - slope(r)) / r


def _springs(start: Array, box: float, longest: float) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Molecule of each atom, its partners there (-1 where there are fewer), and their distances."""
    apart = start[:, None] - start
    apart -= box * np.rint(apart / box)
    distance = np.linalg.norm(apart, axis=-1)
    close = (distance < longest) & (distance > 0.0)
    partners = np.full((len(start), max(1, int(close.sum(axis=1).max()))), -1, dtype=np.intp)
    for i, row in enumerate(close):
        partners[i, : row.sum()] = np.flatnonzero(row)
    molecule = np.array([np.flatnonzero(row).min(initial=i) for i, row in enumerate(close)])
    return molecule, partners, np.take_along_axis(distance, np.maximum(partners, 0), axis=1)


@njit(cache=True)
def _bonded(x, box, partners, lengths, f):  # noqa: ANN001, ANN202 (numba)
    energy = 0.0
    for i in range(len(x)):
        for k in range(partners.shape[1]):
            j = partners[i, k]
            if j >= 0:
                apart = x[i] - x[j]
                apart -= box * np.rint(apart / box)
                length = np.sqrt((apart**2).sum())
                energy += 0.25 * SPRING_EV_PER_A2 * (length - lengths[i, k]) ** 2
                f[i] -= SPRING_EV_PER_A2 * (1.0 - lengths[i, k] / length) * apart
    return energy


@njit(cache=True, fastmath=True)
def _forces(x, kind, molecule, box, images, table, cutoff, f):  # noqa: ANN001, ANN202 (numba)
    energy = 0.0
    f[:] = 0.0
    limit = cutoff * cutoff
    shape = 2 * images + 1
    for i in range(len(x)):
        for j in range(i, len(x)):
            if i != j and molecule[i] == molecule[j]:
                continue
            dx, dy, dz = x[i, 0] - x[j, 0], x[i, 1] - x[j, 1], x[i, 2] - x[j, 2]
            dx -= box * np.rint(dx / box)
            dy -= box * np.rint(dy / box)
            dz -= box * np.rint(dz / box)
            for n in range(shape**3):
                ex = dx + box * (n % shape - images)
                ey = dy + box * (n // shape % shape - images)
                ez = dz + box * (n // shape**2 - images)
                square = ex * ex + ey * ey + ez * ez
                if square < limit and square > SAME_ATOM_A2:
                    place = square * BINS_PER_A2
                    low = int(place)
                    part = place - low
                    t = table[kind[i], kind[j]]
                    share = 0.5 if i == j else 1.0
                    energy += share * ((1 - part) * t[low, 0] + part * t[low + 1, 0])
                    if i != j:
                        g = (1 - part) * t[low, 1] + part * t[low + 1, 1]
                        f[i, 0] += g * ex
                        f[i, 1] += g * ey
                        f[i, 2] += g * ez
                        f[j, 0] -= g * ex
                        f[j, 1] -= g * ey
                        f[j, 2] -= g * ez
    return energy


@njit(cache=True)
def _langevin(x, masses, kind, springs, box, images, table, cutoff, heat, dt, friction, stride, rng):  # noqa: ANN001, ANN202
    """BAOAB: Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34."""
    n = len(x)
    x, f, v = x.copy(), np.zeros((n, 3)), np.empty((n, 3))
    frames, energies = np.empty((len(heat) // stride, n, 3)), np.empty(len(heat) // stride)
    drag = np.exp(-friction * dt)
    for i in range(n):
        for c in range(3):
            v[i, c] = np.sqrt(KB_EV_PER_K * heat[0] * EV_PER_A_AMU / masses[i]) * rng.standard_normal()
    molecule, partners, lengths = springs
    energy = _forces(x, kind, molecule, box, images, table, cutoff, f) + _bonded(x, box, partners, lengths, f)
    for k in range(len(frames) * stride):
        if k % stride == 0:
            frames[k // stride], energies[k // stride] = x, energy
        for i in range(n):
            kick = 0.5 * dt * EV_PER_A_AMU / masses[i]
            noise = np.sqrt((1 - drag * drag) * KB_EV_PER_K * heat[k] * EV_PER_A_AMU / masses[i])
            for c in range(3):
                v[i, c] += kick * f[i, c]
                x[i, c] += 0.5 * dt * v[i, c]
                v[i, c] = drag * v[i, c] + noise * rng.standard_normal()
                x[i, c] += 0.5 * dt * v[i, c]
        energy = _forces(x, kind, molecule, box, images, table, cutoff, f) + _bonded(x, box, partners, lengths, f)
        for i in range(n):
            for c in range(3):
                v[i, c] += 0.5 * dt * EV_PER_A_AMU / masses[i] * f[i, c]
    return frames, energies
