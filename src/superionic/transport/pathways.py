"""Where the mobile ions are: density on a grid, occupancy of sites, jumps between sites."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from superionic.errors import TransportInputError
from superionic.transport.checks import check_positive
from superionic.transport.displacement import Array, HostFrame, host_frame

MAX_VOXELS = 50_000_000


@dataclass(frozen=True, eq=False)
class IonDensity:
    """Density of the mobile ions on a grid over the cell, in both normalisations that are in use.

    An isosurface value means nothing without its normalisation: the two differ by the number of mobile ions. Store
    the choice with every plot.

    Attributes
    ----------
    number_density_per_A3 : numpy.ndarray, (na, nb, nc)
        Ions per A^3, counts / (frames * voxel volume): integrates to the number of mobile ions. Independent of the
        size of the supercell.
    probability_density_per_A3 : numpy.ndarray, (na, nb, nc)
        Probability per A^3: integrates to 1. Falls with the size of the supercell.
    lattice_A : numpy.ndarray, (3, 3)
        Cell vectors in the rows, in angstrom.
    voxel_volume_A3 : float
        Volume of a voxel in A^3. Voxel (i, j, k) spans fractional coordinates from (i, j, k) / shape to the next.
    mobile_count, n_frames : int
        Number of mobile ions, and of frames.
    """

    number_density_per_A3: Array
    probability_density_per_A3: Array
    lattice_A: Array
    voxel_volume_A3: float
    mobile_count: int
    n_frames: int


@dataclass(frozen=True, eq=False)
class SiteOccupancy:
    """Occupancy of given sites by the mobile ions, and jumps between them.

    Attributes
    ----------
    labels : tuple of str
        Label of each site.
    occupancy : numpy.ndarray, (sites,)
        Mean number of ions on each site.
    occupancy_by_label : dict of str to float
        Mean over the sites of a label.
    unassigned_fraction : float
        Fraction of the ions' time away from all sites.
    jumps : numpy.ndarray of int, (sites, sites)
        Jumps from the site in the row to that in the column; time between sites does not count, and a return to the
        same site is no jump.
    jumps_by_label : dict of (str, str) to int
        The same, summed over sites.
    mobile_count, n_frames : int
        Number of mobile ions, and of frames.
    """

    labels: tuple[str, ...]
    occupancy: Array
    occupancy_by_label: dict[str, float]
    unassigned_fraction: float
    jumps: NDArray[np.int64]
    jumps_by_label: dict[tuple[str, str], int]
    mobile_count: int
    n_frames: int


def ion_density(
    positions_A: ArrayLike,
    lattice_A: ArrayLike,
    species: Sequence[str],
    mobile: str,
    *,
    resolution_A: float = 0.2,
    wrapped: bool = False,
) -> IonDensity:
    """Histogram of the mobile ions in the frame of the host.

    Parameters
    ----------
    positions_A : array_like, (frames, atoms, 3)
        Cartesian positions in angstrom.
    lattice_A : array_like, (3, 3)
        Cell vectors in the rows, in angstrom.
    species : sequence of str
        One chemical symbol per atom.
    mobile : str
        Symbol of the mobile species.
    resolution_A : float
        Largest edge of a voxel, in angstrom.
    wrapped : bool
        Whether positions are wrapped into the cell.

    Returns
    -------
    IonDensity
        The density in both normalisations.

    Raises
    ------
    TransportInputError
        If the input cannot be used or the grid would exceed 5e7 voxels.
    """
    frame = host_frame(positions_A, lattice_A, species, mobile, 1.0, wrapped=wrapped)
    edges = np.linalg.norm(frame.lattice_A, axis=1) / check_positive("resolution_A", resolution_A)
    if np.prod(edges) > MAX_VOXELS:
        raise TransportInputError(
            f"resolution_A = {resolution_A} gives {np.prod(edges):.2g} voxels, above {MAX_VOXELS:.0e}: coarsen it."
        )
    shape = tuple(int(n) for n in np.ceil(edges - 1e-9))
    inverse, size = np.linalg.inv(frame.lattice_A), int(np.prod(shape))
    counts = np.zeros(size)
    for block in frame.chunks(frame.mobile_index):
        fractional = block.transpose(0, 2, 1).reshape(-1, 3) @ inverse
        voxels = np.floor((fractional % 1.0) * shape).astype(np.intp) % shape
        counts += np.bincount(np.ravel_multi_index(tuple(voxels.T), shape), minlength=size)
    voxel = frame.volume_A3 / size
    number = (counts / (frame.n_frames * voxel)).reshape(shape)
    n_mobile = len(frame.mobile_index)
    return IonDensity(number, number / n_mobile, frame.lattice_A, voxel, n_mobile, frame.n_frames)


def site_occupancy(
    positions_A: ArrayLike,
    lattice_A: ArrayLike,
    species: Sequence[str],
    mobile: str,
    sites_fractional: ArrayLike,
    labels: Sequence[str],
    *,
    radius_A: float = 1.0,
    wrapped: bool = False,
) -> SiteOccupancy:
    """Assign each ion in each frame to the nearest site within a radius; count occupancies and jumps.

    Parameters
    ----------
    positions_A : array_like, (frames, atoms, 3)
        Cartesian positions in angstrom.
    lattice_A : array_like, (3, 3)
        Cell vectors in the rows, in angstrom.
    species : sequence of str
        One chemical symbol per atom.
    mobile : str
        Symbol of the mobile species.
    sites_fractional : array_like, (sites, 3)
        Fractional coordinates of the sites in this cell, in the setting of the first frame.
    labels : sequence of str
        One label per site, for example "4h".
    radius_A : float
        Radius of a site, in angstrom.
    wrapped : bool
        Whether positions are wrapped into the cell.

    Returns
    -------
    SiteOccupancy
        Occupancies and jumps.

    Raises
    ------
    TransportInputError
        If the input cannot be used, or the radius exceeds half the smallest height of the cell.
    """
    frame = host_frame(positions_A, lattice_A, species, mobile, 1.0, wrapped=wrapped)
    sites = _check_sites(sites_fractional, labels)
    tree = _periodic_tree(frame, sites, check_positive("radius_A", radius_A))
    n_sites, inverse = len(sites), np.linalg.inv(frame.lattice_A)
    counts, jumps = np.zeros(n_sites + 1), np.zeros((n_sites, n_sites), dtype=np.int64)
    for block in frame.chunks(frame.mobile_index):
        inside = (block.transpose(0, 2, 1) @ inverse) % 1.0 @ frame.lattice_A
        _, nearest = tree.query(inside, distance_upper_bound=radius_A)
        visits = np.where(nearest < tree.n, nearest % n_sites, n_sites)
        counts += np.bincount(visits.ravel(), minlength=n_sites + 1)
        for path in visits:
            stays = path[path < n_sites]
            moved = stays[1:] != stays[:-1]
            np.add.at(jumps, (stays[:-1][moved], stays[1:][moved]), 1)
    return _occupancy(frame, tuple(labels), counts, jumps)


def _check_sites(sites_fractional: ArrayLike, labels: Sequence[str]) -> Array:
    sites = np.asarray(sites_fractional, dtype=np.float64)
    if sites.ndim != 2 or sites.shape[1:] != (3,) or len(sites) == 0 or not np.all(np.isfinite(sites)):  # noqa: PLR2004
        raise TransportInputError(f"sites_fractional has shape {sites.shape}: give finite numbers (sites, 3).")
    if isinstance(labels, str) or len(labels) != len(sites):
        raise TransportInputError(f"{len(labels)} labels for {len(sites)} sites: give a list with one label per site.")
    return sites


def _periodic_tree(frame: HostFrame, sites: Array, radius_A: float) -> cKDTree:
    heights = 1.0 / np.linalg.norm(np.linalg.inv(frame.lattice_A), axis=0)
    if radius_A >= 0.5 * heights.min():
        raise TransportInputError(
            f"radius_A = {radius_A} is not below half the smallest height of the cell ({heights.min():.2f} A): "
            "use a smaller radius or a larger cell."
        )
    shifts = np.stack(np.meshgrid(*3 * [[-1, 0, 1]], indexing="ij"), axis=-1).reshape(-1, 1, 3)
    return cKDTree(((sites % 1.0 + shifts) @ frame.lattice_A).reshape(-1, 3))


def _occupancy(frame: HostFrame, labels: tuple[str, ...], counts: Array, jumps: NDArray[np.int64]) -> SiteOccupancy:
    names = sorted(set(labels))
    member = np.array([[label == name for label in labels] for name in names], dtype=np.int64)
    occupancy = counts[:-1] / frame.n_frames
    means = member @ occupancy / member.sum(axis=1)
    by_label = member @ jumps @ member.T
    return SiteOccupancy(
        labels=labels,
        occupancy=occupancy,
        occupancy_by_label=dict(zip(names, means.tolist(), strict=True)),
        unassigned_fraction=float(counts[-1] / counts.sum()),
        jumps=jumps,
        jumps_by_label={(a, b): int(by_label[i, j]) for i, a in enumerate(names) for j, b in enumerate(names)},
        mobile_count=len(frame.mobile_index),
        n_frames=frame.n_frames,
    )
