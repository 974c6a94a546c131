"""The search that replaces complete evaluation of large spaces."""

import numpy as np
import pytest

from superionic.ordering import enumerate_orderings
from superionic.ordering.anneal import N_LADDERS, N_RUNGS, _exchangeable_pairs, _Walkers
from superionic.ordering.arrangements import draw
from superionic.ordering.cell import DisorderedCell, ReferenceCell
from superionic.ordering.folding import folds


def test_search_finds_what_evaluation_proves(li3inbr6):
    proven = enumerate_orderings(li3inbr6, [(1, 1, 2)], max_orderings=60)
    found = enumerate_orderings(li3inbr6, [(1, 1, 2)], max_orderings=60, max_exact_evaluations=0, search_moves=2000)
    assert not found.exact
    assert "NOT proven" in found.mode
    assert found.count_distinct == 160
    assert np.allclose(found.energies_eV, proven.energies_eV, atol=1e-7)
    assert sorted(found.multiplicities) == sorted(proven.multiplicities)


def test_large_cell(li3inbr6):
    found = enumerate_orderings(li3inbr6, [(1, 2, 2)], max_orderings=10, search_moves=1000, max_exact_evaluations=0)
    assert not found.exact
    assert found.energies_eV[:2] == pytest.approx([-574.367074, -574.367028], abs=1e-6)


def test_energies_of_the_walkers_stay_true(nasicon):
    reference = ReferenceCell.of(nasicon, merge_equal_orbits=True, symprec_A=0.01)
    cell = DisorderedCell.of(reference, (1, 1, 1))
    energy, rng = cell.charge_energy(), np.random.default_rng(0)
    walkers = _Walkers(
        draw(cell.charge_blocks, N_RUNGS * N_LADDERS, cell.width, rng),
        energy,
        _exchangeable_pairs(cell.charge_blocks),
        rng,
    )
    before = walkers.energies_eV.copy()
    walkers.move(200)
    assert np.allclose(walkers.energies_eV, energy.energies(walkers.labels), atol=1e-6)
    assert np.all(walkers.energies_eV[:4] < before[:4])


def test_folded_energies_are_the_energies_of_symmetric_patterns(nasicon):
    reference = ReferenceCell.of(nasicon, merge_equal_orbits=True, symprec_A=0.01)
    cell = DisorderedCell.of(reference, (1, 1, 1))
    energy, rng = cell.charge_energy(), np.random.default_rng(0)
    lengths = set()
    for fold in folds(cell.charge_blocks, energy, cell.permutations, rng):
        labels = draw(fold.blocks, 5, len(fold.columns), rng)
        full = fold.unfold(labels, cell.width)
        assert np.allclose(energy.energies(full), fold.energy.energies(labels), atol=1e-8)
        for block in cell.charge_blocks:
            assert np.all(np.sum(full[:, block.positions] == 1, axis=1) == block.counts[1])
        lengths.add(fold.columns.shape[1])
    assert 3 in lengths
