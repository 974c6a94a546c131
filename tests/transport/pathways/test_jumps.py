import numpy as np
import pytest
from scipy.stats import poisson

from superionic.errors import TransportInputError
from superionic.transport import analyze_trajectory
from superionic.transport.displacement import host_frame
from superionic.transport.pathways.judge import remarks
from superionic.transport.pathways.jumps import jump_statistics, poisson_interval
from superionic.transport.pathways.stays import core_radii, find_stays

LATTICE = np.array([[4.0, 0.0, 0.0], [-1.5, 4.0, 0.0], [0.5, 0.6, 5.0]])
SITES = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
FAST, SLOW, UP = 0.12, 0.04, 0.01
PLANE = [
    (0, 1, (0, 0, 0), SLOW),
    (0, 1, (-1, -1, 0), SLOW),
    (1, 0, (0, 0, 0), FAST),
    (1, 0, (1, 1, 0), FAST),
]
ZIGZAG = [(0, 1, (0, -1, 0), SLOW), (1, 0, (0, 1, 0), FAST)]
CLIMB = [(0, 0, (0, 0, 1), UP), (0, 0, (0, 0, -1), UP)]
ONE_D, TWO_D, THREE_D = PLANE, PLANE + ZIGZAG, PLANE + ZIGZAG + CLIMB


def stays_of(walk, lattice=LATTICE, *, wrapped=False, sites=SITES, **options):
    positions, cell, species, mobile, step = walk.arguments
    if wrapped:
        positions = (positions @ np.linalg.inv(cell)) % 1.0 @ cell
    frame = host_frame(positions, cell, species, mobile, step, wrapped=wrapped)
    return find_stays(frame, np.asarray(lattice), sites, **options)


def statistics(walk, *, labels=("4g", "4h"), n_cells=1, **options):
    stays = stays_of(walk, **options)
    return jump_statistics(stays, np.array(SITES), labels, LATTICE, n_cells=n_cells)


def path_over(visits, *, step=0.1):
    """A single ion at given fractional positions."""
    fractional = np.array(visits, dtype=float)[:, None]
    positions = np.concatenate([fractional @ LATTICE, np.zeros((len(visits), 1, 3))], axis=1)
    return host_frame(positions, LATTICE, ["Li", "Cl"], "Li", step)


def test_touching_a_site_and_returning_is_no_jump_but_staying_is():
    a, b, rim = [0, 0, 0], [0.5, 0.5, 0], [0.26, 0.26, 0]
    touch = path_over([a] * 4 + [rim] * 3 + [a] * 4)
    assert len(find_stays(touch, LATTICE, SITES).site) == 1
    glance = path_over([a] * 4 + [b] + [a] * 6)
    assert len(find_stays(glance, LATTICE, SITES, min_residence_ps=0.2).site) == 1
    assert len(find_stays(glance, LATTICE, SITES, min_residence_ps=0.0).site) == 3
    stay = find_stays(path_over([a] * 4 + [rim] + [b] * 4 + [[1.0, 1.0, 0.0]] * 4), LATTICE, SITES)
    assert stay.site.tolist() == [0, 1, 0]
    # the way between belongs to the site that was left
    assert stay.start.tolist() == [0, 5, 9]
    assert stay.stop.tolist() == [5, 9, 13]
    assert stay.image.tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 0]]
    assert stay.unassigned_fraction == 0.0
    late = find_stays(path_over([rim] * 5 + [a] * 5), LATTICE, SITES)
    assert late.unassigned_fraction == pytest.approx(0.5)


def test_cores_never_overlap_and_coinciding_sites_are_refused():
    sites = np.random.default_rng(1).random((12, 3))
    radii = core_radii(sites, LATTICE, 1.0)
    for i in range(12):
        for j in range(i):
            apart = (sites[i] - sites[j] + 0.5) % 1.0 - 0.5
            images = apart + np.array(list(np.ndindex(3, 3, 3))) - 1
            assert np.linalg.norm(images @ LATTICE, axis=1).min() > radii[i] + radii[j]
    with pytest.raises(TransportInputError, match="coincide"):
        core_radii(np.array([[0, 0, 0], [1.0, 0, 0]]), LATTICE, 1.0)
    with pytest.raises(TransportInputError, match="no sites"):
        find_stays(path_over([[0, 0, 0]] * 10), LATTICE, np.empty((0, 3)))


# a jump of half the cell could not be unwrapped, so the wrapped run needs the larger cell
@pytest.mark.parametrize(("supercell", "wrapped"), [((1, 1, 1), False), ((3, 2, 2), False), ((3, 2, 2), True)])
def test_every_jump_of_a_walk_is_found_and_its_time_is_accounted_for(make_walk, supercell, wrapped):
    walk = make_walk(3, SITES, THREE_D, LATTICE, supercell=supercell, duration_ps=150.0)
    found = statistics(walk, wrapped=wrapped, min_residence_ps=0.0, n_cells=int(np.prod(supercell)))
    # two jumps within a frame look like one, or like none
    assert found.n_jumps == pytest.approx(walk.jumps, rel=0.03)
    assert found.n_jumps <= walk.jumps
    for kind, time in zip(found.kinds, walk.times_ps, strict=True):
        assert kind.time_ps == pytest.approx(time, rel=0.02)
        assert kind.n_sites == np.prod(supercell)
        assert kind.occupancy == pytest.approx(kind.time_ps / 150.0 / np.prod(supercell), rel=1e-3)


