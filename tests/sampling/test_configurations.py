"""Descriptors of frames."""

import numpy as np
import pytest

from superionic.errors import InputError
from superionic.sampling import configurations
from superionic.sampling.configurations import configuration_descriptors, pool_features


def neighbours(structures, _calculator):
    """Features of an atom: distance to the nearest other atom, and one."""
    found = []
    for atoms in structures:
        distances = atoms.get_all_distances(mic=True) + 1e9 * np.eye(len(atoms))
        found.append(np.stack([distances.min(axis=1), np.ones(len(atoms))], axis=1))
    return found


def test_order_of_the_atoms_does_not_matter_but_the_configuration_does(rock_salt, monkeypatch):
    monkeypatch.setattr(configurations, "features_many", neighbours)
    moved, again = rock_salt.copy(), rock_salt.copy()
    moved.translate_sites([0], [0.05, 0, 0])
    again._sites = [moved[index] for index in np.random.default_rng(0).permutation(len(moved))]
    still, one, two = configuration_descriptors([rock_salt, moved, again], None)
    assert still.shape == (8,)  # Cl and Li, mean and spread, two features each
    np.testing.assert_allclose(one, two)
    assert still[2] == 0 < one[2]
    np.testing.assert_allclose(still[[0, 1, 4, 5]], [2.6, 1, 2.6, 1])


def test_known_mean_and_spread_and_an_absent_element():
    features = np.array([[1.0], [3.0], [10.0]])
    np.testing.assert_allclose(pool_features(features, ["Li", "Li", "Cl"], ["Br", "Cl", "Li"]), [0, 0, 10, 0, 2, 1])


def test_a_potential_without_features_is_refused(rock_salt, springs):
    with pytest.raises(InputError, match="Springs has no atomic features"):
        configuration_descriptors([rock_salt], springs(rock_salt.cart_coords))
