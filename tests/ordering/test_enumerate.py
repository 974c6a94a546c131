"""Orderings against brute force, known energies and symmetry."""

from itertools import permutations, product

import numpy as np
import pytest
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Species, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from superionic.ordering import count_orderings, enumerate_orderings

CELLS = [
    ("P1", Lattice.from_parameters(4.3, 5.1, 6.2, 78, 95, 104)),
    ("P-1", Lattice.from_parameters(4.3, 5.1, 6.2, 78, 95, 104)),
    ("C2/m", Lattice.monoclinic(6.9, 8.4, 5.8, 109)),
    ("Pmmm", Lattice.orthorhombic(4.2, 5.3, 6.7)),
    ("P4mm", Lattice.tetragonal(5.1, 6.3)),
    ("R-3m", Lattice.hexagonal(5.2, 11.0)),
    ("Pm-3m", Lattice.cubic(5.5)),
]
POSITIONS = [[0, 0, 0], [0.5, 0.5, 0.5], [0.21, 0, 0], [0.5, 0.5, 0.17], [0.13, 0.37, 0.41]]
IONS = [Species("Li", 1), Species("Na", 1), Species("Mg", 2), Species("Ca", 1.5), None]


def random_disordered(seed):
    """Return a crystal with one or two random sublattices and a supercell; at most a few 100 raw orderings."""
    rng = np.random.default_rng(seed)
    while True:
        group, lattice = CELLS[rng.integers(len(CELLS))]
        supercell = (1, 1, int(rng.integers(1, 3)))
        chosen = [POSITIONS[i] for i in rng.permutation(len(POSITIONS))[:3]]
        frame = Structure.from_spacegroup(group, lattice, ["F", "Cl", "Br"], chosen)
        numbers = [int(frame.composition[symbol]) for symbol in ("F", "Cl", "Br")]
        if min(frame.distance_matrix[np.triu_indices(len(frame), 1)]) < 0.8:
            continue
        mixtures, raw = [], 1
        for n in numbers[:2]:
            labels = rng.integers(len(IONS), size=n * supercell[2])
            mixtures.append({ion: float(np.mean(labels == i)) for i, ion in enumerate(IONS) if i in labels})
            raw *= len(set(permutations(labels.tolist()))) if len(labels) < 8 else 10**9
        charge = sum(
            n * occupancy * ion.oxi_state
            for n, mixture in zip(numbers, mixtures, strict=False)
            for ion, occupancy in mixture.items()
            if ion
        )
        if 10 <= raw <= 300 and charge > 0:
            fill = [{ion: x for ion, x in mixture.items() if ion} for mixture in mixtures]
            fill.append({Species("O", -charge / numbers[2]): 1.0})
            named = dict(zip(("F", "Cl", "Br"), fill, strict=True))
            if not all(fill):
                continue
            sites = [named[site.specie.symbol] for site in frame]
            return Structure(lattice, sites, frame.frac_coords), supercell


def fingerprint(names, frac_coords):
    """Return a hashable description of atoms at fractional coordinates."""
    cells = np.round(np.mod(frac_coords, 1.0) * 2000).astype(int) % 2000
    return frozenset((name, *cell) for name, cell in zip(names, cells.tolist(), strict=True))


def brute_force(structure, supercell):
    """Return {fingerprint: orbit} of all raw orderings; symmetry straight from spglib's operations."""
    crystal = structure.copy().make_supercell(supercell)
    operations = SpacegroupAnalyzer(crystal, symprec=0.01).get_symmetry_operations()
    pools = {}
    for i, site in enumerate(crystal):
        pools.setdefault(site.species, []).append(i)
    choices = []
    for species, sites in pools.items():
        labels = [str(s) for s, x in species.items() for _ in range(round(x * len(sites)))]
        labels += ["vacancy"] * (len(sites) - len(labels))
        choices.append(set(permutations(labels)) if len(set(labels)) > 1 else {tuple(labels)})
    orbits = {}
    order = [i for sites in pools.values() for i in sites]
    for choice in product(*choices):
        names = np.array([name for part in choice for name in part])
        occupied = names != "vacancy"
        coords = crystal.frac_coords[order][occupied]
        images = {fingerprint(names[occupied], op.operate_multi(coords)) for op in operations}
        known = next((orbits[image] for image in images if image in orbits), len(orbits))
        for image in images:
            orbits[image] = known
    return orbits


