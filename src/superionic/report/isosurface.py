"""Surfaces of equal density as triangles, by marching tetrahedra."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
# the six ways from corner 000 to corner 111 along the edges of a cube are six tetrahedra that fill it
TETRAHEDRA = np.array(
    [
        [np.zeros(3, dtype=int), *np.cumsum(np.eye(3, dtype=int)[list(order)], axis=0)]
        for order in permutations(range(3))
    ]
)
"""Corners of the tetrahedra of a unit cube, shape (6, 4, 3)."""


def isosurface(values: Floats, level: float) -> tuple[Floats, Integers]:
    """Triangles where a field has a given value.

    Each cube between grid points is cut into six tetrahedra, in which the field is linear (marching tetrahedra: A. Doi,
    A. Koide, IEICE Trans. Inf. Syst. E74-D, 214 (1991)), so that the surface is closed except at the edge of the grid.

    Parameters
    ----------
    values : numpy.ndarray, (na, nb, nc)
        Field at grid points.
    level : float
        Value on the surface.

    Returns
    -------
    vertices : numpy.ndarray, (n, 3)
        Positions in grid steps.
    faces : numpy.ndarray, (m, 3)
        Triangles as positions in ``vertices``; their normals point to lower values.
    """
    corners = _tetrahedra(values.shape)
    inside = values.ravel()[corners] > level
    n_inside = inside.sum(axis=1)
    cut = (n_inside > 0) & (n_inside < 4)  # noqa: PLR2004 (corners of a tetrahedron)
    # corners inside first, so that only three cases remain
    ranked = np.take_along_axis(corners[cut], np.argsort(~inside[cut], axis=1, kind="stable"), axis=1)
    edges = _edges(ranked, n_inside[cut])
    ends, faces = np.unique(np.sort(edges.reshape(-1, 2), axis=1), axis=0, return_inverse=True)
    vertices = _crossings(ends, values, level)
    return vertices, _turned(faces.reshape(-1, 3), vertices, values)


def _tetrahedra(shape: tuple[int, ...]) -> Integers:
    """Flat positions of the corners of all tetrahedra of a grid, shape (n, 4)."""
    cubes = np.stack(np.meshgrid(*(np.arange(n - 1) for n in shape), indexing="ij"), axis=-1).reshape(-1, 1, 1, 3)
    corners = (cubes + TETRAHEDRA).reshape(-1, 3)
    flat: Integers = np.ravel_multi_index(tuple(corners.T), shape)
    return flat.reshape(-1, 4)


def _edges(ranked: Integers, n_inside: Integers) -> Integers:
    """Cut edges of every triangle, shape (n_triangles, 3, 2), from corners with those inside first."""
    a, b, c, d = (ranked[:, k] for k in range(4))
    one, two, three = (n_inside == n for n in (1, 2, 3))
    groups = [
        _triangles(one, ((a, b), (a, c), (a, d))),
        _triangles(two, ((a, c), (a, d), (b, d))),
        _triangles(two, ((a, c), (b, d), (b, c))),
        _triangles(three, ((d, a), (d, b), (d, c))),
    ]
    return np.concatenate(groups)


def _triangles(chosen: NDArray[np.bool_], edges: tuple[tuple[Integers, Integers], ...]) -> Integers:
    return np.stack([np.stack([start[chosen], end[chosen]], axis=1) for start, end in edges], axis=1)


def _crossings(ends: Integers, values: Floats, level: float) -> Floats:
    """Where the level lies on each edge, in grid steps."""
    flat = values.ravel()
    first, second = flat[ends[:, 0]], flat[ends[:, 1]]
    places = [np.stack(np.unravel_index(ends[:, k], values.shape), axis=1).astype(np.float64) for k in (0, 1)]
    share = ((level - first) / (second - first))[:, None]
    return np.asarray(places[0] + share * (places[1] - places[0]))


def _turned(faces: Integers, vertices: Floats, values: Floats) -> Integers:
    """Faces whose normals point to lower values."""
    points = vertices[faces]
    normals = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    # a face shrinks to nothing where the level meets a grid point; it stays, as part of a closed surface
    lengths = np.maximum(np.linalg.norm(normals, axis=1), np.finfo(np.float64).tiny)
    middle = points.mean(axis=1)
    step = 0.1 * normals / lengths[:, None]
    ahead = _linear(values, middle + step) > _linear(values, middle - step)
    return np.where(ahead[:, None], faces[:, ::-1], faces)


def _linear(values: Floats, places: Floats) -> Floats:
    from scipy.ndimage import map_coordinates

    return np.asarray(map_coordinates(values, places.T, order=1, mode="nearest"))
