"""Crystals with known physics and a calculator that costs next to nothing."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from pymatgen.core import Lattice, Structure

from superionic.stages import SamplingSettings


class Springs(Calculator):
    """Every atom bound by a spring to its site in a freely floating frame: mean energies are known exactly."""

    implemented_properties = ("energy", "free_energy", "forces")

    def __init__(self, sites, stiffness=2.0, repulsion=0.0, quartic=0.0):
        super().__init__()
        self.sites, self.stiffness, self.repulsion, self.quartic = np.array(sites), stiffness, repulsion, quartic
        self.calls = 0

    def check_state(self, atoms, tol=0.0):  # noqa: ARG002
        return [] if self.atoms is not None and np.array_equal(self.atoms.positions, atoms.positions) else all_changes

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        moved = atoms.positions - self.sites
        moved = moved - moved.mean(axis=0)
        cubed = self.quartic * moved**3
        energy = 0.5 * self.stiffness * np.sum(moved**2) + 0.25 * np.sum(cubed * moved)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": -(self.stiffness - self.repulsion) * moved - (cubed - cubed.mean(axis=0)),
        }


@pytest.fixture
def crystal():
    """Eight atoms of two masses: few enough that a wrong count of degrees of freedom shows."""
    corners = 3.0 * np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    return Atoms("LiBrLiBrLiBrLiBr", positions=corners, cell=[6.0] * 3, pbc=True)


@pytest.fixture
def rock_salt():
    face_centres = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return Structure(Lattice.cubic(5.2), ["Li"] * 4 + ["Cl"] * 4, np.concatenate([face_centres, face_centres + 0.5]))


@pytest.fixture
def short_sampling():
    return SamplingSettings(
        parents_per_composition=2, time_ps=0.06, discard_ps=0.02, frames=4, time_step_fs=2.0, temperature_K=600.0
    )


@pytest.fixture
def springs():
    return Springs
