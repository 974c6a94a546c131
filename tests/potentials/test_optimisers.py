"""The faster optimiser parts give what ASE's give."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import GoodOldQuasiNewton

from superionic.potentials.optimisers import CellFilter, QuasiNewton


def copper(seed=3):
    atoms = bulk("Cu", cubic=True) * (1, 1, 2)
    rng = np.random.default_rng(seed)
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, 0.05, (3, 3))), scale_atoms=True)
    atoms.rattle(0.1, seed=seed)
    atoms.calc = EMT()
    return atoms


def filters(seed=3):
    return CellFilter(copper(seed)), FrechetCellFilter(copper(seed))


@pytest.mark.parametrize("seed", range(5))
def test_cell_filter_is_that_of_ase(seed):
    ours, ase = filters(seed)
    rng = np.random.default_rng(seed)
    constant = ase.get_positions() - ours.get_positions()
    assert len(ours) == len(ase)
    for _ in range(3):
        move = rng.normal(0, 0.2, constant.shape)
        ours.set_positions(ours.get_positions() + move)
        ase.set_positions(ase.get_positions() + move)
        np.testing.assert_allclose(ours.atoms.cell.array, ase.atoms.cell.array, atol=1e-10)
        np.testing.assert_allclose(ours.atoms.positions, ase.atoms.positions, atol=1e-10)
        np.testing.assert_allclose(ours.get_forces(), ase.get_forces(), atol=1e-9)
        np.testing.assert_allclose(ase.get_positions() - ours.get_positions(), constant, atol=1e-9)


def test_cell_forces_are_the_gradient():
    ours, _ = filters()
    ours.set_positions(ours.get_positions() + np.random.default_rng(0).normal(0, 0.3, (11, 3)))
    start, forces = ours.get_positions(), ours.get_forces()
    for row, column in [(-3, 0), (-2, 0), (-1, 1), (2, 2)]:
        energies = []
        for shift in (1e-4, -1e-4):
            moved = start.copy()
            moved[row, column] += shift
            ours.set_positions(moved)
            energies.append(ours.get_potential_energy())
        assert -(energies[0] - energies[1]) / 2e-4 == pytest.approx(forces[row, column], abs=1e-6)


def test_quasi_newton_takes_the_steps_of_ase():
    targets = filters()
    ours, ase = QuasiNewton(targets[0], logfile=None), GoodOldQuasiNewton(targets[1], logfile=None)
    for _ in range(8):
        ours.step()
        ase.step()
        np.testing.assert_allclose(ours.hessian, ase.hessian, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(targets[0].atoms.positions, targets[1].atoms.positions, atol=1e-7)
