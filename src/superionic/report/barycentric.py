"""Geometry of the composition triangle: corners, coordinates, and contours by linear interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError

Floats = NDArray[np.float64]
CORNERS = np.array([[0.5, sqrt(3.0) / 2.0], [0.0, 0.0], [1.0, 0.0]])
"""Where the three pure end members stand in a plane: the first on top, the second left, the third right."""
FEWEST_POINTS = 4
FLAT = 1e-9


def to_plane(fractions: Floats) -> Floats:
    """Plane coordinates of compositions.

    Parameters
    ----------
    fractions : numpy.ndarray, (n, 3)
        Fractions of the end members; every row sums to one.

    Returns
    -------
    numpy.ndarray, (n, 2)
        Coordinates in an equilateral triangle of unit side.
    """
    return np.asarray(fractions @ CORNERS, dtype=np.float64)


def triangles(fractions: Floats) -> list[tuple[int, int, int]]:
    """Delaunay triangles between compositions; none where fewer than four points, or all on a line.

    Parameters
    ----------
    fractions : numpy.ndarray, (n, 3)
        Fractions of the end members.
    """
    if len(fractions) < FEWEST_POINTS:
        return []
    places = to_plane(fractions)
    try:
        found = Delaunay(places).simplices
    except QhullError:
        return []
    corners = places[found]
    sides = corners[:, 1:] - corners[:, :1]
    areas = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    return [(int(i), int(j), int(k)) for (i, j, k), area in zip(found, areas, strict=True) if area > FLAT]


def band_polygons(
    fractions: Floats, values: Floats, low: float, high: float, mesh: Sequence[tuple[int, int, int]]
) -> list[Floats]:
    """Where the interpolated values lie between two levels.

    Parameters
    ----------
    fractions : numpy.ndarray, (n, 3)
        Fractions of the end members.
    values : numpy.ndarray, (n,)
        Values there; linear inside each triangle.
    low, high : float
        The levels.
    mesh : sequence of (int, int, int)
        Triangles, as positions in ``fractions``.

    Returns
    -------
    list of numpy.ndarray, (m, 3)
        Corners of convex polygons, at most one per triangle, in fractions.
    """
    rows = np.column_stack([fractions, values])
    polygons = []
    for corners in mesh:
        inside = _clipped(_clipped(rows[list(corners)], low, 1.0), high, -1.0)
        if len(inside) > 2:  # noqa: PLR2004 (a polygon has three corners)
            polygons.append(inside[:, :3])
    return polygons


def _clipped(polygon: Floats, level: float, sign: float) -> Floats:
    """The part of a polygon whose last column lies above (sign 1) or below (sign -1) a level."""
    kept = []
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        first, second = sign * (start[-1] - level), sign * (end[-1] - level)
        if first >= 0.0:
            kept.append(start)
        if first * second < 0.0:
            kept.append(start + (end - start) * first / (first - second))
    return np.array(kept).reshape(-1, polygon.shape[1])
