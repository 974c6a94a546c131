"""Documents of the labelling stage."""

from enum import StrEnum
from typing import Any

from pydantic import Field
from pymatgen.core import Structure

from superionic.documents import BaseDoc, Document


class Refusal(StrEnum):
    """Why a label is refused; the list is closed."""

    # by the gate, of a calculation that ended
    NOT_CONVERGED = "not_converged"
    STOPPED = "stopped"
    MISSING_DATA = "missing_data"
    INCONSISTENT = "inconsistent"
    NOT_FINITE = "not_finite"
    FORCE_TOO_LARGE = "force_too_large"
    STRESS_TOO_LARGE = "stress_too_large"
    WRONG_STRUCTURE = "wrong_structure"
    WRONG_LEVEL_OF_THEORY = "wrong_level_of_theory"
    WRONG_SETTINGS = "wrong_settings"
    WRONG_POTCAR = "wrong_potcar"
    STAND_IN = "stand_in"
    # of a calculation that did not end as it should
    CODE_ERROR = "code_error"
    TOO_MANY_CORRECTIONS = "too_many_corrections"
    CRASHED = "crashed"
    FROZEN = "frozen"
    UNREADABLE_OUTPUT = "unreadable_output"


class CalculationInfo(Document):
    """How a calculation by a density-functional code was made; small enough to stay with every label."""

    code: str = Field(description="program as it names itself, e.g. vasp 6.4.2; a stand-in is named as such")
    magnetism: str = Field("", description="how the spin was chosen")
    potcar_titles: dict[str, str] = Field(default={}, description="title of the pseudopotential of each element")
    settings: dict[str, Any] = Field(default={}, description="label-defining settings as they were used")
    n_scf_steps: int | None = Field(None, description="electronic steps of the last run")
    bandgap_eV: float | None = Field(None, description="band gap, eV")
    corrections: list[str] = Field(default=[], description="what custodian found and changed")
    folder: str = Field("", description="machine and folder of the run")
    task_document: dict[str, Any] | None = Field(
        None, description="emmet's task document as plain data, if asked for (store: data)", repr=False
    )


class LabelDoc(BaseDoc):
    """Energy, forces and stress of one structure, with the gate's verdict."""

    structure: Structure = Field(description="the labelled structure")
    energy_eV: float | None = Field(description="energy of the cell, eV (force-consistent)")
    forces_eV_per_A: list[list[float]] | None = Field(description="forces, (n_atoms, 3), eV/A")
    stress_eV_per_A3: list[list[float]] | None = Field(description="stress tensor, (3, 3), eV/A^3, ASE sign")
    level_of_theory: str = Field(description="method; a teacher potential is named as such")
    accepted: bool = Field(description="whether the gate admits the label to a data set")
    refusal: Refusal | None = Field(None, description="why not")
    message: str = Field("", description="details of the refusal, for people")
    settings_hash: str = Field("", description="hash of the label-defining settings; empty for a teacher potential")
    calculation: CalculationInfo | None = Field(None, description="how it was calculated; None for a potential")
    parent_id: str = Field("", description="identity of the parent ordering, for leak-free splits")
    frame_index: int | None = Field(None, description="position of the frame in its SamplingDoc")


class RefusedLabel(Document):
    """One label that is missing from the set."""

    item: str = Field(description="key of the refused label, or what is missing")
    cause: str = Field(description="refusal, or why nothing came back")
    folder: str = Field("", description="machine and folder of the run, where there is one")
    message: str = Field("", description="details, for people")


class LabelSetDoc(BaseDoc):
    """The accepted labels of one composition and a ledger of the others."""

    labels: list[LabelDoc] = Field(description="accepted labels (store: data)")
    label_keys: list[str] = Field(description="keys of the accepted labels")
    requested: int = Field(description="number of labels asked for")
    level_of_theory: str = Field(description="level of theory of all labels")
    settings_hash: str = Field("", description="hash of the label-defining settings of all labels")
    refused: list[RefusedLabel] = Field(default=[], description="what was refused or failed, with its cause")
