"""Order and bonds of the host: structure factor at the parent's reflections, and whether groups stay together."""

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from superionic.transport.displacement import Array, HostFrame, Index

MIN_ATOMS = 8
"""With fewer atoms the structure factor of disorder, about 1 / sqrt(N), is not small."""
SHORTEST_PERIOD_A = 1.5
"""Reflections up to 2 pi over this are looked at."""
GRID_A = 0.4
N_REFLECTIONS = 20
BOND_TOLERANCE = 0.2
LONGEST_BOND = 1.25


def parent_reflections(positions_A: Array, lattice_A: Array) -> Array:
    """Wave vectors of the strongest reflections of some atoms.

    Parameters
    ----------
    positions_A : numpy.ndarray, (atoms, 3)
        Mean positions in angstrom.
    lattice_A : numpy.ndarray, (3, 3)
        Cell vectors in the rows, in angstrom.

    Returns
    -------
    numpy.ndarray, (20 or fewer, 3)
        Reciprocal lattice vectors of the cell, with the factor 2 pi, in 1/A.
    """
    shape = tuple(int(n) for n in np.ceil(np.linalg.norm(lattice_A, axis=1) / GRID_A))
    fractional = (positions_A @ np.linalg.inv(lattice_A)) % 1.0
    cells = np.rint(fractional * shape).astype(np.intp) % shape
    counts = np.bincount(np.ravel_multi_index(tuple(cells.T), shape), minlength=int(np.prod(shape)))
    strength = np.abs(np.fft.rfftn(counts.reshape(shape)))
    indices = np.stack(
        np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in shape[:2]), np.arange(strength.shape[2]), indexing="ij"),
        axis=-1,
    )
    vectors = 2.0 * np.pi * indices @ np.linalg.inv(lattice_A).T
    length = np.linalg.norm(vectors, axis=-1)
    allowed = (length > 0.0) & (length < 2.0 * np.pi / SHORTEST_PERIOD_A)
    # of equally strong ones the long waves, which vibrations weaken least
    order = np.lexsort((length[allowed], -np.round(strength[allowed] / len(positions_A), 3)))
    return np.asarray(vectors[allowed][order[:N_REFLECTIONS]], dtype=np.float64)


def reflection_strengths(frame: HostFrame, index: Index, reflections: Array, frames: Index) -> Array:
    """Mean over reflections of |S(G)| = |sum_j exp(i G r_j)| / N at some frames.

    Parameters
    ----------
    frame : HostFrame
        The trajectory.
    index : numpy.ndarray of int
        The atoms.
    reflections : numpy.ndarray, (reflections, 3)
        Wave vectors in 1/A.
    frames : numpy.ndarray of int
        The frames.

    Returns
    -------
    numpy.ndarray, (frames,)
        Between 0 and 1.
    """
    total = np.zeros((len(frames), len(reflections)), dtype=np.complex128)
    for x in frame.chunks(index):
        total += np.exp(1j * np.einsum("nct,gc->ntg", x[..., frames], reflections)).sum(axis=0)
    return np.asarray(np.abs(total).mean(axis=1) / len(index), dtype=np.float64)


def bonds_kept(frame: HostFrame, index: Index, centres: Index, frames: Index) -> NDArray[np.bool_]:
    """Whether each atom still has its centre at the old distance.

    The centre is the nearest one in the first frame. The bond is kept if its mean length in the first tenth of the run
    is at most 1.25 times the sum of the covalent radii (Cordero et al., Dalton Trans. 2008, 2832), and that in the
    frames asked for is within 20 % of it.

    Parameters
    ----------
    frame : HostFrame
        The trajectory.
    index : numpy.ndarray of int
        The atoms.
    centres : numpy.ndarray of int
        Other atoms, at least one, among which are the centres of the groups.
    frames : numpy.ndarray of int
        The frames.

    Returns
    -------
    numpy.ndarray of bool, (atoms,)
        One per atom.
    """
    partner = _nearest_centres(frame, index, centres)
    early = np.unique(np.linspace(0, max(frame.n_frames // 10, 1) - 1, len(frames)).astype(np.intp))
    before, after = (_mean_distance(frame, index, partner, chosen) for chosen in (early, frames))
    radii = np.array([covalent_radii[atomic_numbers[symbol]] for symbol in frame.species.tolist()])
    bonded = before < LONGEST_BOND * (radii[index] + radii[partner])
    return np.asarray(bonded & (np.abs(after / before - 1.0) < BOND_TOLERANCE))


def _nearest_centres(frame: HostFrame, index: Index, centres: Index) -> Index:
    both = np.concatenate([index, centres])
    kinds = np.array([0] * len(index) + [1] * len(centres))
    host = Atoms(numbers=kinds, positions=frame.positions_A[0, both], cell=frame.lattice_A, pbc=True)
    cutoff = 3.0
    while True:
        first, second, distance = neighbor_list("ijd", host, cutoff)
        mixed = (kinds[first] == 0) & (kinds[second] == 1)
        first, second, distance = first[mixed], second[mixed], distance[mixed]
        if len(np.unique(first)) == len(index):
            order = np.lexsort((distance, first))
            _, nearest = np.unique(first[order], return_index=True)
            return np.asarray(both[second[order][nearest]], dtype=np.intp)
        cutoff *= 1.5


def _mean_distance(frame: HostFrame, index: Index, partner: Index, frames: NDArray[np.intp]) -> Array:
    inverse = np.linalg.inv(frame.lattice_A)
    total = np.zeros(len(index))
    for k in frames:
        here = frame.positions_A[k].astype(np.float64)
        apart = (here[index] - here[partner]) @ inverse
        total += np.linalg.norm((apart - np.rint(apart)) @ frame.lattice_A, axis=1)
    return total / len(frames)
