"""Tables of neighbours in the form that MACE takes: edges with their lattice shifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Edges:
    """All pairs of atoms within a cutoff, periodic images included, in one or several structures.

    Attributes
    ----------
    index : numpy.ndarray of int, (2, n_edges)
        Senders and receivers; ordered by receiver.
    unit_shifts : numpy.ndarray, (n_edges, 3)
        Lattice translation of each edge, in cell vectors.
    shifts_A : numpy.ndarray, (n_edges, 3)
        The same in A: the edge vector is position[receiver] - position[sender] + shift.
    cells_A : numpy.ndarray, (n_structures, 3, 3)
        Cell vectors of each structure, made up along directions that are not periodic.
    """

    index: NDArray[np.int64]
    unit_shifts: FloatArray
    shifts_A: FloatArray
    cells_A: FloatArray

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return int(self.index.shape[1])

    @cached_property
    def widest(self) -> int:
        """Largest number of edges that one atom receives, at least 1."""
        return max(1, int(np.bincount(self.index[1], minlength=1).max()))


def find_edges(atoms: Atoms, cutoff_A: float, padded: bool = False) -> Edges:
    """Find all edges shorter than a cutoff.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    cutoff_A : float
        Largest length, A.
    padded : bool
        Give every atom equally many edges, by adding edges to its own images beyond the cutoff; a MACE gives those
        the weight zero.

    Returns
    -------
    Edges
        The edges.
    """
    from mace.data.neighborhood import get_neighborhood

    along_a, along_b, along_c = (bool(flag) for flag in atoms.pbc)
    # get_neighborhood overwrites the cell along directions that are not periodic
    pairs, _, translations, cell = get_neighborhood(
        atoms.positions, cutoff_A, (along_a, along_b, along_c), atoms.cell.array.copy()
    )
    # pairs come ordered by their first atom; every pair is there both ways, so that may as well be the receiver
    receivers, senders = pairs
    unit_shifts = -translations.astype(np.float64)
    found = Edges(np.stack([senders, receivers]).astype(np.int64), unit_shifts, unit_shifts @ cell, cell[np.newaxis])
    return join_edges([found], [len(atoms)], cutoff_A, padded=True) if padded else found


def join_edges(
    edges: Sequence[Edges], n_atoms: Sequence[int] | NDArray[np.int64], cutoff_A: float, padded: bool = False
) -> Edges:
    """Edges of several structures whose atoms are counted through.

    Parameters
    ----------
    edges : sequence of Edges
        One table per structure, none of them padded.
    n_atoms : sequence of int
        Number of atoms of each structure.
    cutoff_A : float
        Cutoff of the tables, A.
    padded : bool
        As for :func:`find_edges`; equally many for the atoms of all structures.

    Returns
    -------
    Edges
        The edges of the first structure, then those of the second, and so on.
    """
    sizes = np.asarray(n_atoms)
    index = [table.index + start for table, start in zip(edges, np.cumsum(sizes) - sizes, strict=True)]
    joined = Edges(
        index=np.concatenate(index, axis=1),
        unit_shifts=np.concatenate([table.unit_shifts for table in edges]),
        shifts_A=np.concatenate([table.shifts_A for table in edges]),
        cells_A=np.concatenate([table.cells_A for table in edges]),
    )
    return _pad(joined, sizes, cutoff_A) if padded else joined


def _pad(edges: Edges, sizes: NDArray[np.int64], cutoff_A: float) -> Edges:
    senders, receivers = edges.index
    n_atoms = int(sizes.sum())
    counts = np.bincount(receivers, minlength=n_atoms)
    width = edges.widest
    first = np.cumsum(counts) - counts
    slots = receivers * width + np.arange(len(receivers)) - first[receivers]
    all_receivers = np.repeat(np.arange(n_atoms), width)
    all_senders = all_receivers.copy()
    reach = np.ceil(cutoff_A / np.linalg.norm(edges.cells_A[:, 0], axis=1)) + 1
    unit_shifts, shifts_A = np.zeros((n_atoms * width, 3)), np.zeros((n_atoms * width, 3))
    unit_shifts[:, 0] = np.repeat(reach, sizes * width)  # an image of the atom itself, out of reach
    shifts_A[:] = np.repeat(reach[:, np.newaxis] * edges.cells_A[:, 0], sizes * width, axis=0)
    all_senders[slots], unit_shifts[slots], shifts_A[slots] = senders, edges.unit_shifts, edges.shifts_A
    return Edges(np.stack([all_senders, all_receivers]), unit_shifts, shifts_A, edges.cells_A)
