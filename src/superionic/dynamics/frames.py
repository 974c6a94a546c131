"""What is known of a run at one time, and of a whole run after its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class MDFrame:
    """State of a run at one time.

    Attributes
    ----------
    step : int
        Number of the MD step; 0 is the start.
    time_ps : float
        Time since the start, ps.
    positions_A : numpy.ndarray, (n_atoms, 3)
        Unwrapped Cartesian positions, A; a copy.
    temperature_K : float
        Kinetic temperature of the 3N - 3 degrees of freedom, K.
    potential_energy_eV : float
        Potential energy of the cell, eV.
    """

    step: int
    time_ps: float
    positions_A: FloatArray
    temperature_K: float
    potential_energy_eV: float


OnFrame = Callable[[MDFrame], None]


@dataclass(frozen=True, eq=False)
class MDResult:
    """What is known of a run after its end; positions went to the callback or to a file.

    Attributes
    ----------
    n_steps : int
        Steps that were run.
    time_ps : float
        Length that was run, ps.
    ended_early : str or None
        Why the run stopped before its time, if it did.
    frame_times_ps, temperatures_K, potential_energies_eV : numpy.ndarray, (n_frames,)
        Time, kinetic temperature and potential energy of each frame.
    final : ase.Atoms
        Positions and momenta at the end, without a calculator.
    """

    n_steps: int
    time_ps: float
    ended_early: str | None
    frame_times_ps: FloatArray
    temperatures_K: FloatArray
    potential_energies_eV: FloatArray
    final: Atoms

    def mean_temperature_K(self, discard_ps: float = 0.0) -> float:  # noqa: N802 (carries its unit)
        """Mean kinetic temperature of the frames after `discard_ps`, K; NaN if there are none."""
        kept = self.temperatures_K[self.frame_times_ps > discard_ps]
        return float(kept.mean()) if len(kept) else float("nan")
