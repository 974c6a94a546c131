"""Random walks whose diffusivity is known exactly, for `coverage.py`.

Ions hop on a cubic lattice of 3 A and vibrate by 0.3 A (correlated over 0.1 ps by 0.3); a host of chlorine vibrates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

HOP_A = 3.0
CELL_A = 12.0
HOST_EDGE = 3
DIFFUSIVITY_A2_PER_PS = 0.1
BACK_JUMPS = 0.4
VEHICLE_SIZE = 3
VIBRATION_A = 0.3
VIBRATION_MEMORY = 0.3


@dataclass(frozen=True, eq=False)
class Walk:
    """One synthetic run.

    Attributes
    ----------
    positions_A : numpy.ndarray, (frames, atoms, 3)
        Unwrapped positions in angstrom, the mobile ions first.
    lattice_A : numpy.ndarray, (3, 3)
        Cell in angstrom.
    species : list of str
        Symbols.
    time_step_ps : float
        Time between frames in ps.
    haven_ratio : float
        True Haven ratio.
    """

    positions_A: NDArray[np.float64]
    lattice_A: NDArray[np.float64]
    species: list[str]
    time_step_ps: float
    haven_ratio: float


def independent(rng: np.random.Generator, frames: int, mobile: int, dt: float) -> NDArray[np.float64]:
    """Steps of ions that hop on their own, (frames, mobile, 3), in angstrom."""
    return _steps(rng, frames, mobile, dt, back=0.0)


def back_jumps(rng: np.random.Generator, frames: int, mobile: int, dt: float) -> NDArray[np.float64]:
    """Steps of which 40 % undo the one before; f = (1 - p) / (1 + p) = 0.43, and the rate makes up for it."""
    return _steps(rng, frames, mobile, dt, back=BACK_JUMPS)


def vehicles(rng: np.random.Generator, frames: int, mobile: int, dt: float) -> NDArray[np.float64]:
    """Steps of ions that hop in fixed groups of three, in angstrom: a Haven ratio of 1/3."""
    return np.repeat(_steps(rng, frames, mobile // VEHICLE_SIZE, dt, back=0.0), VEHICLE_SIZE, axis=1)


MODELS: dict[str, tuple[Callable[..., NDArray[np.float64]], float]] = {
    "independent hops": (independent, 1.0),
    "40 % forced back-jumps": (back_jumps, 1.0),
    "vehicle hops of 3": (vehicles, 1.0 / VEHICLE_SIZE),
}


def walk(model: str, seed: int, *, mobile: int = 48, duration_ps: float = 400.0, dt: float = 0.1) -> Walk:
    """Generate one run of a model with a diffusivity of 0.1 A^2/ps = 1e-5 cm^2/s."""
    rng = np.random.default_rng([seed, list(MODELS).index(model)])
    frames = round(duration_ps / dt)
    steps, haven = MODELS[model]
    paths = np.cumsum(steps(rng, frames, mobile, dt), axis=0) + rng.uniform(0, CELL_A, (mobile, 3))
    grid = np.stack(np.meshgrid(*[np.arange(HOST_EDGE)] * 3), axis=-1).reshape(1, -1, 3) * CELL_A / HOST_EDGE
    host = grid + 0.1 * rng.normal(size=(frames, HOST_EDGE**3, 3))
    positions = np.concatenate([paths + _vibrations(rng, frames, mobile), host], axis=1)
    return Walk(positions, CELL_A * np.eye(3), ["Li"] * mobile + ["Cl"] * HOST_EDGE**3, dt, haven)


def _steps(rng: np.random.Generator, frames: int, movers: int, dt: float, *, back: float) -> NDArray[np.float64]:
    directions = np.concatenate([np.eye(3), -np.eye(3)]) * HOP_A
    rate = 6.0 * DIFFUSIVITY_A2_PER_PS * dt / HOP_A**2 * (1 + back) / (1 - back)
    hops = rng.random((frames, movers)) < rate
    choice = rng.integers(6, size=(frames, movers))
    for mover in range(movers if back else 0):
        for before, after in pairwise(np.flatnonzero(hops[:, mover])):
            if rng.random() < back:
                choice[after, mover] = (choice[before, mover] + 3) % 6
    return directions[choice] * hops[..., None]


def _vibrations(rng: np.random.Generator, frames: int, mobile: int) -> NDArray[np.float64]:
    noise = rng.normal(scale=VIBRATION_A, size=(frames, mobile, 3))
    for k in range(1, frames):
        noise[k] = VIBRATION_MEMORY * noise[k - 1] + np.sqrt(1 - VIBRATION_MEMORY**2) * noise[k]
    return noise
