"""Molecular dynamics at constant temperature, for sampling and for production."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from superionic.dynamics.frames import MDFrame, MDResult, OnFrame
from superionic.dynamics.guard import MDGuard
from superionic.dynamics.point import PresentPoint
from superionic.dynamics.settings import MDSettings
from superionic.dynamics.thermostats import integrator, kinetic_temperature_K, memory_of, remember, thermal_start
from superionic.errors import CalculationError
from superionic.stages import Thermostat

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RunState:
    """All that the rest of a run depends on, beside its settings, atoms and potential.

    Attributes
    ----------
    step : int
        Steps that were done.
    ended_early : str or None
        Why the run has ended, if it has.
    positions_A : numpy.ndarray, (n_atoms, 3)
        Unwrapped positions, A.
    momenta : numpy.ndarray, (n_atoms, 3)
        Momenta in ASE's unit.
    thermostat : dict of numpy.ndarray
        What the thermostat remembers, see :func:`superionic.dynamics.thermostats.memory_of`.
    random : dict
        State of the random bit generator, plain data.
    """

    step: int
    ended_early: str | None
    positions_A: FloatArray
    momenta: FloatArray
    thermostat: dict[str, FloatArray]
    random: dict[str, Any]


class MDRun:
    """One run, advanced step by step.

    Parameters
    ----------
    atoms : ase.Atoms
        Start positions; not changed. Velocities are drawn anew.
    calculator : ase.calculators.calculator.Calculator
        The potential.
    settings : MDSettings
        Temperature, lengths, thermostat, seed, guard.

    Raises
    ------
    InputError
        If there are fewer than two atoms.
    """

    engine: ClassVar[str] = "ASE"
    """What moves the atoms."""

    def __init__(self, atoms: Atoms, calculator: Any, settings: MDSettings) -> None:  # noqa: ANN401 (any ASE calculator)
        self.settings = settings
        self.step = 0
        self.ended_early: str | None = None
        self._rng = np.random.default_rng(settings.seed)
        self.atoms = thermal_start(atoms, settings.temperature_K, self._rng)
        self._attach(calculator)

    @classmethod
    def resumed(cls, atoms: Atoms, calculator: Any, settings: MDSettings, state: RunState) -> Self:  # noqa: ANN401
        """A run that goes on where `state` was taken; the other parameters are those of its start."""
        run = cls(atoms, calculator, settings)
        run.step, run.ended_early = state.step, state.ended_early
        run._rng.bit_generator.state = state.random
        run.atoms.set_constraint()
        run.atoms.set_positions(state.positions_A)
        run.atoms.set_momenta(state.momenta)
        run._attach(calculator)
        remember(run._dynamics, state.thermostat)
        return run

    def _attach(self, calculator: Any) -> None:  # noqa: ANN401 (any ASE calculator)
        wanted = self.settings
        self._point = PresentPoint(calculator)
        self.atoms.calc = self._point
        self._dynamics = integrator(
            self.atoms, wanted.thermostat, wanted.temperature_K, wanted.time_step_fs, wanted.damping_fs, self._rng
        )

    @property
    def state(self) -> RunState:
        """The present state; a copy."""
        return RunState(
            step=self.step,
            ended_early=self.ended_early,
            positions_A=self.atoms.get_positions(),
            momenta=self.atoms.get_momenta(),
            thermostat=memory_of(self._dynamics),
            random=dict(self._rng.bit_generator.state),
        )

    @property
    def over(self) -> bool:
        """Whether there is nothing left to do."""
        return self.ended_early is not None or self.step >= self.settings.n_steps

    @property
    def at_rest(self) -> bool:
        """Whether the run may be left and taken up here without a trace."""
        return self.step % self.settings.rest_steps == 0

    @property
    def frame_is_due(self) -> bool:
        """Whether the present step is one of those to be kept."""
        return self.ended_early is None and self.step % self.settings.stride == 0

    @property
    def temperature_K(self) -> float:  # noqa: N802 (carries its unit)
        """Present kinetic temperature, K."""
        return kinetic_temperature_K(self.atoms)

    def frame(self) -> MDFrame:
        """The present state as a frame."""
        energy = float(self.atoms.get_potential_energy())
        time_ps = self.settings.time_at_ps(self.step)
        return MDFrame(self.step, time_ps, self.atoms.get_positions(), self.temperature_K, energy)

    def advance(self) -> None:
        """One time step; one that breaks a bound of the guard is not counted and ends the run."""
        following = self.step + 1
        if following % self.settings.rest_steps == 0:
            self._point.forget()
        try:
            self._dynamics.step()
            problem = self.settings.guard.problem(
                self.atoms, following, self.settings.time_step_fs, self.settings.temperature_K
            )
        except (CalculationError, FloatingPointError) as error:
            problem = str(error)
        if problem is None:
            self.step = following
        else:
            self.ended_early = f"exploded at {self.settings.time_at_ps(following):g} ps: {problem}"

    def final(self) -> Atoms:
        """Present positions and momenta, without calculator and constraints."""
        final: Atoms = self.atoms.copy()
        final.set_constraint()
        return final

    def result(self, temperatures_K: FloatArray, potential_energies_eV: FloatArray) -> MDResult:
        """What is known of the run, given the temperatures and energies of its frames."""
        times = [self.settings.time_at_ps(row * self.settings.stride) for row in range(len(temperatures_K))]
        return MDResult(
            n_steps=self.step,
            time_ps=self.settings.time_at_ps(self.step),
            ended_early=self.ended_early,
            frame_times_ps=np.array(times),
            temperatures_K=temperatures_K,
            potential_energies_eV=potential_energies_eV,
            final=self.final(),
        )


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
    """Run NVT molecular dynamics with the centre of mass at rest, in memory.

    Long runs are the business of :func:`superionic.dynamics.run_segments`, which gives the same frames and survives
    kills.

    Parameters
    ----------
    atoms : ase.Atoms
        Start positions; not changed. Velocities are drawn anew.
    calculator : ase.calculators.calculator.Calculator
        The potential.
    temperature_K, time_ps, time_step_fs, thermostat, damping_fs, stride_fs, seed
        As in :class:`superionic.dynamics.MDSettings`.
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
    settings = MDSettings(
        temperature_K, time_ps, time_step_fs, thermostat, damping_fs, stride_fs, seed, guard or MDGuard()
    )
    run = MDRun(atoms, calculator, settings)
    rows: list[tuple[float, float]] = []

    def record() -> None:
        frame = run.frame()
        rows.append((frame.temperature_K, frame.potential_energy_eV))
        if on_frame is not None:
            on_frame(frame)

    record()
    while not run.over:
        run.advance()
        if run.frame_is_due:
            record()
    temperatures, energies = np.array(rows).T
    return run.result(temperatures, energies)
