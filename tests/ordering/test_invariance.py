"""The same crystal described differently has the same orderings."""

import numpy as np
import pytest
from brute_force import Cell
from pymatgen.core import Structure
from random_crystals import random_case, random_unimodular

from superionic.ordering import count_orderings, enumerate_orderings

NO_SHIFT = (0.0, 0.0, 0.0)


def relabelled(rng, structure, supercell):
    """Number the sites differently."""
    return Structure.from_sites([structure[i] for i in rng.permutation(len(structure))]), supercell, NO_SHIFT


def shifted(rng, structure, supercell):
    """Move the origin and bring some sites into neighbouring cells."""
    shift = rng.random(3)
    coords = structure.frac_coords + shift + rng.integers(-2, 3, size=(len(structure), 3))
    moved = Structure(structure.lattice, structure.species_and_occu, coords)
    return moved, supercell, structure.lattice.get_cartesian_coords(shift)


def rechosen(rng, structure, supercell):
    """Span the lattices of the cell and of the supercell by other vectors."""
    basis, large = random_unimodular(rng, 3), random_unimodular(rng, 3)
    matrix = np.diag(supercell) if np.ndim(supercell) == 1 else np.array(supercell)
    again = np.round(large @ matrix @ np.linalg.inv(basis)).astype(int)
    return structure.copy().make_supercell(basis), again.tolist(), NO_SHIFT


def turned(rng, structure, supercell):
    """Rotate the crystal in space."""
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    return (
        Structure(structure.lattice.matrix @ rotation, structure.species_and_occu, structure.frac_coords),
        supercell,
        None,
    )


@pytest.mark.parametrize("describe", [relabelled, shifted, rechosen, turned])
@pytest.mark.parametrize("seed", range(1000, 1030))
def test_orderings_do_not_depend_on_the_description(seed, describe):
    case = random_case(seed, most_raw=300)
    structure, supercell, shift_A = describe(np.random.default_rng(seed), case.structure, case.supercell)
    first = enumerate_orderings(case.structure, [case.supercell], merge_equal_orbits=case.merge)
    second = enumerate_orderings(structure, [supercell], merge_equal_orbits=case.merge)
    assert len(first) == len(second) == count_orderings(structure, supercell, case.merge)
    assert np.allclose(first.energies_eV, second.energies_eV, rtol=0, atol=1e-6), str(case)
    assert sorted(first.multiplicities) == sorted(second.multiplicities)
    assert np.bincount(first.charge_pattern_ids).tolist() == np.bincount(second.charge_pattern_ids).tolist()
    if shift_A is not None:
        assert names(case, first.structures, NO_SHIFT) == names(case, second.structures, shift_A), str(case)


def names(case, structures, shift_A):
    """Name the orbits of some orderings by brute force."""
    cell = Cell.of(case.structure, case.supercell)
    return set(cell.names(np.array([cell.labels_of(structure, shift_A) for structure in structures])))
