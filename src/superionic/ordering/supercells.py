"""Supercell lattices: which are there, which are equivalent, which is the most compact.

The sublattices of index n of a lattice are in one-to-one correspondence with the Hermite normal
forms of determinant n (G. L. W. Hart and R. W. Forcade, Phys. Rev. B 77, 224115 (2008)). Rows are
supercell vectors in units of the cell's vectors, as everywhere in this domain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import floor

import numpy as np
from pymatgen.core import Structure

from superionic.errors import OrderingError
from superionic.ordering.cell import ReferenceCell
from superionic.ordering.lattices import FloatArray, IntArray, supercell_matrix
from superionic.supercell_choice import SupercellShape

LENGTH_TOLERANCE = 1e-6
"""Relative difference below which two lengths count as equal."""
ROUNDING = 1e-9


def hermite_forms(size: int) -> IntArray:
    """Return all Hermite normal forms of a determinant.

    Parameters
    ----------
    size : int
        Number of cells in the supercell.

    Returns
    -------
    ndarray of int, shape (n, 3, 3)
        Upper triangular matrices as :func:`superionic.ordering.lattices.hermite_normal_form`
        writes them; their number is the sum of ``d * sigma(d)`` over the divisors d of ``size``.
    """
    forms = [
        [[a, b, c], [0, d, e], [0, 0, f]]
        for a, d, f in _factorisations(size)
        for b, c, e in product(range(d), range(f), range(f))
    ]
    return np.array(forms, dtype=np.int64)


def _factorisations(size: int) -> Iterator[tuple[int, int, int]]:
    divisors = [d for d in range(1, size + 1) if size % d == 0]
    for a in divisors:
        for d in divisors:
            if size % (a * d) == 0:
                yield a, d, size // (a * d)


def distinct_forms(forms: IntArray, rotations: IntArray) -> IntArray:
    """Return one Hermite normal form of each set that rotations map onto each other.

    Parameters
    ----------
    forms : ndarray of int, shape (n, 3, 3)
        All Hermite normal forms of one determinant.
    rotations : ndarray of int, shape (n_operations, 3, 3)
        Point group in fractional coordinates (acting on columns); repeats do no harm.

    Returns
    -------
    ndarray of int, shape (n_distinct, 3, 3)
        The first form of each set.
    """
    size = round(float(np.linalg.det(forms[0])))
    adjugates = np.rint(np.linalg.inv(forms) * size).astype(np.int64)
    unique = np.unique(rotations, axis=0)
    left = np.ones(len(forms), dtype=bool)
    kept = []
    for number, form in enumerate(forms):
        if not left[number]:
            continue
        kept.append(number)
        moved = form @ unique.transpose(0, 2, 1)
        # A lattice contains another of the same index, and is it, when all coordinates are integers.
        coordinates = np.einsum("gij,njk->gnik", moved, adjugates)
        left &= ~np.any(np.all(coordinates % size == 0, axis=(2, 3)), axis=0)
    return forms[kept]


def reduced_matrix(lattice_A: FloatArray, matrix: IntArray) -> IntArray:
    """Return the shortest right-handed vectors that span a supercell lattice.

    Parameters
    ----------
    lattice_A : ndarray, shape (3, 3)
        Cell vectors as rows, in angstrom.
    matrix : ndarray of int, shape (3, 3)
        Any vectors (rows) of the supercell, in units of the cell's.

    Returns
    -------
    ndarray of int, shape (3, 3)
        Minkowski-reduced vectors. Among equally short ones those with angles of one kind (all acute
        or none) and small integers are taken, as close to the cell's own vectors as possible.
    """
    basis = _minkowski(lattice_A, matrix)
    lengths = np.sort(np.linalg.norm(basis @ lattice_A, axis=1))
    coefficients = np.array([c for c in product((-1, 0, 1), repeat=3) if any(c)], dtype=np.int64)
    vectors = coefficients @ basis
    norms = np.linalg.norm(vectors @ lattice_A, axis=1)
    short = vectors[np.any(np.abs(norms[:, None] - lengths) <= LENGTH_TOLERANCE * lengths, axis=1)]
    triples = np.array(list(product(range(len(short)), repeat=3)), dtype=np.int64)
    candidates = short[triples]
    sizes = np.linalg.norm(candidates @ lattice_A, axis=2)
    alike = np.all(np.abs(np.sort(sizes, axis=1) - lengths) <= LENGTH_TOLERANCE * lengths, axis=1)
    volume = abs(round(float(np.linalg.det(matrix))))
    right = np.abs(np.linalg.det(candidates) - volume) < 0.5  # noqa: PLR2004 -- integers
    chosen = candidates[alike & right]
    best: IntArray = chosen[np.lexsort(_strangeness(lattice_A, chosen))[0]]
    return best


def _strangeness(lattice_A: FloatArray, matrices: IntArray) -> IntArray:
    """Sort keys of readability, the last one first: angles of one kind, small numbers, like the cell's own vectors."""
    vectors = matrices @ lattice_A
    products = np.einsum("nix,njx->nij", vectors, vectors)[:, [0, 0, 1], [1, 2, 2]]
    limit = LENGTH_TOLERANCE * float(np.square(lattice_A).sum())
    mixed = (products.min(axis=1) < -limit) & (products.max(axis=1) > limit)
    trace = np.trace(matrices, axis1=1, axis2=2)
    flat = -matrices.reshape(len(matrices), 9)
    keys: IntArray = np.stack([*flat.T[::-1], -trace, np.abs(flat).sum(axis=1), mixed.astype(np.int64)])
    return keys


