import numpy as np
import pytest

from superionic.transport import PathwaySettings, analyze_pathways, free_energy
from superionic.transport.pathways.density import smoothed

CUBIC = np.diag([6.0, 7.0, 8.0])
OBLIQUE = np.array([[6.0, 0.0, 0.0], [-2.5, 6.5, 0.0], [1.0, 1.5, 8.0]])
BARRIERS_EV = (0.2, 0.3, 0.42)


def test_the_bottleneck_is_the_known_barrier_along_each_axis(boltzmann_positions):
    positions, species = boltzmann_positions(0, BARRIERS_EV, (2, 2, 2), OBLIQUE, n_frames=5000, n_ions=24)
    found = analyze_pathways(positions, OBLIQUE, species, "Li", 0.1, 800.0, wrapped=True)
    assert len(found.sites) == 8
    for neck, true in zip(found.bottlenecks, BARRIERS_EV * 2, strict=True):
        assert abs(neck.corrected_eV - true) < 2.5 * neck.corrected_std_eV
        assert abs(neck.corrected_eV - true) < 0.035
        assert neck.smoothing_shift_eV > 0.0
        assert neck.counts > 10
    # one dimension along a, two in the ab plane, three at the highest barrier
    assert [neck.free_energy_eV for neck in found.bottlenecks[:3]] == [n.free_energy_eV for n in found.bottlenecks[3:]]
    assert found.planar_normal == (0, 0, 1)


def test_the_place_and_the_path_of_the_bottleneck(boltzmann_positions):
    positions, species = boltzmann_positions(1, (0.15, 0.4, 0.4), (1, 1, 1), OBLIQUE, n_frames=3000, n_ions=20)
    found = analyze_pathways(positions, OBLIQUE, species, "Li", 0.1, 800.0, wrapped=True)
    neck, path = found.bottlenecks[0], found.paths["a"]
    off = (neck.fractional - [0.5, 0.0, 0.0] + 0.5) % 1.0 - 0.5
    assert np.linalg.norm(off @ OBLIQUE) < 1.2
    assert neck.vector in {(1, 0, 0), (-1, 0, 0)}
    np.testing.assert_allclose(path.fractional[-1] - path.fractional[0], neck.vector, atol=1e-9)
    # minimax: the lowest density of the path is that of the bottleneck
    level = found.peak_density_per_A3 * np.exp(-neck.free_energy_eV / (8.617333262e-5 * 800.0))
    assert path.density_per_A3.min() == pytest.approx(level)
    assert 6.0 < path.arc_A[-1] < 8.0
    assert [label for _, label in path.stops] == ["s1", "s1"]


def test_directions_without_ions_have_no_bottleneck():
    rng = np.random.default_rng(0)
    # a channel along c
    s = np.concatenate([0.5 + 0.03 * rng.normal(size=(2000, 4, 2)), rng.random((2000, 4, 1))], axis=-1)
    positions = np.concatenate([s @ OBLIQUE, np.zeros((2000, 1, 3))], axis=1)
    found = analyze_pathways(positions, OBLIQUE, ["Li"] * 4 + ["Cl"], "Li", 0.1, 800.0, wrapped=True)
    energies = [neck.free_energy_eV for neck in found.bottlenecks]
    assert energies[0] is None
    assert energies[1] is None
    assert energies[2] == energies[3] < 0.1
    assert energies[4] is None
    assert set(found.paths) == {"c", "1D"}
    assert np.isnan(found.bottlenecks[0].std_eV)


def test_smoothing_conserves_ions_and_has_the_width_asked_for():
    density = np.zeros((30, 34, 40))
    density[3, 1, 38] = 1.0
    for sigma in (0.0, 0.3, 0.5):
        smooth = smoothed(density, OBLIQUE, sigma)
        assert smooth.sum() == pytest.approx(1.0)
        assert smooth.min() >= 0.0
        apart = (np.argwhere(smooth) - [3, 1, 38]) / density.shape
        apart -= np.rint(apart)
        variance = (smooth[smooth > 0][:, None] * (apart @ OBLIQUE) ** 2).sum(axis=0)
        np.testing.assert_allclose(variance, sigma**2, rtol=0.03, atol=1e-12)


def test_free_energy_is_zero_at_the_top_and_infinite_where_no_ion_was():
    energy = free_energy([1.0, np.exp(-1.0), 0.0], 1000.0)
    np.testing.assert_allclose(energy[:2], [0.0, 8.617333262e-5 * 1000.0], atol=1e-15)
    assert energy[2] == np.inf


def test_settings_reach_the_grid(boltzmann_positions):
    positions, species = boltzmann_positions(2, (0.1, 0.1, 0.1), (1, 1, 1), CUBIC, n_frames=200, n_ions=4)
    coarse = PathwaySettings(resolution_A=0.5, smoothing_A=0.4)
    found = analyze_pathways(positions, CUBIC, species, "Li", 0.1, 800.0, wrapped=True, settings=coarse)
    assert found.density.number_density_per_A3.shape == (12, 14, 16)
    assert found.settings is coarse
