"""Sites of the mobile ions: maxima of their density, named after the sites of the host."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from superionic.errors import TransportInputError
from superionic.transport.displacement import Array
from superionic.transport.pathways.density import IonDensity
from superionic.transport.pathways.landscape import Landscape, survey
from superionic.transport.pathways.percolation import PeriodicForest

SAME_SITE_A = 0.8
TOP = 0.5


@dataclass(frozen=True, eq=False)
class DensitySite:
    """A site: a maximum of the density, and all places from which one climbs to it.

    Attributes
    ----------
    label : str
        Kind of site: that of the host site it lies on, i1, i2, ... for interstitials of a host, s1, s2, ... without
        a host.
    fractional : numpy.ndarray, (3,)
        Centre of the density above half of its maximum, in fractional coordinates of the cell of the grid.
    occupancy : float
        Mean number of ions in its basin.
    peak_density_per_A3 : float
        Number density at the maximum, ions/A^3.
    host_distance_A : float or None
        Distance from the nearest site of the host; None without a host.
    """

    label: str
    fractional: Array
    occupancy: float
    peak_density_per_A3: float
    host_distance_A: float | None = None


@dataclass(frozen=True, eq=False)
class SiteMap:
    """Sites, and which basin of the landscape belongs to which.

    Attributes
    ----------
    sites : tuple of DensitySite
        The most occupied first.
    landscape : Landscape
        The landscape they were found in.
    site_of_basin : numpy.ndarray of int, (basins,)
        Site of each basin; -1 for basins that belong to none.
    image_of_basin : numpy.ndarray of int, (basins, 3)
        Lattice image of the site, as seen from the maximum of the basin.
    """

    sites: tuple[DensitySite, ...]
    landscape: Landscape
    site_of_basin: NDArray[np.int64]
    image_of_basin: NDArray[np.int64]


def sites_from_density(
    density: IonDensity,
    *,
    smoothing_A: float = 0.2,
    merge_barrier_kT: float = 1.0,
    merge_distance_A: float = 1.0,
    min_occupancy: float = 0.01,
) -> SiteMap:
    """Maxima of the density with periodic boundaries, and their basins.

    Two basins are one site when the free energy barrier between them, seen from the shallower one, is below
    `merge_barrier_kT`, when their maxima are nearer than `merge_distance_A`, or when the shallower one holds fewer
    ions than `min_occupancy`. Each basin is compared at the highest saddle it has.

    Parameters
    ----------
    density : IonDensity
        The density.
    smoothing_A : float
        Standard deviation of the Gaussian kernel, in angstrom.
    merge_barrier_kT : float
        Least barrier between sites, in kT.
    merge_distance_A : float
        Least distance between sites, in angstrom.
    min_occupancy : float
        Least mean number of ions on a site.

    Returns
    -------
    SiteMap
        Sites with labels s1, s2, ... by falling occupancy.
    """
    smooth = density.smoothed(smoothing_A)
    landscape = survey(smooth)
    ions = np.bincount(
        landscape.basin + 1,
        weights=(smooth * density.voxel_volume_A3).ravel(),
        minlength=len(landscape.peak_voxel) + 1,
    )[1:].astype(np.float64)
    limits = _Limits(merge_barrier_kT, merge_distance_A, min_occupancy, density.lattice_A)
    forest = _merge(landscape, ions, limits)
    return _site_map(landscape, ions, forest, min_occupancy)


@dataclass(frozen=True, eq=False)
class _Limits:
    barrier_kT: float
    distance_A: float
    occupancy: float
    lattice_A: Array


def _merge(landscape: Landscape, ions: Array, limits: _Limits) -> PeriodicForest:
    forest = PeriodicForest(len(ions))
    held = ions.copy()
    heights = landscape.density.ravel()[landscape.peak_voxel]
    peaks = landscape.peak_fractional()
    for (first, second), image, level in zip(
        landscape.saddle_basins.tolist(), landscape.saddle_image.tolist(), landscape.saddle_density, strict=True
    ):
        (root, to_root), (other, to_other) = forest.find(first), forest.find(second)
        if root == other:
            continue
        apart = peaks[other] - peaks[root] + np.array(image) + np.array(to_other) - np.array(to_root)
        high, low = (root, other) if heights[root] >= heights[other] else (other, root)
        near = np.linalg.norm(apart @ limits.lattice_A) < limits.distance_A
        shallow = np.log(heights[low] / level) < limits.barrier_kT
        if not (near or shallow or held[low] < limits.occupancy):
            continue
        # `join` keeps the root of its first node
        if high == root:
            forest.join(first, second, tuple(image))
        else:
            forest.join(second, first, tuple(-part for part in image))
        held[high] += held[low]
    return forest


def _site_map(landscape: Landscape, ions: Array, forest: PeriodicForest, min_occupancy: float) -> SiteMap:
    found = [forest.find(k) for k in range(len(ions))]
    root = np.array([node for node, _ in found])
    image = np.array([vector for _, vector in found]).reshape(-1, 3)
    held = np.bincount(root, weights=ions, minlength=len(ions))
    roots = np.unique(root)
    # a basin without neighbours that holds too little is no site
    roots = roots[held[roots] >= min(min_occupancy, held.max())]
    roots = roots[np.argsort(-held[roots], kind="stable")]
    number = np.full(len(ions), -1)
    number[roots] = np.arange(len(roots))
    site_of_basin = number[root]
    centres = _centres(landscape, site_of_basin, image, roots)
    heights = landscape.density.ravel()[landscape.peak_voxel[roots]]
    sites = tuple(
        DensitySite(f"s{k + 1}", centre % 1.0, float(held[node]), float(height))
        for k, (node, centre, height) in enumerate(zip(roots, centres, heights, strict=True))
    )
    home = np.floor(centres).astype(np.int64)
    return SiteMap(
        sites, landscape, site_of_basin, image + np.where(site_of_basin[:, None] >= 0, home[site_of_basin], 0)
    )


def _centres(landscape: Landscape, site_of_basin: NDArray[np.int64], image: NDArray[np.int64], roots: Array) -> Array:
    """Centres of the density above half of each maximum, as seen from the cell of the root's maximum."""
    density = landscape.density.ravel()
    tops = density[landscape.peak_voxel[roots]]
    inside = np.flatnonzero(landscape.basin >= 0)
    site = site_of_basin[landscape.basin[inside]]
    high = (site >= 0) & (density[inside] > TOP * tops[site])
    inside, site = inside[high], site[high]
    away = landscape.basin_image[inside] + image[landscape.basin[inside]]
    place = (landscape.voxel_index(inside) + 0.5) / np.array(landscape.shape) - away
    weight = density[inside]
    total = np.bincount(site, weights=weight, minlength=len(roots))
    sums = [np.bincount(site, weights=weight * place[:, k], minlength=len(roots)) for k in range(3)]
    return np.asarray(np.stack(sums, axis=-1) / total[:, None])


