"""A run that torch-sim advances, as its folder knows it; reading a finished one takes no torch-sim."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from numpy.typing import NDArray

from superionic.dynamics.run import MDRun, RunState
from superionic.dynamics.settings import MDSettings
from superionic.stages import Thermostat

FloatArray = NDArray[np.float64]
INTEGRATORS = {
    Thermostat.LANGEVIN: "nvt_langevin",
    Thermostat.NOSE_HOOVER: "nvt_nose_hoover",
    Thermostat.CSVR: "nvt_vrescale",
}


class BatchRun(MDRun):
    """One run of a batch; its atoms show what was last taken from the tensors.

    Parameters
    ----------
    atoms, settings
        As for :class:`MDRun`.
    calculator : None
        Not used.
    """

    engine: ClassVar[str] = "torch-sim"

    def _attach(self, calculator: Any) -> None:  # noqa: ANN401, ARG002 (there is nothing to attach)
        self._dynamics = None
        self.memory: dict[str, Any] = {}

    @classmethod
    def resumed(cls, atoms: Atoms, calculator: Any, settings: MDSettings, state: RunState) -> Self:  # noqa: ANN401
        """A run that goes on where `state` was taken; the other parameters are those of its start."""
        run = super().resumed(atoms, calculator, settings, state)
        run.memory = state.thermostat
        return run

    @property
    def state(self) -> RunState:
        """The present state; a copy."""
        return replace(super().state, thermostat={name: row.copy() for name, row in self.memory.items()})

    def show(self, positions_A: FloatArray, momenta: FloatArray, energy_eV: float, forces: FloatArray) -> None:
        """Take over what the tensors say."""
        self.atoms.positions = positions_A
        self.atoms.set_momenta(momenta)
        self.atoms.calc = SinglePointCalculator(self.atoms, energy=energy_eV, forces=forces)

    def rest(self) -> None:
        """Remember the present state for :meth:`go_back`."""
        self._rested = self.state

    def go_back(self, problem: str | None = None) -> None:
        """Return to the last point of rest, and end there if there is a problem."""
        if problem is not None:
            self.ended_early = f"exploded at {self.settings.time_at_ps(self.step):g} ps: {problem}"
        self.step = self._rested.step
        self.atoms.positions, self.memory = self._rested.positions_A, self._rested.thermostat
        self.atoms.set_momenta(self._rested.momenta)
