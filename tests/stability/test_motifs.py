import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.errors import InputError
from superionic.stability.motifs import coordination_motifs, map_to_host

HALITE = Lattice.cubic(5.6)


def host():
    """Layered Li3MX6 in C2/m, idealised: Li on 4g and 4h, three quarters of each."""
    lattice = Lattice.monoclinic(6.9, 11.95, 6.85, 109.8)
    species = [{"In": 0.5, "Y": 0.5}, {"Li": 0.75}, {"Li": 0.75}, {"Cl": 0.5, "Br": 0.5}, {"Cl": 0.5, "Br": 0.5}]
    places = [[0, 0, 0], [0, 1 / 3, 0], [0, 1 / 6, 0.5], [0.25, 0.16, 0.24], [0.25, 0, 0.76]]
    return Structure.from_spacegroup("C2/m", lattice, species, places, labels=["M", "4g", "4h", "8j", "4i"])


def ordered(supercell=(1, 1, 1)):
    """4g full, half of 4h empty, In with Br, Y with Cl: as the paper finds it."""
    crystal, kept = host(), []
    halves = 0
    metals = [site for site in crystal if site.label == "M"]
    for site in crystal:
        if site.label == "4h":
            halves += 1
            if halves > 2:
                continue
        symbol = {"4g": "Li", "4h": "Li"}.get(site.label)
        if site.label == "M":
            symbol = "In" if site is metals[0] else "Y"
        if site.label in ("8j", "4i"):
            near = min(metals, key=lambda metal, site=site: site.distance(metal))
            symbol = "Br" if near is metals[0] else "Cl"
        kept.append((symbol, site.frac_coords))
    structure = Structure(crystal.lattice, [s for s, _ in kept], [f for _, f in kept])
    return structure.make_supercell(np.array(supercell), in_place=False)


@pytest.mark.parametrize("supercell", [(1, 1, 1), (1, 1, 2), [[1, 1, 0], [0, 1, 0], [0, 0, 2]]])
def test_occupancies_and_lattice_survive_strain_shift_and_noise(supercell):
    structure = ordered(supercell)
    rng = np.random.default_rng(2)
    strained = Lattice(structure.lattice.matrix @ np.diag([1.02, 0.97, 1.03]))
    moved = structure.frac_coords + strained.get_fractional_coords(rng.normal(0, 0.1, (len(structure), 3)))
    order = rng.permutation(len(structure))
    relaxed = Structure(strained, [structure[i].species for i in order], moved[order])
    relaxed.translate_sites(range(len(relaxed)), strained.get_fractional_coords([0.3, -0.4, 0.3]))
    mapping = map_to_host(relaxed, host())
    assert mapping.occupancies["4g"] == {"Li": 1.0}
    assert mapping.occupancies["4h"] == {"Li": 0.5}
    assert mapping.occupancies["M"] == {"In": 0.5, "Y": 0.5}
    assert mapping.site_counts["8j"] == 8 * round(abs(np.linalg.det(mapping.matrix)))
    assert mapping.rms_displacement_A == pytest.approx(0.1 * 3**0.5, rel=0.25)
    unit = Lattice(host().lattice.matrix @ np.diag([1.02, 0.97, 1.03]))
    assert mapping.lattice_constants == pytest.approx(unit.parameters)


def test_octahedra_of_the_ordered_halide_are_pure():
    assert coordination_motifs(ordered((1, 1, 2)), ["In", "Y"], ["Cl", "Br"]) == {"InBr6": 2, "YCl6": 2}


def test_mixed_octahedra_and_tetrahedra():
    salt = Structure.from_spacegroup("Fm-3m", HALITE, ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    salt.replace(4, "Br")
    assert coordination_motifs(salt, ["Na"], ["Cl", "Br"]) == {"NaCl4Br2": 3, "NaCl6": 1}
    zincblende = Structure.from_spacegroup("F-43m", HALITE, ["Zn", "S"], [[0, 0, 0], [0.25, 0.25, 0.25]])
    assert coordination_motifs(zincblende, ["Zn"], ["S"]) == {"ZnS4": 4}


def test_bad_input_is_explained():
    with pytest.raises(InputError, match="no supercell of the host"):
        map_to_host(Structure(Lattice.cubic(3), ["Li"], [[0, 0, 0]]), host())
    foreign = ordered()
    foreign.replace(0, "K")
    with pytest.raises(InputError, match="no site for K"):
        map_to_host(foreign, host())
    full = Structure(host().lattice, ["In"] * 3, [[0, 0, 0], [0.5, 0.5, 0], [0.1, 0.1, 0.1]])
    with pytest.raises(InputError, match="fewer sites"):
        map_to_host(full, host())
    with pytest.raises(InputError, match="has no F"):
        coordination_motifs(ordered(), ["In"], ["F"])
