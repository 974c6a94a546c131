"""Space-group operations of a disordered crystal as permutations of its sites.

Sites count as alike when their compositions (species and occupancies) agree, so the group found
on a supercell contains the translations that the supercell and any centring bring along.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import spglib
from scipy.spatial import cKDTree

from superionic.errors import OrderingError
from superionic.ordering.lattices import FloatArray, IntArray, LabelArray

_SpglibFailure: type[Exception] = getattr(spglib, "SpglibError", ValueError)
"""Newer versions of spglib can raise this; older ones return None only."""
MOST_IMAGES = 30_000_000
CHUNK_ELEMENTS = 1_000_000
"""Images of sites that are computed at a time."""
CLOSURE_CHECKS = 32
"""Group elements (evenly spread) whose products with the whole group are checked."""


@dataclass(frozen=True, eq=False)
class SiteOperations:
    """Space-group operations of one cell and what they do to its sites.

    Attributes
    ----------
    rotations : ndarray of int, shape (n_operations, 3, 3)
        Rotation parts in fractional coordinates (acting on columns).
    images : ndarray of int, shape (n_operations, n_sites)
        ``images[g, i]`` is the site onto which operation g moves site i.
    shifts : ndarray of int16, shape (n_operations, n_sites, 3)
        Lattice translation between that site's stored position and the image of site i.
    orbits : ndarray of int, shape (n_sites,)
        Crystallographic orbit of each site, named by its first site.
    """

    rotations: IntArray
    images: IntArray
    shifts: npt.NDArray[np.int16]
    orbits: IntArray


def site_operations(
    lattice_A: FloatArray, frac_coords: FloatArray, types: IntArray, symprec_A: float = 0.01
) -> SiteOperations:
    """Find all space-group operations of a cell and how they permute its sites (spglib).

    Parameters
    ----------
    lattice_A : ndarray, shape (3, 3)
        Lattice vectors as rows, in angstrom.
    frac_coords : ndarray, shape (n_sites, 3)
        Fractional coordinates.
    types : ndarray of int, shape (n_sites,)
        Equal numbers mark sites that may be exchanged.
    symprec_A : float
        Distance tolerance in angstrom.

    Returns
    -------
    SiteOperations
        All operations, pure translations of a non-primitive cell included.

    Raises
    ------
    OrderingError
        If spglib finds no symmetry or an operation does not map the sites onto each other.
    """
    dataset = _spglib_dataset(lattice_A, frac_coords, types, symprec_A)
    rotations = np.asarray(dataset.rotations, dtype=np.int64)
    _refuse_too_large(len(rotations), len(frac_coords))
    tree = cKDTree(_wrapped(frac_coords), boxsize=1.0)
    images = np.empty((len(rotations), len(frac_coords)), dtype=np.int64)
    shifts = np.empty((*images.shape, 3), dtype=np.int16)
    step = max(1, CHUNK_ELEMENTS // len(frac_coords))
    for start in range(0, len(rotations), step):
        part = slice(start, start + step)
        moved = frac_coords @ rotations[part].transpose(0, 2, 1) + dataset.translations[part, None, :]
        images[part] = tree.query(_wrapped(moved))[1]
        difference = moved - frac_coords[images[part]]
        shifts[part] = np.round(difference)
        error_A = np.linalg.norm((difference - shifts[part]) @ lattice_A, axis=-1).max(initial=0.0)
        if error_A > 2 * symprec_A or np.any(types[images[part]] != types):
            raise OrderingError(
                f"The symmetry found with symprec = {symprec_A} A moves a site {error_A:.3g} A away from any "
                "equivalent one; use a smaller symprec or symmetrise the structure first."
            )
    return SiteOperations(rotations, images, shifts, np.asarray(dataset.crystallographic_orbits, dtype=np.int64))


def _refuse_too_large(n_operations: int, n_sites: int) -> None:
    """Refuse tables of images that would not fit into memory."""
    if n_operations * n_sites > MOST_IMAGES:
        raise OrderingError(
            f"A supercell with {n_sites} sites and {n_operations} symmetry operations is too large to enumerate "
            f"(at most {MOST_IMAGES:g} images of sites); use a smaller supercell, or Monte Carlo of orderings."
        )


def _spglib_dataset(
    lattice_A: FloatArray, frac_coords: FloatArray, types: IntArray, symprec_A: float
) -> "spglib.SpglibDataset":
    """Call spglib and turn its ways of failing into one error."""
    cell = (lattice_A.tolist(), frac_coords.tolist(), types.tolist())
    cause = ""
    try:
        dataset = spglib.get_symmetry_dataset(cell, symprec=symprec_A)
    except _SpglibFailure as error:
        dataset, cause = None, f" ({error})"
    if dataset is None:
        raise OrderingError(
            f"spglib finds no symmetry with symprec = {symprec_A} A{cause}; look for sites closer together "
            "than that, or use a smaller symprec."
        )
    return dataset


def _wrapped(frac_coords: FloatArray) -> FloatArray:
    """Bring fractional coordinates into [0, 1); the second step catches rounding up to 1."""
    inside = np.mod(frac_coords, 1.0)
    inside[inside >= 1.0] = 0.0
    return inside


def permutation_group(images: IntArray, sites: IntArray) -> IntArray:
    """Restrict operations to some sites and keep the distinct permutations.

    Parameters
    ----------
    images : ndarray of int, shape (n_operations, n_sites)
        Images of all sites.
    sites : ndarray of int, shape (n_kept,)
        Sites to keep; the operations must map them onto themselves.

    Returns
    -------
    ndarray of int, shape (order, n_kept)
        Distinct permutations of ``range(n_kept)``; the identity comes first.

    Raises
    ------
    OrderingError
        If the permutations do not form a group (the tolerance was too loose).
    """
    position = np.full(images.shape[1], -1, dtype=np.int64)
    position[sites] = np.arange(len(sites))
    permutations = np.unique(position[images[:, sites]], axis=0)
    if not _is_group(permutations):
        raise OrderingError(
            "The symmetry operations found do not form a group of site permutations; use a smaller symprec "
            "or symmetrise the structure first."
        )
    return permutations


def _is_group(permutations: IntArray) -> bool:
    """Check bijectivity and closure under products (by hash, for a sample of the products)."""
    n_sites = permutations.shape[1]
    if np.any(np.sort(permutations, axis=1) != np.arange(n_sites)):
        return False
    # Sums wrap modulo 2^64; different rows share a key with odds of 2^-64 only.
    weights = np.random.default_rng(0).integers(2**64, size=(n_sites, n_sites), dtype=np.uint64)
    columns = np.arange(n_sites)
    keys = np.sort(weights[columns, permutations].sum(axis=1, dtype=np.uint64))
    for first in permutations[:: max(1, len(permutations) // CLOSURE_CHECKS)]:
        products = weights[columns, permutations[:, first]].sum(axis=1, dtype=np.uint64)
        if np.any(np.sort(products) != keys):
            return False
    return True


def stabiliser(permutations: IntArray, labels: LabelArray) -> IntArray:
    """Return the permutations that leave a labelling of the sites unchanged.

    Parameters
    ----------
    permutations : ndarray of int, shape (order, n_sites)
        The group.
    labels : ndarray of int, shape (n_sites,)
        Label of each site.

    Returns
    -------
    ndarray of int, shape (order of the stabiliser, n_sites)
        Its elements.
    """
    return permutations[np.all(labels[permutations] == labels, axis=1)]
