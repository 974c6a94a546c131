"""The checks of ``superionic doctor`` that belong to the label engine of a spec."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from superionic.cli.check import Check, attempt
from superionic.stages import LabelEngine

if TYPE_CHECKING:
    from superionic.spec import ElectrolyteSpec


def label_checks(spec: ElectrolyteSpec) -> list[Check]:
    """What the labels of a spec need on this machine."""
    engine = spec.labelling.engine
    checks: dict[LabelEngine, Callable[[ElectrolyteSpec], list[Check]]] = {
        LabelEngine.VASP_SCAN: _vasp,
        LabelEngine.CP2K_SCAN: _cp2k,
        LabelEngine.TEACHER_CHGNET_R2SCAN: _teacher,
    }
    return checks[engine](spec)


def elements_of(spec: ElectrolyteSpec) -> list[str]:
    """All elements that the sublattices of a spec may hold."""
    return sorted({species for sublattice in spec.sublattices.values() for species in sublattice})


def _vasp(spec: ElectrolyteSpec) -> list[Check]:
    from superionic.labelling.scan import level_of_theory, spin_of
    from superionic.labelling.vasp_configuration import custodian_summary, potcar_folder, require_command, vasp_command

    settings, elements = spec.labelling.vasp, elements_of(spec)
    summary = ", ".join(f"{name} {value}" for name, value in custodian_summary(settings).items())
    return [
        attempt("labels: vasp-scan", lambda: level_of_theory(settings)),
        attempt("VASP command", lambda: f"{vasp_command()} ({require_command()})"),
        attempt("PMG_VASP_PSP_DIR", lambda: str(potcar_folder())),
        *[_potcar(spec, element) for element in elements],
        attempt("spin", lambda: spin_of(settings, elements).statement),
        Check("custodian", True, summary),
        _rehearsal(spec),
    ]


def _potcar(spec: ElectrolyteSpec, element: str) -> Check:
    from superionic.labelling.vasp_configuration import potcar_titles

    return attempt(f"POTCAR of {element}", lambda: potcar_titles(spec.labelling.vasp, [element])[element])


def _rehearsal(spec: ElectrolyteSpec) -> Check:
    from superionic.labelling.vasp_gate import REHEARSAL_VARIABLE, rehearsal

    on = rehearsal(spec.labelling)
    found = "on: output of the stand-in is admitted, its labels are named fake-vasp" if on else "off"
    remedy = f"for real labels take `rehearsal` out of the spec and unset {REHEARSAL_VARIABLE}" if on else ""
    return Check("rehearsal", not on, found, remedy, required=False)


def _cp2k(spec: ElectrolyteSpec) -> list[Check]:
    from superionic.labelling.cp2k_process import check_cp2k

    return [attempt("labels: cp2k-scan", lambda: check_cp2k(spec.labelling.cp2k))]


def _teacher(spec: ElectrolyteSpec) -> list[Check]:
    name = f"labels: {spec.labelling.engine.value}"
    return [Check(name, True, "teacher potential CHGNet r2SCAN, a surrogate for DFT")]