def name_after_host(
    found: SiteMap,
    lattice_A: Array,
    host_fractional: ArrayLike,
    host_labels: Sequence[str],
    *,
    match_distance_A: float = 1.0,
    rotations: Array | None = None,
    translations: Array | None = None,
) -> SiteMap:
    """Name sites after the nearest site of the host; the others are interstitials i1, i2, ...

    Maxima that lie on the same site of the host become one site. Interstitials that the space group of the host maps
    onto each other, within 0.8 A, get the same name; i1 is the most occupied.

    Parameters
    ----------
    found : SiteMap
        Sites of the density.
    lattice_A : numpy.ndarray, (3, 3)
        Cell of the grid, in angstrom.
    host_fractional : array_like, (host sites, 3)
        Sites of the host in this cell.
    host_labels : sequence of str
        Their labels.
    match_distance_A : float
        Largest distance of a maximum from the site of the host that names it, in angstrom.
    rotations, translations : numpy.ndarray, optional
        Operations of the space group on fractional coordinates of this cell.

    Returns
    -------
    SiteMap
        The same landscape; sites named and ordered as before.

    Raises
    ------
    TransportInputError
        If labels and sites differ in number.
    """
    host = np.asarray(host_fractional, dtype=np.float64)
    if len(host) != len(host_labels):
        raise TransportInputError(f"{len(host_labels)} labels for {len(host)} sites: give one label per site.")
    centres = np.array([site.fractional for site in found.sites])
    apart = host - centres[:, None]
    images = -np.rint(apart)
    distance = np.linalg.norm((apart + images) @ lattice_A, axis=-1)
    nearest = distance.argmin(axis=1)
    near = distance[np.arange(len(centres)), nearest]
    owner = np.where(near < match_distance_A, nearest, -1)
    merged = _one_per_host_site(found, owner, np.rint(images[np.arange(len(centres)), nearest]).astype(np.int64))
    sites = [
        replace(site, label="" if owner[k] < 0 else str(host_labels[owner[k]]), host_distance_A=float(near[k]))
        for k, site in merged.items()
    ]
    position = {k: place for place, k in enumerate(merged)}
    first = _first_of_owner(owner)
    target = np.array([position[k] for k in first])
    moved = images[np.arange(len(centres)), nearest]
    shift = np.rint(moved - moved[first]).astype(np.int64)
    return SiteMap(
        _with_names(sites, lattice_A, "i", rotations, translations),
        found.landscape,
        np.where(found.site_of_basin >= 0, target[found.site_of_basin], -1),
        found.image_of_basin + np.where(found.site_of_basin[:, None] >= 0, shift[found.site_of_basin], 0),
    )


