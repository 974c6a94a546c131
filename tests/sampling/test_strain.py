"""Random strain: symmetric, bounded, applied to cell and positions alike, and never through another atom."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from superionic.errors import CalculationError, InputError
from superionic.potentials.atoms import closest_approach, to_atoms
from superionic.sampling.strain import MIN_DISTANCE_RATIO, apply_strain, random_strain, strained_frame
from superionic.stages import StrainMode


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.4), st.sampled_from(StrainMode))
def test_symmetric_and_bounded(seed, bound, mode):
    strain = random_strain(np.random.default_rng(seed), bound, mode)
    np.testing.assert_array_equal(strain, strain.T)
    assert np.abs(strain).max() <= bound
    if mode is StrainMode.DIAGONAL:
        np.testing.assert_array_equal(strain, np.diag(np.diag(strain)))


def test_six_independent_uniform_components():
    rng = np.random.default_rng(0)
    draws = np.array([random_strain(rng, 0.03, StrainMode.SYMMETRIC)[np.triu_indices(3)] for _ in range(4000)])
    np.testing.assert_allclose(draws.mean(axis=0), 0.0, atol=0.001)
    np.testing.assert_allclose(draws.std(axis=0), 0.03 / np.sqrt(3), rtol=0.03)
    np.testing.assert_allclose(np.corrcoef(draws.T), np.eye(6), atol=0.06)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_vectors_are_deformed_not_rotated(seed):
    rng = np.random.default_rng(seed)
    lattice = Lattice.from_parameters(4, 5, 6, 80, 95, 100)
    structure = Structure(lattice, ["Li+", "Cl-"], [[0.1, 0.2, 0.3], [0.7, 0.6, 0.5]])
    strain = random_strain(rng, 0.1, StrainMode.SYMMETRIC)
    strained = apply_strain(structure, strain)
    np.testing.assert_allclose(strained.frac_coords, structure.frac_coords, atol=1e-12)
    np.testing.assert_allclose(strained.cart_coords, structure.cart_coords @ (np.eye(3) + strain), atol=1e-12)
    expected = structure.lattice.volume * np.linalg.det(np.eye(3) + strain)
    assert strained.lattice.volume == pytest.approx(expected)
    assert strained.species == structure.species


def test_close_frames_are_drawn_again(rock_salt):
    # shrunk until the Li-Cl distance (2.30 A of covalent radii) is just above the limit
    rock_salt.scale_lattice(rock_salt.volume * (2 * 2.30 * 0.705 / 5.2) ** 3)
    rng = np.random.default_rng(1)
    frames = [strained_frame(rock_salt, rng, 0.03, StrainMode.DIAGONAL) for _ in range(30)]
    assert min(closest_approach(to_atoms(frame.structure)) for frame in frames) >= MIN_DISTANCE_RATIO
    assert sum(frame.rejected for frame in frames) > 30, "most draws compress some axis too far"


def test_a_broken_frame_is_given_up(rock_salt):
    rock_salt.scale_lattice(rock_salt.volume / 8)
    with pytest.raises(CalculationError, match=r"no strain within 0\.03"):
        strained_frame(rock_salt, np.random.default_rng(0), 0.03)


def test_a_rotation_is_no_strain(rock_salt):
    with pytest.raises(InputError, match="symmetric"):
        apply_strain(rock_salt, np.array([[0, 0.1, 0], [-0.1, 0, 0], [0, 0, 0]]))
