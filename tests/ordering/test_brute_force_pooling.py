"""Orderings pooled over supercells against every ordering written down, for random crystals.

A cell of n x n x n reference cells contains every supercell of a size that divides n and keeps the whole
space group, so writing orderings down in it names them without any reduction to a true period.
"""

from functools import lru_cache
from math import lcm

import numpy as np
import pytest
from brute_force import Cell, parts
from random_crystals import random_case, random_supercell

from superionic.ordering import enumerate_orderings

SEEDS = range(2000, 2042)
SIZES = [(1, 2), (2, 2), (1, 2, 2), (1, 3), (3, 3), (2, 4), (1, 2, 4)]


@lru_cache(maxsize=256)
def pooled_case(seed):
    """Return a small crystal that all of two or three supercells realise, and these supercells."""
    rng = np.random.default_rng(seed)
    sizes = SIZES[seed % len(SIZES)]
    n_cells = lcm(*sizes)
    attempt = 0
    while True:
        attempt += 1
        case = random_case(100_000 * attempt + seed, most_raw=20, most_cells=1, least_raw=(2,))
        cell = Cell.of(case.structure, case.supercell)
        small = len(cell.frac) * n_cells**3 <= 150 and len(cell.permutations) * n_cells**3 <= 800
        if small and Cell.of(case.structure, (1, 1, max(sizes))).count_raw(merge=case.merge) <= 250:
            break
    supercells = [random_supercell(rng, size, least_cells=size) for size in sizes]
    return case, supercells, Cell.of(case.structure, (n_cells,) * 3)


def names_of_all(case, supercell, large):
    """Name all orderings of a supercell by what they are in the large cell."""
    small = Cell.of(case.structure, supercell)
    sites = large.frac @ large.lattice_A @ np.linalg.inv(small.lattice_A)
    apart = sites[:, None, :] - small.frac[None, :, :]
    source = np.linalg.norm((apart - np.round(apart)) @ small.lattice_A, axis=-1).argmin(axis=1)
    return large.names(small.raw_orderings(merge=case.merge)[:, source])


@pytest.mark.parametrize("seed", SEEDS)
def test_pooled_lists_have_every_ordering_once(seed):
    case, supercells, large = pooled_case(seed)
    expected = {}
    for supercell in supercells:
        names, numbers = np.unique(names_of_all(case, supercell, large), return_counts=True)
        size = round(np.linalg.det(np.array(supercell) if np.ndim(supercell) == 2 else np.diag(supercell)))
        for name, number in zip(names, numbers, strict=True):
            expected.setdefault(name, set()).add((size, int(number)))
    found = enumerate_orderings(
        case.structure, supercells, max_orderings=100_000, merge_equal_orbits=case.merge, per_pattern=100_000
    )
    names = large.names(np.array([large.labels_of(structure) for structure in found.structures]))
    assert len(set(names)) == len(names), f"an ordering is listed twice: {supercells} {case}"
    assert set(names) == set(expected), f"{supercells} {case}"
    assert (found.exact, found.complete, found.count_distinct) == (True, True, len(expected))
    sizes = [round(np.linalg.det(supercell)) for supercell in found.supercells]
    for name, size, multiplicity in zip(names, sizes, found.multiplicities.tolist(), strict=True):
        assert size == min(n for n, _ in expected[name]), f"not in its smallest cell: {supercells} {case}"
        assert (size, multiplicity) in expected[name], f"wrong multiplicity: {supercells} {case}"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cut_pooled_list_is_the_beginning_of_the_whole_one(seed):
    case, supercells, large = pooled_case(seed)
    whole, cut = (
        enumerate_orderings(case.structure, supercells, max_orderings=n, merge_equal_orbits=case.merge, per_pattern=n)
        for n in (100_000, 4)
    )
    per_atom = whole.energies_eV / whole.n_atoms
    assert len(cut) == min(4, len(whole))
    assert len(set(large.names(np.array([large.labels_of(structure) for structure in cut.structures])))) == len(cut)
    assert np.allclose(cut.energies_eV / cut.n_atoms, per_atom[:4], rtol=0, atol=1e-9), f"{supercells} {case}"
    isovalent = any(len(mixture) > len(set(mixture)) for mixture in charges(large))
    assert cut.exact or isovalent


def charges(cell):
    """List the charges of the species of each site, vacancies included."""
    return [[round(getattr(name, "oxi_state", 0.0), 6) for name in parts(mixture)] for mixture in cell.mixtures]


def test_the_cases_cover_what_is_claimed():
    cases = [pooled_case(seed) for seed in SEEDS]
    assert sum(np.ndim(supercell) == 2 for _, supercells, _ in cases for supercell in supercells) > 40
    assert len({len(large.permutations) for _, _, large in cases}) > 10
