"""Nearest charge-neutral compositions against trying all numbers of ions."""

from itertools import product

import numpy as np
import pytest
from pymatgen.core import Species

from superionic.ordering.nearest import NearbyComposition, nearest_neutral
from superionic.ordering.occupancies import SiteMixture

LI, NA, MG, AL, F, CL = (Species(*s) for s in (("Li", 1), ("Na", 1), ("Mg", 2), ("Al", 3), ("F", -1), ("Cl", -1)))


def random_case(seed):
    """Two mixed pools, one with a vacancy, and an ordered anion that nearly balances them."""
    rng = np.random.default_rng(seed)
    first = rng.dirichlet((2, 2, 2))
    second = rng.dirichlet((2, 2))
    pools = [
        (SiteMixture((LI, MG, None), tuple(first.tolist())), int(rng.integers(1, 4))),
        (SiteMixture((NA, AL), tuple(second.tolist())), int(rng.integers(1, 3))),
    ]
    n_cells = int(rng.integers(1, 4))
    charge = sum(
        n * x * getattr(s, "oxi_state", 0)
        for mix, n in pools
        for s, x in zip(mix.species, mix.occupancies, strict=True)
    )
    return pools, [(F, max(1, round(charge)))], n_cells


def all_neutral(pools, ordered, n_cells):
    """Distances of all neutral compositions."""
    fillings = []
    for mixture, sites in pools:
        n = sites * n_cells
        fillings.append([c for c in product(range(n + 1), repeat=len(mixture.species)) if sum(c) == n])
    fixed = sum(s.oxi_state * n * n_cells for s, n in ordered)
    found = {}
    for choice in product(*fillings):
        charge, distance = fixed, 0.0
        for (mixture, sites), counts in zip(pools, choice, strict=True):
            charge += sum(n * getattr(s, "oxi_state", 0) for s, n in zip(mixture.species, counts, strict=True))
            exact = [sites * n_cells * x for x in mixture.occupancies]
            distance += sum(abs(n - e) for n, e in zip(counts, exact, strict=True))
        if charge == 0:
            found[choice] = distance / n_cells
    return found


@pytest.mark.parametrize("seed", range(40))
def test_nothing_neutral_is_nearer(seed):
    pools, ordered, n_cells = random_case(seed)
    found = nearest_neutral(pools, ordered, n_cells, wanted=2)
    possible = all_neutral(pools, ordered, n_cells)
    assert bool(found) == bool(possible)
    if found:
        assert found[0].distance == pytest.approx(possible[found[0].counts])
        assert found[0].distance == pytest.approx(min(possible.values()))
        assert [near.distance for near in found] == pytest.approx(sorted(possible.values())[: len(found)])
        assert len({near.counts for near in found}) == len(found)


def test_description_names_formula_and_changes():
    pools = [(SiteMixture((LI, None), (0.754, 0.246)), 4)]
    near = NearbyComposition(2, ((6, 2),), 0.0)
    assert near.describe(pools, [(CL, 1), (F, 1)]) == "Li6Cl2F2: Li+ 0.754 -> 0.75 (6/8)"
