import sys

import numpy as np
import pytest
from ase.io.cube import read_cube
from pymatgen.io.vasp import Chgcar

from superionic.errors import NotConfiguredError, TransportInputError
from superionic.transport import PathwaySettings, analyze_pathways, ion_density
from superionic.transport.pathways.interchange import to_gemdat, write_volume

LATTICE = np.array([[6.0, 0.0, 0.0], [-2.5, 6.5, 0.0], [1.0, 1.5, 8.0]])


@pytest.fixture
def found(boltzmann_positions):
    positions, species = boltzmann_positions(0, (0.2, 0.2, 0.2), (1, 1, 1), LATTICE, n_frames=300, n_ions=4)
    asked = PathwaySettings(resolution_A=0.5, n_blocks=1)
    return analyze_pathways(positions, LATTICE, species, "Li", 0.1, 800.0, wrapped=True, settings=asked)


def test_a_cube_file_gives_density_and_places_back(found, tmp_path):
    path = write_volume(tmp_path / "new" / "li.cube", found)
    with path.open() as file:
        cube = read_cube(file)
    number = found.density.number_density_per_A3
    np.testing.assert_allclose(cube["data"], number, rtol=1e-5)
    np.testing.assert_allclose(cube["atoms"].cell.array, LATTICE, atol=1e-4)
    # the first value belongs to the middle of the first voxel
    np.testing.assert_allclose(cube["origin"], (0.5 / np.array(number.shape)) @ LATTICE, atol=1e-4)
    assert "ions per cubic angstrom" in path.read_text().splitlines()[0]


def test_a_chgcar_integrates_to_the_ions(found, tmp_path):
    chgcar = Chgcar.from_file(write_volume(tmp_path / "CHGCAR_Li", found))
    total = chgcar.data["total"]
    assert total.mean() == pytest.approx(4.0, rel=1e-4)
    # peak and atoms keep their distance
    peak = np.array(np.unravel_index(total.argmax(), total.shape)) / total.shape
    ours = np.array(np.unravel_index(found.density.number_density_per_A3.argmax(), total.shape)) / total.shape
    np.testing.assert_allclose(peak, ours)
    half = 0.5 / np.array(total.shape)
    expected = (found.framework[0].fractional - half) % 1.0
    np.testing.assert_allclose(chgcar.structure[0].frac_coords % 1.0, expected, atol=1e-5)


def test_a_name_without_format_is_refused(found, tmp_path):
    with pytest.raises(TransportInputError, match=r"\*.cube, or CHGCAR"):
        write_volume(tmp_path / "density.txt", found)


def test_gemdat_counts_the_same(boltzmann_positions):
    pytest.importorskip("gemdat")
    positions, species = boltzmann_positions(1, (0.2, 0.2, 0.2), (1, 1, 1), LATTICE, n_frames=100, n_ions=4)
    volume = to_gemdat(positions, LATTICE, species, 0.1, 800.0).filter("Li").to_volume(resolution=0.5)
    assert volume.data.sum() == 400
    own = ion_density(positions, LATTICE, species, "Li", resolution_A=0.5, wrapped=True)
    if volume.data.shape == own.number_density_per_A3.shape:
        np.testing.assert_array_equal(volume.data, own.number_density_per_A3 * own.voxel_volume_A3 * 100)


def test_without_gemdat_its_installation_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "gemdat", None)
    with pytest.raises(NotConfiguredError, match="pip install gemdat"):
        to_gemdat(np.zeros((20, 1, 3)), LATTICE, ["Li"], 0.1, 800.0)
