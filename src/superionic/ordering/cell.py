"""A supercell of a disordered crystal: its sublattices, site permutations and output structures."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from pymatgen.core import Composition, Lattice, Structure

from superionic.ordering.arrangements import Block, all_positions
from superionic.ordering.ewald import ChargeEnergy, ewald_matrix
from superionic.ordering.lattices import Cosets, FloatArray, IntArray, LabelArray, supercell_matrix
from superionic.ordering.nearest import refuse_fractions
from superionic.ordering.occupancies import SiteMixture, charge_e, check_neutral, species_name
from superionic.ordering.symmetry import SiteOperations, permutation_group, site_operations

SUBLATTICE = "sublattice"
"""Site property: sites with different names never share a pool of ions."""


@dataclass(frozen=True, eq=False)
class Sublattice:
    """Sites over which a fixed number of ions and vacancies is distributed.

    Attributes
    ----------
    positions : ndarray of int, shape (n,)
        Columns of these sites in the label arrays of the cell.
    species : tuple
        pymatgen species by label; ``None`` is the vacancy.
    counts : tuple of int
        Number of sites per label.
    """

    positions: IntArray
    species: tuple[Any, ...]
    counts: tuple[int, ...]

    @property
    def block(self) -> Block:
        """The sublattice as a block of species labels."""
        return Block(self.positions, self.counts)

    @cached_property
    def class_charges_e(self) -> tuple[float, ...]:
        """Distinct formal charges on the sublattice, one per charge class."""
        return tuple(charge_e(self.species[labels[0]]) for labels in self.members)

    @cached_property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """Labels of the species in each charge class, by rising charge; charges that differ by 1e-6 e are one."""
        charges = [round(charge_e(s), 6) for s in self.species]
        return tuple(
            tuple(label for label, charge in enumerate(charges) if charge == wanted) for wanted in sorted(set(charges))
        )

    @property
    def class_block(self) -> Block:
        """The sublattice as a block of charge classes."""
        counts = tuple(sum(self.counts[label] for label in labels) for labels in self.members)
        return Block(self.positions, counts)


@dataclass(frozen=True, eq=False)
class ReferenceCell:
    """The disordered structure as it was given.

    Attributes
    ----------
    structure : Structure
        Disordered pymatgen Structure.
    mixtures : tuple of SiteMixture
        What shares each site.
    pools : ndarray of int, shape (n_sites,)
        Sublattice of each site; -1 for ordered sites.
    operations : SiteOperations
        Space group of the disordered structure.
    symprec_A : float
        Distance tolerance of the symmetry search.
    """

    structure: Structure
    mixtures: tuple[SiteMixture, ...]
    types: IntArray
    pools: IntArray
    operations: SiteOperations
    symprec_A: float

    @classmethod
    def of(cls, structure: Structure, *, merge_equal_orbits: bool, symprec_A: float) -> "ReferenceCell":
        """Analyse a disordered structure.

        Parameters
        ----------
        structure : Structure
            Disordered structure.
        merge_equal_orbits : bool
            Whether orbits with the same species and occupancies share one sublattice.
        symprec_A : float
            Distance tolerance of the symmetry search, in angstrom.
        """
        mixtures = tuple(SiteMixture.of(site) for site in structure)
        # Named sublattices stay apart even where their compositions coincide.
        names = [site.properties.get(SUBLATTICE) for site in structure]
        types = _numbered([(mixture.key, name) for mixture, name in zip(mixtures, names, strict=True)])
        operations = site_operations(structure.lattice.matrix, structure.frac_coords, types, symprec_A)
        kinds = types if merge_equal_orbits else operations.orbits
        disordered = [i for i, mixture in enumerate(mixtures) if not mixture.is_ordered]
        pools = np.full(len(mixtures), -1, dtype=np.int64)
        pools[disordered] = _numbered([int(kinds[i]) for i in disordered])
        return cls(structure, mixtures, types, pools, operations, symprec_A)

    @property
    def pool_sites(self) -> list[IntArray]:
        """Sites of each sublattice."""
        return [np.flatnonzero(self.pools == pool) for pool in range(self.pools.max(initial=-1) + 1)]

    @property
    def mixed_pools(self) -> list[tuple[SiteMixture, int]]:
        """Mixture and number of sites of each sublattice."""
        return [(self.mixtures[sites[0]], len(sites)) for sites in self.pool_sites]

    @property
    def ordered_species(self) -> list[tuple[Any, int]]:
        """Species of the ordered sites and their number."""
        numbers: dict[Any, int] = defaultdict(int)
        for site in np.flatnonzero(self.pools < 0):
            numbers[self.mixtures[site].species[0]] += 1
        return list(numbers.items())

    @property
    def disordered_sites(self) -> IntArray:
        """All disordered sites, sublattice by sublattice."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *self.pool_sites])


