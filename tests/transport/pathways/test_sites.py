import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superionic.errors import TransportInputError
from superionic.transport import ion_density
from superionic.transport.pathways.paths import connections
from superionic.transport.pathways.sites import name_after_host, name_by_symmetry, sites_from_density

LATTICE = np.array([[6.0, 0.0, 0.0], [-2.0, 6.5, 0.0], [1.0, 0.5, 7.0]])


def density_of_clouds(centres, weights, *, sigma_A=0.3, lattice=LATTICE, n_frames=3000, seed=0):
    rng = np.random.default_rng(seed)
    choice = rng.choice(len(centres), p=np.array(weights) / np.sum(weights), size=(n_frames, 4))
    mobile = np.array(centres)[choice] @ lattice + sigma_A * rng.normal(size=(n_frames, 4, 3))
    positions = np.concatenate([mobile, np.zeros((n_frames, 1, 3))], axis=1)
    return ion_density(positions, lattice, ["Na"] * 4 + ["Cl"], "Na", wrapped=True)


def apart_by(first, second, lattice=LATTICE):
    apart = (np.array(first) - np.array(second) + 0.5) % 1.0 - 0.5
    return np.linalg.norm(apart @ lattice)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_clouds_anywhere_in_an_oblique_cell_are_found_with_their_share_of_ions(seed):
    shift = np.random.default_rng(seed).random(3)
    centres = (np.array([[0, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]]) + shift) % 1.0
    found = sites_from_density(density_of_clouds(centres, [3, 2, 1], seed=seed), smoothing_A=0.25)
    assert len(found.sites) == 3
    for site, centre, share in zip(found.sites, centres, (3, 2, 1), strict=True):
        assert apart_by(site.fractional, centre) < 0.06
        assert site.occupancy == pytest.approx(4 * share / 6, rel=0.06)
    assert sum(site.occupancy for site in found.sites) == pytest.approx(4.0, rel=0.01)


def test_shallow_and_near_maxima_are_one_site():
    twins = [[0.4, 0.5, 0.5], [0.6, 0.5, 0.5]]
    density = density_of_clouds(twins, [1, 1], sigma_A=0.25)
    assert len(sites_from_density(density, merge_barrier_kT=0.5).sites) == 2
    assert len(sites_from_density(density, merge_barrier_kT=9.0).sites) == 1
    far = sites_from_density(density, merge_barrier_kT=0.5, merge_distance_A=1.5)
    assert len(far.sites) == 1
    assert apart_by(far.sites[0].fractional, [0.5, 0.5, 0.5]) < 0.7


def test_rarely_visited_places_join_their_neighbour_and_no_ion_is_lost():
    density = density_of_clouds([[0.1, 0.1, 0.1], [0.5, 0.5, 0.5]], [400, 1], sigma_A=0.6)
    found = sites_from_density(density, min_occupancy=0.1)
    assert len(found.sites) == 1
    assert found.sites[0].occupancy == pytest.approx(4.0, rel=0.02)


def test_names_come_from_the_host_and_its_symmetry():
    centres = np.array([[0.02, 0.98, 0.0], [0.5, 0.5, 0.0], [0.3, 0.1, 0.5], [0.7, 0.9, 0.5], [0.1, 0.5, 0.55]])
    found = sites_from_density(density_of_clouds(centres, [8, 6, 4, 3, 1], n_frames=8000))
    host, labels = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0]], ["4g", "4h", "2c"]
    inversion = np.stack([np.eye(3), -np.eye(3)])
    named = name_after_host(
        found, LATTICE, host, labels, rotations=inversion, translations=np.array([[0, 0, 0], [0, 0, 0]])
    )
    assert [site.label for site in named.sites] == ["4g", "4h", "i1", "i1", "i2"]
    assert named.sites[0].host_distance_A < 0.4
    assert named.sites[2].host_distance_A > 2.0
    alone = name_by_symmetry(found, LATTICE, inversion, np.zeros((2, 3)))
    assert [site.label for site in alone.sites] == ["s1", "s2", "s3", "s3", "s4"]
    with pytest.raises(TransportInputError, match="2 labels for 3"):
        name_after_host(found, LATTICE, host, labels[:2])


def test_two_maxima_on_one_host_site_are_one_site_across_the_boundary():
    centres = [[0.97, 0.5, 0.5], [0.17, 0.5, 0.5], [0.5, 0.0, 0.0]]
    found = sites_from_density(density_of_clouds(centres, [2, 2, 1], sigma_A=0.2))
    assert len(found.sites) == 3
    named = name_after_host(found, LATTICE, [[0.07, 0.5, 0.5], [0.5, 0, 0]], ["8f", "4e"], match_distance_A=1.2)
    assert [site.label for site in named.sites] == ["8f", "4e"]
    assert apart_by(named.sites[0].fractional, [0.07, 0.5, 0.5]) < 0.1
    assert named.sites[0].occupancy == pytest.approx(3.2, rel=0.05)
    # basins of both maxima point at the same copy of the site
    peaks = named.landscape.peak_fractional()
    for basin in range(2):
        place = named.sites[0].fractional + named.image_of_basin[basin]
        assert np.linalg.norm((place - peaks[basin]) @ LATTICE) < 1.0


def test_passages_between_kinds_give_the_saddle():
    density = density_of_clouds([[0.25, 0.5, 0.5], [0.75, 0.5, 0.5]], [1, 1], sigma_A=0.7, n_frames=20000)
    found = sites_from_density(density)
    (passage,) = [item for item in connections(found, LATTICE) if {item.start, item.end} == {"s1", "s2"}]
    assert passage.distance_A == pytest.approx(3.0, abs=0.2)
    top = found.landscape.density.max()
    # two Gaussians of 0.73 A, 3 A apart: exp(-1.5^2 / 2 sigma^2) from each
    assert passage.saddle_density_per_A3 / top == pytest.approx(2 * np.exp(-(1.5**2) / 2 / 0.73**2), rel=0.25)
