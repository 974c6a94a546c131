"""The teacher gives consistent labels in our units."""

import numpy as np
import pytest
from pymatgen.core import Structure

from superionic.labelling.teacher import LEVEL_OF_THEORY, teacher_single_point
from superionic.sampling.strain import apply_strain

pytestmark = pytest.mark.integration


def test_name_says_that_it_is_no_dft():
    assert LEVEL_OF_THEORY == "teacher: CHGNet r2SCAN"


def test_forces_and_stress_are_derivatives_of_the_energy(rock_salt):
    pytest.importorskip("chgnet")
    result = teacher_single_point(rock_salt)
    assert result.forces_eV_per_A.shape == (8, 3)
    assert result.stress_eV_per_A3.shape == (3, 3)

    def energy(structure):
        return teacher_single_point(structure).energy_eV

    step = 2e-3
    displaced = []
    for sign in (1, -1):
        structure = rock_salt.copy()
        structure.translate_sites([1], [0, sign * step, 0], frac_coords=False)
        displaced.append(energy(structure))
    assert -(displaced[0] - displaced[1]) / (2 * step) == pytest.approx(result.forces_eV_per_A[1, 1], abs=5e-3)
    for axes in ((0, 0), (0, 1)):
        strain = np.zeros((3, 3))
        strain[axes] += step / 2
        strain[axes[::-1]] += step / 2
        slope = (energy(apply_strain(rock_salt, strain)) - energy(apply_strain(rock_salt, -strain))) / (2 * step)
        assert slope / rock_salt.volume == pytest.approx(result.stress_eV_per_A3[axes], abs=5e-4)


def test_energy_is_that_of_the_cell(rock_salt):
    pytest.importorskip("chgnet")
    doubled = Structure.from_sites((rock_salt * (1, 1, 2)).sites)
    one, two = teacher_single_point(rock_salt), teacher_single_point(doubled)
    assert two.energy_eV == pytest.approx(2 * one.energy_eV, abs=1e-3)
    assert one.energy_eV / 8 == pytest.approx(-6.3, abs=1.0)
