"""Orderings of the reference crystals: known numbers and energies, quotas, seeds."""

import numpy as np
import pytest
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Structure

from superionic.ordering import enumerate_orderings


def test_lowest_energies_of_a_cut_list(li3inbr6):
    full = enumerate_orderings(li3inbr6, [(1, 1, 2)])
    short = enumerate_orderings(li3inbr6, [(1, 1, 2)], max_orderings=37)
    assert len(short) == 37
    assert short.exact
    assert not short.complete
    assert short.count_distinct == 160
    assert np.allclose(short.energies_eV, full.energies_eV[:37], atol=1e-9)


@pytest.mark.parametrize(("supercell", "n", "lowest"), [((1, 1, 1), 10, -143.591769), ((1, 1, 2), 160, -287.183537)])
def test_li3inbr6(li3inbr6, supercell, n, lowest):
    found = enumerate_orderings(li3inbr6, [supercell])
    assert (len(found), found.exact, found.complete) == (n, True, True)
    assert found.energies_eV[0] == pytest.approx(lowest, abs=1e-6)
    assert found.charge_pattern_ids.tolist() == list(range(n))
    assert found.structures[0].composition.reduced_formula == "Li3InBr6"


def test_nasicon_primitive_cell(nasicon):
    found = enumerate_orderings(nasicon.get_primitive_structure())
    assert (len(found), found.exact, found.count_raw) == (42, True, 420)
    assert found.energies_eV[0] == pytest.approx(-1712.980991, abs=1e-5)


def test_isovalent_decorations_share_the_list_by_pattern(mixed_halide):
    found = enumerate_orderings(mixed_halide, max_orderings=205)
    assert (len(found), found.exact, found.count_distinct, found.count_charge_patterns) == (205, False, 6672, 10)
    assert np.bincount(found.charge_pattern_ids).tolist() == [21] * 5 + [20] * 5
    assert found.energies_eV[0] == pytest.approx(-143.591769, abs=1e-6)
    assert "205 of the 6672 decorations" in found.mode
    assert "up to 21 of them, drawn at random" in found.tie_rule


def test_all_decorations_of_a_small_space(mixed_halide_4g_full):
    found = enumerate_orderings(mixed_halide_4g_full)
    assert (len(found), found.exact, found.complete, found.count_charge_patterns) == (1448, True, True, 3)
    assert found.multiplicities.sum() == found.count_raw == 11_088
    assert len(set(found.energies_eV)) == 3


def test_lowest_pattern_can_be_exhausted_first(mixed_halide_4g_full):
    found = enumerate_orderings(mixed_halide_4g_full, max_orderings=600, per_pattern=600)
    sizes = np.bincount(found.charge_pattern_ids)
    assert sizes.sum() == 600
    assert len(sizes) < 3
    full = enumerate_orderings(mixed_halide_4g_full)
    assert np.array_equal(found.energies_eV, full.energies_eV[:600])


def test_the_same_seed_gives_the_same_list(mixed_halide):
    first, second, other = (enumerate_orderings(mixed_halide, max_orderings=30, seed=s) for s in (1, 1, 2))
    assert list(first.structures) == list(second.structures)
    assert list(first.structures) != list(other.structures)


def test_an_ordered_structure_is_its_only_ordering():
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.6), ["Na+", "Cl-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    found = enumerate_orderings(salt)
    assert list(found.structures) == [salt]
    assert (found.exact, found.complete, found.count_distinct, found.multiplicities.tolist()) == (True, True, 1, [1])
    assert found.energies_eV[0] == pytest.approx(EwaldSummation(salt).total_energy, abs=1e-6)
    pooled = enumerate_orderings(salt, [(1, 1, 2), (1, 1, 1)])
    assert [len(structure) for structure in pooled.structures] == [8]
