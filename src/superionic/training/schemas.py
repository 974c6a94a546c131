"""Documents of the training stage."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from superionic.documents import BaseDoc, Blob, Document
from superionic.potentials.schemas import PotentialRef


class Split(StrEnum):
    """Parts of a data set; no parent ordering is in two of them."""

    TRAIN = "train"
    VALID = "valid"
    TEST = "test"


class DatasetDoc(BaseDoc):
    """Labelled structures of one level of theory, split by parent ordering."""

    level_of_theory: str = Field(description="level of theory of all labels")
    settings_hash: str = Field("", description="hash of the label-defining settings; empty for a teacher potential")
    label_settings: dict[str, Any] = Field(default={}, description="label-defining settings, as on the labels")
    potcar_titles: dict[str, str] = Field(default={}, description="title of the pseudopotential of each element")
    content_hash: str = Field(description="hash of structures and labels")
    counts: dict[str, int] = Field(description="structures per split")
    counts_by_composition: dict[str, dict[str, int]] = Field(description="structures per composition and split")
    parents_by_split: dict[str, list[str]] = Field(description="parent orderings of each split")
    label_keys: list[str] = Field(description="keys of the labels in the set")
    requested_labels: int = Field(description="labels that were asked for")
    refused_by_cause: dict[str, int] = Field(default={}, description="labels left out, by cause")
    train_extxyz: str = Field(description="training frames, extended XYZ with REF_ keys (store: data)", repr=False)
    valid_extxyz: str = Field(description="validation frames (store: data)", repr=False)
    test_extxyz: str = Field(description="test frames (store: data)", repr=False)


class ErrorRow(Document):
    """Errors of one model on one set of structures."""

    model: str = Field(description="foundation or tuned")
    split: str = Field(description="train, valid, test or replay")
    group: str = Field("all", description="composition label, or all")
    n_structures: int = Field(description="number of structures")
    energy_rmse_meV_per_atom: float = Field(description="RMSE of the energy, meV/atom")
    energy_mae_meV_per_atom: float = Field(description="mean absolute error of the energy, meV/atom")
    force_rmse_meV_per_A: float = Field(description="RMSE of the force components, meV/A")
    force_mae_meV_per_A: float = Field(description="mean absolute error of the force components, meV/A")
    stress_rmse_meV_per_A3: float | None = Field(
        description="RMSE of the stress components, meV/A^3; None without stress labels"
    )
    energy_shifted: bool = Field(
        False,
        description="whether per-element energy offsets were fitted first (foundation at another level of theory)",
    )
    energy_max_meV_per_atom: float | None = Field(None, description="largest error of an energy, meV/atom")
    energy_r2: float | None = Field(None, description="R2 of the energies about the mean of each composition")
    force_max_meV_per_A: float | None = Field(None, description="largest error of a force component, meV/A")
    force_r2: float | None = Field(None, description="R2 of the force components")
    stress_mae_meV_per_A3: float | None = Field(None, description="mean absolute error of the stress, meV/A^3")
    stress_max_meV_per_A3: float | None = Field(None, description="largest error of a stress component, meV/A^3")
    stress_r2: float | None = Field(None, description="R2 of the stress components")
    energy_slope: float | None = Field(
        None, description="slope of predicted against reference energies about each composition's mean; below 1: soft"
    )
    energy_slope_std: float | None = Field(None, description="its standard error")
    force_slope: float | None = Field(
        None, description="slope of predicted against reference forces through the origin; below 1: soft"
    )
    force_slope_std: float | None = Field(None, description="its standard error")


class ElementErrorRow(Document):
    """Errors of the forces on the atoms of one element."""

    model: str = Field(description="foundation or tuned")
    split: str = Field(description="train, valid or test")
    element: str = Field(description="chemical symbol")
    n_atoms: int = Field(description="atoms of this element in the set")
    force_rmse_meV_per_A: float = Field(description="RMSE of the force components, meV/A")
    force_mae_meV_per_A: float = Field(description="mean absolute error of the force components, meV/A")
    force_max_meV_per_A: float = Field(description="largest error of a force component, meV/A")
    force_r2: float | None = Field(description="R2 of the force components")
    force_slope: float | None = Field(description="slope of predicted against reference forces; below 1: soft")
    force_slope_std: float | None = Field(description="its standard error")


class EpochRecord(Document):
    """One line of the training history of one head."""

    epoch: int = Field(description="epoch; -1 is the state before training")
    head: str = Field(description="head: pt_head is the replay head")
    loss: float = Field(description="validation loss")
    energy_rmse_meV_per_atom: float = Field(description="validation RMSE of the energy, meV/atom")
    force_rmse_meV_per_A: float = Field(description="validation RMSE of the forces, meV/A")


class Parity(Document):
    """Reference against predicted values on the test set."""

    energy_reference_eV_per_atom: list[float] = Field(description="reference energies per atom, eV")
    energy_predicted_eV_per_atom: list[float] = Field(description="predicted energies per atom, eV")
    force_reference_eV_per_A: list[float] = Field(description="reference force components (a seeded sample), eV/A")
    force_predicted_eV_per_A: list[float] = Field(description="predicted force components, eV/A")
    stress_reference_eV_per_A3: list[float] = Field(description="reference stress components, eV/A^3")
    stress_predicted_eV_per_A3: list[float] = Field(description="predicted stress components, eV/A^3")


class CalibrationRecord(Document):
    """How the uncertainty of a model compares with its errors on the validation set."""

    measure: str = Field(description="committee or latent-distance")
    n_structures: int = Field(description="validation structures")
    scale: float = Field(description="standard deviation of a force component per unit of the measure, meV/A")
    element_scales: dict[str, float] = Field(description="the same for each element; these are used")
    verdict: str = Field(description="calibrated, over-confident, under-confident, misshapen or too-few-structures")
    raw_verdict: str = Field(description="the same for the measure without the factor")
    coverage_68: float = Field(description="share of force errors inside the 68 % interval")
    coverage_95: float = Field(description="share of force errors inside the 95 % interval")
    raw_coverage_68: float = Field(description="the same without the factor")
    raw_coverage_95: float = Field(description="the same without the factor")
    reliability: list[tuple[float, float]] = Field(description="nominal and observed coverage")
    expected_calibration_error: float = Field(description="mean distance of the two")
    spearman: float | None = Field(None, description="rank correlation of uncertainty and error of the structures")


class ModelDoc(BaseDoc):
    """A trained potential with its checks and errors."""

    potential: PotentialRef = Field(description="how to load it")
    mode: str = Field(description="multihead, naive or scratch")
    foundation: PotentialRef | None = Field(description="what it was tuned from; None from scratch")
    train_fraction: float = Field(1.0, description="share of the training set that was used")
    n_train: int = Field(description="training structures of the new head")
    command: list[str] = Field(description="arguments given to mace_run_train")
    requested: dict[str, Any] = Field(description="hyper-parameters asked for")
    effective: dict[str, Any] = Field(description="hyper-parameters read back from the log and the saved model")
    epochs_run: int = Field(description="epochs trained")
    best_epoch: int = Field(description="epoch of the saved weights")
    stopped_early: bool = Field(description="whether patience ended the training")
    resumed_at_epochs: list[int] = Field(
        default=[], description="epochs at which the training was taken up again after it had been interrupted"
    )
    architecture: dict[str, Any] = Field(
        default={},
        description="channels, layers, max_L, max_ell, correlation, hidden_irreps, r_max_A and n_parameters",
    )
    history: list[EpochRecord] = Field(description="validation history")
    errors: list[ErrorRow] = Field(description="errors per model, split and composition")
    element_errors: list[ElementErrorRow] = Field(default=[], description="force errors per model, split and element")
    parity_foundation: Parity | None = Field(None, description="foundation on the test set (store: models)")
    parity_tuned: Parity | None = Field(None, description="tuned model on the test set (store: models)")
    elements: list[str] = Field(description="elements with labels in its training set")
    elements_known: list[str] = Field(
        default=[], description="all elements that the model file accepts; those without labels rest on the foundation"
    )
    label_level_of_theory: str = Field(description="level of theory of its labels")
    model_blob: Blob = Field(description="the model file (store: models)")
    calibration: CalibrationRecord | None = Field(
        None, description="uncertainty against errors, where a committee or a distance was calibrated"
    )
