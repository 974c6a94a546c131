"""Every ordering of a small cell, grouped by symmetry and evaluated with pymatgen: the slow, obvious way.

Nothing here comes from superionic or spglib. Isometries of a cell are found by trying: every integer
matrix that keeps the metric of the lattice, with every translation that could bring one site onto
another, is kept if it maps all sites onto sites of the same composition.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from math import factorial, prod

import numpy as np
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Species, Structure
from scipy.spatial import cKDTree

SAME_A = 2e-3
VACANCY = "vacancy"
HASH_SEED = 7


@dataclass(frozen=True, eq=False)
class Cell:
    """All sites of a supercell of a disordered crystal, in a reduced basis.

    ``types`` numbers the site compositions; ``species`` lists whatever a site can hold.
    """

    lattice_A: np.ndarray
    frac: np.ndarray
    types: np.ndarray
    mixtures: list
    orbits: np.ndarray

    @classmethod
    def of(cls, structure, supercell):
        """Build the supercell with pymatgen."""
        marked = structure.copy(site_properties={"orbit": orbits_of(structure)})
        large = marked.make_supercell(supercell)
        reduced = large.lattice.get_lll_reduced_lattice()
        mixtures = [site.species for site in large]
        types = composition_numbers(mixtures)
        frac = large.cart_coords @ np.linalg.inv(reduced.matrix)
        return cls(np.array(reduced.matrix), frac % 1.0, types, mixtures, np.array(large.site_properties["orbit"]))

    @cached_property
    def species(self):
        """All species by name, the vacancy last."""
        return [*sorted({species for mixture in self.mixtures for species in mixture}, key=str), VACANCY]

    @cached_property
    def permutations(self):
        """All isometries as site permutations, shape (order, n_sites): site i goes to ``[g, i]``."""
        return isometries(self.lattice_A, self.frac, self.types)

    def pools(self, *, merge):
        """Return the disordered sites that share ions."""
        names = self.types if merge else self.orbits
        disordered = [i for i, mixture in enumerate(self.mixtures) if len(parts(mixture)) > 1]
        return [
            np.array([i for i in disordered if names[i] == name]) for name in sorted({names[i] for i in disordered})
        ]

    def count_raw(self, *, merge):
        """Count all orderings."""
        pools = [(len(sites), parts(self.mixtures[sites[0]])) for sites in self.pools(merge=merge)]
        return prod(multinomial([round(x * size) for x in mixture.values()]) for size, mixture in pools)

    def raw_orderings(self, *, merge):
        """Write down every ordering as species numbers, shape (n, n_sites)."""
        ordered = np.array([self.species.index(next(iter(parts(mixture)))) for mixture in self.mixtures])
        choices = [(sites, self._fillings(sites)) for sites in self.pools(merge=merge)]
        rows = np.array(list(product(*(range(len(fillings)) for _, fillings in choices))), dtype=int)
        labels = np.tile(ordered, (len(rows), 1))
        for column, (sites, fillings) in enumerate(choices):
            labels[:, sites] = fillings[rows[:, column]]
        return labels

    def _fillings(self, sites):
        """List every way to fill the sites of one pool."""
        fillings = np.full((1, len(sites)), -1)
        for name, occupancy in parts(self.mixtures[sites[0]]).items():
            number = round(occupancy * len(sites))
            assert abs(number - occupancy * len(sites)) < 1e-6
            n_free = int((fillings[0] < 0).sum())
            chosen = np.array(list(combinations(range(n_free), number)), dtype=int).reshape(-1, number)
            mask = np.zeros((len(chosen), n_free), dtype=bool)
            np.put_along_axis(mask, chosen, values=True, axis=1)
            repeated = np.repeat(fillings, len(mask), axis=0)
            free = repeated[repeated < 0].reshape(len(repeated), n_free)
            free[np.tile(mask, (len(fillings), 1))] = self.species.index(name)
            repeated[repeated < 0] = free.ravel()
            fillings = repeated
        return fillings

    def names(self, labels):
        """Return one number per ordering that is the same for all its images."""
        weights = np.random.default_rng(HASH_SEED).integers(
            2**64, size=(len(self.frac), len(self.species)), dtype=np.uint64
        )
        names = np.full(len(labels), 2**64 - 1, dtype=np.uint64)
        sites = np.arange(len(self.frac))
        for permutation in self.permutations:
            image = weights[sites, labels[:, permutation]].sum(axis=1, dtype=np.uint64)
            names = np.minimum(names, image)
        return names

    def labels_of(self, structure, shift_A=(0.0, 0.0, 0.0)):
        """Read which species an ordered structure (repeated, moved by -shift) has on each site."""
        matrix = structure.lattice.matrix
        sites = (self.frac @ self.lattice_A + shift_A) @ np.linalg.inv(matrix)
        apart = sites[:, None, :] - structure.frac_coords[None, :, :]
        close = np.linalg.norm((apart - np.round(apart)) @ matrix, axis=-1) < SAME_A
        volume = abs(np.linalg.det(self.lattice_A) / np.linalg.det(matrix))
        assert np.all(close.sum(axis=0) == round(volume)), "an atom sits on no site of the crystal"
        assert np.all(close.sum(axis=1) <= 1), "two atoms share a site"
        numbers = [self.species.index(site.specie) for site in structure]
        return np.array([numbers[row.argmax()] if row.any() else len(self.species) - 1 for row in close])

    def energies(self, labels):
        """Return Ewald energies in eV by pymatgen, from one matrix for unit charges on all sites."""
        unit = Structure(self.lattice_A, [Species("H", 1)] * len(self.frac), self.frac)
        ewald = EwaldSummation(unit)
        matrix = (
            ewald.reciprocal_space_energy_matrix + ewald.real_space_energy_matrix + np.diag(ewald.point_energy_matrix)
        )
        charges = np.array([getattr(species, "oxi_state", None) or 0.0 for species in self.species])[labels]
        return np.einsum("ni,ij,nj->n", charges, matrix, charges, optimize=True)


def parts(mixture):
    """Return the occupancies of a site, vacancy included."""
    occupancies = {species: x for species, x in mixture.items() if x > 1e-6}
    missing = 1.0 - sum(occupancies.values())
    return occupancies | {VACANCY: missing} if missing > 1e-6 else occupancies


def multinomial(numbers):
    """Count the distinct sequences with given numbers of each kind."""
    return factorial(sum(numbers)) // prod(factorial(number) for number in numbers)


def composition_numbers(mixtures):
    """Number the compositions of some sites."""
    keys = [tuple(sorted((str(species), round(x, 6)) for species, x in parts(mixture).items())) for mixture in mixtures]
    numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
    return np.array([numbers[key] for key in keys])


def orbits_of(structure):
    """Number the orbits of the sites of a disordered structure."""
    types = composition_numbers([site.species for site in structure])
    reduced = structure.lattice.get_lll_reduced_lattice()
    frac = structure.cart_coords @ np.linalg.inv(reduced.matrix)
    return isometries(np.array(reduced.matrix), frac % 1.0, types).min(axis=0)


def isometries(lattice_A, frac, types):
    """Return the distinct site permutations of all isometries of a periodic set of points."""
    tree = cKDTree(_inside(frac), boxsize=1.0)
    numbers = np.bincount(types, minlength=types.max() + 1)
    rarest = np.flatnonzero(numbers[types] == numbers[numbers > 0].min())
    anchor, targets = rarest[0], np.flatnonzero(types == types[rarest[0]])
    found = []
    for matrix in metric_preserving(lattice_A):
        turned = frac @ matrix
        moved = turned[None] + (frac[targets] - turned[anchor])[:, None, :]
        images = tree.query(_inside(moved))[1]
        apart = moved - frac[images]
        error_A = np.linalg.norm((apart - np.round(apart)) @ lattice_A, axis=-1).max(axis=1)
        kept = (error_A < SAME_A) & np.all(types[images] == types, axis=1)
        found.append(images[kept])
    permutations = np.unique(np.concatenate(found), axis=0)
    assert np.all(np.sort(permutations, axis=1) == np.arange(len(frac)))
    return permutations


def metric_preserving(lattice_A):
    """Return all integer matrices (rows: new vectors by the old ones) that keep lengths and angles."""
    lengths = np.linalg.norm(lattice_A, axis=1)
    reach = np.floor(lengths.max() * np.linalg.norm(np.linalg.inv(lattice_A), axis=0) + 1e-6).astype(int)
    grid = np.array(list(product(*(range(-n, n + 1) for n in reach))))
    norms = np.linalg.norm(grid @ lattice_A, axis=1)
    rows = [grid[np.abs(norms - length) < SAME_A] for length in lengths]
    triples = np.array([np.array(triple) for triple in product(*rows)])
    metric = lattice_A @ lattice_A.T
    apart = np.einsum("tij,jk,tlk->til", triples, metric, triples) - metric
    return triples[np.abs(apart).max(axis=(1, 2)) < SAME_A * lengths.max()]


def _inside(frac):
    """Bring coordinates into [0, 1)."""
    inside = frac % 1.0
    inside[inside >= 1.0] = 0.0
    return inside