@pytest.mark.parametrize("seed", range(12))
def test_random_cells_agree_with_brute_force(seed):
    structure, supercell = random_disordered(seed)
    orbits = brute_force(structure, supercell)
    sizes = {name: list(orbits.values()).count(name) for name in set(orbits.values())}
    found = enumerate_orderings(structure, [supercell])
    assert found.exact
    assert found.complete
    assert found.count_raw == len(orbits) == found.multiplicities.sum()
    assert len(found) == found.count_distinct == count_orderings(structure, supercell) == len(sizes)
    assert np.all(np.diff(found.energies_eV) >= 0)
    seen = set()
    for ordered, energy, multiplicity in zip(found.structures, found.energies_eV, found.multiplicities, strict=True):
        orbit = orbits[fingerprint([str(s.specie) for s in ordered], ordered.frac_coords)]
        assert sizes[orbit] == multiplicity
        assert EwaldSummation(ordered).total_energy == pytest.approx(energy, abs=1e-6)
        seen.add(orbit)
    assert len(seen) == len(sizes)


def test_lowest_energies_of_a_cut_list(li3inbr6):
    full = enumerate_orderings(li3inbr6, [(1, 1, 2)])
    short = enumerate_orderings(li3inbr6, [(1, 1, 2)], max_orderings=37)
    assert len(short) == 37
    assert short.exact
    assert not short.complete
    assert short.count_distinct == 160
    assert np.allclose(short.energies_eV, full.energies_eV[:37], atol=1e-9)


@pytest.mark.parametrize(("supercell", "n", "lowest"), [((1, 1, 1), 10, -143.591769), ((1, 1, 2), 160, -287.183537)])
def test_li3inbr6(li3inbr6, supercell, n, lowest):
    found = enumerate_orderings(li3inbr6, [supercell])
    assert (len(found), found.exact, found.complete) == (n, True, True)
    assert found.energies_eV[0] == pytest.approx(lowest, abs=1e-6)
    assert found.charge_pattern_ids.tolist() == list(range(n))
    assert found.structures[0].composition.reduced_formula == "Li3InBr6"


def test_nasicon_primitive_cell(nasicon):
    found = enumerate_orderings(nasicon.get_primitive_structure())
    assert (len(found), found.exact, found.count_raw) == (42, True, 420)
    assert found.energies_eV[0] == pytest.approx(-1712.980991, abs=1e-6)


def test_isovalent_decorations_share_the_list_by_pattern(mixed_halide):
    found = enumerate_orderings(mixed_halide, max_orderings=205)
    assert (len(found), found.exact, found.count_distinct, found.count_charge_patterns) == (205, False, 6672, 10)
    assert np.bincount(found.charge_pattern_ids).tolist() == [21] * 5 + [20] * 5
    assert found.energies_eV[0] == pytest.approx(-143.591769, abs=1e-6)
    assert "205 of the 6672 decorations" in found.mode
    assert "up to 21 of them, drawn at random" in found.tie_rule


def test_all_decorations_of_a_small_space(mixed_halide_4g_full):
    found = enumerate_orderings(mixed_halide_4g_full)
    assert (len(found), found.exact, found.complete, found.count_charge_patterns) == (1448, True, True, 3)
    assert found.multiplicities.sum() == found.count_raw == 11_088
    assert len(set(found.energies_eV)) == 3


def test_lowest_pattern_can_be_exhausted_first(mixed_halide_4g_full):
    found = enumerate_orderings(mixed_halide_4g_full, max_orderings=600, per_pattern=600)
    sizes = np.bincount(found.charge_pattern_ids)
    assert sizes.sum() == 600
    assert len(sizes) < 3
    full = enumerate_orderings(mixed_halide_4g_full)
    assert np.array_equal(found.energies_eV, full.energies_eV[:600])


@pytest.mark.parametrize("seed", range(6))
def test_site_order_and_origin_do_not_matter(seed):
    structure, supercell = random_disordered(100 + seed)
    rng = np.random.default_rng(seed)
    moved = Structure.from_sites([structure[i] for i in rng.permutation(len(structure))])
    moved.translate_sites(list(range(len(moved))), rng.random(3))
    first, second = (enumerate_orderings(s, [supercell]) for s in (structure, moved))
    assert len(first) == len(second) == count_orderings(moved, supercell)
    assert np.allclose(first.energies_eV, second.energies_eV, atol=1e-7)
    assert sorted(first.multiplicities) == sorted(second.multiplicities)


def test_the_same_seed_gives_the_same_list(mixed_halide):
    first, second, other = (enumerate_orderings(mixed_halide, max_orderings=30, seed=s) for s in (1, 1, 2))
    assert list(first.structures) == list(second.structures)
    assert list(first.structures) != list(other.structures)


def test_an_ordered_structure_is_its_only_ordering():
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.6), ["Na+", "Cl-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    found = enumerate_orderings(salt)
    assert list(found.structures) == [salt]
    assert (found.exact, found.complete, found.count_distinct, found.multiplicities.tolist()) == (True, True, 1, [1])
    assert found.energies_eV[0] == pytest.approx(EwaldSummation(salt).total_energy, abs=1e-6)
    pooled = enumerate_orderings(salt, [(1, 1, 2), (1, 1, 1)])
    assert [len(structure) for structure in pooled.structures] == [8]
