"""Random disordered crystals, each small enough to write down every ordering."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod

import numpy as np
from brute_force import VACANCY, multinomial
from pymatgen.core import Lattice, Species, Structure
from pymatgen.symmetry.groups import SpaceGroup

SPACE_GROUPS = {
    "triclinic": ["P1", "P-1"],
    "monoclinic": ["P2", "Pm", "P2_1/c", "C2/m"],
    "orthorhombic": ["P222", "Pmmm", "Pmc2_1", "Imm2", "Cmmm"],
    "tetragonal": ["P4mm", "P-4", "P4/nmm", "I4/mmm"],
    "hexagonal": ["P3", "P-3m1", "R-3m", "P6mm", "P6_3/mmc"],
    "cubic": ["P23", "Pm-3m", "I-43m", "F-43m"],
}
IONS = [
    *(Species(symbol, 1) for symbol in ("Li", "Na", "Ag")),
    *(Species(symbol, 2) for symbol in ("Mg", "Zn")),
    Species("Ca", 1.5),
    *(Species(symbol, -1) for symbol in ("F", "Cl")),
    Species("Cu", 0),
]
MOST_SITES = 40
SHORTEST_A = 1.2


@dataclass(frozen=True, eq=False)
class Case:
    """A disordered crystal, a supercell that realises its occupancies, and how sublattices are formed."""

    structure: Structure
    supercell: list
    merge: bool
    n_raw: int

    def __str__(self):
        return f"supercell={self.supercell}, merge_equal_orbits={self.merge}\n{self.structure}"


@lru_cache(maxsize=512)
def random_case(seed, most_raw=1000, most_cells=4, least_raw=(6, 30, 100)):
    """Return the case of a seed; the same on every machine."""
    rng = np.random.default_rng(seed)
    system = list(SPACE_GROUPS)[rng.integers(len(SPACE_GROUPS))]
    group = space_group(SPACE_GROUPS[system][rng.integers(len(SPACE_GROUPS[system]))])
    at_least = int(rng.choice(least_raw))
    while True:
        lattice, coords, orbits = _skeleton(rng, system, group)
        if len(coords) > MOST_SITES or crowded(lattice, coords):
            continue
        for _ in range(10):
            case = _fill(rng, lattice, coords, orbits, most_cells)
            if case is not None and at_least <= case.n_raw <= most_raw:
                return case


@lru_cache
def space_group(symbol):
    """Return the operations of a space group as 4x4 matrices, shape (order, 4, 4)."""
    return np.array([operation.affine_matrix for operation in SpaceGroup(symbol)])


def orbit_of(group, position):
    """Return all sites that a space group makes of one."""
    images = (group @ [*position, 1.0])[:, :3]
    _, first = np.unique(np.round(images, 4) % 1.0, axis=0, return_index=True)
    return images[np.sort(first)] % 1.0


def _skeleton(rng, system, group):
    """Return a random lattice, the coordinates of two to four orbits, and the orbit of each site."""
    n_orbits = int(rng.integers(2, 5))
    coords = [orbit_of(group, position) for position in _positions(rng, n_orbits)]
    orbits = np.repeat(np.arange(n_orbits), [len(orbit) for orbit in coords])
    return random_lattice(rng, system), np.concatenate(coords), orbits


def _fill(rng, lattice, coords, orbits, most_cells):
    """Draw a supercell and what sits on the orbits; None if a sublattice would be empty."""
    supercell = random_supercell(rng, min(most_cells, MOST_SITES // len(coords)))
    n_cells = round(np.linalg.det(supercell if np.ndim(supercell) == 2 else np.diag(supercell)))
    merge = bool(rng.random() < 0.8)
    sizes = np.bincount(orbits) * n_cells
    n_disordered = int(rng.integers(max(1, len(sizes) - 1), len(sizes) + 1))
    pools = _pools(rng, sizes[:n_disordered], merge)
    if pools is None:
        return None
    n_raw = prod(multinomial(Counter(labels).values()) for labels in pools.values())
    mixtures = _mixtures(rng, pools, sizes)
    return Case(Structure(lattice, [mixtures[orbit] for orbit in orbits], coords), supercell, merge, n_raw)


def crowded(lattice, coords):
    """Tell whether two sites are too close."""
    distances = lattice.get_all_distances(coords, coords)
    return bool((distances + 9 * np.eye(len(coords))).min() < SHORTEST_A)


def random_lattice(rng, system):
    """Return a lattice of a crystal system; lengths and angles are no closer than 0.1 A and 1 degree."""
    a, b, c = (rng.permutation(np.arange(42, 90))[:3] / 10).tolist()
    angles = rng.permutation(np.arange(72, 118))[:3].tolist()
    return {
        "triclinic": lambda: Lattice.from_parameters(a, b, c, *angles),
        "monoclinic": lambda: Lattice.monoclinic(a, b, c, 90 + abs(angles[0] - 90) + 3),
        "orthorhombic": lambda: Lattice.orthorhombic(a, b, c),
        "tetragonal": lambda: Lattice.tetragonal(a, c),
        "hexagonal": lambda: Lattice.hexagonal(a, c + 3),
        "cubic": lambda: Lattice.cubic(a),
    }[system]()


def _positions(rng, n):
    """Draw special and general positions on a grid of 0.01."""
    x, y, z = (rng.permutation(np.arange(6, 45))[:3] / 100).tolist()
    special = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0, 0, 0.5), (0.5, 0, 0), (x, 0, 0), (0, 0, z), (0.5, 0.5, z)]
    loose = [(x, y, 0), (x, -x, z), (x, x, x), (x, y, z)]
    chosen = rng.permutation(len(special) + len(loose))[:n]
    return [list((special + loose)[i]) for i in chosen]


def random_supercell(rng, most_cells, least_cells=1):
    """Return three numbers or, more often, a 3x3 matrix that is not diagonal."""
    n_cells = int(rng.integers(least_cells, most_cells + 1))
    shapes = [shape for shape in product(range(1, n_cells + 1), repeat=3) if prod(shape) == n_cells]
    shape = list(shapes[rng.integers(len(shapes))])
    if rng.random() < 0.3:
        return shape
    matrix = np.diag(shape)
    matrix[np.triu_indices(3, 1)] = rng.integers(-1, 2, size=3)
    return (random_unimodular(rng, 2) @ matrix).tolist()


def random_unimodular(rng, n_steps):
    """Return an integer matrix of determinant 1."""
    matrix = np.eye(3, dtype=int)
    for _ in range(n_steps):
        row, other = rng.permutation(3)[:2]
        matrix[row] += int(rng.choice([-1, 1])) * matrix[other]
    return matrix[[1, 2, 0]]


def _pools(rng, sizes, merge):
    """Draw what sits on each disordered orbit of the supercell; orbits listed together share it."""
    pools, orbit = {}, 0
    while orbit < len(sizes):
        together = [orbit]
        if orbit + 1 < len(sizes) and rng.random() < 0.35:
            together.append(orbit + 1)
        orbit += len(together)
        size = sizes[together].sum() if merge else np.gcd.reduce(sizes[together])
        n_species = int(rng.integers(2, 5))
        candidates = [IONS[i] for i in rng.permutation(len(IONS))[:n_species]]
        if rng.random() < 0.6:
            candidates[-1] = VACANCY
        labels = [candidates[i] for i in rng.integers(n_species, size=size)]
        if set(labels) == {VACANCY}:
            return None
        repeats = 1 if merge else sizes[together].sum() // size
        pools[tuple(together)] = labels * int(repeats)
    return pools


def _mixtures(rng, pools, sizes):
    """Turn labels into occupancies by orbit, made neutral by the charge of one kind of ion."""
    charge = sum(ion.oxi_state for labels in pools.values() for ion in labels if ion != VACANCY)
    n_disordered = 1 + max(max(orbits) for orbits in pools)
    ordered = list(range(n_disordered, len(sizes)))
    mixtures = {orbit: {Species("O", -charge / sizes[ordered].sum()): 1.0} for orbit in ordered}
    if not ordered and charge:
        key = list(pools)[rng.integers(len(pools))]
        ion, number = Counter(label for label in pools[key] if label != VACANCY).most_common(1)[0]
        balanced = Species("O", ion.oxi_state - charge / number)
        pools[key] = [balanced if label == ion else label for label in pools[key]]
    for orbits, labels in pools.items():
        mixture = {ion: number / len(labels) for ion, number in Counter(labels).items() if ion != VACANCY}
        mixtures.update(dict.fromkeys(orbits, mixture))
    return mixtures
