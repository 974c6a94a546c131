"""The gate between a calculation and the data set: every label passes it or is refused with a cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from superionic.labelling.schemas import Refusal
from superionic.stages import LabellingSettings

POSITION_TOLERANCE_A = 1e-3
"""A single point that moved an atom or a cell vector further than this is not of the structure asked for."""
STRESS_SHAPE = (3, 3)


def check_label(
    label: Any,  # noqa: ANN401 (LabelDoc, SinglePoint with a structure, or a mapping)
    *,
    settings: LabellingSettings | None = None,
    structure: Structure | None = None,
    level_of_theory: str | None = None,
) -> Refusal | None:
    """Judge one label.

    Parameters
    ----------
    label : LabelDoc or mapping or object
        Must offer `energy_eV`, `forces_eV_per_A` (n_atoms, 3), `stress_eV_per_A3` (3, 3), `structure` and
        `level_of_theory`, as attributes or keys; `converged`, where there is one, must be true.
    settings : LabellingSettings, optional
        Bounds of forces and stresses; the defaults if left out.
    structure : Structure, optional
        The structure that was to be labelled; compared with the label's own.
    level_of_theory : str, optional
        The level of theory that was asked for.

    Returns
    -------
    Refusal or None
        The first reason to refuse the label; None if it is admitted.
    """
    problem = _data_problem(label) or _mismatch(label, structure, level_of_theory)
    return problem or _excess(label, settings or LabellingSettings())


def _data_problem(label: Any) -> Refusal | None:  # noqa: ANN401
    """What is wrong with the label in itself."""
    if _read(label, "converged", default=True) is not True:
        return Refusal.NOT_CONVERGED
    own = _read(label, "structure")
    if own is None:
        return Refusal.MISSING_DATA
    energy = _numbers(_read(label, "energy_eV"), ())
    forces = _numbers(_read(label, "forces_eV_per_A"), (len(own), 3))
    stress = _numbers(_read(label, "stress_eV_per_A3"), STRESS_SHAPE)
    if energy is None or forces is None or stress is None:
        return Refusal.MISSING_DATA
    finite = all(np.isfinite(values).all() for values in (energy, forces, stress))
    return None if finite else Refusal.NOT_FINITE


def _mismatch(label: Any, structure: Structure | None, level_of_theory: str | None) -> Refusal | None:  # noqa: ANN401
    """Whether the label is of something else than what was asked for."""
    if structure is not None and not same_structure(_read(label, "structure"), structure):
        return Refusal.WRONG_STRUCTURE
    if level_of_theory is not None and _read(label, "level_of_theory") != level_of_theory:
        return Refusal.WRONG_LEVEL_OF_THEORY
    return None


def _excess(label: Any, bounds: LabellingSettings) -> Refusal | None:  # noqa: ANN401
    """Whether a force or stress is larger than any that a useful frame has."""
    if np.abs(_read(label, "forces_eV_per_A")).max() > bounds.max_force_eV_per_A:
        return Refusal.FORCE_TOO_LARGE
    if np.abs(_read(label, "stress_eV_per_A3")).max() > bounds.max_stress_eV_per_A3:
        return Refusal.STRESS_TOO_LARGE
    return None


def same_structure(first: Structure, second: Structure) -> bool:
    """Whether two structures have the same atoms in the same order at the same places, up to lattice translations."""
    if len(first) != len(second) or [s.specie.symbol for s in first] != [s.specie.symbol for s in second]:
        return False
    if not np.allclose(first.lattice.matrix, second.lattice.matrix, rtol=0.0, atol=POSITION_TOLERANCE_A):
        return False
    moved = first.frac_coords - second.frac_coords
    moved_A = (moved - np.round(moved)) @ first.lattice.matrix
    return bool(np.abs(moved_A).max() <= POSITION_TOLERANCE_A)


def _read(label: Any, name: str, default: Any = None) -> Any:  # noqa: ANN401
    return label.get(name, default) if isinstance(label, Mapping) else getattr(label, name, default)


def _numbers(value: Any, shape: tuple[int, ...] | None) -> NDArray[np.float64] | None:  # noqa: ANN401
    """The value as real numbers of the given shape; None if it is anything else."""
    if value is None or isinstance(value, bool | str):
        return None
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return array if array.shape == shape else None
