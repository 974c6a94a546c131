"""The gate for a parsed VASP calculation: what pymatgen and emmet call successful is not enough.

A soft-stopped self-consistency cycle, missing forces, an infinite energy and tags that custodian changed all pass as
"successful" there (docs/methods/labels.md). Whatever is not as it was asked for is refused, missing evidence too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from superionic.labelling.arrays import numbers, same_structure
from superionic.labelling.ordering import for_vasp
from superionic.labelling.scan import (
    RUN_TYPES,
    STAND_IN,
    defining_incar,
    functional,
    is_defining,
    level_of_theory,
    potcar_symbols,
    spin_of,
)
from superionic.labelling.schemas import Refusal
from superionic.labelling.vasp_calculation import KBAR_PER_EV_PER_A3, VaspCalculation
from superionic.stages import LabellingSettings

Problem = tuple[Refusal, str]
SCF_FACTOR: Final = 10.0
"""The last electronic step may change the energy by this many EDIFF; VASP itself stops below one."""
MIN_SCF_STEPS: Final = 2
COPY_TOLERANCE: Final = 1e-6
"""Two copies of one number in a task document must agree to this, eV, eV/A or kbar."""
REHEARSAL_VARIABLE: Final = "SUPERIONIC_REHEARSAL"
PREC_LETTERS: Final = 5
"""VASP shortens PREC = Accurate to accura."""
ABSENT: Final = (None, False, "--", "", 0, "F")


def judge_calculation(
    found: VaspCalculation, settings: LabellingSettings, structure: Structure | None = None, asked: str | None = None
) -> Problem | None:
    """Judge a VASP calculation.

    Parameters
    ----------
    found : VaspCalculation
        The calculation as it was parsed.
    settings : LabellingSettings
        What was asked for.
    structure : Structure, optional
        The structure that was to be labelled; the calculation may hold it in this order or in VASP's.
    asked : str, optional
        Level of theory that was asked for; that of the settings if left out.

    Returns
    -------
    tuple or None
        The first reason to refuse, with details; None if the calculation is what was asked for.
    """
    tests: tuple[Callable[[], Problem | None], ...] = (
        lambda: _code(found, settings),
        lambda: _missing(found),
        lambda: _not_finite(found),
        lambda: _end(found),
        lambda: _scf(found),
        lambda: _method(found, settings, asked),
        lambda: _settings(found, settings),
        lambda: _potcars(found, settings),
        lambda: _atoms(found, structure),
        lambda: _copies(found),
    )
    return next((problem for problem in (test() for test in tests) if problem), None)


def rehearsal(settings: LabellingSettings) -> bool:
    """Whether output of the stand-in is admitted: by the spec, or by SUPERIONIC_REHEARSAL for all specs."""
    return settings.rehearsal or os.environ.get(REHEARSAL_VARIABLE, "").lower() in {"1", "true", "yes", "on"}


def is_stand_in(found: VaspCalculation) -> bool:
    """Whether something else than VASP made the output; VASP's version starts with a number."""
    version = (found.code_version or "").lower()
    return "fake" in version or not re.match(r"\d+\.\d", version)


def calculated_level(found: VaspCalculation, settings: LabellingSettings) -> str:
    """The level of theory by which the label must go."""
    return level_of_theory(settings.vasp, stand_in=is_stand_in(found))


def ase_stress(found: VaspCalculation) -> NDArray[np.float64]:
    """Stress in eV/A^3 with ASE's sign: VASP's is positive under compression, ASE's under tension."""
    return -np.asarray(found.stress_kbar, dtype=np.float64) / KBAR_PER_EV_PER_A3


def _code(found: VaspCalculation, settings: LabellingSettings) -> Problem | None:
    if found.code_version is None:
        return Refusal.MISSING_DATA, "the output does not say which program wrote it"
    if is_stand_in(found) and not rehearsal(settings):
        return Refusal.STAND_IN, (
            f"written by version {found.code_version!r}, which is not VASP ({STAND_IN}?). Set ATOMATE2_VASP_CMD to "
            "VASP, or write `labelling: {rehearsal: true}` into the spec if this is a test"
        )
    return None


def _missing(found: VaspCalculation) -> Problem | None:
    if found.structure is None:
        return Refusal.MISSING_DATA, "structure"
    wanted = {
        "state": found.state,
        "run type": found.run_type,
        "stop flag of the OUTCAR": found.stopped,
        "energy": numbers(found.energy_eV, ()),
        "forces": numbers(found.forces_eV_per_A, (len(found.structure), 3)),
        "stress": numbers(found.stress_kbar, (3, 3)),
        "electronic steps": numbers(found.scf_energies_eV or None, (len(found.scf_energies_eV),)),
        "INCAR": found.incars or None,
        "POTCAR titles": found.potcar_titles or None,
    }
    wanted |= {f"summary of the {name}": copy for name, (copy, _) in found.copies.items()}
    lacking = [name for name, value in wanted.items() if value is None]
    if found.n_ionic_steps != 1:
        lacking.append(f"exactly one ionic step (there are {found.n_ionic_steps})")
    return (Refusal.MISSING_DATA, ", ".join(lacking)) if lacking else None


def _not_finite(found: VaspCalculation) -> Problem | None:
    values = {
        "energy": found.energy_eV,
        "forces": found.forces_eV_per_A,
        "stress": found.stress_kbar,
        "energies of the electronic steps": found.scf_energies_eV,
    }
    wrong = [name for name, value in values.items() if not np.isfinite(np.asarray(value, dtype=np.float64)).all()]
    return (Refusal.NOT_FINITE, ", ".join(wrong)) if wrong else None


