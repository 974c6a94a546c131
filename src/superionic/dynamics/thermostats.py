"""ASE's thermostats for cells whose centre of mass rests, and what each remembers from step to step."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms, units
from ase.constraints import FixCom
from ase.md.bussi import Bussi
from ase.md.langevin import Langevin
from ase.md.nose_hoover_chain import NoseHooverChainNVT
from ase.md.nvtberendsen import NVTBerendsen
from numpy.typing import NDArray

from superionic.errors import InputError
from superionic.stages import Thermostat

FloatArray = NDArray[np.float64]
MIN_ATOMS = 2


def kinetic_temperature_K(atoms: Atoms) -> float:  # noqa: N802 (carries its unit)
    """Temperature of the 3N - 3 degrees of freedom that are left when the centre of mass is at rest, K."""
    return float(2 * atoms.get_kinetic_energy() / (3 * (len(atoms) - 1) * units.kB))


def thermal_start(atoms: Atoms, temperature_K: float, rng: np.random.Generator) -> Atoms:
    """Copy of the atoms with Maxwell-Boltzmann velocities, the centre of mass at rest, and no constraints.

    Raises
    ------
    InputError
        If there are fewer than two atoms.
    """
    if len(atoms) < MIN_ATOMS:
        raise InputError(f"MD needs at least {MIN_ATOMS} atoms, the cell has {len(atoms)}")
    state: Atoms = atoms.copy()
    state.calc = None
    state.set_constraint()
    masses = state.get_masses()[:, None]
    momenta = rng.standard_normal((len(state), 3)) * np.sqrt(masses * units.kB * temperature_K)
    state.set_momenta(momenta - masses * momenta.sum(axis=0) / masses.sum())
    return state


def integrator(
    atoms: Atoms,
    thermostat: Thermostat,
    temperature_K: float,
    time_step_fs: float,
    damping_fs: float,
    rng: np.random.Generator,
) -> Any:  # noqa: ANN401 (ASE)
    """ASE's integrator for a thermostat.

    Langevin noise and the rounding that CSVR amplifies would move the centre of mass, so it is fixed by a constraint,
    which ASE then leaves out of the degrees of freedom. Berendsen and Nose-Hoover chain keep it at rest by themselves,
    but count it among the 3N degrees of freedom to heat; their set temperature is lowered by (N - 1)/N.

    Parameters
    ----------
    atoms : ase.Atoms
        Moved in place; Langevin and CSVR put a constraint on them.
    thermostat : Thermostat
        Which one.
    temperature_K : float
        Set temperature of the 3N - 3 degrees of freedom, K.
    time_step_fs, damping_fs : float
        Time step, and time constant of the thermostat, fs.
    rng : numpy.random.Generator
        Noise of Langevin and CSVR.

    Returns
    -------
    ase.md.md.MolecularDynamics
        Its ``step`` is one time step.
    """
    step, damping = time_step_fs * units.fs, damping_fs * units.fs
    if thermostat in {Thermostat.LANGEVIN, Thermostat.CSVR}:
        atoms.set_constraint(FixCom())
    if thermostat is Thermostat.LANGEVIN:
        return Langevin(atoms, step, temperature_K=temperature_K, friction=1 / damping, fixcm=False, rng=rng)
    if thermostat is Thermostat.CSVR:
        return Bussi(atoms, step, temperature_K=temperature_K, taut=damping, rng=rng)
    counted_K = temperature_K * (len(atoms) - 1) / len(atoms)
    if thermostat is Thermostat.BERENDSEN:
        return NVTBerendsen(atoms, step, temperature_K=counted_K, taut=damping)
    return NoseHooverChainNVT(atoms, step, temperature_K=counted_K, tdamp=damping)


def memory_of(dynamics: Any) -> dict[str, FloatArray]:  # noqa: ANN401 (ASE)
    """What an integrator remembers from step to step beside positions, momenta and random state.

    Returns
    -------
    dict of numpy.ndarray
        Positions and momenta of the Nose-Hoover chain; energy that CSVR has exchanged, eV; nothing for the others.
    """
    if isinstance(dynamics, NoseHooverChainNVT):
        chain = dynamics._thermostat  # noqa: SLF001 (ASE offers no other way)
        return {"eta": chain._eta.copy(), "p_eta": chain._p_eta.copy()}  # noqa: SLF001
    if isinstance(dynamics, Bussi):
        return {"transferred_energy": np.array([dynamics.transferred_energy], dtype=np.float64)}
    return {}


def remember(dynamics: Any, memory: dict[str, FloatArray]) -> None:  # noqa: ANN401 (ASE)
    """Give an integrator the memory of an earlier one; inverse of :func:`memory_of`."""
    if isinstance(dynamics, NoseHooverChainNVT):
        chain = dynamics._thermostat  # noqa: SLF001 (ASE offers no other way)
        chain._eta, chain._p_eta = memory["eta"].copy(), memory["p_eta"].copy()  # noqa: SLF001
    if isinstance(dynamics, Bussi):
        dynamics.transferred_energy = float(memory["transferred_energy"][0])
