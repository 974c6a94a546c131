"""Comparisons that every gate uses."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

POSITION_TOLERANCE_A: Final = 1e-3
"""A single point that moved an atom or a cell vector further than this is not of the structure asked for."""


def same_structure(first: Structure, second: Structure) -> bool:
    """Whether two structures have the same atoms in the same order at the same places, up to lattice translations."""
    if len(first) != len(second) or [s.specie.symbol for s in first] != [s.specie.symbol for s in second]:
        return False
    if not np.allclose(first.lattice.matrix, second.lattice.matrix, rtol=0.0, atol=POSITION_TOLERANCE_A):
        return False
    moved = first.frac_coords - second.frac_coords
    moved_A = (moved - np.round(moved)) @ first.lattice.matrix
    return bool(np.abs(moved_A).max() <= POSITION_TOLERANCE_A)


def numbers(value: Any, shape: tuple[int, ...]) -> NDArray[np.float64] | None:  # noqa: ANN401
    """The value as real numbers of the given shape; None if it is anything else."""
    if value is None or isinstance(value, bool | str):
        return None
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return array if array.shape == shape else None
