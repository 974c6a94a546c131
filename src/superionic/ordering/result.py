"""The result of an enumeration."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from pymatgen.core import Structure

from superionic.ordering.cell import DisorderedCell
from superionic.ordering.lattices import FloatArray, IntArray, LabelArray
from superionic.ordering.patterns import SearchEvidence

SupercellMatrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class StructureList(Sequence[Structure]):
    """Ordered structures that are written when they are asked for.

    A label takes one byte per site and a pymatgen Structure some kilobytes, so long lists of large
    cells stay small. Every access writes a new Structure, which the caller may change.

    Attributes
    ----------
    cells : tuple of DisorderedCell
        Supercell of each ordering.
    labels : tuple of ndarray
        Species labels of each ordering.
    """

    cells: tuple[DisorderedCell, ...]
    labels: tuple[LabelArray, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, index: int) -> Structure: ...

    @overload
    def __getitem__(self, index: slice) -> "StructureList": ...

    def __getitem__(self, index: int | slice) -> "Structure | StructureList":
        if isinstance(index, slice):
            return StructureList(self.cells[index], self.labels[index])
        return self.cells[index].structure(self.labels[index])

    def __iter__(self) -> Iterator[Structure]:
        for cell, labels in zip(self.cells, self.labels, strict=True):
            yield cell.structure(labels)


@dataclass(frozen=True, eq=False)
class OrderingSet:
    """Distinct orderings of one disordered structure, lowest Ewald energy per atom first.

    Attributes
    ----------
    structures : StructureList
        Ordered pymatgen structures with oxidation states; a sequence that writes them on access.
    energies_eV : ndarray, shape (n,)
        Formal-charge Ewald energy of each structure, per cell of that structure.
    charge_pattern_ids : ndarray of int, shape (n,)
        Structures of one id differ only in where isovalent species sit; ids rise with energy.
    multiplicities : ndarray of int, shape (n,)
        Number of raw orderings of the supercell that are equivalent to each structure.
    exact : bool
        True when nothing that belongs to the answer can be missing: every raw charge pattern was
        evaluated, the patterns listed are the lowest ones (ties at the cut decided by
        ``tie_rule``), and every distinct decoration of each listed pattern is listed. It is
        False when patterns were searched or when a quota cut the decorations of a pattern.
    complete : bool
        Whether all distinct orderings of the supercells are listed.
    count_distinct : int
        Number of distinct orderings of the whole space (Burnside). For several supercells it is
        the number listed when ``complete``, and otherwise the sum over the supercells, an upper
        bound because orderings can fit more than one of them.
    count_charge_patterns : int
        The same for charge patterns.
    count_raw : int
        Number of raw orderings, summed over the supercells.
    n_atoms : ndarray of int, shape (n,)
        Atoms per cell of each structure.
    supercells : tuple of 3x3 tuples of int
        Supercell (rows, in units of the given cell's vectors) that each structure comes from.
    evidence : tuple of SearchEvidence
        Of each supercell whose charge patterns had to be searched; empty where all is proven.
    mode : str
        How patterns and decorations were found, in words.
    tie_rule : str
        How orderings of equal energy were chosen and sorted, in words.
    """

    structures: StructureList
    energies_eV: FloatArray
    charge_pattern_ids: IntArray
    multiplicities: IntArray
    exact: bool
    complete: bool
    count_distinct: int
    count_charge_patterns: int
    count_raw: int
    n_atoms: IntArray
    supercells: tuple[SupercellMatrix, ...]
    evidence: tuple[SearchEvidence, ...]
    mode: str
    tie_rule: str

    def __len__(self) -> int:
        return len(self.structures)