def test_rates_and_residence_times_cover_the_truth(make_walk):
    true_rates, inside, residence, sizes = {("4g", "4h"): 3 * SLOW, ("4h", "4g"): 3 * FAST}, [], [], []
    for seed in range(40):
        walk = make_walk(seed, SITES, TWO_D, LATTICE, n_ions=8, duration_ps=100.0)
        found = statistics(walk, min_residence_ps=0.0)
        for rate in found.rates:
            low, high = rate.rate_interval95_per_ps
            truth = true_rates.get((rate.start, rate.end))
            if truth is not None:
                inside.append(low < truth < high)
                sizes.append((rate.rate_per_ps - truth) / rate.rate_std_per_ps)
        for kind, truth in zip(found.kinds, (1 / (3 * SLOW), 1 / (3 * FAST)), strict=True):
            low, high = kind.residence_interval95_ps
            residence.append(low < truth < high)
    assert np.mean(inside) > 0.88
    assert np.mean(residence) > 0.88
    assert 0.7 < np.std(sizes) < 1.2


@pytest.mark.parametrize(("moves", "dimension", "axes"), [(ONE_D, 1, "ab"), (TWO_D, 2, "ab"), (THREE_D, 3, "abc")])
def test_the_network_of_jumps_has_the_dimension_of_the_walk(make_walk, moves, dimension, axes):
    walk = make_walk(0, SITES, moves, LATTICE, supercell=(2, 2, 2), duration_ps=150.0)
    found = statistics(walk, n_cells=8, min_residence_ps=0.0).percolation
    assert found.dimension == dimension
    assert "".join(name for name, loop in zip("abc", found.axes, strict=True) if loop) == axes


def test_links_balance_and_their_lengths_are_those_of_the_lattice(make_walk):
    walk = make_walk(5, SITES, THREE_D, LATTICE, duration_ps=300.0)
    found = statistics(walk, min_residence_ps=0.0)
    short = np.linalg.norm(np.array([0.5, 0.5, 0.0]) @ LATTICE)
    assert found.links[0].distance_A == pytest.approx(short)
    assert abs(found.rates[0].imbalance) < 3.0
    assert sum(link.forward + link.backward for link in found.links) == found.n_jumps
    assert found.rates[0].n_back == found.rates[1].n_jumps


@pytest.mark.parametrize(("back", "factor"), [(0.0, 1.0), (0.4, 0.6 / 1.4)])
def test_tracer_over_jump_diffusivity_is_the_correlation_factor(make_walk, back, factor):
    cubic = 3.0 * np.eye(3)
    moves = [(0, 0, tuple(int(x) for x in v), 0.05) for v in np.concatenate([np.eye(3), -np.eye(3)])]
    walk = make_walk(2, [[0, 0, 0]], moves, cubic, supercell=(3, 3, 3), n_ions=48, duration_ps=600.0, dt=0.2, back=back)
    stays = stays_of(walk, cubic, sites=[[0.0, 0.0, 0.0]], min_residence_ps=0.0)
    found = jump_statistics(stays, np.zeros((1, 3)), ["1a"], cubic, n_cells=27)
    expected = walk.jumps * 9.0 / (6.0 * 48 * 600.0) * 1e-4
    assert found.jump_diffusivity_cm2_per_s == pytest.approx(expected, rel=0.03)
    np.testing.assert_allclose(np.trace(found.jump_diffusivity_tensor_cm2_per_s) / 3, found.jump_diffusivity_cm2_per_s)
    # of the fresh choices one in six goes back by chance
    assert found.return_fraction == pytest.approx(back + (1 - back) / 6, abs=0.02)
    tracer = analyze_trajectory(*walk.arguments, 800.0)
    ratio = tracer.diffusivity_cm2_per_s / found.jump_diffusivity_cm2_per_s
    assert ratio == pytest.approx(
        factor, abs=3 * factor * tracer.diffusivity_std_cm2_per_s / tracer.diffusivity_cm2_per_s
    )


def test_poisson_intervals_are_exact_and_none_seen_is_a_bound():
    for count in (0, 1, 7, 300):
        low, high = poisson_interval(count)
        assert poisson.cdf(count, high) == pytest.approx(0.025)
        if count:
            assert poisson.sf(count - 1, low) == pytest.approx(0.025)
    still = jump_statistics(
        find_stays(path_over([[0, 0, 0]] * 20), LATTICE, SITES), np.array(SITES), ["g", "h"], LATTICE
    )
    assert still.n_jumps == 0
    assert still.return_fraction is None
    assert still.kinds[0].residence_time_ps is None
    assert still.kinds[0].residence_interval95_ps[0] == pytest.approx(2.0 / poisson_interval(0)[1])
    assert still.kinds[0].residence_interval95_ps[1] == np.inf


def test_stays_that_are_hardly_longer_than_the_least_are_told(make_walk):
    quick = [(a, b, image, 8 * rate) for a, b, image, rate in TWO_D]
    walk = make_walk(0, SITES, quick, LATTICE, duration_ps=60.0, dt=0.05)
    stays = stays_of(walk, min_residence_ps=0.2)
    found = jump_statistics(stays, np.array(SITES), ["4g", "4h"], LATTICE)
    words = " ".join(remarks(stays, found, (), None, 0.2))
    assert "stays on 4h" in words
    assert "are missed" in words
    slow = stays_of(make_walk(0, SITES, TWO_D, LATTICE, duration_ps=60.0))
    calm = jump_statistics(slow, np.array(SITES), ["4g", "4h"], LATTICE)
    assert remarks(slow, calm, (), None, 0.2) == []
