"""Orderings of small cells for a cluster expansion, and the way from a structure back to labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.core import Structure
from scipy.spatial import cKDTree

from superionic.errors import OrderingError
from superionic.ordering.cell import DisorderedCell, ReferenceCell
from superionic.ordering.enumerate import enumerate_orderings
from superionic.ordering.lattices import LabelArray
from superionic.ordering.montecarlo import random_labels

LOWEST_SHARE = 0.5
"""Share of the training orderings that are the lowest in Ewald energy; the others are drawn at random."""
DRAWS_PER_ORDERING = 20
SAME_SITE_A = 0.5
SYMPREC_A = 0.01

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class TrainingOrderings:
    """Orderings of several small cells.

    Attributes
    ----------
    structures : tuple of Structure
        Ordered structures.
    supercells : tuple of tuple of int
        Supercell of each.
    origins : tuple of str
        ``lowest`` for the lowest in Ewald energy, ``random`` for random ones.
    """

    structures: tuple[Structure, ...]
    supercells: tuple[Shape, ...]
    origins: tuple[str, ...]


def training_orderings(
    structure: Structure,
    supercells: Sequence[Shape],
    count: int,
    *,
    merge_equal_orbits: bool = True,
    seed: int = 0,
) -> TrainingOrderings:
    """Orderings of low electrostatic energy and random ones, in equal numbers per supercell.

    A Monte Carlo run visits both: random ones when it is hot, low ones when it freezes. Every cell
    gets an equal share, because the shapes of the cells decide which clusters can be told apart.

    Parameters
    ----------
    structure : Structure
        Disordered structure with oxidation states.
    supercells : sequence of tuple of int
        Small supercells of it; those that cannot hold whole numbers of ions are left out.
    count : int
        Number of orderings; fewer come back when the cells have no more.
    merge_equal_orbits : bool
        Whether orbits with the same species and occupancies share one pool of ions.
    seed : int
        Seed of the random ones.

    Raises
    ------
    OrderingError
        If no cell can hold whole numbers of ions.
    """
    reference = ReferenceCell.of(structure, merge_equal_orbits=merge_equal_orbits, symprec_A=SYMPREC_A)
    cells = _realisable(reference, supercells)
    share = -(-count // len(cells))
    found: list[tuple[Structure, Shape, str]] = []
    for number, (shape, cell) in enumerate(cells):
        lowest = _lowest(structure, shape, round(LOWEST_SHARE * share), merge_equal_orbits)
        seen = {_canonical(cell, labels_of(cell, item)) for item in lowest}
        found += [(item, shape, "lowest") for item in lowest]
        rng = np.random.default_rng([seed, number])
        for _ in range(DRAWS_PER_ORDERING * share):
            if len(seen) >= share:
                break
            labels = random_labels(cell, rng)
            code = _canonical(cell, labels)
            if code not in seen:
                seen.add(code)
                found.append((cell.structure(labels), shape, "random"))
    structures, shapes, origins = zip(*found, strict=True)
    return TrainingOrderings(structures, shapes, origins)


def _realisable(reference: ReferenceCell, supercells: Sequence[Shape]) -> list[tuple[Shape, DisorderedCell]]:
    cells, refusals = [], []
    for shape in supercells:
        try:
            cells.append((shape, DisorderedCell.of(reference, shape)))
        except OrderingError as error:
            refusals.append(f"{shape}: {error}")
    if not cells:
        raise OrderingError(f"no training supercell can hold whole numbers of ions: {'; '.join(refusals)}")
    return cells


def _lowest(structure: Structure, shape: Shape, count: int, merge_equal_orbits: bool) -> list[Structure]:
    if count < 1:
        return []
    found = enumerate_orderings(
        structure, supercells=[shape], max_orderings=count, merge_equal_orbits=merge_equal_orbits
    )
    return list(found.structures)


def _canonical(cell: DisorderedCell, labels: LabelArray) -> bytes:
    """The same code for all symmetry-equivalent orderings of a cell."""
    images = np.ascontiguousarray(labels[cell.permutations])
    return bytes(min(row.tobytes() for row in images))


def labels_of(cell: DisorderedCell, structure: Structure) -> LabelArray:
    """Species labels of an ordered structure on the sites of a supercell.

    Parameters
    ----------
    cell : DisorderedCell
        The supercell.
    structure : Structure
        Ordered structure in the same lattice, atoms near the sites (unrelaxed).

    Returns
    -------
    ndarray of int8, shape (width,)
        Labels; sites without an atom hold the vacancy.

    Raises
    ------
    OrderingError
        If an atom sits on no site, two share one, or a species does not belong to its sublattice.
    """
    names = _species_by_site(cell, structure)
    labels = np.zeros(cell.width, dtype=np.int8)
    for sublattice in cell.sublattices:
        known = {None if s is None else str(s): label for label, s in enumerate(sublattice.species)}
        for position in sublattice.positions:
            name = names[cell.sites[position]]
            if name not in known:
                raise OrderingError(
                    f"site {cell.frac_coords[cell.sites[position]].round(4).tolist()} holds {name or 'no atom'}, but "
                    f"its sublattice holds {', '.join(map(str, known))}: the structure is no ordering of this cell"
                )
            labels[position] = known[name]
    return labels


def _species_by_site(cell: DisorderedCell, structure: Structure) -> list[str | None]:
    """Name of the species on every site of the supercell; None for an empty site."""
    inside = np.mod(cell.frac_coords, 1.0) % 1.0
    nearest = cKDTree(inside, boxsize=1.0).query(np.mod(structure.frac_coords, 1.0) % 1.0)[1]
    difference = structure.frac_coords - cell.frac_coords[nearest]
    distance_A = np.linalg.norm((difference - np.round(difference)) @ cell.lattice_A, axis=1)
    if distance_A.max(initial=0.0) > SAME_SITE_A or len(set(nearest.tolist())) < len(nearest):
        raise OrderingError(
            f"the atoms of {structure.formula} do not sit on the sites of the disordered cell one by one (largest "
            f"distance {distance_A.max(initial=0.0):.2f} A): give unrelaxed orderings of the same cell"
        )
    names: list[str | None] = [None] * len(cell.frac_coords)
    for site, atom in zip(nearest.tolist(), structure, strict=True):
        names[site] = str(atom.specie)
    return names
