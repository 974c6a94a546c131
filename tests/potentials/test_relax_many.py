"""Structures that relax together end where each ends alone, on the path of ASE's optimiser."""

import numpy as np
import pytest
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.optimize import GoodOldQuasiNewton
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from superionic.errors import CalculationError, InputError
from superionic.potentials import foundation_ref, load_calculator, to_atoms
from superionic.potentials import relax as relax_module
from superionic.potentials.relax import Relaxation, relax, relax_many
from superionic.stages import RelaxSettings

pytest.importorskip("mace")
SETTINGS = RelaxSettings(fmax_eV_per_A=0.02, max_steps=60)


@pytest.fixture(scope="module")
def calculator():
    return load_calculator(foundation_ref("superionic-mini"))


def salt(name, length_A, seed, cubic=False):
    atoms = bulk(name, "rocksalt", a=length_A, cubic=cubic)
    atoms.rattle(0.15, seed=seed)
    return AseAtomsAdaptor.get_structure(atoms)


@pytest.fixture(scope="module")
def salts():
    return [
        salt("LiCl", 5.3, 1),
        salt("LiBr", 5.4, 2, cubic=True),
        salt("LiCl", 4.9, 3, cubic=True),
        salt("LiBr", 5.8, 4),
    ]


def with_ase(structure, calculator):
    atoms = to_atoms(structure)
    atoms.calc = calculator
    optimiser = GoodOldQuasiNewton(FrechetCellFilter(atoms), logfile=None)
    optimiser.run(fmax=SETTINGS.fmax_eV_per_A, steps=SETTINGS.max_steps)
    return atoms, optimiser.nsteps


def test_same_path_as_ase_alone(calculator, salts, monkeypatch):
    monkeypatch.setattr(relax_module, "MOVING_ATOMS", 10)  # so that some wait for others to arrive
    together = relax_many(salts, calculator, SETTINGS)
    assert len({result.n_steps for result in together}) > 1, "they must not all arrive at once"
    for start, result in zip(salts, together, strict=True):
        atoms, n_steps = with_ase(start, calculator)
        assert result.converged
        assert result.n_steps == n_steps
        assert result.energy_eV == pytest.approx(atoms.get_potential_energy(), abs=1e-6)
        assert result.max_force_eV_per_A == pytest.approx(np.abs(atoms.get_forces()).max(), abs=1e-5)
        np.testing.assert_allclose(result.structure.lattice.matrix, atoms.cell.array, atol=1e-5)
        assert result.structure.species == start.species


def test_order_does_not_matter(calculator, salts):
    expected, reversed_ = relax_many(salts, calculator, SETTINGS), relax_many(salts[::-1], calculator, SETTINGS)
    for first, second in zip(expected, reversed_[::-1], strict=True):
        assert first.energy_eV == pytest.approx(second.energy_eV, abs=1e-6)
        assert first.n_steps == second.n_steps


def test_faults_stay_with_their_structure(calculator, salts):
    unknown = AseAtomsAdaptor.get_structure(bulk("U", "bcc", a=3.5))
    mixed = Structure(np.eye(3) * 4, [{"Li": 0.5}], [[0, 0, 0]])
    merged = Structure(np.eye(3) * 5, ["Li", "Cl"], [[0, 0, 0], [0.0, 0.0, 0.0]])
    found = relax_many([unknown, salts[0], mixed, merged, salts[1]], calculator, SETTINGS)
    assert [type(outcome) for outcome in found[::2]] == [InputError, InputError, Relaxation]
    assert "partially occupied" in str(found[2])
    assert isinstance(found[3], CalculationError)
    alone = relax(salts[0], calculator, SETTINGS)
    assert found[1].energy_eV == pytest.approx(alone.energy_eV, abs=1e-6)
    assert relax_many([], calculator, SETTINGS) == []


def test_step_limit_and_fixed_cell(calculator, salts):
    few = relax_many(salts, calculator, RelaxSettings(fmax_eV_per_A=1e-4, max_steps=2, relax_cell=False))
    for start, result in zip(salts, few, strict=True):
        assert (result.converged, result.n_steps) == (False, 2)
        np.testing.assert_allclose(result.structure.lattice.matrix, start.lattice.matrix, atol=1e-9)
