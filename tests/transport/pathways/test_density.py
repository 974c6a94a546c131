import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superionic.errors import TransportInputError
from superionic.transport import ion_density, site_occupancy

LATTICE = np.array([[6.0, 0.0, 0.0], [-3.0, 5.2, 0.0], [0.0, 1.0, 7.0]])
HOST = [[3.0, 0.0, 0.0], [0.0, 3.0, 0.0]]


def with_host(mobile):
    host = np.tile(np.array(HOST), (len(mobile), 1, 1))
    return np.concatenate([mobile, host], axis=1), ["Li"] * mobile.shape[1] + ["Cl", "Cl"]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), n=st.integers(1, 6), resolution=st.floats(0.3, 3.0))
def test_one_normalisation_counts_ions_and_the_other_is_a_probability(seed, n, resolution):
    rng = np.random.default_rng(seed)
    positions, species = with_host(np.cumsum(rng.normal(size=(15, n, 3)), axis=0))
    density = ion_density(positions, LATTICE, species, "Li", resolution_A=resolution)
    assert density.number_density_per_A3.sum() * density.voxel_volume_A3 == pytest.approx(n)
    assert density.probability_density_per_A3.sum() * density.voxel_volume_A3 == pytest.approx(1.0)
    edges = np.linalg.norm(LATTICE, axis=1) / np.array(density.number_density_per_A3.shape)
    assert (edges <= resolution + 1e-9).all()


def test_an_ion_at_rest_fills_the_voxel_it_is_in():
    mobile = np.tile(np.array([0.5, 0.25, 0.75]) @ LATTICE + 2 * LATTICE[0] + 0.01, (10, 1, 1))
    positions, species = with_host(mobile)
    density = ion_density(positions, LATTICE, species, "Li", resolution_A=1.75)
    assert density.number_density_per_A3.shape == (4, 4, 5)
    assert np.argwhere(density.number_density_per_A3).tolist() == [[2, 1, 3]]


def test_occupancies_and_jumps_of_a_path_with_known_visits():
    sites = np.array([[0.1, 0.1, 0.1], [0.5, 0.5, 0.5], [0.95, 0.5, 0.5]])
    visits = [0, 0, 1, None, 1, 2, 2, 0, None, 2, 2, 2]
    between = np.array([0.3, 0.3, 0.7])
    fractional = np.array([between if v is None else sites[v] for v in visits])[:, None]
    fractional[6:] -= [1.0, 0.0, 0.0]  # across the boundary, unwrapped
    positions, species = with_host(fractional @ LATTICE + 0.05)
    found = site_occupancy(positions, LATTICE, species, "Li", sites, ["4g", "4h", "4h"])
    np.testing.assert_allclose(found.occupancy * 12, [3, 2, 5])
    assert found.unassigned_fraction == pytest.approx(2 / 12)
    assert found.occupancy_by_label == pytest.approx({"4g": 0.25, "4h": 3.5 / 12})
    assert found.jumps.tolist() == [[0, 1, 1], [0, 0, 1], [1, 0, 0]]
    assert found.jumps_by_label[("4h", "4g")] == 1
    assert found.jumps_by_label[("4h", "4h")] == 1


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_every_ion_is_on_a_site_or_unassigned_wrapped_or_not(seed):
    rng = np.random.default_rng(seed)
    positions, species = with_host(np.cumsum(0.3 * rng.normal(size=(30, 4, 3)), axis=0))
    sites = rng.random((5, 3))
    found = site_occupancy(positions, LATTICE, species, "Li", sites, list("abcde"), radius_A=1.5)
    assert found.occupancy.sum() + 4 * found.unassigned_fraction == pytest.approx(4)
    inside = (positions @ np.linalg.inv(LATTICE)) % 1.0 @ LATTICE
    again = site_occupancy(inside, LATTICE, species, "Li", sites, list("abcde"), radius_A=1.5, wrapped=True)
    np.testing.assert_array_equal(again.jumps, found.jumps)


def test_bad_sites_and_grids_are_refused():
    positions, species = with_host(np.zeros((12, 1, 3)))
    for sites, labels, radius, words in (
        ([[0.0, 0.0]], ["a"], 1.0, "shape"),
        ([[0.0, 0.0, 0.0]], ["a", "b"], 1.0, "2 labels for 1"),
        ([[0.0, 0.0, 0.0]], ["a"], 3.0, "height"),
    ):
        with pytest.raises(TransportInputError, match=words):
            site_occupancy(positions, LATTICE, species, "Li", sites, labels, radius_A=radius)
    with pytest.raises(TransportInputError, match="voxels"):
        ion_density(positions, LATTICE, species, "Li", resolution_A=0.001)
