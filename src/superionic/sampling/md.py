"""Molecular dynamics at constant temperature, for sampling and for production."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.constraints import FixCom
from ase.md.langevin import Langevin
from ase.md.nose_hoover_chain import NoseHooverChainNVT
from ase.md.nvtberendsen import NVTBerendsen
from numpy.typing import NDArray

from superionic.errors import CalculationError, InputError
from superionic.potentials.atoms import closest_approach
from superionic.stages import Thermostat
from superionic.units import FS_PER_PS

FloatArray = NDArray[np.float64]
MIN_ATOMS = 2
INTEGER_TOLERANCE = 1e-6


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


@dataclass(frozen=True)
class MDGuard:
    """Bounds outside of which a run has exploded and is ended.

    Attributes
    ----------
    max_move_A : float
        Largest distance that an atom may move in one step, A.
    max_temperature_ratio : float
        Largest kinetic temperature in units of the set one.
    max_force_eV_per_A : float
        Largest force component, eV/A.
    min_distance_ratio : float
        Smallest distance of two atoms in units of the sum of their covalent radii.
    interval : int
        Steps between checks of temperature and force; moves are checked in every step.
    distance_interval : int
        Steps between checks of the distances, which cost the most.
    """

    max_move_A: float = 0.5
    max_temperature_ratio: float = 5.0
    max_force_eV_per_A: float = 100.0
    min_distance_ratio: float = 0.5
    interval: int = 10
    distance_interval: int = 100


@dataclass(frozen=True, eq=False)
class MDResult:
    """What is known of a run after its end; positions went to the callback.

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


def run_md(
    atoms: Atoms,
    calculator: Any,  # noqa: ANN401 (any ASE calculator)
    *,
    temperature_K: float,
    time_ps: float,
    time_step_fs: float,
    thermostat: Thermostat,
    damping_fs: float,
    stride_fs: float,
    seed: int,
    on_frame: OnFrame | None = None,
    guard: MDGuard | None = None,
) -> MDResult:
    """Run NVT molecular dynamics with the centre of mass at rest.

    Parameters
    ----------
    atoms : ase.Atoms
        Start positions; not changed. Velocities are drawn anew.
    calculator : ase.calculators.calculator.Calculator
        The potential.
    temperature_K : float
        Set temperature, K.
    time_ps : float
        Length of the run, ps.
    time_step_fs : float
        Time step, fs.
    thermostat : Thermostat
        Langevin (Vanden-Eijnden and Ciccotti, Chem. Phys. Lett. 2006, 429, 310), Berendsen (J. Chem. Phys. 1984, 81,
        3684; its fluctuations are not canonical) or Nose-Hoover chain (Martyna et al., J. Chem. Phys. 1992, 97, 2635).
    damping_fs : float
        Time constant of the thermostat, fs.
    stride_fs : float
        Time between frames, a multiple of the time step, fs.
    seed : int
        Seed of velocities and thermostat: equal seeds give equal runs on one machine.
    on_frame : callable, optional
        Called with an :class:`MDFrame` at time 0 and after every stride; frames are not kept otherwise.
    guard : MDGuard, optional
        Bounds of a sane run; the defaults if left out.

    Returns
    -------
    MDResult
        Also if the run exploded; see `ended_early`.

    Raises
    ------
    InputError
        If lengths, steps and strides do not fit together, or there are fewer than two atoms.
    """
    n_steps, stride = _schedule(time_ps, time_step_fs, stride_fs)
    state = _thermal_start(atoms, calculator, temperature_K, rng := np.random.default_rng(seed))
    dynamics = _integrator(state, thermostat, temperature_K, time_step_fs * units.fs, damping_fs * units.fs, rng)
    run = _Run(state, time_step_fs, temperature_K, on_frame, guard or MDGuard())
    run.record(0)
    step, reason = 0, None
    while step < n_steps and reason is None:
        reason = run.advance(dynamics, step + 1)
        step += reason is None
        if reason is None and step % stride == 0:
            run.record(step)
    return run.result(step, reason)


