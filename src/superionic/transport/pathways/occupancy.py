"""Occupancy of given sites by the nearest-site rule, without hysteresis."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from superionic.errors import TransportInputError
from superionic.transport.checks import check_positive
from superionic.transport.displacement import Array, HostFrame, host_frame


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

    A jump is a change of the site visited last, so that an ion that touches a neighbouring site and returns makes two.
    `analyze_pathways` counts jumps that last, with rates and errors.

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
