"""Complete evaluation: every way to divide the sites gives the same, proven list."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.ordering import enumerate_orderings
from superionic.ordering.arrangements import Block, count_raw
from superionic.ordering.cell import DisorderedCell, ReferenceCell
from superionic.ordering.exact import evaluate_all
from superionic.ordering.split import Split, _keeping, best_split


def problem(structure, supercell=(1, 1, 1)):
    reference = ReferenceCell.of(structure, merge_equal_orbits=True, symprec_A=0.01)
    cell = DisorderedCell.of(reference, supercell)
    return cell.charge_blocks, cell.charge_energy(), cell.permutations


def undivided(blocks, permutations):
    return Split(blocks, np.zeros(permutations.shape[1], dtype=bool), permutations)


@pytest.mark.parametrize("k", [1, 17, 1000])
@pytest.mark.parametrize("seed", range(6))
def test_any_division_gives_the_same_list(nasicon, li3inbr6, seed, k):
    rng = np.random.default_rng(seed)
    structure, supercell = [(nasicon.get_primitive_structure(), (1, 1, 1)), (li3inbr6, (1, 1, 2))][seed % 2]
    blocks, energy, group = problem(structure, supercell)
    expected = evaluate_all(undivided(blocks, group), energy, group, k)
    mask = rng.random(group.shape[1]) < rng.random()
    found = evaluate_all(Split(blocks, mask, _keeping(group, mask)), energy, group, k)
    assert np.array_equal(found.labels, expected.labels)
    assert np.allclose(found.energies_eV, expected.energies_eV, atol=1e-9)
    assert np.array_equal(found.multiplicities, expected.multiplicities)
    if k == 1000:
        assert found.multiplicities.sum() == count_raw(blocks)


def test_a_single_orbit_is_divided_along_a_subgroup():
    crystal = Structure(Lattice.cubic(3.0), [{"Na+": 0.5, "Mg2+": 0.5}], [[0, 0, 0]])
    cell = DisorderedCell.of(ReferenceCell.of(crystal, merge_equal_orbits=True, symprec_A=0.01), (4, 4, 2))
    (block,) = cell.charge_blocks
    split = best_split([block], cell.permutations)
    assert len(block.positions) == 32
    assert 0 < split.in_first.sum() < 32
    assert len(split.subgroup) > 1
    assert split.n_pairs < 1.5 * count_raw([block]) / len(split.subgroup)
    assert np.all(split.in_first[split.subgroup] == split.in_first)


def test_sites_without_symmetry_are_divided_too():
    positions = np.arange(34)
    split = best_split([Block(positions, (17, 17))], positions[None, :])
    assert split is not None
    assert split.in_first.sum() == 17
    assert split.n_pairs == count_raw(split.blocks) == 2_333_606_220
    assert max(split.rows(first=True), split.rows(first=False)) == 2**17


def test_known_lowest_energies_of_large_spaces(nasicon, li3inbr6):
    halide = enumerate_orderings(li3inbr6, [(1, 2, 2)])
    assert halide.exact
    assert halide.energies_eV[[0, 1, 1999]] == pytest.approx([-574.367074, -574.367028, -569.526472], abs=1e-6)
    oxide = enumerate_orderings(nasicon)
    assert oxide.exact
    assert oxide.count_raw == 2_498_640_144
    assert oxide.energies_eV[[0, 1, 1999]] == pytest.approx([-5145.375702, -5144.546361, -5138.799208], abs=1e-5)


def test_threads_do_not_change_the_answer(li3inbr6):
    blocks, energy, group = problem(li3inbr6, (1, 2, 2))
    split = best_split(blocks, group)
    one, three = (evaluate_all(split, energy, group, 500, cores=cores) for cores in (1, 3))
    assert np.array_equal(one.labels, three.labels)
    assert np.array_equal(one.energies_eV, three.energies_eV)


def test_energies_that_all_tie_are_listed_by_code(li3inbr6):
    blocks, energy, group = problem(li3inbr6, (1, 1, 2))
    flat = type(energy)(energy.columns, -1.0, 0.0 * energy.field_eV, 0.0 * energy.coupling_eV, energy.charges_e)
    few, all_of_them = (evaluate_all(undivided(blocks, group), flat, group, k) for k in (20, 160))
    assert np.array_equal(few.labels, all_of_them.labels[:20])
    assert set(all_of_them.energies_eV) == {-1.0}


class CancelledError(Exception):
    """Raised by a progress callback to stop."""


@pytest.mark.parametrize("limit", [0, 10**9])
def test_progress_is_reported_and_can_cancel(nasicon, limit):
    told = []

    def watch(what, fraction):
        told.append((what, fraction))
        if len(told) == 2:
            raise CancelledError

    with pytest.raises(CancelledError):
        enumerate_orderings(nasicon, max_orderings=50, progress=watch, max_exact_evaluations=limit, search_moves=6000)
    assert all(0.0 <= fraction <= 1.0 for _, fraction in told)
    assert "charge patterns" in told[0][0]