class _Run:
    """One run: its records and its guard."""

    def __init__(
        self, atoms: Atoms, time_step_fs: float, temperature_K: float, on_frame: OnFrame | None, guard: MDGuard
    ) -> None:
        self.atoms, self.on_frame, self.guard = atoms, on_frame, guard
        self.time_step_fs, self.temperature_K = time_step_fs, temperature_K
        self.rows: list[tuple[float, float, float]] = []

    def time_ps(self, step: int) -> float:
        return step * self.time_step_fs / FS_PER_PS

    def record(self, step: int) -> None:
        """Note time, temperature and energy, and hand the frame on."""
        row = (self.time_ps(step), kinetic_temperature_K(self.atoms), float(self.atoms.get_potential_energy()))
        self.rows.append(row)
        if self.on_frame is not None:
            self.on_frame(MDFrame(step, row[0], self.atoms.get_positions(), row[1], row[2]))

    def advance(self, dynamics: Any, step: int) -> str | None:  # noqa: ANN401 (ASE)
        """One time step; the reason why the run must end, if it must."""
        try:
            dynamics.step()
            problem = self.problem(step)
        except (CalculationError, FloatingPointError) as error:
            problem = str(error)
        return problem and f"exploded at {self.time_ps(step):g} ps: {problem}"

    def problem(self, step: int) -> str | None:
        """What is wrong with the present state, if anything; written so that NaN counts as wrong."""
        move = np.abs(self.atoms.get_velocities()).max() * self.time_step_fs * units.fs
        if not move < self.guard.max_move_A:
            return f"an atom moved {move:.2g} A in one step"
        if step % self.guard.interval == 0 and (problem := self.heat_problem()):
            return problem
        if step % self.guard.distance_interval == 0:
            ratio = closest_approach(self.atoms)
            if not ratio > self.guard.min_distance_ratio:
                return f"two atoms are at {ratio:.2f} of the sum of their covalent radii"
        return None

    def heat_problem(self) -> str | None:
        temperature = kinetic_temperature_K(self.atoms)
        if not temperature < self.guard.max_temperature_ratio * self.temperature_K:
            return f"the temperature is {temperature:.0f} K, set were {self.temperature_K:g} K"
        force = np.abs(self.atoms.get_forces(md=True)).max()
        if not force < self.guard.max_force_eV_per_A:
            return f"the largest force is {force:.0f} eV/A"
        return None

    def result(self, step: int, reason: str | None) -> MDResult:
        times, temperatures, energies = np.array(self.rows).T
        final = self.atoms.copy()
        final.set_constraint()
        return MDResult(step, self.time_ps(step), reason, times, temperatures, energies, final)


def _schedule(time_ps: float, time_step_fs: float, stride_fs: float) -> tuple[int, int]:
    """Number of steps, and steps between frames."""
    if not (time_step_fs > 0 and time_ps > 0 and stride_fs > 0):
        raise InputError(
            f"time_ps {time_ps:g}, time_step_fs {time_step_fs:g} and stride_fs {stride_fs:g} must all be above zero"
        )
    stride = round(stride_fs / time_step_fs)
    if stride < 1 or abs(stride - stride_fs / time_step_fs) > INTEGER_TOLERANCE * stride:
        raise InputError(f"stride_fs {stride_fs:g} is no multiple of time_step_fs {time_step_fs:g}: change one of them")
    return max(1, round(time_ps * FS_PER_PS / time_step_fs)), stride


def kinetic_temperature_K(atoms: Atoms) -> float:  # noqa: N802 (carries its unit)
    """Temperature of the 3N - 3 degrees of freedom that are left when the centre of mass is at rest, K."""
    return float(2 * atoms.get_kinetic_energy() / (3 * (len(atoms) - 1) * units.kB))


def _thermal_start(atoms: Atoms, calculator: Any, temperature_K: float, rng: np.random.Generator) -> Atoms:  # noqa: ANN401
    """Copy of the atoms with Maxwell-Boltzmann velocities and the centre of mass at rest."""
    if len(atoms) < MIN_ATOMS:
        raise InputError(f"MD needs at least {MIN_ATOMS} atoms, the cell has {len(atoms)}")
    state: Atoms = atoms.copy()
    state.set_constraint()
    state.calc = calculator
    masses = state.get_masses()[:, None]
    momenta = rng.standard_normal((len(state), 3)) * np.sqrt(masses * units.kB * temperature_K)
    state.set_momenta(momenta - masses * momenta.sum(axis=0) / masses.sum())
    return state


def _integrator(
    atoms: Atoms, thermostat: Thermostat, temperature_K: float, step: float, damping: float, rng: np.random.Generator
) -> Any:  # noqa: ANN401 (ASE)
    """Integrator of the thermostat; `step` and `damping` in ASE's time unit."""
    if thermostat is Thermostat.LANGEVIN:
        atoms.set_constraint(FixCom())  # its noise would move the centre of mass
        return Langevin(atoms, step, temperature_K=temperature_K, friction=1 / damping, fixcm=False, rng=rng)
    # the other two keep the centre of mass at rest by themselves, but count it among the 3N degrees of freedom to heat
    counted_K = temperature_K * (len(atoms) - 1) / len(atoms)
    if thermostat is Thermostat.BERENDSEN:
        return NVTBerendsen(atoms, step, temperature_K=counted_K, taut=damping)
    return NoseHooverChainNVT(atoms, step, temperature_K=counted_K, tdamp=damping)
