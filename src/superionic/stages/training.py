"""Settings of the training."""

from enum import StrEnum

from pydantic import Field

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
    e0s_eV: dict[str, float] | None = Field(
        None, description="energies of isolated atoms at the labels' level of theory, eV; default: estimated"
    )
    scratch: ScratchSettings = Field(default_factory=ScratchSettings, description="architecture in mode scratch")
    dtype: str = Field("float64", pattern="^float(32|64)$", description="floating point type of the training")
    learning_curve: list[float] = Field(
        default=[], description="fractions of the training set trained besides the whole, for the learning curve"
    )
