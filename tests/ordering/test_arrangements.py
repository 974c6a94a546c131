"""Numbering, drawing and identity of arrangements."""

from itertools import permutations

import numpy as np
import pytest

from superionic.ordering.arrangements import Block, Canonicaliser, count_raw, draw, unrank
from superionic.ordering.counting import count_distinct


def dihedral(n):
    """Return the symmetry group of a ring of n sites, shape (2 n, n)."""
    ring = np.arange(n)
    return np.array([(sign * ring + shift) % n for shift in range(n) for sign in (1, -1)])


def test_numbers_and_arrangements_correspond_one_to_one():
    blocks = [Block(np.arange(7), (2, 3, 2)), Block(np.array([9, 8, 7]), (1, 2))]
    labels = unrank(blocks, np.arange(count_raw(blocks)), width=11)
    assert count_raw(blocks) == 630
    assert len(np.unique(labels, axis=0)) == 630
    assert np.all(np.sort(labels[:, :7], axis=1) == [0, 0, 1, 1, 1, 2, 2])
    assert np.all(np.sort(labels[:, 7:10], axis=1) == [0, 1, 1])
    assert np.all(labels[:, 10] == 0)


def test_draws_hit_every_arrangement_equally_often():
    blocks = [Block(np.arange(4), (2, 2))]
    labels = draw(blocks, 6000, 4, np.random.default_rng(0))
    _, hits = np.unique(labels, axis=0, return_counts=True)
    assert len(hits) == 6
    assert np.all(np.abs(hits - 1000) < 5 * np.sqrt(1000))


# The second ring is too large for codes that spell out the arrangement: it tests the random codes.
@pytest.mark.parametrize(("n", "counts"), [(8, (4, 2, 2)), (70, (68, 2))])
def test_codes_name_the_orbits(n, counts):
    group, blocks = dihedral(n), [Block(np.arange(n), counts)]
    canonicaliser = Canonicaliser(group, blocks)
    labels = unrank(blocks, np.arange(count_raw(blocks)), n)
    codes = canonicaliser.codes(labels)
    assert canonicaliser.collision_free == (n == 8)
    assert len(np.unique(codes)) == count_distinct(group, blocks)
    for element in group[1:5]:
        assert np.array_equal(canonicaliser.codes(labels[:, element]), codes)
    representatives = canonicaliser.representatives(labels)
    assert len(np.unique(representatives, axis=0)) == len(np.unique(codes))
    assert np.array_equal(canonicaliser.codes(representatives), codes)


def test_the_symmetric_group_leaves_one_orbit():
    group = np.array(list(permutations(range(5))))
    blocks = [Block(np.arange(5), (3, 2))]
    codes = Canonicaliser(group, blocks).codes(unrank(blocks, np.arange(10), 5))
    assert len(np.unique(codes)) == 1
