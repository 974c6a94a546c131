"""Faults that the stand-in (NOT VASP) shows on demand, and where the demand comes from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from superionic.labelling.fake_vasp.inputs import InputFileError, Inputs

STATE_FILE: Final = "superionic-fake-vasp.json"
"""Lies in the run folder and counts the runs there, so that custodian's next attempt meets the next fault."""


class Fault(StrEnum):
    """What can go wrong."""

    OK = "ok"
    UNCONVERGED = "unconverged"
    UNCONVERGED_ALWAYS = "unconverged_always"
    SUBSPACE = "subspace"
    EDDDAV = "edddav"
    ZBRENT = "zbrent"
    BRMIX = "brmix"
    EDDRMM = "eddrmm"
    GRAD_NOT_ORTH = "grad_not_orth"
    ALGO_TET = "algo_tet"
    ZPOTRF = "zpotrf"
    REAL_OPTLAY = "real_optlay"
    TOO_FEW_BANDS = "too_few_bands"
    IBZKPT = "ibzkpt"
    METAL = "metal"
    TRUNCATED = "truncated"
    CRASH = "crash"
    FROZEN = "frozen"
    HANG = "hang"
    SLOW = "slow"
    SOFT_STOP = "soft_stop"
    HARD_STOP = "hard_stop"
    WALL_TIME = "wall_time"
    NO_FORCES = "no_forces"
    NO_STRESS = "no_stress"
    NAN_FORCES = "nan_forces"


MESSAGES: Final[dict[Fault, str]] = {
    Fault.SUBSPACE: "WARNING: Sub-Space-Matrix is not hermitian in DAV            3",
    Fault.EDDDAV: "Error EDDDAV: Call to ZHEGV failed. Returncode =  28 1  29",
    Fault.ZBRENT: "ZBRENT: fatal error in bracketing",
    Fault.BRMIX: "BRMIX: very serious problems the old and the new charge density differ",
    Fault.EDDRMM: "WARNING in EDDRMM: call to ZHEGV failed, returncode =   6  2     19",
    Fault.GRAD_NOT_ORTH: "EDWAV: internal error, the gradient is not orthogonal",
    Fault.ALGO_TET: "WARNING: ALGO=A and IALGO=5X tend to fail",
    Fault.ZPOTRF: "LAPACK: Routine ZPOTRF failed!",
    Fault.REAL_OPTLAY: "REAL_OPTLAY: internal error (1)",
    Fault.TOO_FEW_BANDS: "TOO FEW BANDS",
    Fault.IBZKPT: "not all point group operations associated with the symmetry",
}
"""The line on standard output by which custodian knows the fault."""

WARNINGS: Final = frozenset({Fault.SUBSPACE, Fault.ALGO_TET})
"""After these VASP goes on and may well end with a correct result; the other messages end the run."""


@dataclass(frozen=True)
class PlannedFault:
    """One fault, perhaps bound to the value of an INCAR tag.

    Attributes
    ----------
    fault : Fault
        What happens.
    tag, value : str
        The fault happens only while this tag has this value; always if `tag` is empty.
    """

    fault: Fault
    tag: str = ""
    value: str = ""

    def applies(self, incar: dict[str, str]) -> bool:
        """Whether a run with this INCAR meets the fault."""
        return not self.tag or incar.get(self.tag, "").upper() == self.value.upper()


def parse_faults(text: str) -> list[PlannedFault]:
    """Read a comma list such as ``unconverged,ok`` or ``unconverged_always@ALGO=All``.

    Raises
    ------
    InputFileError
        If a name is not known.
    """
    return [_planned(item.strip()) for item in text.split(",") if item.strip()]


def _planned(item: str) -> PlannedFault:
    name, _, condition = item.partition("@")
    tag, _, value = condition.partition("=")
    try:
        return PlannedFault(Fault(name.strip().lower()), tag.strip().upper(), value.strip())
    except ValueError as error:
        raise InputFileError(f"{name!r} is no fault: choose from {', '.join(Fault)}") from error


def planned_faults(environment: dict[str, str], inputs: Inputs) -> list[PlannedFault]:
    """The faults of a structure: from the list for all, else from the fault file.

    Raises
    ------
    InputFileError
        If list or file cannot be read.
    """
    if environment.get("SUPERIONIC_FAKE_VASP_FAULTS"):
        return parse_faults(environment["SUPERIONIC_FAKE_VASP_FAULTS"])
    name = environment.get("SUPERIONIC_FAKE_VASP_FAULT_FILE")
    if not name:
        return []
    try:
        plan = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputFileError(f"the fault file {name} is not readable: {error}") from error
    return parse_faults(_chosen(plan, inputs.poscar.content_hash))


def _chosen(plan: dict[str, Any], content_hash: str) -> str:
    """The entry of a structure, by its hash or by a lot that the hash and the seed draw."""
    for prefix, faults in plan.get("structures", {}).items():
        if content_hash.startswith(prefix):
            return str(faults)
    draw = hashlib.sha256(f"{plan.get('seed', 0)}:{content_hash}".encode()).digest()
    lot = int.from_bytes(draw[:8], "big") / 2**64
    for faults, fraction in plan.get("fractions", {}).items():
        lot -= float(fraction)
        if lot < 0:
            return str(faults)
    return ""


def next_fault(folder: Path, planned: list[PlannedFault], incar: dict[str, str]) -> Fault:
    """The fault of this run, which is counted in the folder; OK once the list is at its end.

    ``unconverged_always`` stays for all later runs.
    """
    state = folder / STATE_FILE
    runs = json.loads(state.read_text(encoding="utf-8")) if state.is_file() else []
    held = next((item for item in planned[: len(runs)] if item.fault is Fault.UNCONVERGED_ALWAYS), None)
    item = held or (planned[len(runs)] if len(runs) < len(planned) else PlannedFault(Fault.OK))
    fault = item.fault if item.applies(incar) else Fault.OK
    state.write_text(json.dumps([*runs, fault.value]), encoding="utf-8")
    return fault
