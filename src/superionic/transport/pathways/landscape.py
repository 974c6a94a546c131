"""Shape of a density on a periodic grid: maxima, the basins around them, the saddles between basins."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superionic.transport.displacement import Array

Ints = NDArray[np.int64]
OFFSETS = tuple(offset for offset in product((-1, 0, 1), repeat=3) if any(offset))
"""The 26 neighbours of a voxel."""
IMAGE_BASE, IMAGE_SHIFT = 15, 7
IMAGE_WEIGHTS = np.array([IMAGE_BASE**2, IMAGE_BASE, 1])


@dataclass(frozen=True, eq=False)
class Landscape:
    """Basins of steepest ascent and the saddles between them.

    Voxels are flat indices in C order. Images are lattice vectors in whole numbers: that of a voxel says in which cell
    the maximum lies that its ascent ends at, that of a saddle how the second maximum lies relative to the first.

    Attributes
    ----------
    density : numpy.ndarray, (na, nb, nc)
        The density.
    peak_voxel : numpy.ndarray of int, (basins,)
        Maximum of each basin, the highest first.
    basin : numpy.ndarray of int, (voxels,)
        Basin of each voxel; -1 where the density is zero.
    uphill : numpy.ndarray of int, (voxels,)
        Highest neighbour of each voxel, itself at a maximum.
    uphill_image, basin_image : numpy.ndarray of int, (voxels, 3)
        Image of that neighbour, and of the maximum.
    saddle_basins : numpy.ndarray of int, (saddles, 2)
        The two basins of each saddle; the highest saddle first.
    saddle_image : numpy.ndarray of int, (saddles, 3)
        Image of the second maximum relative to the first.
    saddle_voxels : numpy.ndarray of int, (saddles, 2)
        Voxels on its two sides.
    saddle_step : numpy.ndarray of int, (saddles, 3)
        Image step from the first of these voxels to the second.
    saddle_density : numpy.ndarray, (saddles,)
        The lower density of the two.
    """

    density: Array
    peak_voxel: Ints
    basin: Ints
    uphill: Ints
    uphill_image: NDArray[np.int8]
    basin_image: NDArray[np.int8]
    saddle_basins: Ints
    saddle_image: Ints
    saddle_voxels: Ints
    saddle_step: Ints
    saddle_density: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along a, b, c."""
        return self.density.shape

    def voxel_index(self, voxels: Ints) -> Ints:
        """Indices (i, j, k) of flat voxels, (n, 3)."""
        return np.stack(np.unravel_index(voxels, self.shape), axis=-1).astype(np.int64)

    def peak_fractional(self) -> Array:
        """Fractional coordinates of the maxima, (basins, 3)."""
        return np.asarray((self.voxel_index(self.peak_voxel) + 0.5) / np.array(self.shape))


def survey(density: Array) -> Landscape:
    """Find maxima, basins and saddles with periodic boundaries.

    Every voxel climbs to the highest of its 26 neighbours until it is a maximum. A saddle is the best passage between
    two basins (or a basin and its own image): the pair of neighbouring voxels whose lower density is highest. Level
    sets of the density connect in the same way through these saddles as through the voxels themselves.

    Parameters
    ----------
    density : numpy.ndarray, (na, nb, nc)
        Density on the grid, not negative, somewhere above zero.

    Returns
    -------
    Landscape
        Basins by falling maximum, saddles by falling density.
    """
    uphill, step = _climb_once(density)
    top, image = _climb(uphill, step)
    visited = density.ravel() > 0.0
    peaks = np.flatnonzero((uphill == np.arange(density.size)) & visited)
    peaks = peaks[np.argsort(-density.ravel()[peaks], kind="stable")]
    number = np.full(density.size, -1, dtype=np.int64)
    number[peaks] = np.arange(len(peaks))
    basin = np.where(visited, number[top], -1)
    saddles = _saddles(density, basin, image)
    return Landscape(density, peaks, basin, uphill, step, image, *saddles)


def _rolled(values: NDArray[Any], offset: tuple[int, ...]) -> NDArray[Any]:
    """Value of the neighbour of each voxel."""
    return np.roll(values, tuple(-o for o in offset), axis=(0, 1, 2))


