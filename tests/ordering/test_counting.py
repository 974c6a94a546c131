"""Burnside counts against known numbers and brute force."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.ordering import count_orderings
from superionic.ordering.arrangements import Block
from superionic.ordering.counting import count_distinct


def ring_rotations(n):
    return (np.arange(n) + np.arange(n)[:, None]) % n


@pytest.mark.parametrize(("counts", "necklaces"), [((3, 3), 4), ((2, 2, 2), 16), ((1, 5), 1), ((6,), 1)])
def test_necklaces_of_six_beads(counts, necklaces):
    assert count_distinct(ring_rotations(6), [Block(np.arange(6), counts)]) == necklaces


@pytest.mark.parametrize("seed", range(8))
def test_random_group_against_brute_force(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.permutation(4), rng.permutation(3) + 4
    group, frontier = {tuple(range(7))}, [tuple(range(7))]
    generators = [np.concatenate([first, np.arange(4, 7)]), np.concatenate([rng.permutation(4), second])]
    while frontier:
        element = frontier.pop()
        for generator in generators:
            product = tuple(int(generator[i]) for i in element)
            if product not in group:
                group.add(product)
                frontier.append(product)
    blocks = [Block(np.arange(4), (1, 1, 2)), Block(np.arange(4, 7), (2, 1))]
    raw = {
        (*head, *tail)
        for head in map(tuple, {tuple(rng.permutation([0, 1, 2, 2])) for _ in range(400)})
        for tail in [(0, 0, 1), (0, 1, 0), (1, 0, 0)]
    }
    orbits = {min(tuple(labels[i] for i in element) for element in group) for labels in raw}
    assert len(raw) == 36
    assert count_distinct(np.array(sorted(group)), blocks) == len(orbits)


@pytest.mark.parametrize(
    ("name", "supercell", "expected"),
    [
        ("li3inbr6", (1, 1, 1), 10),
        ("li3inbr6", (1, 1, 2), 160),
        ("li3inbr6", (1, 2, 2), 338_316),
        ("mixed_halide_4g_full", (1, 1, 1), 1448),
        ("mixed_halide", (1, 1, 1), 6672),
        ("mixed_halide", (1, 2, 2), 741_978_059_902_102_199_008),
        ("nasicon", (1, 1, 1), 69_414_558),
    ],
)
def test_reference_crystals(request, name, supercell, expected):
    assert count_orderings(request.getfixturevalue(name), supercell) == expected


def test_nasicon_primitive_cell(nasicon):
    assert count_orderings(nasicon.get_primitive_structure()) == 42


def test_counting_needs_no_charges(li3inbr6):
    bare = li3inbr6.copy()
    bare.remove_oxidation_states()
    assert count_orderings(bare) == 10


def test_named_sublattices_never_share_their_ions():
    crystal = Structure.from_spacegroup(
        "Pmmm", Lattice.orthorhombic(4, 5, 6), [{"Li+": 0.5}, {"Li+": 0.5}], [[0, 0, 0.2], [0.5, 0.5, 0.35]]
    )
    shared, separate = (count_orderings(crystal, (1, 1, 2), merge) for merge in (True, False))
    crystal.add_site_property("sublattice", ["first", "first", "second", "second"])
    assert shared > separate
    assert count_orderings(crystal, (1, 1, 2)) == separate
