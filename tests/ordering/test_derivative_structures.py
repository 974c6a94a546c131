"""All orderings of all supercells of a size, against published numbers, icet and brute force.

What is counted at size n does not fit a smaller cell. Numbers of icet: version 4.0, ``enumerate_structures``
at one size, all concentrations. Where operations exchange sites of the primitive cell its lists can be wrong: of
wurtzite (Al, Ga)N at size 1 it lists AlGa and GaAl, which the screw axis maps onto each other (4, 18, 84 at sizes 1, 2,
3, of which 3, 12, 53 are distinct by pymatgen's StructureMatcher), and of Li3InBr6 278 at size 3, of which 203 are
distinct. There every ordering is written down instead.
"""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from brute_force import Cell
from pymatgen.core import Lattice, Species, Structure
from test_brute_force_pooling import names_of_all

from superionic.ordering import enumerate_orderings
from superionic.ordering.supercells import hermite_forms, supercells_of_size

FCC = Lattice([[0, 2, 2], [2, 0, 2], [2, 2, 0]])
BCC = Lattice(1.55 * np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]))
ZINC_BLENDE = Lattice(FCC.matrix * 1.4)
# crystal: lattice, sites, what may sit on each site
CRYSTALS = {
    "fcc AuPd": (FCC, [[0, 0, 0]], [["Au", "Pd"]]),
    "fcc AuCuPd": (FCC, [[0, 0, 0]], [["Au", "Cu", "Pd"]]),
    "bcc MoV": (BCC, [[0, 0, 0]], [["Mo", "V"]]),
    "hcp TiZr": (Lattice.hexagonal(2.95, 4.68), [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]], [["Ti", "Zr"]] * 2),
    "rock salt (Au,Pd)(H,vacancy)": (FCC, [[0, 0, 0], [0.5, 0.5, 0.5]], [["Au", "Pd"], ["H", None]]),
    "zinc blende (Al,Ga)(As,N)": (ZINC_BLENDE, [[0, 0, 0], [0.25, 0.25, 0.25]], [["Al", "Ga"], ["As", "N"]]),
    "wurtzite (Al,Ga)N": (
        Lattice.hexagonal(3.2, 5.2),
        [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0.5], [1 / 3, 2 / 3, 0.375], [2 / 3, 1 / 3, 0.875]],
        [["Al", "Ga"], ["Al", "Ga"], ["N"], ["N"]],
    ),
}
# fcc and bcc: also G. L. W. Hart and R. W. Forcade, Phys. Rev. B 77, 224115 (2008), table IV.
ICET = {
    "fcc AuPd": [2, 2, 6, 19, 28, 80],
    "fcc AuCuPd": [3, 6, 21],
    "bcc MoV": [2, 2, 6, 19, 28],
    "hcp TiZr": [3, 10, 50],
    "rock salt (Au,Pd)(H,vacancy)": [4, 11, 48],
    "zinc blende (Al,Ga)(As,N)": [4, 11, 52],
}
SLOW = {("fcc AuPd", 6), ("rock salt (Au,Pd)(H,vacancy)", 3), ("zinc blende (Al,Ga)(As,N)", 3)}
KNOWN = [
    pytest.param(name, size, n, marks=[pytest.mark.integration] if (name, size) in SLOW else [])
    for name, ns in ICET.items()
    for size, n in enumerate(ns, 1)
]
SLOW_3 = pytest.param(3, 58, marks=pytest.mark.integration)
SLOW_4 = pytest.param(4, 4418, marks=pytest.mark.integration)


def shares(choices, n_sites):
    """Yield the numbers of each species on a sublattice of some size."""
    for head in product(range(n_sites + 1), repeat=len(choices) - 1):
        if sum(head) <= n_sites:
            yield (*head, n_sites - sum(head))


def compositions(choices, size):
    """Yield, for every composition of a crystal, what fills each site; alike sites share their ions."""
    kinds = {tuple(choice): choices.count(choice) for choice in choices}
    for numbers in product(*(shares(kind, n * size) for kind, n in kinds.items())):
        filled = {
            kind: {Species(s, 0): x / (n * size) for s, x in zip(kind, xs, strict=True) if s and x}
            for (kind, n), xs in zip(kinds.items(), numbers, strict=True)
        }
        yield [filled[tuple(choice)] for choice in choices]


def crystals(name, size):
    """Yield a crystal in all compositions that a size allows."""
    lattice, coords, choices = CRYSTALS[name]
    for mixtures in compositions(choices, size):
        # A sublattice without any ion still has symmetry, so a ghost stands for it.
        yield Structure(lattice, [mixture or {Species("He", 0): 1.0} for mixture in mixtures], coords)


def fitting(structure, size):
    """Return the divisors of a size that hold whole numbers of ions."""
    amounts = np.array(list(structure.composition.values()))
    return [n for n in range(1, size + 1) if size % n == 0 and np.allclose(n * amounts, np.round(n * amounts))]


def count(structure, size):
    """Count the orderings of a size that no smaller cell holds."""
    cells = [cell for n in fitting(structure, size) for cell in supercells_of_size(structure, n)]
    found = enumerate_orderings(structure, cells, max_orderings=10**6, per_pattern=10**6)
    assert found.complete
    return int((np.rint(np.linalg.det(np.array(found.supercells))) == size).sum())


def count_by_brute_force(structure, size):
    """Count the same, with all orderings of all supercells written down one by one."""
    large, case = Cell.of(structure, (size,) * 3), SimpleNamespace(structure=structure, merge=True)
    names = {
        n: {name for form in hermite_forms(n) for name in names_of_all(case, form.tolist(), large).tolist()}
        for n in fitting(structure, size)
    }
    return len(names[size].difference(*(smaller for n, smaller in names.items() if n < size)))


@pytest.mark.parametrize(("name", "size", "n"), KNOWN)
def test_counts_agree_with_icet(name, size, n):
    assert sum(count(structure, size) for structure in crystals(name, size)) == n


@pytest.mark.parametrize(("size", "n"), [(1, 3), (2, 10), SLOW_3])
def test_wurtzite(size, n):
    counts = [count(structure, size) for structure in crystals("wurtzite (Al,Ga)N", size)]
    assert sum(counts) == n
    assert counts == [count_by_brute_force(structure, size) for structure in crystals("wurtzite (Al,Ga)N", size)]


@pytest.mark.parametrize(("size", "n"), [(1, 2), (2, 36), (3, 268), SLOW_4])
def test_li3inbr6_in_all_supercells_of_a_size(li3inbr6, size, n):
    # enumlib lists 36 at size 2, too. 4418 was confirmed by brute force, which takes a minute.
    primitive = li3inbr6.get_primitive_structure()
    assert count(primitive, size) == n
    if size < 4:
        assert count_by_brute_force(primitive, size) == n
