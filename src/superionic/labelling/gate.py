"""The gate between a calculation and the data set: every label passes it or is refused with a cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pymatgen.core import Structure

from superionic.labelling.arrays import numbers, same_structure
from superionic.labelling.scan import STAND_IN
from superionic.labelling.schemas import Refusal
from superionic.labelling.vasp_calculation import is_task, read_task
from superionic.labelling.vasp_gate import ase_stress, judge_calculation, rehearsal
from superionic.stages import LabellingSettings

__all__ = ["check_label", "same_structure"]

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
    label : LabelDoc or mapping or TaskDoc
        A label, or a parsed VASP calculation (emmet's task document, or the same as plain data). A label must
        offer `energy_eV`, `forces_eV_per_A` (n_atoms, 3), `stress_eV_per_A3` (3, 3), `structure` and
        `level_of_theory`, as attributes or keys; `converged`, where there is one, must be true.
    settings : LabellingSettings, optional
        Bounds of forces and stresses; the defaults if left out.
    structure : Structure, optional
        The structure that was to be labelled; compared with the label's own, order of the atoms included. A task
        document may have it in VASP's order, too.
    level_of_theory : str, optional
        The level of theory that was asked for.

    Returns
    -------
    Refusal or None
        The first reason to refuse the label; None if it is admitted.
    """
    settings = settings or LabellingSettings()
    if is_task(label):
        return _check_task(label, settings, structure, level_of_theory)
    problem = _data_problem(label) or _mismatch(label, structure, level_of_theory) or _stand_in(label, settings)
    return problem or _excess(label, settings)


def _check_task(
    task: Any,  # noqa: ANN401
    settings: LabellingSettings,
    structure: Structure | None,
    level: str | None,
) -> Refusal | None:
    found = read_task(task)
    problem = judge_calculation(found, settings, structure, level)
    if problem is not None:
        return problem[0]
    label = {"forces_eV_per_A": found.forces_eV_per_A, "stress_eV_per_A3": ase_stress(found)}
    return _excess(label, settings)


def _stand_in(label: Any, settings: LabellingSettings) -> Refusal | None:  # noqa: ANN401
    """A label of the VASP stand-in carries its name; only a rehearsal admits it."""
    named = str(_read(label, "level_of_theory", "")).startswith(STAND_IN)
    return Refusal.STAND_IN if named and not rehearsal(settings) else None


def _data_problem(label: Any) -> Refusal | None:  # noqa: ANN401
    """What is wrong with the label in itself."""
    if _read(label, "converged", default=True) is not True:
        return Refusal.NOT_CONVERGED
    own = _read(label, "structure")
    if own is None:
        return Refusal.MISSING_DATA
    energy = numbers(_read(label, "energy_eV"), ())
    forces = numbers(_read(label, "forces_eV_per_A"), (len(own), 3))
    stress = numbers(_read(label, "stress_eV_per_A3"), STRESS_SHAPE)
    if energy is None or forces is None or stress is None:
        own_cause = _read(label, "refusal")  # why a refused label has no data
        return Refusal(own_cause) if own_cause else Refusal.MISSING_DATA
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


def _read(label: Any, name: str, default: Any = None) -> Any:  # noqa: ANN401
    return label.get(name, default) if isinstance(label, Mapping) else getattr(label, name, default)
