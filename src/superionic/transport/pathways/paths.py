"""Minimum free energy paths through the density, and the bottleneck along each direction."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from superionic.transport.displacement import Array
from superionic.transport.pathways.landscape import Landscape
from superionic.transport.pathways.percolation import Loop, Percolation, Vector, add, minus, percolate
from superionic.transport.pathways.sites import SiteMap

SMOOTH_POINTS = 2
STOP_REACH_A = 1.0


@dataclass(frozen=True, eq=False)
class DensityPath:
    """A way through the density that follows steepest ascent from its saddles.

    Attributes
    ----------
    fractional : numpy.ndarray, (points, 3)
        Unwrapped fractional coordinates.
    arc_A : numpy.ndarray, (points,)
        Length from the start, in angstrom.
    density_per_A3 : numpy.ndarray, (points,)
        Number density, ions/A^3.
    stops : tuple of (int, str)
        Points at the maxima of sites, with the label of each site.
    vector : tuple of int
        Lattice vector from the first to the last point, for a path that leads to the next image; else zero.
    """

    fractional: Array
    arc_A: Array
    density_per_A3: Array
    stops: tuple[tuple[int, str], ...]
    vector: Vector


@dataclass(frozen=True, eq=False)
class Connection:
    """The easiest passage between two kinds of sites that touch.

    Attributes
    ----------
    start, end : str
        Labels.
    saddle_density_per_A3 : float
        Number density at the saddle, ions/A^3.
    distance_A : float
        From site to site, in angstrom.
    fractional : numpy.ndarray, (3,)
        Place of the saddle.
    n_passages : int
        Passages between sites of these kinds, in the cell.
    """

    start: str
    end: str
    saddle_density_per_A3: float
    distance_A: float
    fractional: Array
    n_passages: int


def percolation_of(landscape: Landscape) -> Percolation:
    """Levels of the density at which its isosurface runs through the crystal.

    Parameters
    ----------
    landscape : Landscape
        The density.

    Returns
    -------
    Percolation
        Strengths are densities. They are exact for the grid: the level sets of the voxels, with 26 neighbours, connect
        where the saddles of the landscape say.
    """
    return percolate(
        len(landscape.peak_voxel), landscape.saddle_basins, landscape.saddle_image, landscape.saddle_density
    )


def bottleneck_place(landscape: Landscape, loop: Loop) -> Array:
    """Fractional coordinates of the bottleneck of a loop, (3,): the middle of the two voxels at its saddle."""
    first, _ = landscape.voxel_index(landscape.saddle_voxels[loop.edge])
    second = landscape.voxel_index(landscape.saddle_voxels[loop.edge])[1] + landscape.saddle_step[loop.edge] * np.array(
        landscape.shape
    )
    return np.asarray(((first + second) / 2.0 + 0.5) / np.array(landscape.shape) % 1.0)


def loop_path(found: SiteMap, percolation: Percolation, loop: Loop, lattice_A: Array) -> DensityPath:
    """The path of a loop, through the maximum spanning tree of the saddles: its lowest density is as high as can be.

    Parameters
    ----------
    found : SiteMap
        Sites and landscape.
    percolation : Percolation
        As from `percolation_of`.
    loop : Loop
        One of its loops.
    lattice_A : numpy.ndarray, (3, 3)
        Cell of the grid, in angstrom.

    Returns
    -------
    DensityPath
        From the highest maximum of the loop to its image.
    """
    landscape = found.landscape
    first, second = landscape.saddle_basins[loop.edge].tolist()
    legs = [(loop.edge, False), *_tree_way(landscape, percolation, loop, second, first)]
    # basins are numbered by falling maximum: the loop starts at its highest
    starts = [int(landscape.saddle_basins[edge, int(turned)]) for edge, turned in legs]
    turn = int(np.argmin(starts))
    return _walk(found, legs[turn:] + legs[:turn], lattice_A, loop.vector)


def _tree_way(
    landscape: Landscape, percolation: Percolation, loop: Loop, start: int, end: int
) -> list[tuple[int, bool]]:
    """Saddles from one basin to another within the spanning tree, with the sense in which each is passed."""
    neighbours: dict[int, list[tuple[int, int, bool]]] = {}
    strength = landscape.saddle_density
    for edge in percolation.tree:
        if strength[edge] < loop.strength:
            break
        a, b = landscape.saddle_basins[edge].tolist()
        neighbours.setdefault(a, []).append((b, edge, False))
        neighbours.setdefault(b, []).append((a, edge, True))
    came: dict[int, tuple[int, int, bool]] = {start: (-1, -1, False)}
    queue = deque([start])
    while queue and end not in came:
        node = queue.popleft()
        for other, edge, turned in neighbours.get(node, []):
            if other not in came:
                came[other] = (node, edge, turned)
                queue.append(other)
    way = []
    node = end
    while node != start:
        node, edge, turned = came[node]
        way.append((edge, turned))
    return way[::-1]


def _walk(found: SiteMap, legs: list[tuple[int, bool]], lattice_A: Array, vector: Vector) -> DensityPath:
    """Voxels along saddles: down from each maximum, over the saddle, up to the next."""
    landscape, cell = found.landscape, np.zeros(3, dtype=np.int64)
    shape = np.array(landscape.shape)
    voxels: list[int] = []
    places: list[NDArray[np.int64]] = []
    peaks: list[int] = [0]
    for edge, turned in legs:
        sides = landscape.saddle_voxels[edge]
        down, down_cells = _ascent(landscape, int(sides[int(turned)]))
        up, up_cells = _ascent(landscape, int(sides[1 - int(turned)]))
        step = landscape.saddle_step[edge] * (-1 if turned else 1)
        # cells counted from that of the maximum where the leg starts
        here = cell - down_cells[-1]
        for voxel, where in [*zip(down[::-1], down_cells[::-1], strict=True)][0 if not voxels else 1 :]:
            voxels.append(voxel)
            places.append(here + where)
        for voxel, where in zip(up, up_cells, strict=True):
            voxels.append(voxel)
            places.append(here + step + where)
        cell = here + step + up_cells[-1]
        peaks.append(len(voxels) - 1)
    fractional = (landscape.voxel_index(np.array(voxels)) + 0.5) / shape + np.array(places)
    smooth = _smoothed(fractional, np.array(vector))
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(smooth, axis=0) @ lattice_A, axis=1))])
    stops = _stops(found, voxels, places, peaks, lattice_A)
    return DensityPath(smooth, arc, landscape.density.ravel()[voxels], stops, vector)


def _ascent(landscape: Landscape, voxel: int) -> tuple[list[int], list[NDArray[np.int64]]]:
    """Voxels from one to its maximum, and their cells as seen from the first."""
    voxels, cells = [voxel], [np.zeros(3, dtype=np.int64)]
    while landscape.uphill[voxel] != voxel:
        cells.append(cells[-1] + landscape.uphill_image[voxel])
        voxel = int(landscape.uphill[voxel])
        voxels.append(voxel)
    return voxels, cells


def _smoothed(fractional: Array, vector: NDArray[np.int64]) -> Array:
    """Running mean that turns the staircase of the grid into a line; the ends of a loop stay images of each other."""
    if len(fractional) <= 2 * SMOOTH_POINTS + 1 or not vector.any():
        return fractional
    body = fractional[:-1]
    padded = np.concatenate([body[-SMOOTH_POINTS:] - vector, body, body[:SMOOTH_POINTS] + vector])
    kernel = np.full(2 * SMOOTH_POINTS + 1, 1.0 / (2 * SMOOTH_POINTS + 1))
    mean = np.stack([np.convolve(padded[:, k], kernel, mode="valid") for k in range(3)], axis=-1)
    return np.concatenate([mean, mean[:1] + vector])


def _stops(
    found: SiteMap, voxels: list[int], places: list[NDArray[np.int64]], peaks: list[int], lattice_A: Array
) -> tuple[tuple[int, str], ...]:
    """Maxima of the way that are at the centre of their site, once per visit."""
    landscape = found.landscape
    density = landscape.density.ravel()
    stops: list[tuple[int, int, Vector]] = []
    for point in peaks:
        basin = int(landscape.basin[voxels[point]])
        site = int(found.site_of_basin[basin])
        if site < 0:
            continue
        cell = places[point] + found.image_of_basin[basin]
        peak = landscape.peak_fractional()[basin] + places[point]
        if np.linalg.norm((found.sites[site].fractional + cell - peak) @ lattice_A) > STOP_REACH_A:
            continue
        here = site, _vector(cell)
        if stops and stops[-1][1:] == here:
            if density[voxels[point]] > density[voxels[stops[-1][0]]]:
                stops[-1] = (point, *here)
        else:
            stops.append((point, *here))
    return tuple((point, found.sites[site].label) for point, site, _ in stops)


def connections(found: SiteMap, lattice_A: Array) -> tuple[Connection, ...]:
    """The easiest passage between each two kinds of sites whose basins touch.

    Parameters
    ----------
    found : SiteMap
        Sites and landscape.
    lattice_A : numpy.ndarray, (3, 3)
        Cell of the grid, in angstrom.

    Returns
    -------
    tuple of Connection
        The easiest first.
    """
    landscape = found.landscape
    best: dict[tuple[str, str], tuple[int, float]] = {}
    passages: dict[tuple[str, str], set[tuple[int, int, Vector]]] = {}
    centres = np.array([site.fractional for site in found.sites])
    for edge, (a, b) in enumerate(landscape.saddle_basins.tolist()):
        i, j = int(found.site_of_basin[a]), int(found.site_of_basin[b])
        between = add(_vector(landscape.saddle_image[edge]), _vector(found.image_of_basin[b]))
        image = minus(between, _vector(found.image_of_basin[a]))
        if min(i, j) < 0 or (i == j and not any(image)):
            continue
        low, high = sorted((found.sites[i].label, found.sites[j].label))
        key = (i, j, image) if (i, j) <= (j, i) and (i != j or image >= (0, 0, 0)) else (j, i, minus((0, 0, 0), image))
        passages.setdefault((low, high), set()).add(key)
        if (low, high) not in best:
            length = float(np.linalg.norm((centres[j] - centres[i] + image) @ lattice_A))
            best[low, high] = (edge, length)
    return tuple(
        Connection(
            start=labels[0],
            end=labels[1],
            saddle_density_per_A3=float(landscape.saddle_density[edge]),
            distance_A=length,
            fractional=bottleneck_place(landscape, Loop(edge, 0.0, (0, 0, 0))),
            n_passages=len(passages[labels]),
        )
        for labels, (edge, length) in best.items()
    )


def _vector(row: NDArray[np.int64]) -> Vector:
    a, b, c = row.tolist()
    return a, b, c
