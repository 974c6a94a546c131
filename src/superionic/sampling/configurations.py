"""One vector per frame that tells configurations of one composition apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from superionic.potentials.atoms import to_atoms
from superionic.potentials.batch import features_many

DECIMALS = 6
"""As for the descriptors of orderings: far below any difference that matters to a selection."""


def pool_features(
    features: NDArray[np.float64], symbols: Sequence[str], elements: Sequence[str]
) -> NDArray[np.float64]:
    """Mean and standard deviation of the atomic features of each element, one element after the other.

    In frames of one MD run the mean environment hardly changes; how unlike each other the atoms of an element are does.

    Parameters
    ----------
    features : numpy.ndarray, (n_atoms, f)
        Invariant features of the atoms.
    symbols : sequence of str, (n_atoms,)
        Their elements.
    elements : sequence of str
        Elements of the vector; those that the structure lacks count as zero.

    Returns
    -------
    numpy.ndarray, (2 * f * n_elements,)
        Mean and standard deviation of the first element, and so on.
    """
    names = np.asarray(symbols)
    parts = []
    for element in elements:
        own = features[names == element]
        if len(own) == 0:
            own = np.zeros((1, features.shape[1]))
        parts += [own.mean(axis=0), own.std(axis=0)]
    return np.concatenate(parts)


def configuration_descriptors(
    structures: Sequence[Structure],
    calculator: Any,  # noqa: ANN401 (any calculator)
    elements: Sequence[str] | None = None,
) -> NDArray[np.float64]:
    """Descriptors of frames, for :func:`superionic.sampling.selection.choose`.

    Parameters
    ----------
    structures : sequence of Structure
        Frames, of one composition or of several.
    calculator : LightMACECalculator
        A potential with atomic features.
    elements : sequence of str, optional
        Elements of the vectors; by default all that occur.

    Returns
    -------
    numpy.ndarray, (n_structures, 2 * f * n_elements)
        One row per structure, rounded to six decimals.

    Raises
    ------
    InputError
        If the potential offers no atomic features, or does not know an element.
    """
    symbols = [[site.specie.symbol for site in structure] for structure in structures]
    known = list(elements) if elements is not None else sorted({symbol for names in symbols for symbol in names})
    features = features_many([to_atoms(structure) for structure in structures], calculator)
    rows = [pool_features(found, names, known) for found, names in zip(features, symbols, strict=True)]
    return np.round(rows, DECIMALS)
