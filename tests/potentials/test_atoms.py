"""Conversion and closest approach."""

import numpy as np
import pytest
from ase import Atoms
from pymatgen.core import Lattice, Structure

from superionic.errors import InputError
from superionic.potentials.atoms import closest_approach, closest_pair, to_atoms, to_structure


def test_round_trip_keeps_order_and_species():
    lattice = Lattice.from_parameters(4, 5, 6, 80, 95, 100)
    given = Structure(lattice, ["Li+", "Cl-", "Li+"], [[0.1, 0.2, 0.3], [0.6, 0.6, 0.6], [0.9, 0.1, 0.5]])
    atoms = to_atoms(given)
    assert atoms.get_chemical_symbols() == ["Li", "Cl", "Li"]
    atoms.positions += 2 * lattice.matrix[0] - lattice.matrix[2]
    back = to_structure(atoms, given)
    assert back.species == given.species
    np.testing.assert_allclose(back.frac_coords, given.frac_coords, atol=1e-12)


def test_partial_occupancy_is_refused():
    with pytest.raises(InputError, match="partially occupied"):
        to_atoms(Structure(Lattice.cubic(4), [{"Li": 0.5}], [[0, 0, 0]]))


def test_closest_approach_counts_periodic_images():
    # covalent radii: Li 1.28 A, Cl 1.02 A
    atoms = Atoms("LiCl", positions=[[0.1, 0, 0], [9.0, 0, 0]], cell=[10, 10, 10], pbc=True)
    assert closest_approach(atoms) == pytest.approx(1.1 / 2.30)
    assert sorted(closest_pair(atoms)[1].split("-")) == sorted(set(atoms.symbols))
    atoms.positions[1, 0] = 5.0
    assert closest_pair(atoms) == (np.inf, "")
    single = Atoms("Li", cell=[2.0, 10, 10], pbc=True)
    assert closest_approach(single) == pytest.approx(2.0 / 2.56)
