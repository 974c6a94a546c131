"""Which site each ion is on, with hysteresis: an ion arrives only in the core of a site, and only if it stays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from superionic.errors import TransportInputError
from superionic.transport.checks import check_positive
from superionic.transport.displacement import Array, HostFrame

COORDINATES_PER_PASS = 1_000_000
OWN_SHARE = 0.45


@dataclass(frozen=True, eq=False)
class Stays:
    """Stays of the mobile ions on sites, ion by ion in the order of time.

    A stay lasts from the frame of arrival in the core of a site to the arrival in that of another; the way between
    belongs to the site that was left.

    Attributes
    ----------
    ion, site : numpy.ndarray of int, (stays,)
        Number of the mobile ion, and of the site.
    image : numpy.ndarray of int, (stays, 3)
        Lattice image of the site in the unwrapped path.
    start, stop : numpy.ndarray of int, (stays,)
        Frame of arrival, and of the next arrival or the end of the run.
    core_radius_A : numpy.ndarray, (sites,)
        Radius of the core of each site, in angstrom.
    in_core_fraction : float
        Share of the ions' time inside of cores.
    unassigned_fraction : float
        Share of the ions' time before their first arrival.
    n_ions, n_frames : int
        Number of mobile ions, and of frames.
    time_step_ps : float
        Time between frames, in ps.
    """

    ion: NDArray[np.int64]
    site: NDArray[np.int64]
    image: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    core_radius_A: Array
    in_core_fraction: float
    unassigned_fraction: float
    n_ions: int
    n_frames: int
    time_step_ps: float

    @property
    def duration_ps(self) -> float:
        """Length of the run in ps."""
        return self.n_frames * self.time_step_ps

    def departures(self) -> NDArray[np.int64]:
        """Stays that end in a jump, by number; the next stay is where it leads."""
        return np.flatnonzero(self.ion[1:] == self.ion[:-1]).astype(np.int64)


def find_stays(
    frame: HostFrame,
    lattice_A: Array,
    sites_fractional: ArrayLike,
    *,
    core_radius_A: float = 1.0,
    min_residence_ps: float = 0.2,
) -> Stays:
    """Follow each ion from site to site.

    An ion that is inside the core of a site is there; outside of all cores it is still where it was last. An arrival
    counts only when the ion does not enter another core for `min_residence_ps`. So an ion that touches a site and
    returns has not jumped, and one that passes through a site makes one long jump.

    Parameters
    ----------
    frame : HostFrame
        The trajectory.
    lattice_A : numpy.ndarray, (3, 3)
        Cell in which the sites are given, the simulated one or its unit cell, in angstrom.
    sites_fractional : array_like, (sites, 3)
        Fractional coordinates of the sites in that cell.
    core_radius_A : float
        Largest radius of a core, in angstrom. Near other sites it is 0.45 of the distance to the nearest.
    min_residence_ps : float
        Shortest stay, in ps.

    Returns
    -------
    Stays
        All stays.

    Raises
    ------
    TransportInputError
        If there is no site, two coincide, or a number cannot be used.
    """
    sites = np.asarray(sites_fractional, dtype=np.float64).reshape(-1, 3)
    if len(sites) == 0:
        raise TransportInputError("there are no sites to assign ions to: give at least one.")
    radius = core_radii(sites, lattice_A, check_positive("core_radius_A", core_radius_A))
    shortest = max(1, int(np.ceil(min_residence_ps / frame.time_step_ps - 1e-9)))
    places, owner, images = _copies(sites, lattice_A, float(radius.max()))
    tree, inverse = cKDTree(places), np.linalg.inv(lattice_A)
    found: list[NDArray[np.int64]] = []
    inside = ion = 0
    for block in frame.chunks(frame.mobile_index, max(1, COORDINATES_PER_PASS // frame.n_frames)):
        fractional = block.transpose(0, 2, 1) @ inverse
        home = np.floor(fractional)
        distance, nearest = tree.query((fractional - home) @ lattice_A, distance_upper_bound=float(radius.max()))
        known = np.minimum(nearest, len(owner) - 1)
        core = (nearest < len(owner)) & (distance < radius[owner[known]])
        inside += int(core.sum())
        for one, at, cell in zip(core, known, home, strict=True):
            found.append(_stays_of(ion, np.flatnonzero(one), owner[at], cell + images[at], shortest, frame.n_frames))
            ion += 1
    table = np.concatenate(found)
    total = frame.n_frames * ion
    assigned = int((table[:, 6] - table[:, 5]).sum())
    return Stays(
        *(table[:, 0], table[:, 1], table[:, 2:5], table[:, 5], table[:, 6]),
        core_radius_A=radius,
        in_core_fraction=inside / total,
        unassigned_fraction=1.0 - assigned / total,
        n_ions=ion,
        n_frames=frame.n_frames,
        time_step_ps=frame.time_step_ps,
    )


def core_radii(sites: Array, lattice_A: Array, largest_A: float) -> Array:
    """Radii that keep cores apart: 0.45 of the distance to the nearest site, at most `largest_A`.

    Parameters
    ----------
    sites : numpy.ndarray, (sites, 3)
        Fractional coordinates.
    lattice_A : numpy.ndarray, (3, 3)
        Cell vectors in the rows, in angstrom.
    largest_A : float
        Upper limit, in angstrom.

    Returns
    -------
    numpy.ndarray, (sites,)
        In angstrom.

    Raises
    ------
    TransportInputError
        If two sites coincide.
    """
    reach = 2.0 * largest_A / OWN_SHARE
    places, _, _ = _copies(sites, lattice_A, reach)
    inside = (sites % 1.0) @ lattice_A
    distance, _ = cKDTree(places).query(inside, k=2)
    if distance[:, 1].min() < 1e-3:  # noqa: PLR2004 (angstrom)
        raise TransportInputError("two sites coincide: give each site once.")
    return np.asarray(np.minimum(largest_A, OWN_SHARE * distance[:, 1]))


def _copies(sites: Array, lattice_A: Array, reach_A: float) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Sites in and around the cell up to a distance: places, numbers and lattice images."""
    margin = reach_A * np.linalg.norm(np.linalg.inv(lattice_A), axis=0)
    ranges = [np.arange(-int(np.ceil(m)), int(np.ceil(m)) + 1) for m in margin]
    shifts = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    home = np.floor(sites).astype(np.int64)
    fractional = (sites - home + shifts).reshape(-1, 3)
    number = np.tile(np.arange(len(sites)), len(shifts))
    # the image counts from the site as it was given, which may lie outside of the cell
    images = (shifts - home).reshape(-1, 3)
    near = np.all((fractional >= -margin) & (fractional <= 1.0 + margin), axis=1)
    return fractional[near] @ lattice_A, number[near], images[near]


def _stays_of(
    ion: int, frames: NDArray[np.intp], site: NDArray[np.int64], image: Array, shortest: int, n_frames: int
) -> NDArray[np.int64]:
    """Stays of one ion: ion, site, image (3), start, stop in the columns."""
    visits = np.column_stack([site[frames], image[frames].astype(np.int64)])
    new = np.ones(len(frames), dtype=bool)
    new[1:] = (visits[1:] != visits[:-1]).any(axis=1)
    starts, visits = frames[new], visits[new]
    stops = np.append(starts[1:], n_frames)
    kept = stops - starts[: len(stops)] >= shortest if len(starts) else np.zeros(0, dtype=bool)
    starts, visits = starts[kept], visits[kept]
    new = np.ones(len(starts), dtype=bool)
    new[1:] = (visits[1:] != visits[:-1]).any(axis=1)
    starts, visits = starts[new], visits[new]
    stops = np.append(starts[1:], n_frames)[: len(starts)]
    return np.column_stack([np.full(len(starts), ion), visits, starts, stops]).astype(np.int64)
