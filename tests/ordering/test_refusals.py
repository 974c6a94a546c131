"""Bad input to the public functions: each refusal says what is wrong and what to do."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.errors import OrderingError
from superionic.ordering import count_orderings, enumerate_orderings

LATTICE = Lattice.tetragonal(4.0, 5.0)
COORDS = [[0, 0, 0], [0, 0, 0.5], [0.5, 0.5, 0.25]]


def crystal(mixture, anion="F-", coords=COORDS):
    return Structure(LATTICE, [mixture, mixture, anion], coords)


def overfull():
    crowded = crystal({"Li+": 0.5})
    # pymatgen refuses this at construction; a Composition changed later gets through.
    crowded[0]._species._data = dict.fromkeys(crowded[0].species, 1.2)
    return crowded


@pytest.mark.parametrize(
    ("structure", "complaint"),
    [
        (crystal({"Li": 0.5}, "F"), "has no oxidation state.*add_oxidation_state_by_element"),
        (crystal({"Li+": 0.5}, "F"), "F has no oxidation state"),
        (crystal({"Li+": 0.5}, "O2-"), r"not charge-neutral.*= -1 e"),
        (crystal({"Li+": 0.5}, coords=[[0, 0, 0], [0, 0, 1e-7], [0.5, 0.5, 0.25]]), "symprec|closer"),
        (crystal({"Li+": 0.5}, coords=[[0, 0, 0], [0, 0, 0.5], [0, 0, 1.0]]), "symprec|closer"),
        (overfull(), "add up to 1.2.*may not exceed 1"),
        (crystal({"Li+": 0.3}), r"(?s)Li\+.*0\.3.*(nearest|0\.5)"),
    ],
)
def test_structures_that_cannot_be_ordered(structure, complaint):
    before = structure.copy()
    with pytest.raises(OrderingError, match=complaint):
        enumerate_orderings(structure)
    assert structure == before


@pytest.mark.parametrize(
    ("supercell", "complaint"),
    [
        ((1, 2), "shape"),
        ((1, 1, 0), "empty"),
        ((1, 1, -1), "empty"),
        ((1, 1, 1.5), "not integers"),
        ((1, 1, float("nan")), "not integers"),
        ("abc", "not numeric"),
        (("a", "b", "c"), "not numeric"),
        ([[1, 0, 0], [0, 1, 0], [1, 1, 0]], "empty or left-handed"),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 1]], "exchange two rows"),
        (np.ones((2, 2, 2)), "shape"),
    ],
)
def test_nonsense_supercells(supercell, complaint):
    structure = crystal({"Li+": 0.5})
    with pytest.raises(OrderingError, match=complaint):
        enumerate_orderings(structure, [(1, 1, 1), supercell])
    with pytest.raises(OrderingError, match=complaint):
        count_orderings(structure, supercell)


def test_one_of_several_supercells_does_not_fit():
    with pytest.raises(OrderingError, match=r"1 cell\(s\)|1x1x1"):
        enumerate_orderings(crystal({"Li+": 0.25, "Mg2+": 0.125}), [(1, 1, 4), (1, 1, 1)])


@pytest.mark.parametrize("merge", [True, False])
def test_the_nearest_composition_that_is_offered_works(merge):
    with pytest.raises(OrderingError) as refusal:
        enumerate_orderings(crystal({"Li+": 0.45}), merge_equal_orbits=merge)
    message = str(refusal.value)
    assert "0.5" in message
    assert len(enumerate_orderings(crystal({"Li+": 0.5}), merge_equal_orbits=True)) == 1
