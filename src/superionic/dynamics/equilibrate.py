"""The cell at a temperature: constant-pressure dynamics, and the mean cell of its second half."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.md.nose_hoover_chain import MTKNPT, IsotropicMTKNPT
from numpy.typing import NDArray

from superionic.dynamics.guard import MDGuard
from superionic.dynamics.thermostats import kinetic_temperature_K, thermal_start
from superionic.errors import CalculationError, InputError
from superionic.stages import CellFreedom
from superionic.units import FS_PER_PS, GPA_PER_EV_PER_A3

FloatArray = NDArray[np.float64]
MOST_STRAIN = 0.3
"""A cell strained by more than this is not that of the same crystal."""
SAMPLED_STEPS = 10
BLOCKS = 10
LEAST_STEPS = 2 * BLOCKS * SAMPLED_STEPS


@dataclass(frozen=True)
class CellSettings:
    """Settings of an equilibration of the cell.

    Attributes
    ----------
    temperature_K : float
        Set temperature, K.
    time_ps : float
        Length, ps; the first half is dropped.
    freedom : CellFreedom
        ``volume``: the cell keeps its shape. ``full``: lengths and angles change too, which small cells of soft
        crystals do not survive at high temperatures.
    pressure_GPa : float
        Set pressure, GPa.
    time_step_fs : float
        Time step, fs.
    damping_fs, barostat_fs : float
        Time constants of thermostat and barostat, fs.
    seed : int
        Seed of the velocities.
    guard : MDGuard
        Bounds of a sane run.

    Raises
    ------
    InputError
        If a time is not above zero, or there are too few steps to average.
    """

    temperature_K: float
    time_ps: float = 20.0
    freedom: CellFreedom = CellFreedom.VOLUME
    pressure_GPa: float = 0.0
    time_step_fs: float = 1.0
    damping_fs: float = 100.0
    barostat_fs: float = 1000.0
    seed: int = 0
    guard: MDGuard = field(default_factory=MDGuard)

    def __post_init__(self) -> None:
        positive = (self.temperature_K, self.time_ps, self.time_step_fs, self.damping_fs, self.barostat_fs)
        if not all(0 < value < float("inf") for value in positive):
            raise InputError("temperature and times of an equilibration must all be finite and above zero")
        if self.n_steps < LEAST_STEPS:
            raise InputError(f"time_ps {self.time_ps:g} is {self.n_steps} steps, at least {LEAST_STEPS} are needed")

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return round(self.time_ps * FS_PER_PS / self.time_step_fs)


@dataclass(frozen=True, eq=False)
class EquilibratedCell:
    """The cell at a temperature, and how well it is known.

    Attributes
    ----------
    atoms : ase.Atoms
        Positions at the end, scaled into the mean cell; no momenta.
    mean_volume_A3, std_volume_A3 : float
        Mean and standard deviation of the volume in the second half, A^3.
    start_volume_A3 : float
        Volume before, A^3.
    drift : float
        Change of the volume over the second half by a straight line, in units of the mean.
    drift_std : float
        Standard error of `drift`, from the scatter of ten blocks.
    mean_temperature_K : float
        Mean kinetic temperature of the second half, K.
    """

    atoms: Atoms
    mean_volume_A3: float
    std_volume_A3: float
    start_volume_A3: float
    drift: float
    drift_std: float
    mean_temperature_K: float


def equilibrate_cell(atoms: Atoms, calculator: Any, settings: CellSettings) -> EquilibratedCell:  # noqa: ANN401 (any ASE calculator)
    """Let the cell find its size at a temperature and pressure, by ASE's Martyna-Tobias-Klein dynamics.

    The method is that of Martyna, Tobias and Klein, J. Chem. Phys. 1994, 101, 4177. It is short beside production runs:
    an interrupted one is begun again, and gives the same.

    Parameters
    ----------
    atoms : ase.Atoms
        Periodic crystal, best relaxed; not changed.
    calculator : ase.calculators.calculator.Calculator
        A potential that gives stresses.
    settings : CellSettings
        Temperature, pressure, lengths.

    Returns
    -------
    EquilibratedCell
        Atoms in the mean cell, and the statistics of the volume.

    Raises
    ------
    InputError
        If the crystal is not periodic in all directions.
    CalculationError
        If the run explodes, or the cell leaves all bounds.
    """
    if not atoms.pbc.all():
        raise InputError("a cell can be equilibrated only if it is periodic in all three directions")
    state = thermal_start(atoms, settings.temperature_K, np.random.default_rng(settings.seed))
    state.calc = _StressFirst(calculator)
    rows = list(_samples(state, settings))
    later = rows[len(rows) // 2 :]
    cell = np.mean([row[0] for row in later], axis=0)
    volumes = np.array([abs(np.linalg.det(row[0])) for row in later])
    drift, drift_std = _drift(volumes)
    state.set_cell(cell, scale_atoms=True)
    return EquilibratedCell(
        atoms=Atoms(state.numbers, positions=state.positions, cell=cell, pbc=True),
        mean_volume_A3=float(volumes.mean()),
        std_volume_A3=float(volumes.std()),
        start_volume_A3=float(atoms.get_volume()),
        drift=drift,
        drift_std=drift_std,
        mean_temperature_K=float(np.mean([row[1] for row in later])),
    )


def _samples(state: Atoms, settings: CellSettings) -> Iterator[tuple[FloatArray, float]]:
    """Cell and kinetic temperature after every so many steps of the run."""
    dynamics, start = _barostat(state, settings), state.cell.array.copy()
    for step in range(1, settings.n_steps + 1):
        try:
            dynamics.step()
            problem = settings.guard.problem(state, step, settings.time_step_fs, settings.temperature_K)
        except (CalculationError, FloatingPointError) as error:
            problem = str(error)
        strain = np.abs(np.linalg.solve(start, state.cell.array) - np.eye(3)).max()
        if problem is None and not strain < MOST_STRAIN:
            problem = f"the cell is strained by {strain:.2f}"
        if problem is not None:
            raise CalculationError(
                f"the equilibration of the cell failed after {step} steps: {problem}. Keep the shape of the cell "
                "(freedom: volume), shorten the time step, or use the relaxed cell"
            )
        if step % SAMPLED_STEPS == 0:
            yield state.cell.array.copy(), kinetic_temperature_K(state)


def _barostat(state: Atoms, settings: CellSettings) -> Any:  # noqa: ANN401 (ASE)
    method = IsotropicMTKNPT if settings.freedom is CellFreedom.VOLUME else MTKNPT
    return method(
        state,
        settings.time_step_fs * units.fs,
        # it heats 3N degrees of freedom, three of which belong to the resting centre of mass
        temperature_K=settings.temperature_K * (len(state) - 1) / len(state),
        pressure_au=settings.pressure_GPa / GPA_PER_EV_PER_A3,
        tdamp=settings.damping_fs * units.fs,
        pdamp=settings.barostat_fs * units.fs,
    )


def _drift(volumes: FloatArray) -> tuple[float, float]:
    """Relative change of the volume along a straight line, and its standard error by blocks."""
    means = np.array([block.mean() for block in np.array_split(volumes, BLOCKS)]) / volumes.mean()
    places = (np.arange(BLOCKS) + 0.5) / BLOCKS
    slope, offset = np.polyfit(places, means, 1)
    rest = means - offset - slope * places
    spread = np.sqrt(np.sum(rest**2) / (BLOCKS - 2) / np.sum((places - places.mean()) ** 2))
    return float(slope), float(spread)


class _StressFirst:
    """Asks for the stress before the forces, so that a potential which gives it on demand is called once per step."""

    def __init__(self, calculator: Any) -> None:  # noqa: ANN401 (any ASE calculator)
        self._calculator = calculator

    def get_forces(self, atoms: Atoms) -> FloatArray:
        self._calculator.get_stress(atoms)
        return np.array(self._calculator.get_forces(atoms))

    def get_stress(self, atoms: Atoms) -> FloatArray:
        return np.array(self._calculator.get_stress(atoms))

    def get_potential_energy(self, atoms: Atoms, force_consistent: bool = False) -> float:  # noqa: ARG002 (ASE asks so)
        return float(self._calculator.get_potential_energy(atoms))
