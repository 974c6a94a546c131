"""Parts of a diffusion tensor: in space, along the cell vectors, in the planes between them."""

from collections.abc import Callable

import numpy as np

from superionic.transport.displacement import Array

AXES = ("a", "b", "c")
PLANES = ("ab", "ac", "bc")
Part = Callable[[Array], Array]


def isotropic(tensors: Array) -> Array:
    """Mean over three orthogonal directions, tr(D) / 3.

    Parameters
    ----------
    tensors : numpy.ndarray, (n, 3, 3)
        Diffusion tensors in Cartesian coordinates.

    Returns
    -------
    numpy.ndarray, (n,)
        Scalars, in the unit of the tensors.
    """
    return np.asarray(np.trace(tensors, axis1=1, axis2=2) / 3.0, dtype=np.float64)


def along(unit: Array) -> Part:
    """Diffusivity along a direction u, u^T D u.

    Parameters
    ----------
    unit : numpy.ndarray, (3,)
        Unit vector.

    Returns
    -------
    callable
        Takes tensors (n, 3, 3) to scalars (n,).
    """
    return lambda tensors: np.asarray(np.einsum("i,nij,j->n", unit, tensors, unit), dtype=np.float64)


def in_plane(normal: Array) -> Part:
    """Mean over two orthogonal directions in a plane with normal n, (tr D - n^T D n) / 2.

    Parameters
    ----------
    normal : numpy.ndarray, (3,)
        Unit vector normal to the plane.

    Returns
    -------
    callable
        Takes tensors (n, 3, 3) to scalars (n,).
    """
    out_of_plane = along(normal)
    return lambda tensors: 1.5 * isotropic(tensors) - 0.5 * out_of_plane(tensors)


def all_parts(lattice_A: Array) -> list[Part]:
    """Isotropic part, then the axes a, b, c, then the planes ab, ac, bc.

    Parameters
    ----------
    lattice_A : numpy.ndarray, (3, 3)
        Cell vectors in the rows, in angstrom.

    Returns
    -------
    list of callable
        Each takes tensors (n, 3, 3) to scalars (n,).
    """
    units = lattice_A / np.linalg.norm(lattice_A, axis=1, keepdims=True)
    normals = [np.cross(units[i], units[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    planes = [in_plane(normal / np.linalg.norm(normal)) for normal in normals]
    return [isotropic, *(along(unit) for unit in units), *planes]
