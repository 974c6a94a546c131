"""Labels by VASP with the SCAN functional."""

from __future__ import annotations

from typing import Final

from pymatgen.core import Structure

from superionic.errors import NotConfiguredError
from superionic.labelling.results import SinglePoint

LEVEL_OF_THEORY: Final = "SCAN (VASP)"


def require_vasp() -> None:
    """Fail before any job is made: this release has no VASP engine.

    Raises
    ------
    NotConfiguredError
        Always.
    """
    raise NotConfiguredError(
        "labelling.engine vasp-scan: the VASP engine arrives with a later release. To rehearse the whole campaign, "
        "write `labelling: {engine: teacher-chgnet-r2scan}` into the spec; its labels then carry the teacher's name"
    )


def scan_single_point(structure: Structure) -> SinglePoint:  # noqa: ARG001 (the interface of every engine)
    """Energy, forces and stress by VASP-SCAN.

    Raises
    ------
    NotConfiguredError
        Always, in this release.
    """
    require_vasp()
    raise AssertionError  # unreachable, for the type checker