def _minkowski(lattice_A: FloatArray, matrix: IntArray) -> IntArray:
    """Reduce three vectors greedily (P. Q. Nguyen and D. Stehle, ACM Trans. Algorithms 5, 46 (2009))."""
    # Plain numbers: thousands of lattices are compared, and numpy is slow for three of them at a time.
    metric = Metric((lattice_A @ lattice_A.T).tolist())
    basis: list[list[int]] = matrix.tolist()
    while True:
        basis.sort(key=metric.square)
        basis[1] = metric.shortened(basis[1], basis[:1])
        if metric.shorter(basis[1], basis[0]):
            continue
        basis[2] = metric.shortened(basis[2], basis[:2])
        if not metric.shorter(basis[2], basis[1]):
            return np.array(basis, dtype=np.int64)


@dataclass(frozen=True)
class Metric:
    """Lengths of integer vectors.

    Attributes
    ----------
    tensor_A2 : list of list of float
        Scalar products of the cell vectors, in square angstrom.
    """

    tensor_A2: list[list[float]]

    def dot(self, u: Sequence[int], v: Sequence[int]) -> float:
        """Scalar product, square angstrom."""
        (aa, ab, ac), (_, bb, bc), (_, _, cc) = self.tensor_A2
        mixed = ab * (u[0] * v[1] + u[1] * v[0]) + ac * (u[0] * v[2] + u[2] * v[0]) + bc * (u[1] * v[2] + u[2] * v[1])
        return aa * u[0] * v[0] + bb * u[1] * v[1] + cc * u[2] * v[2] + mixed

    def square(self, u: Sequence[int]) -> float:
        """Squared length, square angstrom."""
        return self.dot(u, u)

    def shorter(self, u: Sequence[int], v: Sequence[int]) -> bool:
        """Whether u is shorter than v by more than rounding."""
        return self.square(u) < self.square(v) * (1 - LENGTH_TOLERANCE)

    def shortened(self, vector: list[int], others: list[list[int]]) -> list[int]:
        """Subtract the lattice vector of the others' span (one or two of them) that is closest to a vector."""
        along = [self.dot(other, vector) for other in others]
        squares = [self.square(other) for other in others]
        if len(others) == 1:
            exact = [along[0] / squares[0]]
        else:
            mixed = self.dot(*others)
            volume = squares[0] * squares[1] - mixed * mixed
            exact = [
                (along[0] * squares[1] - along[1] * mixed) / volume,
                (along[1] * squares[0] - along[0] * mixed) / volume,
            ]
        options = [
            [
                x - sum(n * other[axis] for n, other in zip(numbers, others, strict=True))
                for axis, x in enumerate(vector)
            ]
            for numbers in product(*((floor(x + ROUNDING), floor(x + ROUNDING) + 1) for x in exact))
        ]
        return min(options, key=lambda option: round(self.square(option), 9))


def compact_supercell(lattice_A: FloatArray, size: int) -> IntArray:
    """Return the most compact supercell of a given number of cells.

    Parameters
    ----------
    lattice_A : ndarray, shape (3, 3)
        Cell vectors as rows, in angstrom.
    size : int
        Number of cells in the supercell.

    Returns
    -------
    ndarray of int, shape (3, 3)
        The supercell whose nearest periodic images are furthest apart, among equals the least
        skewed one, as reduced right-handed vectors. Whole multiples of the cell's own vectors
        (and a single cell) are written as such.

    Raises
    ------
    OrderingError
        If ``size`` is no positive integer.
    """
    if size < 1:
        raise OrderingError(f"size is {size}; a supercell holds at least 1 cell.")
    if size == 1:
        return np.eye(3, dtype=np.int64)
    lattice_A = np.asarray(lattice_A, dtype=np.float64)
    return _readable(lattice_A, min(hermite_forms(size), key=lambda form: _stretch(lattice_A, form)))


