"""Every way of searching charge patterns, forced upon spaces small enough to know the answer."""

import numpy as np
import pytest
from known_orderings import ENERGY_ERROR_eV, check_listed, has_isovalent_species, truth
from random_crystals import random_case

from superionic.ordering import enumerate_orderings, exact, hierarchy, split


@pytest.fixture
def tiny_tiles(monkeypatch):
    """Many tiles, spans and batches even in a small space."""
    monkeypatch.setattr(exact, "TILE_ROWS", 2)
    monkeypatch.setattr(exact, "TILE_COLUMNS", 3)
    monkeypatch.setattr(exact, "SPAN_COLUMNS", 6)
    monkeypatch.setattr(exact, "BATCH", 5)
    monkeypatch.setattr(split, "FEW_ROWS", 0)


@pytest.fixture
def random_halves(monkeypatch, tiny_tiles):
    """Divide the sites anyhow instead of as cheaply as possible."""
    rng = np.random.default_rng(5)

    def divided(blocks, permutations):
        mask = rng.random(permutations.shape[1]) < rng.random()
        return split.Split(blocks, mask, split._keeping(permutations, mask))

    monkeypatch.setattr(hierarchy, "best_split", divided)


def check_cut_and_whole(seed, **settings):
    """Check the first third of the list, and all of it."""
    case, right = random_case(seed), truth(seed)
    n_distinct = len(right.multiplicities)
    for k in (-(-n_distinct // 3), n_distinct):
        found = enumerate_orderings(
            case.structure, [case.supercell], max_orderings=k, merge_equal_orbits=case.merge, per_pattern=k, **settings
        )
        assert len(found) == k, str(case)
        assert np.allclose(found.energies_eV, right.lowest[:k], rtol=0, atol=ENERGY_ERROR_eV), str(case)
        check_listed(seed, found)
        yield found


@pytest.mark.parametrize("seed", range(50))
def test_two_halves_in_small_tiles(seed, tiny_tiles):
    assert all(found.exact or has_isovalent_species(seed) for found in check_cut_and_whole(seed))


@pytest.mark.parametrize("seed", range(80, 130))
def test_any_two_halves_on_two_threads(seed, random_halves):
    assert all(found.exact or has_isovalent_species(seed) for found in check_cut_and_whole(seed, cores=2))


@pytest.mark.parametrize("seed", range(160, 180))
def test_a_search_finds_everything_in_a_small_space_and_claims_nothing(seed):
    for found in check_cut_and_whole(seed, max_exact_evaluations=1, search_moves=600):
        searched = bool(found.evidence)
        assert searched or found.count_charge_patterns == 1
        assert (found.exact, found.complete) == (False, False) or not searched
        assert ("NOT proven" in found.mode) == searched
