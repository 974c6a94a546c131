"""The choice among isovalent decorations."""

import numpy as np
import pytest

from superionic.errors import OrderingError
from superionic.ordering import DecorationRule, enumerate_orderings
from superionic.ordering import decorate as decorate_module
from superionic.ordering.cell import DisorderedCell, ReferenceCell
from superionic.ordering.decorate import PatternSpace
from superionic.ordering.environment import EnvironmentFeatures, farthest_points
from superionic.ordering.hierarchy import even_shares
from superionic.ordering.symmetry import stabiliser


@pytest.fixture(scope="module")
def cell(mixed_halide_4g_full):
    reference = ReferenceCell.of(mixed_halide_4g_full, merge_equal_orbits=True, symprec_A=0.01)
    return DisorderedCell.of(reference, (1, 1, 1))


@pytest.fixture(scope="module")
def space(cell):
    pattern = np.zeros(cell.width, dtype=np.int8)
    for block in cell.charge_blocks:
        pattern[block.positions[: block.counts[1]]] = 1
    base = cell.first_species_labels(pattern[None, :])[0]
    return PatternSpace(cell, pattern, base, len(cell.permutations) // len(stabiliser(cell.permutations, pattern)))


def test_complete_choice_lists_every_raw_decoration(cell, space):
    chosen = space.choose(10_000, DecorationRule.UNIFORM, np.random.default_rng(0))
    assert len(chosen.labels) == space.n_distinct
    copies_of_pattern = len(cell.permutations) // len(space._stabiliser)
    assert chosen.multiplicities.sum() == space.n_raw * copies_of_pattern


def test_uniform_choice_follows_the_multiplicities(space):
    full = space.choose(10_000, DecorationRule.UNIFORM, np.random.default_rng(0)).multiplicities
    rare = full < full.max()
    expected = full[rare].sum() / full.sum()
    firsts = [
        space.choose(1, DecorationRule.UNIFORM, np.random.default_rng(seed)).multiplicities[0] < full.max()
        for seed in range(300)
    ]
    assert 0 < rare.sum() < len(full)
    assert np.mean(firsts) == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 300))


@pytest.mark.parametrize("rule", [DecorationRule.UNIFORM, DecorationRule.DIVERSE])
def test_sampling_gives_distinct_decorations(mixed_halide, monkeypatch, rule):
    monkeypatch.setattr(decorate_module, "SMALL_SPACE", 0)
    found = enumerate_orderings(mixed_halide, max_orderings=64, per_pattern=16, decorations=rule)
    assert len(found) == 64
    assert np.bincount(found.charge_pattern_ids).tolist() == [16] * 4
    full = {str(s) for s in found.structures}
    assert len(full) == 64


def test_features_do_not_see_symmetry_but_see_the_decoration(cell, space):
    labels = space.choose(6, DecorationRule.UNIFORM, np.random.default_rng(1)).labels
    images = [labels[:, permutation] for permutation in cell.permutations]
    features = EnvironmentFeatures(cell).of(np.concatenate([labels, *images])).reshape(len(images) + 1, 6, -1)
    assert np.allclose(features, features[:1], atol=1e-6)
    separations = np.linalg.norm(features[0][:, None] - features[0][None, :], axis=-1)
    assert np.sort(separations[np.triu_indices(6, 1)])[-1] > 1.0


def test_diverse_choice_spreads_further_than_a_random_one(cell, space):
    features = EnvironmentFeatures(cell)
    spread = {}
    rules = (DecorationRule.UNIFORM, DecorationRule.DIVERSE)
    chosen = {rule: space.choose(12, rule, np.random.default_rng(2)).labels for rule in rules}
    both = features.of(np.concatenate(list(chosen.values()))).reshape(2, 12, -1)
    for rule, rows in zip(chosen, both, strict=True):
        separations = np.linalg.norm(rows[:, None] - rows[None, :], axis=-1)
        spread[rule] = separations[np.triu_indices(12, 1)].min()
    assert spread[DecorationRule.DIVERSE] > spread[DecorationRule.UNIFORM]


def indium_pairs(structures):
    """Energies that are lower the closer In ions are to each other."""
    metals = [[site for site in structure if site.specie.symbol == "In"] for structure in structures]
    return [min(a.distance(b) for a in group for b in group if a is not b) for group in metals]


def test_an_energy_function_ranks_the_decorations_of_each_pattern(mixed_bromide):
    options = {"max_orderings": 8, "per_pattern": 2, "supercells": [(1, 1, 2)]}
    ranked = enumerate_orderings(mixed_bromide, decorations="ranked", energy_function=indium_pairs, **options)
    everything = enumerate_orderings(mixed_bromide, **(options | {"max_orderings": 4 * 20, "per_pattern": 20}))
    energies = np.array(indium_pairs(ranked.structures)).reshape(4, 2)
    for pattern, chosen in enumerate(energies):
        same = [s for s, i in zip(everything.structures, everything.charge_pattern_ids, strict=True) if i == pattern]
        assert np.allclose(chosen, np.sort(indium_pairs(same))[:2])
        assert len(same) > 2
    assert "the lowest in the given energy function" in ranked.tie_rule


def test_ranking_and_an_energy_function_belong_together(mixed_halide):
    with pytest.raises(OrderingError, match="belong together"):
        enumerate_orderings(mixed_halide, decorations="ranked")
    with pytest.raises(OrderingError, match="belong together"):
        enumerate_orderings(mixed_halide, energy_function=indium_pairs)


def test_farthest_points_take_the_corners():
    points = np.array([[0.1, 0.0], [5.0, 5.0], [5.1, 5.0], [-5.0, 5.0], [0.0, -5.0], [0.0, 0.3]])
    assert set(farthest_points(points, 4).tolist()) >= {3, 4}
    assert len(set(farthest_points(points, 6).tolist())) == 6


@pytest.mark.parametrize(
    ("capacities", "budget", "shares"),
    [([5, 5, 5], 10, [4, 3, 3]), ([1, 9, 9], 10, [1, 5, 4]), ([2, 2], 10, [2, 2]), ([3], 0, [0])],
)
def test_even_shares(capacities, budget, shares):
    assert even_shares(capacities, budget) == shares
