import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superionic.transport.pathways.landscape import survey
from superionic.transport.pathways.paths import bottleneck_place, percolation_of
from superionic.transport.pathways.percolation import PeriodicForest, percolate


def dimension_by_brute_force(n_nodes, links, images):
    """Rank of all loop vectors, from a walk over the covering lattice."""
    ranks = [0]
    for start in range(n_nodes):
        seen, todo, loops = {start: np.zeros(3, int)}, [start], []
        while todo:
            node = todo.pop()
            for (a, b), image in zip(links, images, strict=True):
                for here, there, vector in ((a, b, np.array(image)), (b, a, -np.array(image))):
                    if here != node:
                        continue
                    place = seen[node] + vector
                    if there in seen:
                        loops.append(place - seen[there])
                    else:
                        seen[there] = place
                        todo.append(there)
        ranks.append(np.linalg.matrix_rank(np.array(loops)) if loops else 0)
    return max(ranks)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**20), n_nodes=st.integers(1, 5), n_links=st.integers(0, 7))
def test_the_dimension_is_the_rank_of_all_loops(seed, n_nodes, n_links):
    rng = np.random.default_rng(seed)
    links = rng.integers(0, n_nodes, (n_links, 2)).tolist()
    images = rng.integers(-1, 2, (n_links, 3)).tolist()
    found = percolate(n_nodes, links, images, rng.random(n_links))
    assert found.dimension == dimension_by_brute_force(n_nodes, links, images)


@pytest.mark.parametrize(
    ("images", "dimension", "axes"),
    [
        ([], 0, ""),
        ([(1, 0, 0)], 1, "a"),
        ([(0, 0, 1), (0, 0, -1)], 1, "c"),
        ([(1, 0, 0), (0, 1, 0)], 2, "ab"),
        ([(1, 0, 0), (0, 1, 0), (1, 1, 0)], 2, "ab"),
        ([(1, 1, 0), (0, 1, 1), (1, 0, 1)], 3, "abc"),
    ],
)
def test_lines_planes_and_networks_of_one_site(images, dimension, axes):
    found = percolate(1, [(0, 0)] * len(images), images, np.arange(len(images), 0, -1))
    assert found.dimension == dimension
    assert "".join(name for name, loop in zip("abc", found.axes, strict=True) if loop) == axes


def test_the_weakest_link_of_the_best_loop_is_named():
    # a chain 0-1-2-0' whose weakest link is the middle one, and a rival that is weaker still
    links, images = [(0, 1), (1, 2), (2, 0), (0, 0)], [(0, 0, 0), (0, 0, 0), (1, 0, 0), (1, 0, 0)]
    found = percolate(3, links, images, [9.0, 4.0, 7.0, 3.0])
    assert found.axes[0].edge == 1
    assert found.axes[0].strength == 4.0
    assert found.dimensions[1] is None
    planar = percolate(1, [(0, 0)] * 2, [(1, 0, 0), (1, 0, 2)], [2.0, 1.0])
    assert planar.normal == (0, 1, 0)


def test_a_dead_end_and_two_separate_lines_are_no_plane():
    apart = percolate(2, [(0, 0), (1, 1)], [(1, 0, 0), (0, 1, 0)], [2.0, 1.0])
    assert apart.dimension == 1
    joined = percolate(2, [(0, 0), (1, 1), (0, 1)], [(1, 0, 0), (0, 1, 0), (0, 0, 0)], [3.0, 2.0, 1.0])
    assert joined.dimension == 2
    assert joined.dimensions[1].strength == 1.0
    forest = PeriodicForest(3)
    assert forest.join(0, 1, (1, 0, 0)) is None
    assert forest.join(2, 1, (0, 1, 0)) is None
    assert forest.join(0, 2, (0, 0, 0)) == (-1, 1, 0)


def level_sets_percolate(density, level):
    """Axes along which voxels above a level connect, by unwrapping neighbour to neighbour."""
    above, axes = density >= level, set()
    place = {}
    for start in zip(*np.nonzero(above), strict=True):
        if start in place:
            continue
        place[start], todo = np.zeros(3, int), [start]
        while todo:
            here = todo.pop()
            for offset in itertools.product((-1, 0, 1), repeat=3):
                moved = np.array(here) + offset
                there = tuple(int(x) for x in moved % density.shape)
                if not above[there] or not any(offset):
                    continue
                cell = place[here] + moved // density.shape
                if there not in place:
                    place[there] = cell
                    todo.append(there)
                axes |= set(np.flatnonzero(place[there] - cell))
    return axes


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_saddles_percolate_where_the_voxels_above_a_level_do(seed):
    rng = np.random.default_rng(seed)
    density = rng.random((5, 4, 6)) ** 3 * (rng.random((5, 4, 6)) < 0.8)
    landscape = survey(density)
    found = percolation_of(landscape)
    for axis, loop in enumerate(found.axes):
        if loop is None:
            assert axis not in level_sets_percolate(density, density[density > 0].min())
            continue
        assert axis in level_sets_percolate(density, loop.strength)
        assert axis not in level_sets_percolate(density, loop.strength * (1 + 1e-9))
        assert (bottleneck_place(landscape, loop) >= 0.0).all()
