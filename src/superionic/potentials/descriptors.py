"""One vector per structure that tells orderings apart: pooled atomic features of a potential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from superionic.errors import InputError
from superionic.potentials.atoms import to_atoms

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
        A potential with ``invariant_features(atoms)``.

    Returns
    -------
    numpy.ndarray, (n_elements * n_features,)
        Elements in alphabetical order.

    Raises
    ------
    InputError
        If the potential offers no atomic features.
    """
    if not hasattr(calculator, "invariant_features"):
        raise InputError(f"{type(calculator).__name__} has no atomic features; use a MACE potential for screening")
    atoms = to_atoms(structure)
    features = calculator.invariant_features(atoms)
    symbols = np.asarray(atoms.get_chemical_symbols())
    return np.concatenate([features[symbols == symbol].mean(axis=0) for symbol in sorted(set(symbols.tolist()))])


def descriptor_matrix(structures: Sequence[Structure], calculator: Any) -> NDArray[np.float64]:  # noqa: ANN401
    """Pooled descriptors of several structures of one set of elements.

    Returns
    -------
    numpy.ndarray, (n_structures, n_elements * n_features)
        One row per structure, rounded to six decimals.
    """
    return np.round([pooled_descriptor(structure, calculator) for structure in structures], DECIMALS)
