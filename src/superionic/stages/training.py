"""Settings of the training."""

from enum import StrEnum
from typing import Self

from pydantic import Field, field_validator, model_validator

from superionic.stages.base import StageSettings


class TrainingMode(StrEnum):
    """How the model is obtained from the foundation."""

    MULTIHEAD = "multihead"
    NAIVE = "naive"
    SCRATCH = "scratch"


class LearningRateSchedule(StrEnum):
    """How the learning rate falls during the training."""

    PLATEAU = "plateau"
    EXPONENTIAL = "exponential"


class E0Source(StrEnum):
    """Where the energies of isolated atoms in the new head come from."""

    ESTIMATED = "estimated"
    GIVEN = "given"
    ISOLATED = "isolated"


class ReplayLabels(StrEnum):
    """Who labels the replay structures."""

    FOUNDATION = "foundation"
    FILE = "file"


class ReplaySetName(StrEnum):
    """Replay sets that MACE downloads, by its own names."""

    MP = "mp"
    MATPES_PBE = "matpes_pbe"
    MATPES_R2SCAN = "matpes_r2scan"
    OMAT = "omat"


class LossWeights(StageSettings):
    """Weights of MACE's universal loss."""

    energy: float = Field(20.0, ge=0, description="weight of the energy term (our choice: 1 is powerless, see methods)")
    forces: float = Field(10.0, ge=0, description="weight of the force term")
    stress: float = Field(100.0, ge=0, description="weight of the stress term")


class ScratchSettings(StageSettings):
    """Architecture of a model trained from scratch; the defaults are those of the paper's control."""

    channels: int = Field(128, ge=1, description="channels of each node feature")
    max_L: int = Field(1, ge=0, description="largest order of the messages (our choice)")
    max_ell: int = Field(3, ge=0, description="largest order of the spherical harmonics (our choice)")
    layers: int = Field(2, ge=1, description="message-passing layers")
    correlation: int = Field(3, ge=1, description="correlation order")
    r_max_A: float = Field(5.0, gt=0, description="radial cutoff, A")


class TrainingSettings(StageSettings):
    """Fine-tuning of the foundation, or training from scratch."""

    mode: TrainingMode = Field(TrainingMode.MULTIHEAD, description="multi-head with replay is the paper's choice")
    max_epochs: int = Field(500, ge=1, description="largest number of epochs")
    patience: int = Field(20, ge=1, description="epochs without better validation loss before training stops")
    learning_rate: float = Field(
        0.01, gt=0, description="effective learning rate (forced: MACE would lower it to 1e-4)"
    )
    schedule: LearningRateSchedule = Field(
        LearningRateSchedule.PLATEAU,
        description="plateau: the rate falls when the validation loss stalls; exponential: every epoch (our choice)",
    )
    schedule_factor: float = Field(
        0.8, gt=0, le=1, description="factor by which the learning rate falls each time (our choice)"
    )
    scheduler_patience: int = Field(
        5, ge=1, description="plateau only: epochs before the learning rate is lowered (our choice)"
    )
    ema_decay: float = Field(0.99, gt=0, lt=1, description="decay of the moving average of the weights (our choice)")
    batch_size: int = Field(10, ge=1, description="structures per batch (our choice)")
    weights: LossWeights = Field(default_factory=LossWeights)
    valid_fraction: float = Field(0.1, gt=0, lt=0.5, description="share of parents in the validation set")
    test_fraction: float = Field(0.1, gt=0, lt=0.5, description="share of parents in the test set")
    replay_structures: int = Field(1000, ge=2, description="replay structures of the foundation (our choice)")
    replay_file: str | None = Field(
        None, description="file of replay structures (absolute path, any ASE format); default: the foundation's own set"
    )
    replay_set: ReplaySetName | None = Field(
        None, description="replay set of MACE, if it is in MACE's cache (nothing is downloaded); instead of a file"
    )
    replay_labels: ReplayLabels = Field(
        ReplayLabels.FOUNDATION,
        description="foundation: it labels the replay structures itself; file: energies, forces and stresses in "
        "replay_file or replay_set are used (they must be of the foundation's level of theory)",
    )
    e0s: E0Source | None = Field(
        None,
        description="energies of isolated atoms in the new head: estimated, given (e0s_eV), or isolated, which "
        "computes them at the labels' level (vasp-scan only); default: given if there is e0s_eV, else estimated",
    )
    e0s_eV: dict[str, float] | None = Field(
        None, description="energies of isolated atoms at the labels' level of theory per element, eV"
    )
    scratch: ScratchSettings = Field(default_factory=ScratchSettings, description="architecture in mode scratch")
    dtype: str = Field("float64", pattern="^float(32|64)$", description="floating point type of the training")
    learning_curve: list[float] = Field(
        default=[],
        description="fractions of the training set, or numbers of structures, trained besides the whole (our choice)",
    )
    curve_modes: list[TrainingMode] = Field(
        default=[], description="further modes trained at every size of the learning curve and compared (our choice)"
    )
    curve_seeds: int = Field(
        1, ge=1, description="seeds of subset and training at every size of the learning curve (we advise 3)"
    )
    property_curve: bool = Field(
        False, description="also ground states and conductivities with the models of the learning curve (costly)"
    )

    @property
    def e0_source(self) -> E0Source:
        """Where the E0s come from, with the default filled in."""
        return self.e0s or (E0Source.ESTIMATED if self.e0s_eV is None else E0Source.GIVEN)

    @model_validator(mode="after")
    def _e0s_agree(self) -> Self:
        if self.e0s is E0Source.GIVEN and self.e0s_eV is None:
            raise ValueError("e0s: given needs the energies: add e0s_eV, e.g. {Li: -0.3, Cl: -0.3}")
        if self.e0s not in {None, E0Source.GIVEN} and self.e0s_eV is not None:
            raise ValueError(f"e0s: {self.e0s} and e0s_eV contradict each other; keep one of them")
        return self

    @model_validator(mode="after")
    def _replay_agrees(self) -> Self:
        if self.replay_set is not None and self.replay_file is not None:
            raise ValueError("replay_set and replay_file exclude each other; keep one of them")
        if self.replay_labels is ReplayLabels.FILE and self.replay_set is None and self.replay_file is None:
            raise ValueError(
                "replay_labels: file needs labelled structures in replay_file or replay_set; the foundation's own set "
                "has no labels"
            )
        return self

    @field_validator("learning_curve")
    @classmethod
    def _fractions_or_counts(cls, values: list[float]) -> list[float]:
        wrong = [value for value in values if value <= 0 or (value > 1 and value != round(value))]
        if wrong:
            raise ValueError(
                f"learning_curve holds {wrong[0]:g}: give fractions of the training set above 0 and at most 1, or "
                "whole numbers of structures"
            )
        if any(value <= 1 for value in values) and any(value > 1 for value in values):
            raise ValueError(
                f"learning_curve mixes fractions and numbers of structures ({', '.join(f'{v:g}' for v in values)}): "
                "give one kind"
            )
        return values

    @model_validator(mode="after")
    def _curve_settings_need_a_curve(self) -> Self:
        if not self.learning_curve and (self.curve_modes or self.curve_seeds > 1 or self.property_curve):
            raise ValueError(
                "curve_modes, curve_seeds and property_curve belong to a learning curve: give its sizes, e.g. "
                "learning_curve: [0.25, 0.5], or [1.0] for the whole training set only"
            )
        return self