def hermite_supercells(structure: Structure, max_size: int, *, symprec_A: float = 0.01) -> list[IntArray]:
    """Return all symmetry-distinct supercells of a disordered structure up to a size.

    Parameters
    ----------
    structure : Structure
        Disordered pymatgen Structure; its space group decides what is equivalent.
    max_size : int
        Largest number of cells in a supercell.
    symprec_A : float
        Distance tolerance of the symmetry search, in angstrom.

    Returns
    -------
    list of ndarray of int, shape (3, 3)
        Supercells in their most compact form, the smallest first, among equal sizes the most
        compact first. Every superlattice of up to ``max_size`` cells is equivalent to one of them.

    Raises
    ------
    OrderingError
        If ``max_size`` is no positive integer or the structure has no symmetry.
    """
    if max_size < 1:
        raise OrderingError(f"max_size is {max_size}; a supercell holds at least 1 cell.")
    return [cell for size in range(1, max_size + 1) for cell in supercells_of_size(structure, size, symprec_A)]


def supercells_of_size(structure: Structure, size: int, symprec_A: float = 0.01) -> list[IntArray]:
    """Return the symmetry-distinct supercells of one size, the most compact first.

    Parameters
    ----------
    structure : Structure
        The disordered crystal.
    size : int
        Number of its cells.
    symprec_A : float
        Tolerance of the symmetry search, A.
    """
    if size == 1:
        return [np.eye(3, dtype=np.int64)]
    reference = ReferenceCell.of(structure, merge_equal_orbits=True, symprec_A=symprec_A)
    forms = distinct_forms(hermite_forms(size), reference.operations.rotations)
    return _compact_first(np.array(structure.lattice.matrix, dtype=np.float64), forms)


def _compact_first(lattice_A: FloatArray, forms: IntArray) -> list[IntArray]:
    return [_readable(lattice_A, form) for form in sorted(forms, key=lambda form: _stretch(lattice_A, form))]


def _readable(lattice_A: FloatArray, form: IntArray) -> IntArray:
    return form if _is_diagonal(form) else reduced_matrix(lattice_A, form)


def _stretch(lattice_A: FloatArray, form: IntArray) -> tuple[float, float, bool, tuple[int, ...]]:
    """Sort key of compactness: distance of the nearest images, then skewness, both rounded; then simplicity."""
    lengths = np.linalg.norm(_minkowski(lattice_A, form) @ lattice_A, axis=1)
    numbers = tuple((-form).ravel().tolist())
    return -round(float(lengths[0]), 5), round(float(np.prod(lengths)), 4), not _is_diagonal(form), numbers


def _is_diagonal(matrix: IntArray) -> bool:
    return bool(np.count_nonzero(matrix) == np.count_nonzero(np.diag(matrix)))


def supercell_size(supercell: Sequence[int] | Sequence[Sequence[int]]) -> int:
    """Return the number of cells in a supercell given as three integers or as a matrix."""
    return round(float(np.linalg.det(supercell_matrix(supercell))))


def supercell_shape(matrix: IntArray) -> SupercellShape:
    """Return a supercell as plain integers: three of them where the matrix is diagonal, else three rows."""
    rows = [[int(x) for x in row] for row in matrix]
    if all(rows[i][j] == 0 for i in range(3) for j in range(3) if i != j):
        return rows[0][0], rows[1][1], rows[2][2]
    a, b, c = ((row[0], row[1], row[2]) for row in rows)
    return a, b, c


def supercell_label(supercell: Sequence[int] | Sequence[Sequence[int]]) -> str:
    """Write a supercell as text: ``1x1x2``, or ``1,1,0;0,1,0;0,0,2`` where it is not diagonal."""
    shape = supercell_shape(supercell_matrix(supercell))
    if isinstance(shape[0], int):
        return "x".join(map(str, shape))
    return ";".join(",".join(map(str, row)) for row in shape)


def parse_supercell(text: str) -> SupercellShape:
    """Read a supercell written as by :func:`supercell_label`.

    Parameters
    ----------
    text : str
        ``1x1x2``, or the rows of a matrix such as ``1,1,0;0,1,0;0,0,2``.

    Returns
    -------
    tuple
        Three integers, or three rows of three.

    Raises
    ------
    OrderingError
        If the text is neither or describes no right-handed supercell.
    """
    try:
        if ";" in text:
            return supercell_shape(supercell_matrix([[int(n) for n in row.split(",")] for row in text.split(";")]))
        return supercell_shape(supercell_matrix([int(n) for n in text.lower().split("x")]))
    except ValueError as error:
        raise OrderingError(
            f"Supercell {text!r} is not readable; write e.g. 1x1x2, or the rows of a matrix: 1,1,0;0,1,0;0,0,2"
        ) from error
