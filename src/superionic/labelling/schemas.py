"""Documents of the labelling stage."""

from enum import StrEnum

from pydantic import Field
from pymatgen.core import Structure

from superionic.documents import BaseDoc, Document


class Refusal(StrEnum):
    """Why the gate refuses a label; the list is closed."""

    NOT_CONVERGED = "not_converged"
    MISSING_DATA = "missing_data"
    NOT_FINITE = "not_finite"
    FORCE_TOO_LARGE = "force_too_large"
    STRESS_TOO_LARGE = "stress_too_large"
    WRONG_STRUCTURE = "wrong_structure"
    WRONG_LEVEL_OF_THEORY = "wrong_level_of_theory"


class LabelDoc(BaseDoc):
    """Energy, forces and stress of one structure, with the gate's verdict."""

    structure: Structure = Field(description="the labelled structure")
    energy_eV: float | None = Field(description="energy of the cell, eV (force-consistent)")
    forces_eV_per_A: list[list[float]] | None = Field(description="forces, (n_atoms, 3), eV/A")
    stress_eV_per_A3: list[list[float]] | None = Field(description="stress tensor, (3, 3), eV/A^3, ASE sign")
    level_of_theory: str = Field(description="method; a teacher potential is named as such")
    accepted: bool = Field(description="whether the gate admits the label to a data set")
    refusal: Refusal | None = Field(None, description="why not")
    parent_id: str = Field("", description="identity of the parent ordering, for leak-free splits")
    frame_index: int | None = Field(None, description="position of the frame in its SamplingDoc")


class RefusedLabel(Document):
    """One label that is missing from the set."""

    item: str = Field(description="key of the refused label, or what is missing")
    cause: str = Field(description="refusal, or why nothing came back")


class LabelSetDoc(BaseDoc):
    """The accepted labels of one composition and a ledger of the others."""

    labels: list[LabelDoc] = Field(description="accepted labels (store: data)")
    label_keys: list[str] = Field(description="keys of the accepted labels")
    requested: int = Field(description="number of labels asked for")
    level_of_theory: str = Field(description="level of theory of all labels")
    refused: list[RefusedLabel] = Field(default=[], description="what was refused or failed, with its cause")
