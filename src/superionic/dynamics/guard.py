"""Bounds of a sane run: checked between steps, by the number of the step alone, so that resumed runs end alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units

from superionic.dynamics.thermostats import kinetic_temperature_K
from superionic.potentials.atoms import closest_pair


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

    def problem(self, atoms: Atoms, step: int, time_step_fs: float, temperature_K: float) -> str | None:
        """What is wrong after a step, if anything; written so that NaN counts as wrong.

        Parameters
        ----------
        atoms : ase.Atoms
            Positions, momenta and potential after the step.
        step : int
            Number of the step, which says what is due to be checked.
        time_step_fs : float
            Time step, fs.
        temperature_K : float
            Set temperature, K.

        Returns
        -------
        str or None
            The bound that is broken, in words.
        """
        move = np.abs(atoms.get_velocities()).max() * time_step_fs * units.fs
        if not move < self.max_move_A:
            return f"an atom moved {move:.2g} A in one step"
        if step % self.interval == 0 and (problem := self._heat_problem(atoms, temperature_K)):
            return problem
        if step % self.distance_interval == 0:
            ratio, pair = closest_pair(atoms, largest=self.min_distance_ratio)
            if not ratio > self.min_distance_ratio:
                return f"two atoms ({pair}) are at {ratio:.2f} of the sum of their covalent radii"
        return None

    def _heat_problem(self, atoms: Atoms, set_K: float) -> str | None:
        temperature = kinetic_temperature_K(atoms)
        if not temperature < self.max_temperature_ratio * set_K:
            return f"the temperature is {temperature:.0f} K, set were {set_K:g} K"
        force = np.abs(atoms.get_forces(md=True)).max()
        if not force < self.max_force_eV_per_A:
            return f"the largest force is {force:.0f} eV/A"
        return None
