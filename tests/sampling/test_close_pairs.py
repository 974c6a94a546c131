"""Frames with close pairs: one pair is as close as drawn, everything else stays."""

import numpy as np
import pytest
from ase.data import atomic_numbers, covalent_radii
from pymatgen.core import Lattice, Structure

from superionic.potentials.atoms import closest_approach, to_atoms
from superionic.sampling.close_pairs import RATIOS, close_pairs

LITHIUM = covalent_radii[atomic_numbers["Li"]]


@pytest.fixture
def frames(rock_salt):
    cells = [rock_salt.copy() for _ in range(3)]
    for number, cell in enumerate(cells):
        cell.make_supercell(2)
        cell.perturb(0.1 + 0.05 * number)
    return cells


def test_one_pair_of_mobile_ions_is_pushed_together(frames):
    pairs = close_pairs(frames, "Li", 40, seed=3)
    assert len(pairs) == 40
    assert {pair.base for pair in pairs} == {0, 1, 2}
    for pair in pairs:
        before, after = frames[pair.base], pair.structure
        moved = after.frac_coords - before.frac_coords
        first, second = np.flatnonzero(np.linalg.norm(moved, axis=1) > 1e-9)
        assert {after[first].specie.symbol, after[second].specie.symbol} == {"Li"}
        np.testing.assert_allclose(moved[first], -moved[second], atol=1e-12)
        assert after.get_distance(first, second) == pytest.approx(pair.ratio * 2 * LITHIUM)
        assert closest_approach(to_atoms(after)) == pytest.approx(pair.ratio)
        assert RATIOS[0] <= pair.ratio <= RATIOS[1]


def test_the_seed_decides_and_fewer_seeds_agree(frames):
    first, again, fewer, other = (
        close_pairs(frames, "Li", count, seed) for count, seed in ((5, 1), (5, 1), (3, 1), (5, 2))
    )
    assert [pair.ratio for pair in first] == [pair.ratio for pair in again]
    assert [pair.ratio for pair in first[:3]] == [pair.ratio for pair in fewer]
    assert [pair.ratio for pair in first] != [pair.ratio for pair in other]


def test_a_single_ion_or_none_gives_no_pair(frames):
    lone = Structure(Lattice.cubic(4.0), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert close_pairs([lone], "Li", 4, seed=0) == []
    assert close_pairs(frames, "Na", 4, seed=0) == []


def test_frames_that_would_bring_others_as_close_are_not_made():
    crowded = Structure(Lattice.cubic(6.0), ["Li", "Li", "Cl", "Cl"], [[x, 0, 0] for x in (0, 0.5, 0.25, 0.75)])
    assert close_pairs([crowded], "Li", 4, seed=0) == []
