"""Lists of orderings against every ordering written down, for random crystals.

A failure names the seed: ``random_case(seed)`` is the crystal, ``truth(seed)`` what is right.
"""

import numpy as np
import pytest
from brute_force import VACANCY, parts
from known_orderings import ENERGY_ERROR_eV, check_listed, has_isovalent_species, truth
from pymatgen.analysis.ewald import EwaldSummation
from random_crystals import random_case

from superionic.ordering import count_orderings, enumerate_orderings

SEEDS, QUICK = range(240), 80
"""240 crystals; a third of them with the unit tests, the others with the slower ones."""
CASES = [pytest.param(seed, marks=[] if seed < QUICK else pytest.mark.integration) for seed in SEEDS]


@pytest.mark.parametrize("seed", CASES)
def test_every_ordering_is_listed_once(seed):
    case, right = random_case(seed), truth(seed)
    found = enumerate_orderings(case.structure, [case.supercell], merge_equal_orbits=case.merge)
    assert (found.exact, found.complete) == (True, True)
    assert found.count_raw == right.n_raw
    assert count_orderings(case.structure, case.supercell, case.merge) == len(right.multiplicities), str(case)
    assert len(found) == found.count_distinct == len(right.multiplicities), str(case)
    check_listed(seed, found)
    last = found.structures[-1]
    assert EwaldSummation(last).total_energy == pytest.approx(found.energies_eV[-1], abs=ENERGY_ERROR_eV), str(case)


@pytest.mark.parametrize("seed", CASES)
def test_a_cut_list_has_the_lowest_energies(seed):
    case, right = random_case(seed), truth(seed)
    n_distinct = len(right.multiplicities)
    k = 1 + seed % n_distinct
    found = enumerate_orderings(
        case.structure, [case.supercell], max_orderings=k, merge_equal_orbits=case.merge, per_pattern=k
    )
    assert len(found) == k
    assert found.complete == (k == n_distinct)
    assert found.exact or has_isovalent_species(seed), str(case)
    assert np.allclose(found.energies_eV, right.lowest[:k], rtol=0, atol=ENERGY_ERROR_eV), str(case)
    check_listed(seed, found)


@pytest.mark.integration
def test_the_cases_cover_what_is_claimed():
    cells = [truth(seed).cell for seed in SEEDS]
    cases = [random_case(seed) for seed in SEEDS]
    pools = [cell.pools(merge=case.merge) for cell, case in zip(cells, cases, strict=True)]
    mixtures = [[parts(mixture) for mixture in cell.mixtures] for cell in cells]
    covered = {
        "one, two, three sublattices": [sum(len(p) == n for p in pools) for n in (1, 2, 3)],
        "three or more species share a site": [sum(any(len(m) > 2 for m in mixed) for mixed in mixtures)],
        "vacancies": [sum(any(VACANCY in m for m in mixed) for mixed in mixtures)],
        "isovalent species": [sum(has_isovalent_species(seed) for seed in SEEDS)],
        "several orbits on one sublattice": [
            sum(
                any(len(set(cell.orbits[sites])) > 1 for sites in pool) for cell, pool in zip(cells, pools, strict=True)
            )
        ],
        "sublattices by orbit": [sum(not case.merge for case in cases)],
        "supercells that are no diagonal": [sum(np.ndim(case.supercell) == 2 for case in cases)],
        "no ordered site": [sum(all(len(m) > 1 for m in mixed) for mixed in mixtures)],
        "four groups of 24 operations or more": [sum(len(cell.permutations) >= 24 for cell in cells) // 4],
    }
    assert all(min(numbers) >= 15 for numbers in covered.values()), covered
