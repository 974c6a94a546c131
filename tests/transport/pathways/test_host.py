import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.errors import TransportInputError
from superionic.transport.displacement import host_frame
from superionic.transport.pathways.host import (
    fit_host,
    framework_atoms,
    host_sites,
    mean_framework,
    site_labels,
    spread_operations,
    spread_sites,
    supercell_matrix,
)

MONOCLINIC = Lattice.monoclinic(6.9, 11.9, 6.8, 110.0)


@pytest.fixture
def host():
    """C2/m with the sites of Li3MX6, simplified: Li on 4g, 4h, metal on 2a, anions on 8j."""
    return Structure.from_spacegroup(
        "C2/m",
        MONOCLINIC,
        [{"Li": 0.75}, {"Li": 0.75}, {"In": 0.5, "Y": 0.5}, "Cl"],
        [[0, 0.35, 0], [0, 0.32, 0.5], [0, 0, 0], [0.25, 0.16, 0.24]],
    )


def frame_of(host, matrix, *, shift=(0.0, 0.0, 0.0), turn=None, n_frames=30, noise_A=0.1, seed=0):
    rng = np.random.default_rng(seed)
    supercell = host.make_supercell(matrix, in_place=False)
    species = [max(site.species, key=site.species.get).symbol for site in supercell]
    turn = np.eye(3) if turn is None else turn
    lattice = supercell.lattice.matrix @ turn
    places = (supercell.frac_coords @ lattice) + np.array(shift) @ (host.lattice.matrix @ turn)
    positions = places + noise_A * rng.normal(size=(n_frames, *places.shape))
    return host_frame(positions, lattice, species, "Li", 0.1)


def test_the_supercell_is_recognised_turned_or_strained(host):
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    for matrix in (np.diag([2, 1, 2]), np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 1]])):
        lattice = matrix @ host.lattice.matrix
        np.testing.assert_array_equal(supercell_matrix(host, 1.02 * lattice), matrix)
    diagonal = np.diag([2, 1, 2])
    np.testing.assert_array_equal(supercell_matrix(host, diagonal @ host.lattice.matrix @ turn), diagonal)
    with pytest.raises(TransportInputError, match="no supercell"):
        supercell_matrix(host, np.diag([5.0, 5.0, 5.0]))


def test_the_origin_is_found_and_the_symmetry_moves_with_it(host):
    shift = np.array([0.13, 0.27, 0.08])
    frame = frame_of(host, (2, 1, 2), shift=shift)
    mean, _ = mean_framework(frame)
    fit = fit_host(host, frame, "Li", mean)
    assert fit.misfit_A < 0.06
    assert fit.space_group == "C2/m"
    # the host's sites lie on the mobile ions, in some copy of the lattice
    ions = frame.positions_A[:, frame.mobile_index].mean(axis=0) @ np.linalg.inv(host.lattice.matrix)
    for place in fit.sites_fractional:
        apart = (ions - place + 0.5) % 1.0 - 0.5
        assert np.linalg.norm(apart @ host.lattice.matrix, axis=1).min() < 0.15
    for rotations, translations, places in (
        (fit.rotations, fit.translations, fit.sites_fractional),
        (*spread_operations(fit), spread_sites(fit)[0]),
    ):
        for rotation, translation in zip(rotations, translations, strict=True):
            images = places @ rotation.T + translation
            apart = (images[:, None] - places + 0.5) % 1.0 - 0.5
            assert np.abs(apart).sum(axis=-1).min(axis=1).max() < 1e-6


def test_the_given_origin_is_kept_where_it_is_as_good(host):
    frame = frame_of(host, (1, 1, 1))
    fit = fit_host(host, frame, "Li", mean_framework(frame)[0])
    assert fit.shift_A < 0.1


def test_another_crystal_is_refused(host):
    frame = frame_of(host, (1, 1, 1), noise_A=0.0)
    scrambled = np.random.default_rng(1).random((len(frame.host_index), 3)) @ host.lattice.matrix
    with pytest.raises(TransportInputError, match="away from the sites"):
        fit_host(host, frame, "Li", scrambled)
    other = host.copy()
    other.replace_species({"Cl": "Br"})
    with pytest.raises(TransportInputError, match="no site of"):
        fit_host(other, frame, "Li", mean_framework(frame)[0])
    with pytest.raises(TransportInputError, match="no site of Na"):
        host_sites(host, host.lattice.matrix, "Na")


def test_labels_are_those_of_the_host_or_wyckoff_symbols(host):
    assert sorted(set(site_labels(host, "Li"))) == ["4g", "4h"]
    named = host.copy()
    for site in named:
        site.label = "A" if "Li" in site.species_string else "X"
    assert set(site_labels(named, "Li")) == {"A"}
    twice = Structure.from_spacegroup(
        "C2/m", MONOCLINIC, ["Li", "Li", "Cl"], [[0, 0.35, 0], [0, 0.18, 0], [0.25, 0.16, 0.24]]
    )
    assert sorted(set(site_labels(twice, "Li"))) == ["4g", "4g'"]


def test_sites_of_a_supercell_keep_their_labels(host):
    places, labels = host_sites(host, np.diag([2, 1, 1]) @ host.lattice.matrix, "Li")
    assert len(places) == 16
    assert labels.count("4g") == labels.count("4h") == 8


def test_the_framework_is_folded_site_by_site(host):
    frame = frame_of(host, (2, 2, 1), noise_A=0.2)
    mean, rms = mean_framework(frame)
    fit = fit_host(host, frame, "Li", mean)
    atoms = framework_atoms(frame, mean, rms, fit)
    assert len(atoms) == 10
    assert sorted({atom.species for atom in atoms}) == ["Cl", "In"]
    for atom in atoms:
        assert atom.rms_A == pytest.approx(0.2 * np.sqrt(3), rel=0.15)
    assert len(framework_atoms(frame, mean, rms, None)) == 40
