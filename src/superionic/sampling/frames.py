"""Strained frames of one hot run: the whole of sampling for one parent ordering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from superionic.dynamics import MDFrame, run_md
from superionic.errors import CalculationError
from superionic.potentials.atoms import to_atoms, to_structure
from superionic.sampling.strain import StrainedFrame, strained_frame
from superionic.stages import SamplingSettings
from superionic.units import FS_PER_PS


@dataclass(frozen=True, eq=False)
class SampledFrames:
    """Frames of one run.

    Attributes
    ----------
    frames : list of StrainedFrame
        In order of time.
    times_ps : list of float
        Time of each frame, ps.
    mean_temperature_K : float
        Mean kinetic temperature after the discarded start, K.
    """

    frames: list[StrainedFrame]
    times_ps: list[float]
    mean_temperature_K: float


def sample_frames(structure: Structure, calculator: Any, settings: SamplingSettings, seed: int) -> SampledFrames:  # noqa: ANN401
    """Heat a structure, take random frames after the discarded start, and strain each.

    Parameters
    ----------
    structure : Structure
        The relaxed parent ordering.
    calculator : ase.calculators.calculator.Calculator
        The potential.
    settings : SamplingSettings
        Temperature, lengths, number of frames, strain.
    seed : int
        Seed of velocities, thermostat, choice of frames and strain.

    Raises
    ------
    CalculationError
        If the run exploded or no strain keeps the atoms of a frame apart.
    """
    rng = np.random.default_rng([seed, 1])  # apart from the stream of the MD, which is seeded with `seed` alone
    wanted = set(draw_steps(settings, rng).tolist())
    taken: list[MDFrame] = []
    atoms = to_atoms(structure)
    result = run_md(
        atoms,
        calculator,
        temperature_K=settings.temperature_K,
        time_ps=settings.time_ps,
        time_step_fs=settings.time_step_fs,
        thermostat=settings.thermostat,
        damping_fs=settings.damping_fs,
        stride_fs=settings.time_step_fs,
        seed=seed,
        on_frame=lambda frame: taken.append(frame) if frame.step in wanted else None,
    )
    if result.ended_early is not None:
        raise CalculationError(
            f"sampling MD of {structure.composition.formula} at {settings.temperature_K:g} K {result.ended_early}. "
            "Lower the temperature or the time step, or use another foundation"
        )
    strained = []
    for frame in taken:
        atoms.positions = frame.positions_A
        strained.append(strained_frame(to_structure(atoms, structure), rng, settings.max_strain, settings.strain_mode))
    return SampledFrames(strained, [frame.time_ps for frame in taken], result.mean_temperature_K(settings.discard_ps))


def draw_steps(settings: SamplingSettings, rng: np.random.Generator) -> NDArray[np.int64]:
    """Distinct random MD steps after the discarded start, in ascending order.

    Returns
    -------
    numpy.ndarray, (settings.drawn_frames,)
        Step numbers.
    """
    first = round(settings.discard_ps * FS_PER_PS / settings.time_step_fs) + 1
    last = round(settings.time_ps * FS_PER_PS / settings.time_step_fs)
    return np.sort(rng.choice(np.arange(first, last + 1), settings.drawn_frames, replace=False))
