"""Relaxation finds known minima and refuses nonsense."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from pymatgen.io.ase import AseAtomsAdaptor

from superionic.errors import CalculationError
from superionic.potentials import optimisers
from superionic.potentials.jobs import relax_all, relaxation_warnings
from superionic.potentials.relax import relax
from superionic.stages import RelaxSettings

SETTINGS = RelaxSettings(fmax_eV_per_A=0.01)


class FaultyCalculator(Calculator):
    """Forces and stress that a real potential would only give outside of its domain."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, pressure=0.0, attraction=0.0, force=0.0):
        super().__init__()
        self.pressure, self.attraction, self.force = pressure, attraction, force

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        forces = np.full((len(atoms), 3), self.force)
        pull = atoms.get_distance(0, 1, mic=True, vector=True) * self.attraction
        forces[0] += pull
        forces[1] -= pull
        stress = np.array([1.0, 1, 1, 0, 0, 0]) * self.pressure
        energy = 0.5 * np.dot(pull, pull) / (self.attraction or 1) + self.pressure * atoms.get_volume()
        self.results = {"energy": energy, "forces": forces, "stress": stress}


def copper(scale=1.0, noise=0.0):
    atoms = bulk("Cu", cubic=True)
    atoms.set_cell(atoms.cell * scale, scale_atoms=True)
    atoms.rattle(noise, seed=2)
    return AseAtomsAdaptor.get_structure(atoms)


@pytest.mark.parametrize("max_atoms", [200, 1], ids=["quasi-newton", "fire"])
def test_strained_copper_returns_to_its_lattice(monkeypatch, max_atoms):
    monkeypatch.setattr(optimisers, "QUASI_NEWTON_MAX_ATOMS", max_atoms)
    start = copper(1.04, 0.1)
    result = relax(start, EMT(), SETTINGS)
    assert result.converged
    assert result.max_force_eV_per_A < SETTINGS.fmax_eV_per_A
    # ASE's EMT copper has a lattice constant of 3.59 A and its zero of energy there
    assert result.structure.lattice.volume ** (1 / 3) == pytest.approx(3.59, abs=0.01)
    assert result.energy_eV / 4 == pytest.approx(-0.007, abs=0.003)
    assert start.lattice.volume == pytest.approx(copper(1.04).lattice.volume), "the input must not change"


def test_fixed_cell_stays():
    result = relax(copper(1.02, 0.1), EMT(), RelaxSettings(fmax_eV_per_A=0.01, relax_cell=False))
    assert result.converged
    assert result.structure.lattice.volume == pytest.approx(copper(1.02).lattice.volume)


def test_step_limit_is_reported_as_not_converged():
    result = relax(copper(1.04, 0.2), EMT(), RelaxSettings(fmax_eV_per_A=1e-5, max_steps=2))
    assert not result.converged
    assert result.n_steps == 2


@pytest.mark.parametrize(
    ("fault", "message"),
    [({"pressure": -0.5}, "ran away"), ({"pressure": 0.5}, "ran away"), ({"attraction": 0.5}, "collapsed")],
)
def test_potential_outside_its_domain(fault, message):
    with pytest.raises(CalculationError, match=message):
        relax(copper(), FaultyCalculator(**fault), RelaxSettings(max_steps=100))


def test_failures_are_listed_and_the_rest_is_sorted():
    class Sometimes(EMT):
        def calculate(self, atoms, *args):
            if abs(atoms.get_volume() - bad) < 1e-6:
                raise RuntimeError("no neighbours")
            super().calculate(atoms, *args)

    structures = [copper(1.03), copper(1.05), copper(1.01)]
    bad = structures[1].lattice.volume
    loose = RelaxSettings(fmax_eV_per_A=10.0, relax_cell=False)
    relaxed, failures = relax_all(structures, Sometimes(), loose)
    assert [item.source_index for item in relaxed] == [2, 0]
    assert relaxed[0].energy_eV_per_atom < relaxed[1].energy_eV_per_atom
    assert relaxed[0].energy_eV == pytest.approx(4 * relaxed[0].energy_eV_per_atom)
    assert [(failure.item, failure.cause) for failure in failures] == [("structure 1", "RuntimeError: no neighbours")]
    assert relaxation_warnings(relaxed, failures) == ["1 of 3 relaxations failed"]


def test_programming_errors_are_not_swallowed():
    class Broken(EMT):
        def calculate(self, *_args):
            raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        relax_all([copper()], Broken(), SETTINGS)
