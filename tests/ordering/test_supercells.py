"""Superlattices against known counts and brute force."""

from itertools import product

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.errors import OrderingError
from superionic.ordering import compact_supercell, enumerate_orderings, hermite_supercells
from superionic.ordering.lattices import hermite_normal_form
from superionic.ordering.supercells import (
    distinct_forms,
    hermite_forms,
    parse_supercell,
    reduced_matrix,
    supercell_label,
    supercell_size,
    supercells_of_size,
)

FCC = 2.0 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
CUBIC = 4.0 * np.eye(3)
HEXAGONAL = Lattice.hexagonal(4.0, 6.5).matrix
MONOCLINIC = Lattice.monoclinic(6.9, 11.9, 6.8, 110).matrix
TRICLINIC = Lattice.from_parameters(4.3, 5.1, 6.2, 78, 95, 104).matrix
LATTICES = [FCC, CUBIC, HEXAGONAL, MONOCLINIC, TRICLINIC]


def crystal(lattice_A):
    return Structure(Lattice(lattice_A), [{"Li+": 0.5}], [[0, 0, 0]])


def nearest_image(lattice_A, matrix):
    """Length of the shortest vector of a superlattice by brute force over many combinations."""
    coefficients = np.array([c for c in product(range(-4, 5), repeat=3) if any(c)])
    return np.linalg.norm(coefficients @ matrix @ lattice_A, axis=1).min()


def test_hermite_forms_are_normal_and_as_many_as_known():
    assert [len(hermite_forms(n)) for n in range(1, 9)] == [1, 7, 13, 35, 31, 91, 57, 155]
    for form in hermite_forms(6):
        assert np.array_equal(hermite_normal_form(form), form)
        assert np.linalg.det(form) == pytest.approx(6)


@pytest.mark.parametrize(
    ("lattice_A", "known"),
    [
        (CUBIC, [1, 3, 3, 9, 5, 13, 7]),
        (FCC, [1, 2, 3, 7, 5, 10, 7]),
    ],
)
def test_distinct_supercells_as_counted_by_hart_and_forcade(lattice_A, known):
    assert [len(supercells_of_size(crystal(lattice_A), n)) for n in range(1, 8)] == known
    assert len(hermite_supercells(crystal(lattice_A), 4)) == sum(known[:4])


def test_distinct_forms_of_eight_cells():
    rotations = np.array([op.rotation_matrix for op in _operations(crystal(CUBIC))]).astype(int)
    assert len(distinct_forms(hermite_forms(8), rotations)) == 24


def test_symmetry_of_the_sites_counts_not_that_of_the_lattice():
    tilted = Structure(Lattice(CUBIC), [{"Li+": 0.5}, "F-"], [[0, 0, 0], [0.1, 0.2, 0.35]])
    assert len(supercells_of_size(tilted, 2)) == 7


@pytest.mark.parametrize("lattice_A", LATTICES)
@pytest.mark.parametrize("size", [2, 3])
def test_reduced_vectors_span_the_same_lattice_and_start_with_its_shortest_vector(lattice_A, size):
    rng = np.random.default_rng(size)
    for form in hermite_forms(size):
        mixed = form.copy()
        for _ in range(6):
            i, j = rng.permutation(3)[:2]
            mixed[i] += rng.integers(-2, 3) * mixed[j]
        matrix = reduced_matrix(lattice_A, mixed)
        assert np.linalg.det(matrix) == pytest.approx(size)
        assert np.array_equal(hermite_normal_form(matrix), form)
        shortest = np.linalg.norm(matrix @ lattice_A, axis=1).min()
        assert shortest == pytest.approx(nearest_image(lattice_A, form))


@pytest.mark.parametrize("lattice_A", LATTICES)
@pytest.mark.parametrize("size", [2, 4])
def test_compact_supercell_keeps_images_furthest_apart(lattice_A, size):
    chosen = compact_supercell(lattice_A, size)
    best = max(nearest_image(lattice_A, form) for form in hermite_forms(size))
    assert nearest_image(lattice_A, chosen) == pytest.approx(best, abs=1e-4)
    assert supercell_size(chosen.tolist()) == size


def test_compact_supercells_that_are_obvious():
    assert np.array_equal(compact_supercell(CUBIC, 8), 2 * np.eye(3))
    assert compact_supercell(CUBIC, 1).tolist() == np.eye(3).tolist()
    conventional = compact_supercell(FCC, 4) @ FCC
    assert np.allclose(conventional @ conventional.T, 16 * np.eye(3))


def test_every_sublattice_is_equivalent_to_exactly_one_listed():
    structure = Structure(Lattice(HEXAGONAL), [{"Li+": 0.5}, "F-"], [[0, 0, 0], [1 / 3, 2 / 3, 0.4]])
    rotations = np.array([op.rotation_matrix for op in _operations(structure)]).astype(int)
    listed = [hermite_normal_form(matrix).tobytes() for matrix in supercells_of_size(structure, 4)]
    owners = [
        {hermite_normal_form(form @ rotation.T).tobytes() for rotation in rotations} & set(listed)
        for form in hermite_forms(4)
    ]
    assert all(len(owner) == 1 for owner in owners)
    assert set.union(*owners) == set(listed)


def _operations(structure):
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    return SpacegroupAnalyzer(structure).get_symmetry_operations()


def test_orderings_of_distinct_supercells_are_all_orderings(li3inbr6):
    # enumlib and icet count 2 orderings of the primitive cell and 36 more of twice its size
    primitive = li3inbr6.get_primitive_structure()
    found = enumerate_orderings(primitive, hermite_supercells(primitive, 2))
    assert np.bincount(found.n_atoms)[[10, 20]].tolist() == [2, 36]


@pytest.mark.parametrize(
    ("text", "shape"),
    [("1x2X3", (1, 2, 3)), ("1,1,0;0,1,0;0,0,2", ((1, 1, 0), (0, 1, 0), (0, 0, 2))), ("2,0,0;0,1,0;0,0,1", (2, 1, 1))],
)
def test_supercells_are_read_as_they_are_written(text, shape):
    assert parse_supercell(text) == shape
    assert parse_supercell(supercell_label(shape)) == shape


@pytest.mark.parametrize("text", ["1x1", "axb", "1,1;1", "0x1x1", "0,1,0;1,0,0;0,0,1", "1.5x1x1", ""])
def test_unreadable_supercells(text):
    with pytest.raises(OrderingError, match="Supercell"):
        parse_supercell(text)


def test_sizes_below_one():
    with pytest.raises(OrderingError, match="at least 1 cell"):
        compact_supercell(CUBIC, 0)
    with pytest.raises(OrderingError, match="at least 1 cell"):
        hermite_supercells(crystal(CUBIC), 0)
