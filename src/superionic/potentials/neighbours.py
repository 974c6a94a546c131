"""Tables of neighbours in the form that MACE takes: edges with their lattice shifts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Edges:
    """All pairs of atoms within a cutoff, periodic images included.

    Attributes
    ----------
    index : numpy.ndarray of int, (2, n_edges)
        Senders and receivers; ordered by receiver.
    unit_shifts : numpy.ndarray, (n_edges, 3)
        Lattice translation of each edge, in cell vectors.
    shifts_A : numpy.ndarray, (n_edges, 3)
        The same in A: the edge vector is position[receiver] - position[sender] + shift.
    cell_A : numpy.ndarray, (3, 3)
        Cell vectors, made up along directions that are not periodic.
    """

    index: NDArray[np.int64]
    unit_shifts: FloatArray
    shifts_A: FloatArray
    cell_A: FloatArray


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
    if padded:
        senders, receivers, unit_shifts = _pad(senders, receivers, unit_shifts, len(atoms), cutoff_A, cell)
    return Edges(np.stack([senders, receivers]).astype(np.int64), unit_shifts, unit_shifts @ cell, cell)


def _pad(
    senders: NDArray[Any],
    receivers: NDArray[Any],
    unit_shifts: FloatArray,
    n_atoms: int,
    cutoff_A: float,
    cell: FloatArray,
) -> tuple[NDArray[Any], NDArray[Any], FloatArray]:
    counts = np.bincount(receivers, minlength=n_atoms)
    width = max(1, int(counts.max()))
    first = np.cumsum(counts) - counts
    slots = receivers * width + np.arange(len(receivers)) - first[receivers]
    all_receivers = np.repeat(np.arange(n_atoms), width)
    all_senders, all_shifts = all_receivers.copy(), np.zeros((n_atoms * width, 3))
    all_shifts[:, 0] = np.ceil(cutoff_A / np.linalg.norm(cell[0])) + 1  # an image of the atom itself, out of reach
    all_senders[slots], all_shifts[slots] = senders, unit_shifts
    return all_senders, all_receivers, all_shifts
