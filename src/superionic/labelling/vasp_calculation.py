"""What the gate needs to know of a VASP calculation, read from emmet's task document (or the same as plain data)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pymatgen.core import Structure

from superionic.units import GPA_PER_EV_PER_A3

KBAR_PER_EV_PER_A3: Final = 10 * GPA_PER_EV_PER_A3
ALIASES: Final = {"ENCUT": "ENMAX"}
"""INCAR tags that have another name among the parameters that VASP reports."""


@dataclass(frozen=True, eq=False)
class VaspCalculation:
    """The last calculation of a task, as it was found; what is not there is None or empty.

    Attributes
    ----------
    code_version : str or None
        Version as the program names itself.
    state, run_type : str or None
        emmet's opinion of the end and of the functional.
    stopped : bool or None
        Whether a STOPCAR ended the run.
    energy_eV : float or None
        Free energy of the last ionic step, to which the forces belong, eV.
    scf_energies_eV : list of float
        Free energy of each electronic step of the last ionic step, eV.
    forces_eV_per_A, stress_kbar : object
        As in the task document; VASP's sign of the stress, kbar.
    copies : dict
        Second copies of energy, forces and stress in the task document.
    structure : Structure or None
        Structure of the last ionic step, in VASP's order of atoms.
    structures : tuple of Structure
        Other copies of the structure in the task document.
    n_ionic_steps : int
        Number of ionic steps.
    incars : tuple of dict
        INCAR tags from every source that shows what was really run, vasprun.xml first.
    parameters : dict
        Everything that VASP reports to have used.
    potcar_titles : tuple of str
        Titles of the POTCARs, in VASP's order.
    bandgap_eV : float or None
        Band gap, eV.
    """

    code_version: str | None = None
    state: str | None = None
    run_type: str | None = None
    stopped: bool | None = None
    energy_eV: Any = None
    scf_energies_eV: list[Any] = field(default_factory=list)
    forces_eV_per_A: Any = None
    stress_kbar: Any = None
    copies: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    structure: Structure | None = None
    structures: tuple[Structure, ...] = ()
    n_ionic_steps: int = 0
    incars: tuple[dict[str, Any], ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    potcar_titles: tuple[str, ...] = ()
    bandgap_eV: float | None = None

    def tag(self, name: str) -> Any:  # noqa: ANN401 (any INCAR value)
        """Value of a tag: from the first INCAR that has it, else as VASP reports it, else None."""
        for incar in self.incars:
            if name in incar:
                return incar[name]
        return self.parameters.get(name, self.parameters.get(ALIASES.get(name, "")))


def is_task(label: object) -> bool:
    """Whether an object is a task document rather than a label."""
    return _get(label, "calcs_reversed") is not None


def read_task(task: object, incar_file: Mapping[str, Any] | None = None) -> VaspCalculation:
    """The facts of a task document.

    Parameters
    ----------
    task : TaskDoc or mapping
        emmet's document of one VASP run, or the same as plain data.
    incar_file : mapping, optional
        Content of the INCAR in the run folder after the run.

    Returns
    -------
    VaspCalculation
        Nothing is judged here; what is missing stays empty.
    """
    calculation = _get(task, "calcs_reversed", 0)
    output, inputs = _get(calculation, "output"), _get(calculation, "input")
    step = _get(output, "ionic_steps", -1)
    incars = (_get(inputs, "incar"), incar_file)
    return VaspCalculation(
        code_version=_text(_get(calculation, "vasp_version")),
        state=_worst_state(_text(_get(task, "state")), _text(_get(calculation, "has_vasp_completed"))),
        run_type=_one(_text(_get(task, "run_type")), _text(_get(calculation, "run_type"))),
        stopped=_get(output, "outcar", "is_stopped"),
        energy_eV=_get(step, "e_fr_energy"),
        scf_energies_eV=[_get(scf, "e_fr_energy") for scf in _list(step, "electronic_steps")],
        forces_eV_per_A=_get(step, "forces"),
        stress_kbar=_get(step, "stress"),
        copies=_copies(task, step),
        structure=_structure(_get(step, "structure")),
        structures=_structures(task, output, inputs),
        n_ionic_steps=len(_list(output, "ionic_steps")),
        incars=tuple(dict(incar) for incar in incars if incar and isinstance(incar, Mapping)),
        parameters=_table(_get(inputs, "parameters")),
        potcar_titles=_titles(inputs),
        bandgap_eV=_get(output, "bandgap"),
    )


def _get(place: Any, *path: str | int) -> Any:  # noqa: ANN401 (documents and plain data alike)
    """Follow attributes, keys and positions; None as soon as one is missing."""
    for name in path:
        if place is None:
            return None
        if isinstance(name, int):
            place = place[name] if isinstance(place, Sequence) and place else None
        elif isinstance(place, Mapping):
            place = place.get(name)
        else:
            place = getattr(place, name, None)
    return place


def _list(place: Any, name: str) -> list[Any]:  # noqa: ANN401 (documents and plain data alike)
    value = _get(place, name)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def _table(value: Any) -> dict[str, Any]:  # noqa: ANN401 (plain data)
    return dict(value) if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:  # noqa: ANN401 (an enum or text)
    return None if value is None else str(getattr(value, "value", value)).strip()


def _worst_state(*states: str | None) -> str | None:
    """``successful`` only if every copy says so."""
    return next((state for state in states if state != "successful"), "successful")


def _one(*values: str | None) -> str | None:
    """The common value; if there are several, all of them, which then equals nothing that was asked for."""
    return " and ".join(sorted({value for value in values if value})) or None


def _copies(task: object, step: object) -> dict[str, tuple[Any, Any]]:
    summary = _get(task, "output")
    if summary is None:
        return {}
    pairs = (("energy", "e_0_energy"), ("forces", "forces"), ("stress", "stress"))
    return {name: (_get(summary, name), _get(step, original)) for name, original in pairs}


def _structures(task: object, output: object, inputs: object) -> tuple[Structure, ...]:
    found = (_get(task, "structure"), _get(task, "output", "structure"), _get(output, "structure"))
    structures = (_structure(item) for item in (*found, _get(inputs, "structure")))
    return tuple(structure for structure in structures if structure is not None)


def _structure(value: Any) -> Structure | None:  # noqa: ANN401 (a structure or its plain data)
    if isinstance(value, Mapping):
        return Structure.from_dict(dict(value)) if "lattice" in value else None
    return value if isinstance(value, Structure) else None


def _titles(inputs: object) -> tuple[str, ...]:
    """Titles of the POTCARs; only their symbols if that is all there is."""
    titles = tuple(str(_get(spec, "titel")) for spec in _list(inputs, "potcar_spec") if _get(spec, "titel"))
    return titles or tuple(str(symbol) for symbol in _list(inputs, "potcar"))