def name_by_symmetry(found: SiteMap, lattice_A: Array, rotations: Array, translations: Array) -> SiteMap:
    """Give the same name, s1, s2, ..., to sites that symmetry maps onto each other within 0.8 A.

    Parameters
    ----------
    found : SiteMap
        Sites of the density.
    lattice_A : numpy.ndarray, (3, 3)
        Cell of the grid, in angstrom.
    rotations, translations : numpy.ndarray
        Operations on fractional coordinates of this cell.

    Returns
    -------
    SiteMap
        The same sites with other names.
    """
    blank = [replace(site, label="") for site in found.sites]
    return replace(found, sites=_with_names(blank, lattice_A, "s", rotations, translations))


def _first_of_owner(owner: NDArray[np.int64]) -> list[int]:
    """For each site the first, most occupied, that has the same host site; itself where it has none."""
    return [k if owner[k] < 0 else int(np.flatnonzero(owner == owner[k])[0]) for k in range(len(owner))]


def _one_per_host_site(found: SiteMap, owner: NDArray[np.int64], images: NDArray[np.int64]) -> dict[int, DensitySite]:
    """Sites that stay, by their number; those with the same host site become one at their common centre."""
    kept: dict[int, DensitySite] = {}
    for k, first in enumerate(_first_of_owner(owner)):
        site = found.sites[k]
        if first == k:
            kept[k] = site
            continue
        to = kept[first]
        weight = site.occupancy / (site.occupancy + to.occupancy)
        centre = to.fractional + weight * (site.fractional - images[k] + images[first] - to.fractional)
        kept[first] = replace(to, fractional=centre, occupancy=site.occupancy + to.occupancy)
    return kept


def _with_names(
    sites: Sequence[DensitySite], lattice_A: Array, letter: str, rotations: Array | None, translations: Array | None
) -> tuple[DensitySite, ...]:
    """Number the sites without a label by falling occupancy, one name per symmetry-equivalent set."""
    named: list[DensitySite] = list(sites)
    seen: list[tuple[str, Array]] = []
    for k in sorted((k for k, site in enumerate(sites) if not site.label), key=lambda k: -sites[k].occupancy):
        place = sites[k].fractional
        images = place[None] if rotations is None or translations is None else rotations @ place + translations
        label = next((name for name, other in seen if _nearest_A(images, other, lattice_A) < SAME_SITE_A), None)
        if label is None:
            label = f"{letter}{len(seen) + 1}"
            seen.append((label, place))
        named[k] = replace(sites[k], label=label)
    return tuple(named)


def _nearest_A(images: Array, place: Array, lattice_A: Array) -> float:  # noqa: N802 (unit suffix)
    apart = (images - place + 0.5) % 1.0 - 0.5
    return float(np.linalg.norm(apart @ lattice_A, axis=1).min())
