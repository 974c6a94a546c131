"""Strained frames of one hot run: the whole of sampling for one parent ordering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from pymatgen.core import Structure

from superionic.dynamics import MDFrame, run_md
from superionic.errors import CalculationError
from superionic.potentials.atoms import closest_approach, to_atoms, to_structure
from superionic.provenance import derived_seed
from superionic.sampling.strain import MIN_DISTANCE_RATIO, StrainedFrame, strained_frame
from superionic.stages import SamplingSettings
from superionic.units import FS_PER_PS

MAX_STARTS = 5
"""Runs of one parent before frames are taken from what came before the explosions."""
SPACING_FS = 20.0
"""Time between the frames that are kept for that case, fs."""
SOUND_DISTANCE_RATIO = MIN_DISTANCE_RATIO + 0.05
"""Frames whose atoms come closer, in sums of covalent radii, are part of the explosion; leaves room for the strain."""


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
    exploded : list of str
        What ended each start that did not last, in words.
    """

    frames: list[StrainedFrame]
    times_ps: list[float]
    mean_temperature_K: float
    exploded: list[str]


def sample_frames(structure: Structure, calculator: Any, settings: SamplingSettings, seed: int) -> SampledFrames:  # noqa: ANN401
    """Heat a structure, take random frames after the discarded start, and strain each.

    A run that explodes is started again with other velocities. If none of five lasts, the frames come from before the
    explosions: the forces of a potential that knows little of a structure are often sound until two ions come close.

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
        If all starts exploded and left too little to draw from, or if no strain keeps the atoms of a frame apart.
    """
    rng = np.random.default_rng([seed, 1])  # apart from the stream of the MD, which is seeded with `seed` alone
    wanted = frozenset(draw_steps(settings, rng).tolist())
    starts: list[_Start] = []
    while len(starts) < MAX_STARTS and not (starts and starts[-1].exploded is None):
        start_seed = derived_seed(seed, "start", len(starts)) if starts else seed
        starts.append(_heat(to_atoms(structure), calculator, settings, start_seed, wanted))
    last = starts[-1]
    if last.exploded is None:
        frames, temperature_K = last.drawn, last.mean_temperature_K
    else:
        frames = _before_explosions(starts, structure, settings, rng)
        temperature_K = float(np.mean([frame.temperature_K for frame in frames]))
    strained = [
        strained_frame(_moved(structure, frame), rng, settings.max_strain, settings.strain_mode) for frame in frames
    ]
    exploded = [start.exploded for start in starts if start.exploded is not None]
    return SampledFrames(strained, [frame.time_ps for frame in frames], temperature_K, exploded)


@dataclass(frozen=True, eq=False)
class _Start:
    drawn: list[MDFrame]
    others: list[MDFrame]
    mean_temperature_K: float
    exploded: str | None


def _heat(atoms: Atoms, calculator: Any, settings: SamplingSettings, seed: int, wanted: frozenset[int]) -> _Start:  # noqa: ANN401
    """One run; beside the frames that were drawn it keeps others for the case that it explodes."""
    drawn: list[MDFrame] = []
    others: list[MDFrame] = []
    first = settings.discard_ps * FS_PER_PS / settings.time_step_fs
    apart = max(1, round(SPACING_FS / settings.time_step_fs))

    def keep(frame: MDFrame) -> None:
        if frame.step in wanted:
            drawn.append(frame)
        if frame.step > first and frame.step % apart == 0:
            others.append(frame)

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
        on_frame=keep,
    )
    return _Start(drawn, others, result.mean_temperature_K(settings.discard_ps), result.ended_early)


def _before_explosions(
    starts: list[_Start], structure: Structure, settings: SamplingSettings, rng: np.random.Generator
) -> list[MDFrame]:
    """As many frames as were asked for, with atoms that still keep apart, in the order of starts and times."""
    sound = [
        frame
        for start in starts
        for frame in start.others
        if closest_approach(to_atoms(_moved(structure, frame))) >= SOUND_DISTANCE_RATIO
    ]
    if len(sound) < settings.drawn_frames:
        raise CalculationError(
            f"sampling MD of {structure.composition.formula} at {settings.temperature_K:g} K: {len(starts)} of "
            f"{len(starts)} starts failed, the last {starts[-1].exploded}, and of the time before only {len(sound)} "
            f"frames are left, which is less than {settings.drawn_frames}. Lower the temperature, the time step or "
            "discard_ps, or use another foundation"
        )
    picks = np.sort(rng.choice(len(sound), settings.drawn_frames, replace=False))
    return [sound[pick] for pick in picks]


def _moved(structure: Structure, frame: MDFrame) -> Structure:
    atoms = to_atoms(structure)
    atoms.positions = frame.positions_A
    return to_structure(atoms, structure)


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
