"""Choice of parents."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superionic.errors import InputError
from superionic.sampling.selection import choose_parents, principal_components
from superionic.stages import SelectionMethod


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 45), st.sampled_from(SelectionMethod))
def test_every_method_keeps_the_promises(seed, n, count, method):
    rng = np.random.default_rng(seed)
    energies, descriptors = rng.normal(size=n), rng.normal(size=(n, 5))
    chosen = choose_parents(energies, descriptors, count, method, seed=seed)
    assert chosen == choose_parents(energies, descriptors, count, method, seed=seed)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(n, count)
    assert int(np.argmin(energies)) in chosen


def test_medoids_find_the_clusters():
    rng = np.random.default_rng(0)
    centres = 20 * rng.normal(size=(5, 8))
    groups = np.repeat(np.arange(5), 12)
    descriptors = centres[groups] + rng.normal(size=(60, 8))
    for shuffle in range(5):
        order = np.random.default_rng(shuffle).permutation(60)
        chosen = choose_parents(rng.normal(size=60), descriptors[order], 5)
        assert set(groups[order][chosen].tolist()) == set(range(5))


def test_medoids_are_no_worse_than_random_and_exchanges_have_settled():
    rng = np.random.default_rng(4)
    descriptors, energies = rng.normal(size=(40, 2)), rng.normal(size=40)
    scores = principal_components(descriptors)
    distances = np.linalg.norm(scores[:, None] - scores[None], axis=2)
    chosen = choose_parents(energies, descriptors, 4)
    cost = distances[:, chosen].min(axis=1).sum()
    lowest = int(np.argmin(energies))
    for seed in range(200):
        other = choose_parents(energies, descriptors, 4, SelectionMethod.RANDOM, seed)
        assert cost <= distances[:, other].min(axis=1).sum() + 1e-9
    for old in set(chosen) - {lowest}:
        for new in range(40):
            exchanged = [*(set(chosen) - {old}), new]
            assert cost <= distances[:, exchanged].min(axis=1).sum() + 1e-9


def test_lowest_energy_takes_the_lowest():
    assert choose_parents([3.0, 1.0, 2.0, 0.0], np.zeros((4, 2)), 2, SelectionMethod.LOWEST_ENERGY) == [1, 3]


def test_random_depends_on_the_seed_only():
    picks = {tuple(choose_parents(np.arange(50.0), np.zeros((50, 1)), 5, SelectionMethod.RANDOM, s)) for s in range(20)}
    assert len(picks) > 15
    assert all(pick[0] == 0 for pick in picks)


def test_principal_components_keep_the_variance_asked_for():
    rng = np.random.default_rng(2)
    hidden = rng.normal(size=(200, 2))
    values = hidden @ rng.normal(size=(2, 10)) + 1e-3 * rng.normal(size=(200, 10))
    values = np.hstack([values, np.full((200, 3), 7.0)])
    scores = principal_components(values)
    assert scores.shape == (200, 2)
    np.testing.assert_allclose(scores.T @ scores, np.diag(np.diag(scores.T @ scores)), atol=1e-8)
    assert np.sum(scores**2) / (200 * 10) > 0.95


def test_identical_descriptors_still_give_a_choice():
    assert choose_parents([0.0, -1.0, 0.5], np.ones((3, 4)), 2)[0] in (0, 1)
    assert principal_components(np.ones((3, 4))).shape == (3, 0)


@pytest.mark.parametrize(("energies", "count", "rows"), [([], 3, 0), ([1.0], 0, 1), ([1.0, 2.0, 3.0], 2, 2)])
def test_nothing_to_choose(energies, count, rows):
    with pytest.raises(InputError):
        choose_parents(energies, np.zeros((rows, 2)), count)