def _neighbours(voxels: Ints, offset: NDArray[np.int64], shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    """Flat index of a neighbour of some voxels, and the lattice image it lies in."""
    moved = np.stack(np.unravel_index(voxels, shape), axis=-1) + offset
    image = moved // np.array(shape)
    return np.ravel_multi_index(tuple((moved - image * shape).T), shape), image


def _climb_once(density: Array) -> tuple[Ints, NDArray[np.int8]]:
    # ranks, so that a plateau has a single maximum
    ranks = np.empty(density.size, dtype=np.int32)
    ranks[np.argsort(density, axis=None, kind="stable")] = np.arange(density.size, dtype=np.int32)
    rank = ranks.reshape(density.shape)
    best, choice = rank.copy(), np.zeros(density.shape, dtype=np.int8)
    for k, offset in enumerate(OFFSETS, start=1):
        other = _rolled(rank, offset)
        better = other > best
        np.copyto(best, other, where=better)
        choice[better] = k
    steps = np.array([(0, 0, 0), *OFFSETS])[choice.ravel()]
    uphill, image = _neighbours(np.arange(density.size), steps, density.shape)
    return uphill.astype(np.int64), image.astype(np.int8)


def _climb(uphill: Ints, step: NDArray[np.int8]) -> tuple[Ints, NDArray[np.int8]]:
    """Follow the steps to the maxima by doubling."""
    top, image = uphill, step
    while True:
        further = top[top]
        if np.array_equal(further, top):
            return top, image
        image = image + image[top]
        top = further


def _saddles(density: Array, basin: Ints, image: NDArray[np.int8]) -> tuple[Ints, Ints, Ints, Ints, Array]:
    flat_density = density.ravel()
    # maximum and its image in one number: neighbours that climb to the same place have the same
    code = (basin * IMAGE_BASE**3 + (image.astype(np.int64) + IMAGE_SHIFT) @ IMAGE_WEIGHTS).reshape(density.shape)
    visited = (basin >= 0).reshape(density.shape)
    found: list[tuple[Ints, ...]] = []
    for offset in OFFSETS[: len(OFFSETS) // 2]:
        other = _rolled(code, offset)
        for axis, move in enumerate(offset):
            if move:
                face = [slice(None)] * 3
                face[axis] = slice(-1, None) if move > 0 else slice(0, 1)
                other[tuple(face)] += move * IMAGE_WEIGHTS[axis]
        here = np.flatnonzero((code != other) & visited & _rolled(visited, offset))
        there, step = _neighbours(here, np.array(offset), density.shape)
        apart = step + image[there] - image[here]
        found.append(_best_per_key(flat_density, here, there, basin, apart, step))
    first, second, apart, step = (np.concatenate([part[k] for part in found]) for k in range(4))
    first, second, apart, step = _best_per_key(flat_density, first, second, basin, apart, step)
    level = np.minimum(flat_density[first], flat_density[second])
    order = np.argsort(-level, kind="stable")
    ends = np.stack([first, second], axis=-1)[order]
    return basin[ends], apart[order], ends, step[order], level[order]


def _best_per_key(
    density: Array, first: Ints, second: Ints, basin: Ints, apart: Ints, step: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """The best passage for each pair of basins and image; pairs are turned so that they count once."""
    code = (apart + IMAGE_SHIFT) @ IMAGE_WEIGHTS
    middle = (IMAGE_BASE**3 - 1) // 2
    turn = (basin[first] > basin[second]) | ((basin[first] == basin[second]) & (code < middle))
    first, second = np.where(turn, second, first), np.where(turn, first, second)
    apart, step = np.where(turn[:, None], -apart, apart), np.where(turn[:, None], -step, step)
    code = np.where(turn, 2 * middle - code, code)
    level = np.minimum(density[first], density[second])
    count = int(basin.max()) + 1
    key = (basin[first] * count + basin[second]) * IMAGE_BASE**3 + code
    order = np.argsort(-level, kind="stable")
    kept = order[np.unique(key[order], return_index=True)[1]]
    return first[kept], second[kept], apart[kept], step[kept]
