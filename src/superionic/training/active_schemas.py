"""Documents of the active-learning rounds."""

from pydantic import Field

from superionic.documents import BaseDoc, Document
from superionic.training.schemas import CalibrationRecord, ErrorRow


class PoolFrame(Document):
    """One frame that could be labelled."""

    run_key: str = Field(description="key of its SamplingDoc")
    frame: int = Field(description="position in SamplingDoc.frames")
    composition: str = Field(description="composition label")
    uncertainty_meV_per_A: float = Field(description="calibrated uncertainty of a force component, meV/A")


class ActiveRoundDoc(BaseDoc):
    """What the models of one round know, and which frames they would have labelled next."""

    number: int = Field(description="0 for the first labels, then one more for each round")
    dataset_key: str = Field(description="key of the DatasetDoc that the models were trained on")
    model_keys: list[str] = Field(description="keys of the models, the one for production first")
    counts: dict[str, int] = Field(description="structures per split")
    measure: str = Field(description="what the uncertainty is")
    errors: list[ErrorRow] = Field(description="errors on the test set of the first model and of the committee's mean")
    calibration: CalibrationRecord = Field(description="uncertainty against errors on the validation set")
    n_pool: int = Field(description="frames without a label")
    pool_median_meV_per_A: float | None = Field(None, description="median of their calibrated uncertainty, meV/A")
    pool_95_meV_per_A: float | None = Field(None, description="what 95 % of them stay below, meV/A")
    pool_largest_meV_per_A: float | None = Field(None, description="their largest, meV/A")
    chosen: list[PoolFrame] = Field(default=[], description="frames to be labelled next, most uncertain first")


class ActiveLearningDoc(BaseDoc):
    """All rounds: labels against errors on the one test set, and why the rounds ended."""

    rounds: list[ActiveRoundDoc] = Field(description="in order")
    stop_reason: str = Field(description="why the rounds ended")
    model_key: str = Field(description="key of the model for production")
    dataset_key: str = Field(description="key of the last DatasetDoc")
    label_set_keys: list[str] = Field(description="keys of all LabelSetDocs, those of the first labels first")
