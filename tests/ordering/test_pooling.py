"""Orderings pooled over supercells."""

import numpy as np
from pymatgen.analysis.structure_matcher import StructureMatcher

from superionic.ordering import enumerate_orderings
from superionic.ordering.arrangements import draw
from superionic.ordering.cell import DisorderedCell, ReferenceCell
from superionic.ordering.pooling import OrderingKeys


def derivative_supercells(index):
    """Return one matrix for each sublattice of a given index (Hermite normal forms)."""
    return [
        [[a, b, c], [0, d, e], [0, 0, f]]
        for a in range(1, index + 1)
        for d in range(1, index + 1)
        for f in range(1, index + 1)
        if a * d * f == index
        for b in range(d)
        for c in range(f)
        for e in range(f)
    ]


def test_orderings_of_the_small_cell_are_listed_once(li3inbr6):
    found = enumerate_orderings(li3inbr6, [(1, 1, 2), (1, 1, 1)])
    assert (len(found), found.count_distinct, found.exact, found.complete) == (160, 160, True, True)
    assert np.bincount(found.n_atoms)[[20, 40]].tolist() == [10, 150]
    assert np.all(np.diff(found.energies_eV / found.n_atoms) > -1e-9)
    assert found.supercells[0] == ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def test_all_doubled_cells_agree_with_enumlib_and_icet(li3inbr6):
    # Both list 36 orderings of twice the primitive cell that do not repeat a smaller one, of which there are 2.
    primitive = li3inbr6.get_primitive_structure()
    doubled = derivative_supercells(2)
    assert len(doubled) == 7
    assert len(enumerate_orderings(primitive)) == 2
    found = enumerate_orderings(primitive, [(1, 1, 1), *doubled])
    assert np.bincount(found.n_atoms)[[10, 20]].tolist() == [2, 36]


def test_listed_orderings_differ_and_dropped_ones_do_not(li3inbr6):
    primitive = li3inbr6.get_primitive_structure()
    supercells = derivative_supercells(2)[:2]
    found = enumerate_orderings(primitive, supercells)
    separate = [s for cell in supercells for s in enumerate_orderings(primitive, [cell]).structures]
    matcher = StructureMatcher(ltol=1e-3, stol=1e-3, angle_tol=0.01, scale=False, attempt_supercell=False)
    assert len(separate) > len(found)
    assert len(matcher.group_structures(list(found.structures))) == len(found)
    assert len(matcher.group_structures(separate)) == len(found)


def test_keys_do_not_see_operations_or_repetition(nasicon):
    reference = ReferenceCell.of(nasicon, merge_equal_orbits=True, symprec_A=0.01)
    keys, rng = OrderingKeys(reference), np.random.default_rng(0)
    small, large = (DisorderedCell.of(reference, supercell) for supercell in [(1, 1, 1), (1, 2, 1)])
    labels, other = draw(small.blocks, 2, small.width, rng)
    key = keys.key(small, labels)
    assert keys.key(small, other) != key
    assert {keys.key(small, labels[permutation]) for permutation in small.permutations} == {key}
    repeated = np.repeat(labels, 2)
    assert {keys.key(large, repeated[permutation]) for permutation in large.permutations} == {key}
    random = draw(large.blocks, 1, large.width, rng)[0]
    assert len({keys.key(large, random[permutation]) for permutation in large.permutations}) == 1


def test_isovalent_decorations_are_pooled(mixed_halide_4g_full):
    small = enumerate_orderings(mixed_halide_4g_full)
    found = enumerate_orderings(mixed_halide_4g_full, [(1, 1, 1), (1, 1, 2)], max_orderings=300)
    assert len(found) <= 300
    assert not found.exact
    assert found.count_distinct > small.count_distinct
    assert {20, 40} == set(found.n_atoms.tolist())
