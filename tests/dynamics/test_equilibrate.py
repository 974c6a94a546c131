"""The mean cell is that of known crystals at known pressures."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes

from superionic.dynamics import CellFreedom, CellSettings, MDGuard, equilibrate_cell
from superionic.errors import CalculationError, InputError

SIDE_A, STIFFNESS = 8.0, 4.0


class Elastic(Calculator):
    """Springs to sites that follow the cell, and an elastic energy of each cell vector: the mean cell is known."""

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def __init__(self, fractional, sides):
        super().__init__()
        self.fractional, self.sides, self.calls = fractional, np.asarray(sides), 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        cell = atoms.cell.array
        moved = atoms.positions - self.fractional @ cell
        moved = moved - moved.mean(axis=0)
        gap = cell - np.diag(self.sides)
        energy = STIFFNESS * (np.sum(moved**2) / 2 + 20 * np.sum(gap**2) / 2)
        virial = 20 * STIFFNESS * cell.T @ gap  # springs to sites in the cell do no work when all is strained alike
        virial = virial + STIFFNESS * moved.T @ moved
        stress = (virial + virial.T) / 2 / atoms.get_volume()
        self.results = {"energy": energy, "free_energy": energy, "forces": -STIFFNESS * moved, "stress": stress}


@pytest.fixture
def crystal():
    return bulk("LiCl", "rocksalt", a=4.0, cubic=True) * (2, 2, 2)


def settings(**changes):
    options = {"temperature_K": 100.0, "time_ps": 3.0, "time_step_fs": 2.0, "damping_fs": 50.0, "barostat_fs": 200.0}
    return CellSettings(**(options | changes))


def test_the_volume_is_found_and_the_shape_kept(crystal):
    potential = Elastic(crystal.get_scaled_positions(), [SIDE_A * 1.02] * 3)
    found = equilibrate_cell(crystal, potential, settings())
    # thermal pressure of 64 atoms at 100 K expands the springs by some hundredths of a per cent
    assert found.mean_volume_A3 == pytest.approx((SIDE_A * 1.02) ** 3, rel=0.01)
    np.testing.assert_allclose(found.atoms.cell.lengths(), found.atoms.cell.lengths().mean(), rtol=1e-10)
    np.testing.assert_allclose(found.atoms.cell.angles(), 90.0, atol=1e-8)
    assert found.start_volume_A3 == pytest.approx(512.0)
    assert 0 < found.std_volume_A3 < 0.05 * found.mean_volume_A3
    assert abs(found.drift) < 0.02
    assert found.drift_std > 0
    assert found.mean_temperature_K == pytest.approx(100.0, rel=0.2)
    assert potential.calls <= 1501
    assert found.atoms.calc is None


def test_a_free_cell_finds_its_sides(crystal):
    sides = SIDE_A * np.array([1.02, 0.98, 1.0])
    found = equilibrate_cell(
        crystal, Elastic(crystal.get_scaled_positions(), sides), settings(freedom=CellFreedom.FULL)
    )
    np.testing.assert_allclose(found.atoms.cell.lengths(), sides, rtol=0.005)
    np.testing.assert_allclose(found.atoms.cell.angles(), 90.0, atol=1.0)


def test_pressure_compresses_and_seeds_fix_the_run(crystal):
    def volume(**changes):
        potential = Elastic(crystal.get_scaled_positions(), [SIDE_A] * 3)
        return equilibrate_cell(crystal, potential, settings(time_ps=0.5, **changes)).mean_volume_A3

    assert volume(pressure_GPa=20.0) < 0.99 * volume()
    assert volume(seed=1) == volume(seed=1)


def test_a_cell_that_runs_away_is_an_error(crystal):
    potential = Elastic(crystal.get_scaled_positions(), [SIDE_A * 2] * 3)
    with pytest.raises(CalculationError, match=r"strained by 0.*relaxed cell"):
        equilibrate_cell(crystal, potential, settings(guard=MDGuard(max_move_A=9.0, max_temperature_ratio=1e9)))


def test_what_has_no_cell_to_find_is_refused(crystal):
    crystal.pbc = [True, True, False]
    with pytest.raises(InputError, match="periodic"):
        equilibrate_cell(crystal, None, settings())
    with pytest.raises(InputError, match="at least 200"):
        settings(time_ps=0.1)
    with pytest.raises(InputError, match="above zero"):
        settings(barostat_fs=0.0)
