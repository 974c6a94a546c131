"""Documents of the labelling stage."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Self

import numpy as np
from monty.json import MontyDecoder
from pydantic import Field, model_validator
from pymatgen.core import Structure

from superionic.documents import BaseDoc, Blob, CompositionInfo, Document
from superionic.errors import DatabaseError, InputError
from superionic.labelling.packed import NOTHING, Label, geometry_of, pack, unpack


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

    def as_label(self) -> Label:
        """The numbers as arrays.

        Raises
        ------
        InputError
            If energy, forces or stress are missing, or the structure is disordered.
        """
        if self.energy_eV is None or self.forces_eV_per_A is None or self.stress_eV_per_A3 is None:
            raise InputError(f"label {self.key} is accepted but incomplete; label the structure again")
        numbers, fractional, cell_A = geometry_of(self.structure)
        return Label(
            key=self.key,
            level_of_theory=self.level_of_theory,
            parent_id=self.parent_id,
            frame_index=self.frame_index,
            composition=self.composition,
            numbers=numbers,
            fractional=fractional,
            cell_A=cell_A,
            energy_eV=self.energy_eV,
            forces_eV_per_A=np.array(self.forces_eV_per_A, dtype=np.float64),
            stress_eV_per_A3=np.array(self.stress_eV_per_A3, dtype=np.float64),
        )


class StoredLabel(LabelDoc):
    """A label whose structure stays as stored: to make a pymatgen structure takes longer than everything else."""

    structure: dict[str, Any] = Field(  # type: ignore[assignment]
        description="the labelled structure as pymatgen writes it"
    )

    @classmethod
    def read(cls, output: Mapping[str, Any]) -> Self:
        """From a LabelDoc as the job store keeps it.

        Raises
        ------
        pydantic.ValidationError
            If it was stored by another release in another form.
        """
        parts = {name: output[name] for name in ("composition", "resources", "calculation") if name in output}
        fields = {name: value for name, value in output.items() if not name.startswith("@")}
        return cls.model_validate(fields | MontyDecoder().process_decoded(parts))


class RefusedLabel(Document):
    """One label that is missing from the set."""

    item: str = Field(description="key of the refused label, or what is missing")
    cause: str = Field(description="refusal, or why nothing came back")
    folder: str = Field("", description="machine and folder of the run, where there is one")
    message: str = Field("", description="details, for people")


class PackedLabels(Document):
    """Structures, energies, forces and stresses of many labels; everything else stays with their LabelDocs."""

    parent_ids: list[str] = Field(description="identity of the parent ordering of each label")
    compositions: list[CompositionInfo] = Field(description="grid points that labels name, each once")
    arrays: Blob = Field(description="npz file, see superionic.labelling.packed.pack", repr=False)

    @classmethod
    def of(cls, labels: Sequence[Label]) -> Self:
        """Pack labels; their keys and level of theory are not kept here."""
        texts = [label.composition.model_dump_json() if label.composition else "" for label in labels]
        grid_points = {text: label.composition for text, label in zip(texts, labels, strict=True) if label.composition}
        order = {text: place for place, text in enumerate(grid_points)}
        return cls(
            parent_ids=[label.parent_id for label in labels],
            compositions=list(grid_points.values()),
            arrays=Blob.from_bytes(pack(labels, [order.get(text, NOTHING) for text in texts]), "application/x-npz"),
        )


class LabelSetDoc(BaseDoc):
    """The accepted labels of one composition and a ledger of the others."""

    labels: PackedLabels | None = Field(description="accepted labels (store: data); None if they were not loaded")
    label_keys: list[str] = Field(description="keys of the accepted labels")
    requested: int = Field(description="number of labels asked for")
    level_of_theory: str = Field(description="level of theory of all labels")
    settings_hash: str = Field("", description="hash of the label-defining settings of all labels")
    label_settings: dict[str, Any] = Field(default={}, description="label-defining settings, as on the first label")
    potcar_titles: dict[str, list[str]] = Field(
        default={}, description="titles of the pseudopotentials of each element; data sets take one only"
    )
    refused: list[RefusedLabel] = Field(default=[], description="what was refused or failed, with its cause")

    @model_validator(mode="before")
    @classmethod
    def _from_documents(cls, data: Any) -> Any:  # noqa: ANN401 (what pydantic gives)
        """A list of LabelDocs is packed: this is how sets were stored at first."""
        if not isinstance(data, Mapping) or not isinstance(data.get("labels"), list):
            return data
        labels = [item if isinstance(item, LabelDoc) else _read(item) for item in data["labels"]]
        found = common_fields([label for label in labels if label.accepted])
        if not found["label_keys"]:
            return {**data, "labels": found["labels"]}
        level = data.get("level_of_theory", found["level_of_theory"])
        if found["level_of_theory"] != level:
            raise ValueError(f"the labels are of {found['level_of_theory']}, the set is said to be of {level}")
        return {**found, **data, "labels": found["labels"], "settings_hash": found["settings_hash"]}

    def unpack(self) -> list[Label]:
        """The accepted labels; every call makes new arrays.

        Raises
        ------
        DatabaseError
            If the labels were not loaded from their additional store.
        """
        if self.labels is None:
            raise DatabaseError(
                f"the labels of set {self.key} were not loaded; ask the job store for it with load=True"
            )
        return unpack(
            self.labels.arrays.to_bytes(),
            keys=self.label_keys,
            parent_ids=self.labels.parent_ids,
            compositions=self.labels.compositions,
            level_of_theory=self.level_of_theory,
        )


def _read(item: Mapping[str, Any]) -> LabelDoc:
    """A label inside of a stored document, where pydantic's models have lost their names and structures have not."""
    return StoredLabel.read(item) if isinstance(item["structure"], Mapping) else LabelDoc.model_validate(item)


def common_fields(labels: Sequence[LabelDoc]) -> dict[str, Any]:
    """Fields of a LabelSetDoc that follow from its accepted labels.

    Raises
    ------
    InputError
        If the labels have more than one level of theory or set of inputs, or one is incomplete.
    """
    titles: dict[str, set[str]] = defaultdict(set)
    calculations = [label.calculation for label in labels if label.calculation is not None]
    for calculation in calculations:
        for element, title in calculation.potcar_titles.items():
            titles[element].add(title)
    return {
        "labels": PackedLabels.of([label.as_label() for label in labels]),
        "label_keys": [label.key for label in labels],
        "level_of_theory": common("level of theory", [label.level_of_theory for label in labels]),
        "settings_hash": common("hash of the settings", [label.settings_hash for label in labels]),
        "label_settings": dict(calculations[0].settings) if calculations else {},
        "potcar_titles": {element: sorted(found) for element, found in sorted(titles.items())},
    }


def common(what: str, values: Sequence[str]) -> str:
    """The value that all labels share; empty without labels.

    Raises
    ------
    InputError
        If there are several: such labels must not be mixed.
    """
    found = sorted(set(values)) or [""]
    if len(found) > 1:
        raise InputError(
            f"the labels of one composition have more than one {what} ({'; '.join(found)}); energies of different "
            "methods must not be mixed: label all structures with one program and one set of inputs"
        )
    return found[0]
