"""The Ewald matrix against pymatgen's lattice sum."""

import numpy as np
import pytest
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Structure

from superionic.errors import OrderingError
from superionic.ordering.ewald import ewald_matrix
from superionic.units import COULOMB_EV_A


def rock_salt():
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na+", "Cl-"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def triclinic():
    rng = np.random.default_rng(3)
    species = ["Li+", "Zr4+", "O2-", "O2-", "F-"]
    return Structure(Lattice.from_parameters(4.1, 6.3, 7.9, 71.0, 83.0, 112.0), species, rng.random((5, 3)))


def skewed():
    cell = rock_salt().get_primitive_structure()
    return cell.make_supercell([[1, 0, 0], [5, 1, 0], [0, 3, 2]])


def needle():
    return Structure(Lattice.orthorhombic(2.5, 3.0, 40.0), ["Mg2+", "O2-"], [[0, 0, 0], [0.5, 0.5, 0.06]])


@pytest.mark.parametrize("build", [rock_salt, triclinic, skewed, needle])
def test_energy_agrees_with_pymatgen(build):
    structure = build()
    charges = np.array([site.specie.oxi_state for site in structure])
    matrix = ewald_matrix(structure.lattice.matrix, structure.frac_coords)
    assert np.allclose(matrix, matrix.T)
    assert 0.5 * charges @ matrix @ charges == pytest.approx(EwaldSummation(structure).total_energy, abs=1e-6)


def test_madelung_constant_of_rock_salt():
    structure = rock_salt()
    charges = np.array([site.specie.oxi_state for site in structure])
    matrix = ewald_matrix(structure.lattice.matrix, structure.frac_coords)
    energy_per_pair = 0.5 * charges @ matrix @ charges / 4
    assert energy_per_pair * (5.64 / 2) / -COULOMB_EV_A == pytest.approx(1.747564594633, abs=1e-10)


def test_coinciding_sites_are_refused():
    with pytest.raises(OrderingError, match="merge them into one site"):
        ewald_matrix(np.eye(3) * 5.0, np.array([[0.1, 0.1, 0.1], [0.1, 0.1, 0.1]]))