def _numbered(keys: Sequence[Any]) -> IntArray:
    """Replace keys by small numbers in order of first appearance."""
    numbers: dict[Any, int] = defaultdict(lambda: len(numbers))
    return np.array([numbers[key] for key in keys], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class DisorderedCell:
    """A supercell of a reference cell with whole numbers of ions on its sublattices.

    An ordering of the cell is a row of species labels, one column per disordered site.

    Attributes
    ----------
    reference : ReferenceCell
        The disordered structure.
    matrix : ndarray of int, shape (3, 3)
        Supercell vectors (rows) in units of the reference cell's.
    cosets : Cosets
        Reference cells inside the supercell.
    lattice_A : ndarray, shape (3, 3)
        Supercell vectors in angstrom.
    frac_coords : ndarray, shape (n_sites, 3)
        All sites; the copies of one reference site follow each other.
    sites : ndarray of int, shape (n_columns,)
        Site of each column of the label arrays.
    sublattices : tuple of Sublattice
        Disordered sublattices.
    permutations : ndarray of int, shape (order, n_columns)
        Distinct permutations of the columns by the space group of the disordered supercell.
    lost_factor : int
        Order of the crystal's space group over that of the part that keeps the supercell's lattice.
    """

    reference: ReferenceCell
    matrix: IntArray
    cosets: Cosets
    lattice_A: FloatArray
    frac_coords: FloatArray
    sites: IntArray
    sublattices: tuple[Sublattice, ...]
    permutations: IntArray
    lost_factor: int

    @classmethod
    def of(
        cls,
        reference: ReferenceCell,
        supercell: Sequence[int] | Sequence[Sequence[int]],
        *,
        symmetry: bool = True,
    ) -> "DisorderedCell":
        """Build a supercell.

        Parameters
        ----------
        reference : ReferenceCell
            The disordered structure.
        supercell : sequence
            Three positive integers or a 3x3 integer matrix.
        symmetry : bool
            Whether to find the permutations of the columns. Without them, `permutations` holds the
            identity only: enough for Monte Carlo, and possible for cells of any size.

        Raises
        ------
        OrderingError
            If the supercell is invalid or cannot realise the occupancies.
        """
        matrix = supercell_matrix(supercell)
        cosets = Cosets.of(matrix)
        sublattices = _sublattices(reference, cosets.size)
        lattice_A = matrix.astype(np.float64) @ np.array(reference.structure.lattice.matrix, dtype=np.float64)
        frac_coords = _copies(reference, matrix, cosets)
        if not symmetry:
            sites = _site_numbers(reference.disordered_sites, cosets.size)
            identity = np.arange(len(sites), dtype=np.int64)[None]
            return cls(reference, matrix, cosets, lattice_A, frac_coords, sites, sublattices, identity, 1)
        types = np.repeat(reference.types, cosets.size)
        operations = site_operations(lattice_A, frac_coords, types, reference.symprec_A)
        sites = _site_numbers(reference.disordered_sites, cosets.size)
        permutations = permutation_group(operations.images, sites)
        lost = len(reference.operations.rotations) * cosets.size // len(operations.rotations)
        return cls(reference, matrix, cosets, lattice_A, frac_coords, sites, sublattices, permutations, lost)

    @property
    def width(self) -> int:
        """Number of columns of the label arrays."""
        return len(self.sites)

    @property
    def blocks(self) -> list[Block]:
        """Species blocks of all sublattices."""
        return [sublattice.block for sublattice in self.sublattices]

    @property
    def charge_blocks(self) -> list[Block]:
        """Charge-class blocks of the sublattices on which the charge varies."""
        return [s.class_block for s in self.sublattices if len(s.class_charges_e) > 1]

    @cached_property
    def is_isovalent(self) -> bool:
        """Whether species of equal charge share a sublattice."""
        return any(len(labels) > 1 for sublattice in self.sublattices for labels in sublattice.members)

    @cached_property
    def _first_of_class(self) -> LabelArray:
        """Label of the first species of each charge class, shape (n_columns, n_classes)."""
        n_classes = max((len(sublattice.members) for sublattice in self.sublattices), default=1)
        table = np.zeros((self.width, n_classes), dtype=np.int8)
        for sublattice in self.sublattices:
            first = [labels[0] for labels in sublattice.members]
            table[sublattice.positions, : len(first)] = first
        return table

    def first_species_labels(self, patterns: LabelArray) -> LabelArray:
        """Fill charge patterns, shape (n, n_columns), with the first species of each class; return species labels."""
        labels: LabelArray = self._first_of_class[np.arange(self.width), patterns]
        return labels

    @cached_property
    def rows(self) -> tuple[tuple[int, ...], ...]:
        """The supercell matrix as tuples."""
        return tuple(tuple(row) for row in self.matrix.tolist())

    @cached_property
    def fixed(self) -> dict[int, Any]:
        """Species of the ordered sites by site number."""
        ordered = np.flatnonzero(self.reference.pools < 0)
        return {
            int(site): self.reference.mixtures[i].species[0]
            for i in ordered
            for site in _site_numbers(np.array([i]), self.cosets.size)
        }

    @cached_property
    def composition(self) -> list[tuple[Any, int]]:
        """Species and their numbers in the cell, vacancies left out."""
        numbers: dict[Any, int] = defaultdict(int)
        for species in self.fixed.values():
            numbers[species] += 1
        for sublattice in self.sublattices:
            for species, count in zip(sublattice.species, sublattice.counts, strict=True):
                if species is not None:
                    numbers[species] += count
        return list(numbers.items())

    @cached_property
    def n_atoms(self) -> int:
        """Number of atoms in every ordering of the cell."""
        return sum(number for _, number in self.composition)

    def check_charges(self) -> None:
        """Refuse missing oxidation states and a net charge (OrderingError)."""
        check_neutral([(species_name(s), charge_e(s), number) for s, number in self.composition])

    def charge_energy(self) -> ChargeEnergy:
        """Return the Ewald energy as a function of the charge classes of the columns."""
        base = np.zeros(len(self.frac_coords))
        base[list(self.fixed)] = [charge_e(species) for species in self.fixed.values()]
        n_labels = max((len(s.class_charges_e) for s in self.sublattices), default=1)
        charges = np.zeros((self.width, n_labels))
        for sublattice in self.sublattices:
            classes = sublattice.class_charges_e
            charges[sublattice.positions, : len(classes)] = classes
            if len(classes) == 1:
                base[self.sites[sublattice.positions]] = classes[0]
        active = all_positions(self.charge_blocks)
        matrix_eV = self._ewald_matrix()
        return ChargeEnergy.of(matrix_eV, base, self.sites[active], active, charges[active])

    def _ewald_matrix(self) -> FloatArray:
        """Return the Ewald matrix of all sites; translations give the rows of all copies of a site."""
        n_cells = self.cosets.size
        n_reference = len(self.frac_coords) // n_cells
        rows = ewald_matrix(self.lattice_A, self.frac_coords, np.arange(n_reference) * n_cells)
        cells = self.cosets.representatives
        between = self.cosets.index(cells[None, :, :] - cells[:, None, :])
        blocks = rows.reshape(n_reference, n_reference, n_cells)[:, :, between]
        matrix = blocks.transpose(0, 2, 1, 3).reshape(len(self.frac_coords), len(self.frac_coords))
        symmetric: FloatArray = 0.5 * (matrix + matrix.T)
        return symmetric

    def structure(self, labels: LabelArray) -> Structure:
        """Write an ordering as an ordered pymatgen Structure.

        Parameters
        ----------
        labels : ndarray of int, shape (n_columns,)
            Species label of each column.

        Returns
        -------
        Structure
            Occupied sites in the site order of the supercell, with oxidation states.
        """
        occupied: dict[int, Any] = dict(self.fixed)
        for sublattice in self.sublattices:
            for position in sublattice.positions:
                species = sublattice.species[labels[position]]
                if species is not None:
                    occupied[int(self.sites[position])] = species
        kept = sorted(occupied)
        # Ready-made compositions spare pymatgen most of the work on each site.
        filled = {species: Composition({species: 1}) for species, _ in self.composition}
        return Structure(Lattice(self.lattice_A), [filled[occupied[i]] for i in kept], self.frac_coords[kept])


def _sublattices(reference: ReferenceCell, n_cells: int) -> tuple[Sublattice, ...]:
    """Give each pool of reference sites its columns and whole numbers of ions."""
    pools = reference.mixed_pools
    refuse_fractions(pools, n_cells, reference.ordered_species)
    sublattices, start = [], 0
    for mixture, n_reference in pools:
        n_sites = n_reference * n_cells
        counts = mixture.counts(n_sites)
        assert counts is not None, "refuse_fractions lets whole numbers pass only"
        sublattices.append(Sublattice(np.arange(start, start + n_sites), mixture.species, counts))
        start += n_sites
    return tuple(sublattices)


def _copies(reference: ReferenceCell, matrix: IntArray, cosets: Cosets) -> FloatArray:
    """Return the fractional coordinates of all sites of the supercell, reference site by site."""
    shifted = reference.structure.frac_coords[:, None, :] + cosets.representatives[None, :, :]
    frac: FloatArray = shifted.reshape(-1, 3) @ np.linalg.inv(matrix)
    if cosets.size > 1:
        # The small offset keeps coordinates of -1e-17 from becoming 1.
        frac -= np.floor(frac + 1e-9)
    return frac


def _site_numbers(reference_sites: IntArray, n_cells: int) -> IntArray:
    """Return the supercell sites that are copies of some reference sites, in their order."""
    return (reference_sites[:, None] * n_cells + np.arange(n_cells)).ravel()
