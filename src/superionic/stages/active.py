"""Settings of the active-learning rounds."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from superionic.stages.base import StageSettings
from superionic.stages.dataset import SamplingSettings, SelectionMethod
from superionic.stages.training import E0Source, TrainingSettings


class UncertaintyMeasure(StrEnum):
    """What says how far a model can be trusted on a structure that has no label."""

    COMMITTEE = "committee"
    LATENT_DISTANCE = "latent-distance"


class ActiveSettings(StageSettings):
    """Rounds in which the frames that teach most are labelled (all our choice; the paper labels once)."""

    rounds: int = Field(0, ge=0, description="largest number of further rounds of labels; 0: label once, as the paper")
    labels_per_round: int = Field(20, ge=1, description="labels of each further round")
    committee: int = Field(4, ge=1, description="models trained per round; the first is for production")
    member_fraction: float = Field(
        0.8, gt=0, le=1, description="share of the training set, its own random one, of every model but the first"
    )
    measure: UncertaintyMeasure = Field(
        UncertaintyMeasure.COMMITTEE,
        description="committee: disagreement of the forces; latent-distance: distance to the training set",
    )
    tolerance_meV_per_A: float = Field(
        30.0, gt=0, description="force uncertainty that 95 % of the pool must stay below, meV/A"
    )
    uncertain_share: float = Field(
        0.5, gt=0, le=1, description="share of the pool, the most uncertain, among which frames are chosen"
    )
    selection: SelectionMethod = Field(
        SelectionMethod.FPS, description="choice among the uncertain frames, so that they differ from each other"
    )

    @model_validator(mode="after")
    def _committee_can_disagree(self) -> Self:
        if self.measure is UncertaintyMeasure.COMMITTEE and self.committee < 2:  # noqa: PLR2004 (what disagreement needs)
            raise ValueError("committee: one model cannot disagree; use at least 2 (better 4), or latent-distance")
        if self.selection is SelectionMethod.LOWEST_ENERGY:
            raise ValueError("selection: lowest-energy is for parents; use fps, kmedoids, entropy or random")
        return self


def check_rounds(active: ActiveSettings, sampling: SamplingSettings, training: TrainingSettings) -> None:
    """Check that the other stages of a campaign allow for further rounds.

    Raises
    ------
    ValueError
        If rounds are asked for and there would be nothing to choose from, or the trainings are set up otherwise.
    """
    if not active.rounds:
        return
    if sampling.drawn_frames <= sampling.frames:
        raise ValueError(
            "active: rounds need frames without labels to choose from: set sampling.candidates above "
            f"sampling.frames ({sampling.frames})"
        )
    if training.learning_curve:
        raise ValueError(
            "active: the rounds are trained instead of training.learning_curve: remove one of the two, or run "
            "LearningCurveFlowMaker on the last data set afterwards"
        )
    if training.e0_source is E0Source.ISOLATED:
        raise ValueError(
            "active: the rounds do not wait for isolated atoms: compute them first and give training.e0s_eV"
        )
