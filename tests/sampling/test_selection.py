"""Choice of structures: parents and frames."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superionic.errors import InputError, NotConfiguredError
from superionic.sampling.selection import choose, choose_parents, principal_components, share_places
from superionic.stages import SelectionMethod

FAST = [method for method in SelectionMethod if method is not SelectionMethod.ENTROPY]  # that one needs QUESTS
numbers = st.integers(0, 10**6)


@settings(max_examples=60, deadline=None)
@given(numbers, st.integers(1, 40), st.integers(1, 45), st.sampled_from(FAST))
def test_every_method_keeps_the_promises_to_parents(seed, n, count, method):
    rng = np.random.default_rng(seed)
    energies, descriptors = rng.normal(size=n), rng.normal(size=(n, 5))
    chosen = choose_parents(energies, descriptors, count, method, seed=seed)
    assert chosen == choose_parents(energies, descriptors, count, method, seed=seed)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(n, count)
    assert int(np.argmin(energies)) in chosen


@settings(max_examples=80, deadline=None)
@given(numbers, st.integers(1, 40), st.integers(1, 45), st.integers(1, 4), st.sampled_from(FAST), st.booleans())
def test_choosing_more_in_groups(seed, n, count, n_groups, method, energies_given):
    rng = np.random.default_rng(seed)
    energies, descriptors = rng.normal(size=n), rng.normal(size=(n, 3))
    groups = [f"x={number}" for number in rng.integers(0, n_groups, n)]
    already = rng.permutation(n)[: rng.integers(0, n)].tolist()
    given_energies = energies if energies_given or method is SelectionMethod.LOWEST_ENERGY else None
    settings = {"energies_eV_per_atom": given_energies, "groups": groups, "already": already, "seed": seed}
    chosen = choose(descriptors, count, method, **settings)
    assert chosen == choose(descriptors, count, method, **settings) == sorted(set(chosen))
    assert not set(chosen) & set(already)
    assert len(chosen) == min(count, n - len(already))
    everyone = {*chosen, *already}
    total = {name: sum(groups[i] == name for i in everyone) for name in set(groups)}
    for name, members_now in total.items():
        members = [i for i in range(n) if groups[i] == name]
        if any(groups[i] == name for i in chosen):
            assert given_energies is None or min(members, key=lambda i: energies[i]) in everyone
            others = [total[o] for o in total if any(groups[i] == o and i not in everyone for i in range(n))]
            assert all(members_now <= other + 1 for other in others), "no group gets ahead while another can follow"


def test_places_and_their_remainder():
    assert share_places({"a": 9, "b": 3, "c": 9}, 4) == {"a": 2, "b": 1, "c": 1}
    assert share_places({"a": 9, "b": 1, "c": 9}, 10) == {"a": 5, "b": 1, "c": 4}
    assert share_places({"a": 9, "b": 9}, 3, used={"a": 4, "b": 2}) == {"a": 1, "b": 2}
    assert share_places({"a": 1, "b": 1}, 5) == {"a": 1, "b": 1}


def test_groups_do_not_hide_each_others_configurations():
    """Two compositions far apart: in a common space, the small differences inside each would not matter."""
    rng = np.random.default_rng(3)
    inner = np.concatenate([np.zeros((10, 2)), [[9.0, 0], [0, 9.0], [-9.0, 0]]]) + 0.1 * rng.normal(size=(13, 2))
    descriptors = np.concatenate([inner, inner + 10000.0])
    groups = ["low"] * 13 + ["high"] * 13
    chosen = choose(descriptors, 8, SelectionMethod.FPS, groups=groups)
    assert {10, 11, 12, 23, 24, 25} <= set(chosen)


@settings(max_examples=40, deadline=None)
@given(numbers, st.integers(4, 30), st.integers(2, 6))
def test_farthest_points_cover_within_twice_the_best_radius(seed, n, count):
    """Gonzalez' bound, against the best of many random choices; and every further point is the farthest one."""
    rng = np.random.default_rng(seed)
    descriptors = rng.normal(size=(n, 2))
    scores = principal_components(descriptors)
    distances = np.linalg.norm(scores[:, None] - scores[None], axis=2)
    radius = distances[:, choose(descriptors, count, SelectionMethod.FPS)].min(axis=1).max()
    tries = [rng.choice(n, min(n, count), replace=False) for _ in range(100)]
    assert radius <= 2 * min(distances[:, trial].min(axis=1).max() for trial in tries) + 1e-9
    (farthest,) = choose(descriptors, 1, SelectionMethod.FPS, already=[0, 1])
    assert distances[farthest, [0, 1]].min() == distances[2:, [0, 1]].min(axis=1).max()


def test_what_is_chosen_already_is_not_wanted_again():
    centres = np.repeat(50.0 * np.eye(4), 10, axis=0)
    descriptors = centres + np.random.default_rng(1).normal(size=(40, 4))
    for method in (SelectionMethod.KMEDOIDS, SelectionMethod.FPS):
        chosen = choose(descriptors, 2, method, already=[3, 15])
        assert {index // 10 for index in chosen} == {2, 3}


@pytest.mark.integration
def test_entropy_is_the_greedy_information_gain():
    pytest.importorskip("quests")
    rng = np.random.default_rng(5)
    descriptors, energies = rng.normal(size=(60, 4)), rng.normal(size=60)
    chosen = choose(descriptors, 7, SelectionMethod.ENTROPY, energies_eV_per_atom=energies)
    scores = principal_components(descriptors)
    distances = np.linalg.norm(scores[:, None] - scores[None], axis=2)
    kernel = np.exp(-0.5 * (distances / np.median(distances[np.triu_indices(60, 1)])) ** 2)
    expected = [int(np.argmin(energies))]
    while len(expected) < 7:
        similarity = kernel[:, expected].sum(axis=1)
        similarity[expected] = np.inf
        expected.append(int(np.argmin(similarity)))
    assert chosen == sorted(expected)
    assert len(choose(np.ones((5, 2)), 3, SelectionMethod.ENTROPY)) == 3


def test_entropy_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "quests.compression.fps", None)
    with pytest.raises(NotConfiguredError, match=r"superionic\[selection\]"):
        choose(np.eye(5), 2, SelectionMethod.ENTROPY)


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


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": SelectionMethod.LOWEST_ENERGY}, "needs energies"),
        ({"groups": ["a"]}, "do not fit 1 groups"),
        ({"already": [7]}, r"structures \[7\]"),
        ({"descriptors": [[1.0], [np.nan], [2.0]]}, "not finite"),
        ({"already": [0, 1, 2]}, "cannot choose 2 of 0"),
    ],
)
def test_bad_requests(settings, words):
    arguments = {"descriptors": [[1.0], [3.0], [2.0]], "count": 2, "method": SelectionMethod.FPS} | settings
    with pytest.raises(InputError, match=words):
        choose(**arguments)
