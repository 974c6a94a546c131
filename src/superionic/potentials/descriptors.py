"""One vector per structure that tells orderings apart: pooled atomic features of a potential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from superionic.potentials.atoms import to_atoms
from superionic.potentials.batch import features_many

DECIMALS = 6
"""Descriptors are kept to this precision, far below any difference that matters to a selection."""


def pooled_descriptor(structure: Structure, calculator: Any) -> NDArray[np.float64]:  # noqa: ANN401 (any calculator)
    """Mean invariant features of each element, one element after the other.

    Means keep the descriptor independent of the size of the cell and of the order of the atoms.

    Parameters
    ----------
    structure : Structure
        An ordered structure.
    calculator : LightMACECalculator
        A potential with atomic features.

    Returns
    -------
    numpy.ndarray, (n_elements * n_features,)
        Elements in alphabetical order.

    Raises
    ------
    InputError
        If the potential offers no atomic features.
    """
    (pooled,) = _pooled([structure], calculator)
    return pooled


def descriptor_matrix(structures: Sequence[Structure], calculator: Any) -> NDArray[np.float64]:  # noqa: ANN401
    """Pooled descriptors of several structures of one set of elements, computed in batches.

    Parameters
    ----------
    structures, calculator
        As for :func:`pooled_descriptor`.

    Returns
    -------
    numpy.ndarray, (n_structures, n_elements * n_features)
        One row per structure, rounded to six decimals.
    """
    return np.round(_pooled(structures, calculator), DECIMALS)


def _pooled(structures: Sequence[Structure], calculator: Any) -> list[NDArray[np.float64]]:  # noqa: ANN401
    pooled = []
    atoms = [to_atoms(structure) for structure in structures]
    for image, features in zip(atoms, features_many(atoms, calculator), strict=True):
        symbols = np.asarray(image.get_chemical_symbols())
        means = [features[symbols == symbol].mean(axis=0) for symbol in sorted(set(symbols.tolist()))]
        pooled.append(np.concatenate(means))
    return pooled
