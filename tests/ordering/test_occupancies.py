"""Refusals: what cannot be ordered, and what the messages offer instead."""

import pytest
from pymatgen.core import Lattice, Structure

from superionic.errors import OrderingError
from superionic.ordering import count_orderings, enumerate_orderings


def fluoride(occupancy, charge="Li+", n_cells=1):
    lattice = Lattice.tetragonal(4.0, 5.0)
    cell = Structure(
        lattice, [{charge: occupancy}, {charge: occupancy}, "F-"], [[0, 0, 0], [0, 0, 0.5], [0.5, 0.5, 0.25]]
    )
    return cell.make_supercell((1, 1, n_cells))


def test_fractions_are_refused_with_alternatives():
    with pytest.raises(OrderingError) as refusal:
        count_orderings(fluoride(0.3, n_cells=2))
    message = str(refusal.value)
    assert "Li+ 4 x 0.3 = 1.2, nearest 1/4 = 0.25 or 2/4 = 0.5" in message
    assert "5 cells (e.g. 1x1x5), 10 cells (e.g. 1x1x10)" in message


def test_a_supercell_that_is_offered_works():
    assert count_orderings(fluoride(0.3), (1, 1, 5)) > 0


def test_rounded_occupancies_are_not_silently_corrected():
    with pytest.raises(OrderingError, match=r"Li\+ 6 x 0.3333 = 1.9998, nearest 2/6 = 0.33333333"):
        count_orderings(fluoride(0.3333), (1, 1, 3))


def test_each_orbit_keeps_its_count_without_merging(li3inbr6):
    assert len(enumerate_orderings(li3inbr6, merge_equal_orbits=True).structures) == 10
    separate = enumerate_orderings(li3inbr6, merge_equal_orbits=False)
    assert separate.count_raw == 16
    assert separate.count_distinct == len(separate) < 10


def test_missing_oxidation_states():
    bare = fluoride(0.5)
    bare.remove_oxidation_states()
    with pytest.raises(OrderingError, match="add_oxidation_state_by_element"):
        enumerate_orderings(bare)


def test_net_charge_is_shown_with_its_arithmetic():
    with pytest.raises(OrderingError, match=r"1 F- x \(-1\) \+ 1 Mg2\+ x \(\+2\) = \+1 e"):
        enumerate_orderings(fluoride(0.5, "Mg2+"))


def test_overfull_sites():
    crowded = Structure(Lattice.cubic(4.0), [{"Li+": 0.5}], [[0, 0, 0]])
    crowded[0].species = {"Li+": 0.7, "Na+": 0.3}
    crowded[0]._species._data = dict.fromkeys(crowded[0].species, 0.7)
    with pytest.raises(OrderingError, match="may not exceed 1"):
        count_orderings(crowded)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"max_orderings": 0}, "at least 1 ordering"),
        ({"per_pattern": 0}, "at least 1 decoration"),
        ({"decorations": "best"}, "choose one of 'uniform', 'diverse'"),
        ({"supercells": (1, 1, 2)}, "list of supercells"),
        ({"supercells": []}, "list of supercells"),
    ],
)
def test_bad_arguments(arguments, complaint):
    with pytest.raises(OrderingError, match=complaint):
        enumerate_orderings(fluoride(0.5), **arguments)
