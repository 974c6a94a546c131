"""In which directions a periodic network runs through the crystal, and at which of its links it would break first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

Vector = tuple[int, int, int]
ZERO: Vector = (0, 0, 0)


@dataclass(frozen=True, eq=False)
class Loop:
    """A closed way through the network that ends in another cell than it started.

    Attributes
    ----------
    edge : int
        The weakest link of the loop: the one without which it would not exist.
    strength : float
        Its strength.
    vector : tuple of int
        Lattice vector from the start to the end.
    """

    edge: int
    strength: float
    vector: Vector


@dataclass(frozen=True, eq=False)
class Percolation:
    """Where a periodic network percolates when its links are added from the strongest to the weakest.

    Attributes
    ----------
    axes : tuple of (Loop or None), (3,)
        The first loop that advances along a, b and c; None where there is none.
    dimensions : tuple of (Loop or None), (3,)
        The loop that makes the network run through the crystal in one, two and three dimensions.
    normal : tuple of int or None
        Miller indices of the plane in which a network of two dimensions runs at first; None if it is never planar.
    tree : tuple of int
        Links of the maximum spanning forest, up to the last loop.
    """

    axes: tuple[Loop | None, ...]
    dimensions: tuple[Loop | None, ...]
    normal: Vector | None
    tree: tuple[int, ...]

    @property
    def dimension(self) -> int:
        """Dimensions in which the network percolates, 0 to 3."""
        return sum(loop is not None for loop in self.dimensions)


class PeriodicForest:
    """Disjoint sets of the nodes of a periodic network; each knows its lattice vector to the root of its set."""

    def __init__(self, n_nodes: int) -> None:
        self.parent = list(range(n_nodes))
        self.image: list[Vector] = [ZERO] * n_nodes
        self.vectors: dict[int, list[Vector]] = {}

    def find(self, node: int) -> tuple[int, Vector]:
        """Root of a node, and the image of the root as seen from the node."""
        trail = []
        while self.parent[node] != node:
            trail.append(node)
            node = self.parent[node]
        total = ZERO
        for step in reversed(trail):
            total = add(self.image[step], total)
            self.parent[step], self.image[step] = node, total
        return node, total

    def join(self, first: int, second: int, image: Vector) -> Vector | None:
        """Add a link; the lattice vector of the loop it closes, or None if it joined two sets."""
        root, to_root = self.find(first)
        other, to_other = self.find(second)
        between = minus(add(image, to_other), to_root)
        if root == other:
            return between
        self.parent[other], self.image[other] = root, minus(ZERO, between)
        merged = self.vectors.pop(root, []) + self.vectors.pop(other, [])
        self.vectors[root] = _independent(merged)
        return None

    def grow(self, node: int, vector: Vector) -> int:
        """Record the loop of a node; the rank of the loops of its set."""
        root, _ = self.find(node)
        self.vectors[root] = _independent([*self.vectors.get(root, []), vector])
        return len(self.vectors[root])


def percolate(n_nodes: int, links: ArrayLike, images: ArrayLike, strengths: ArrayLike) -> Percolation:
    """Add links from the strongest to the weakest, and see when the network runs through the crystal.

    Parameters
    ----------
    n_nodes : int
        Number of nodes in the cell.
    links : array_like of int, (links, 2)
        Nodes that each link joins.
    images : array_like of int, (links, 3)
        Lattice vector of the cell of the second node, seen from the first.
    strengths : array_like, (links,)
        Density at a saddle, jumps, or any other strength.

    Returns
    -------
    Percolation
        For each axis and dimension the loop that closes first.
    """
    links, images = np.asarray(links, dtype=int).reshape(-1, 2), np.asarray(images, dtype=int).reshape(-1, 3)
    strength = np.asarray(strengths, dtype=np.float64)
    forest, state = PeriodicForest(n_nodes), _State()
    for edge in np.argsort(-strength, kind="stable").tolist():
        vector: Vector = tuple(images[edge].tolist())
        first, second = links[edge].tolist()
        loop = forest.join(first, second, vector)
        if loop is None:
            state.tree.append(edge)
            # two sets that percolate along different lines may together fill a plane
            root, _ = forest.find(first)
            state.see(edge, float(strength[edge]), None, forest.vectors.get(root, []))
        elif any(loop):
            forest.grow(first, loop)
            root, _ = forest.find(first)
            state.see(edge, float(strength[edge]), loop, forest.vectors[root])
        if state.complete:
            break
    return Percolation(tuple(state.axes), tuple(state.dimensions), state.normal, tuple(state.tree))


class _State:
    """What `percolate` has seen so far."""

    def __init__(self) -> None:
        self.axes: list[Loop | None] = [None] * 3
        self.dimensions: list[Loop | None] = [None] * 3
        self.normal: Vector | None = None
        self.tree: list[int] = []

    @property
    def complete(self) -> bool:
        """Whether nothing can be added."""
        return all(self.axes) and all(self.dimensions)

    def see(self, edge: int, strength: float, loop: Vector | None, vectors: Sequence[Vector]) -> None:
        """Record what a link changed."""
        for rank in range(len(vectors)):
            if self.dimensions[rank] is None:
                self.dimensions[rank] = Loop(edge, strength, loop or vectors[rank])
                if rank == 1 and len(vectors) == 2:  # noqa: PLR2004 (two vectors make a plane)
                    self.normal = plane_of(*vectors)
        for axis in range(3):
            if self.axes[axis] is None and loop is not None and loop[axis]:
                self.axes[axis] = Loop(edge, strength, loop)


def plane_of(first: Vector, second: Vector) -> Vector:
    """Miller indices (h, k, l) of the plane of two lattice vectors, without a common divisor, first nonzero above 0."""
    cross = np.cross(first, second)
    whole = cross // max(int(np.gcd.reduce(np.abs(cross))), 1)
    leading = int(whole[np.flatnonzero(whole)[0]]) if whole.any() else 1
    h, k, m = (whole * np.sign(leading)).tolist()
    return h, k, m


def upright(vector: Vector) -> Vector:
    """The vector or its opposite: the one whose first component that is not zero is above zero."""
    leading = next((part for part in vector if part), 1)
    return vector if leading > 0 else minus(ZERO, vector)


def add(first: Vector, second: Vector) -> Vector:
    """Sum of two lattice vectors."""
    return first[0] + second[0], first[1] + second[1], first[2] + second[2]


def minus(first: Vector, second: Vector) -> Vector:
    """Difference of two lattice vectors."""
    return first[0] - second[0], first[1] - second[1], first[2] - second[2]


def _independent(vectors: Sequence[Vector]) -> list[Vector]:
    kept: list[Vector] = []
    for vector in vectors:
        if np.linalg.matrix_rank(np.array([*kept, vector])) > len(kept):
            kept.append(vector)
    return kept
