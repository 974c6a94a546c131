"""Site permutations of disordered cells."""

import numpy as np
import pytest

from superionic.errors import OrderingError
from superionic.ordering.cell import DisorderedCell, ReferenceCell
from superionic.ordering.symmetry import permutation_group, site_operations, stabiliser


def cell_of(structure, supercell):
    reference = ReferenceCell.of(structure, merge_equal_orbits=True, symprec_A=0.01)
    return DisorderedCell.of(reference, supercell)


@pytest.mark.parametrize(
    ("name", "supercell", "order"),
    [
        ("li3inbr6", (1, 1, 1), 4),
        ("li3inbr6", (1, 1, 2), 16),
        ("mixed_halide", (1, 1, 1), 8),
        ("nasicon", (1, 1, 1), 36),
        ("nasicon", (1, 2, 2), 48),
    ],
)
def test_orders_of_the_groups(request, name, supercell, order):
    assert len(cell_of(request.getfixturevalue(name), supercell).permutations) == order


def test_operations_preserve_distances(nasicon):
    cell = cell_of(nasicon, (1, 1, 1))
    frac = cell.frac_coords[cell.sites]
    separations = nasicon.lattice.get_all_distances(frac, frac)
    for permutation in cell.permutations:
        assert np.allclose(separations[np.ix_(permutation, permutation)], separations, atol=1e-6)


def test_supercell_that_loses_the_threefold_axis(nasicon):
    assert cell_of(nasicon, (1, 1, 1)).lost_factor == 1
    assert cell_of(nasicon, (1, 2, 2)).lost_factor == 3


def test_stabiliser_keeps_the_labels():
    group = np.array([[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]])
    kept = stabiliser(group, np.array([0, 1, 0, 1], dtype=np.int8))
    assert kept.tolist() == [[0, 1, 2, 3], [2, 3, 0, 1]]


def test_a_set_that_is_no_group_is_refused():
    with pytest.raises(OrderingError, match="do not form a group"):
        permutation_group(np.array([[0, 1, 2], [1, 2, 0]]), np.arange(3))


def test_overlapping_sites_are_refused():
    coords = np.array([[0.0, 0, 0], [0.0001, 0, 0]])
    with pytest.raises(OrderingError, match="symprec"):
        site_operations(np.eye(3) * 5.0, coords, np.array([0, 0]))