def _end(found: VaspCalculation) -> Problem | None:
    if found.stopped is not False:
        return Refusal.STOPPED, "a STOPCAR ended the run (wall time?); its self-consistency cycle may be cut short"
    if found.state != "successful":
        return Refusal.NOT_CONVERGED, f"state {found.state}"
    return None


def _scf(found: VaspCalculation) -> Problem | None:
    """Own test of convergence: pymatgen takes any cycle shorter than NELM for converged."""
    energies = [float(energy) for energy in found.scf_energies_eV]
    if len(energies) < MIN_SCF_STEPS:
        return Refusal.NOT_CONVERGED, f"{len(energies)} electronic step(s) cannot show convergence"
    ediff = numbers(found.tag("EDIFF"), ())
    if ediff is None:
        return Refusal.MISSING_DATA, "EDIFF"
    *_, (before, last) = pairwise(energies)
    change, limit = abs(last - before), SCF_FACTOR * float(ediff)
    if change > limit:
        return Refusal.NOT_CONVERGED, f"the last electronic step changed the energy by {change:.2g} eV, limit {limit:g}"
    if abs(float(found.energy_eV) - last) > limit:
        return Refusal.INCONSISTENT, f"energy {found.energy_eV} eV, but the last electronic step has {last} eV"
    return None


def _method(found: VaspCalculation, settings: LabellingSettings, asked: str | None) -> Problem | None:
    wanted = RUN_TYPES[functional(settings.vasp)]
    if str(found.run_type).upper() != wanted.upper():
        return Refusal.WRONG_LEVEL_OF_THEORY, f"functional {found.run_type}, asked for {wanted}"
    allowed = {level_of_theory(settings.vasp), calculated_level(found, settings)}
    if asked is not None and asked not in allowed:
        return Refusal.WRONG_LEVEL_OF_THEORY, f"{calculated_level(found, settings)}, asked for {asked}"
    return None


def _settings(found: VaspCalculation, settings: LabellingSettings) -> Problem | None:
    """Compare the label-defining tags of what was run, after custodian's corrections, with what was asked for."""
    assert found.structure is not None
    wanted = defining_incar(settings.vasp, spin_of(settings.vasp, _symbols(found.structure)))
    wrong = [_difference(tag, value, found) for tag, value in wanted.items()]
    for incar in found.incars:
        strange = {tag: value for tag, value in incar.items() if is_defining(tag) and tag not in {*wanted, "MAGMOM"}}
        wrong += [f"{tag} = {value}, not asked for" for tag, value in strange.items() if value not in ABSENT]
    problems = ", ".join(dict.fromkeys(text for text in wrong if text))
    return (Refusal.WRONG_SETTINGS, problems) if problems else None


def _difference(tag: str, wanted: Any, found: VaspCalculation) -> str:  # noqa: ANN401 (INCAR values)
    values = [incar[tag] for incar in found.incars if tag in incar] or [found.tag(tag)]
    for value in values:
        if not same_value(tag, wanted, value):
            return f"{tag} = {value}, asked for {wanted}"
    return ""


def same_value(tag: str, wanted: Any, found: Any) -> bool:  # noqa: ANN401 (INCAR values)
    """Whether an INCAR value is the one asked for; a tighter EDIFF is as good."""
    if wanted is None or found is None:
        return found in ABSENT and wanted in ABSENT and (wanted is None or tag in {"LDAU", "ADDGRID"})
    if tag == "LREAL" or isinstance(wanted, bool) or isinstance(found, bool):
        return str(found).strip(". ").upper()[:1] == str(wanted).upper()[:1]
    if isinstance(wanted, str):
        length = PREC_LETTERS if tag == "PREC" else None
        return str(found).strip().upper()[:length] == wanted.upper()[:length]
    values = numbers(found, np.shape(wanted))
    if values is None:
        return False
    if tag == "EDIFF":
        return bool(0 < values <= wanted * (1 + 1e-6))
    return bool(np.allclose(values, wanted, rtol=1e-6, atol=1e-9))


def _potcars(found: VaspCalculation, settings: LabellingSettings) -> Problem | None:
    assert found.structure is not None
    wanted = potcar_symbols(settings.vasp, list(dict.fromkeys(_symbols(found.structure))))
    titles = [title.split() for title in found.potcar_titles]
    used = [title[1] if len(title) > 1 else title[0] for title in titles]
    other = [" ".join(title) for title in titles if len(title) > 1 and title[0] != "PAW_PBE"]
    if sorted(used) != sorted(wanted) or other:
        return Refusal.WRONG_POTCAR, f"{', '.join(found.potcar_titles)}; asked for {', '.join(wanted)} (PAW_PBE)"
    return None


def _atoms(found: VaspCalculation, structure: Structure | None) -> Problem | None:
    own = found.structure
    assert own is not None
    if any(not same_structure(own, other) for other in found.structures):
        return Refusal.WRONG_STRUCTURE, "the structures inside the task document differ"
    if structure is None or same_structure(own, structure) or same_structure(own, for_vasp(structure).structure):
        return None
    return Refusal.WRONG_STRUCTURE, f"{own.formula}: not the atoms, places or cell that were sent in"


def _copies(found: VaspCalculation) -> Problem | None:
    for name, (copy, original) in found.copies.items():
        first, second = numbers(copy, np.shape(original)), numbers(original, np.shape(original))
        if first is None or second is None or not np.allclose(first, second, rtol=0.0, atol=COPY_TOLERANCE):
            return Refusal.INCONSISTENT, f"two copies of the {name} in the task document differ"
    return None


def _symbols(structure: Structure) -> list[str]:
    return [site.specie.symbol for site in structure]
