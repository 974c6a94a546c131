"""Documents of learning curves and of the comparison of training modes."""

from pydantic import Field

from superionic.documents import BaseDoc, Document
from superionic.training.schemas import ErrorRow


class ModelAssessmentDoc(BaseDoc):
    """What a learning curve keeps of one trained model: its test errors, and how far it went from the foundation."""

    model_key: str = Field(description="key of the ModelDoc")
    mode: str = Field(description="training mode")
    n_train: int = Field(description="training structures")
    train_fraction: float = Field(description="share of the training set")
    seed: int = Field(description="number of the seed of subset and training; 0 is the campaign's own")
    of_campaign: bool = Field(description="whether the campaign goes on with this model")
    errors: list[ErrorRow] = Field(description="errors on the whole test set: of the foundation, if any, and the model")
    replay_head: ErrorRow | None = Field(
        None, description="mode multihead: replay head against the foundation on the replay structures held out"
    )
    drift: ErrorRow | None = Field(
        None,
        description="head in use against the foundation on the replay structures held out, after per-element offsets",
    )
    drift_left_out: int = Field(0, description="replay structures with elements that the model does not know")


class AssessmentSetDoc(BaseDoc):
    """Assessments of the models on the parts of a training set."""

    assessments: list[ModelAssessmentDoc] = Field(description="one per model")
    n_train: int = Field(description="structures of the whole training set")
    left_out: list[str] = Field(default=[], description="sizes that were asked for and not trained, with the reason")


class LearningPoint(Document):
    """Test errors of a model trained on a part of the training set."""

    model_key: str = Field(description="key of the ModelDoc")
    mode: str = Field(description="training mode")
    n_train: int = Field(description="training structures")
    seed: int = Field(0, description="number of the seed of subset and training")
    energy_rmse_meV_per_atom: float = Field(description="test RMSE of the energy, meV/atom")
    force_rmse_meV_per_A: float = Field(description="test RMSE of the forces, meV/A")
    stress_rmse_meV_per_A3: float | None = Field(
        description="test RMSE of the stress, meV/A^3; None without stress labels"
    )
    energy_slope: float | None = Field(None, description="softening slope of the energies on the test set")
    force_slope: float | None = Field(None, description="softening slope of the forces on the test set")


class CurveFit(Document):
    """Power law through the test errors of one mode, and what it says about more labels.

    Without a fit (too few sizes) everything but the advice is None or empty.
    """

    mode: str = Field(description="training mode")
    quantity: str = Field(description="energy, force or stress")
    n_sizes: int = Field(description="sizes of the training set")
    n_models: int = Field(description="models, all seeds together")
    amplitude: float | None = Field(None, description="a of E = a N^-b + c, in the unit of the error")
    exponent: float | None = Field(None, description="b")
    exponent_low: float | None = Field(None, description="lower end of the 95 % interval of b")
    exponent_high: float | None = Field(None, description="upper end of the 95 % interval of b")
    floor: float | None = Field(None, description="c, where the data demand it (AICc), else 0; unit of the error")
    aicc_gain: float | None = Field(None, description="AICc without floor minus AICc with it; None if not tried")
    lack_of_fit: bool = Field(
        False, description="whether sizes scatter about the line more than seeds do (F test, 5 %)"
    )
    seed_spread: float | None = Field(
        None, description="relative standard deviation of the error over seeds at one size; None with one seed"
    )
    next_n_train: int | None = Field(None, description="twice the largest training set")
    next_error: float | None = Field(None, description="error expected there, in the unit of the error")
    next_low: float | None = Field(None, description="lower end of its 95 % interval for one training")
    next_high: float | None = Field(None, description="upper end of its 95 % interval for one training")
    gain: float | None = Field(None, description="share of the error that the doubling takes away")
    gain_low: float | None = Field(None, description="lower end of its 95 % interval")
    gain_high: float | None = Field(None, description="upper end of its 95 % interval")
    advice: str = Field(description="enough, more_labels, undecided or too_few_points")
    reason: str = Field(description="why, in plain words")
    line_n_train: list[float] = Field(default=[], description="grid of the fitted line, structures")
    line_error: list[float] = Field(default=[], description="fitted line, in the unit of the error")
    line_low: list[float] = Field(default=[], description="lower end of its 95 % band")
    line_high: list[float] = Field(default=[], description="upper end of its 95 % band")


class ComparisonRow(Document):
    """Foundation or training mode on the test set and on the replay structures: means over seeds."""

    model: str = Field(description="foundation, or the training mode")
    n_train: int | None = Field(description="training structures; None for the foundation")
    n_models: int = Field(description="models (seeds)")
    energy_rmse_meV_per_atom: float = Field(description="test RMSE of the energy, meV/atom")
    energy_rmse_std_meV_per_atom: float | None = Field(description="its standard deviation over seeds, meV/atom")
    force_rmse_meV_per_A: float = Field(description="test RMSE of the forces, meV/A")
    force_rmse_std_meV_per_A: float | None = Field(description="its standard deviation over seeds, meV/A")
    stress_rmse_meV_per_A3: float | None = Field(description="test RMSE of the stress, meV/A^3")
    energy_slope: float | None = Field(description="softening slope of the energies")
    energy_slope_std: float | None = Field(description="its standard error on the test set")
    force_slope: float | None = Field(description="softening slope of the forces")
    force_slope_std: float | None = Field(description="its standard error on the test set")
    energy_shifted: bool = Field(description="whether per-element offsets were fitted to the energies first")
    drift_energy_meV_per_atom: float | None = Field(
        description="RMS difference to the foundation's energies on replay structures, offsets fitted, meV/atom"
    )
    drift_force_meV_per_A: float | None = Field(
        description="RMS difference to the foundation's forces on replay structures, meV/A"
    )
    drift_structures: int | None = Field(description="replay structures that the model covers")
    drift_left_out: int | None = Field(description="replay structures with elements that the model does not know")
    replay_head_force_meV_per_A: float | None = Field(
        description="mode multihead: the same for the replay head, which is not used afterwards, meV/A"
    )


class LearningCurveDoc(BaseDoc):
    """Test errors against the number of training structures, on one fixed test set."""

    points: list[LearningPoint] = Field(description="one per model, smallest training set first")
    n_test: int = Field(description="structures of the test set")
    model_key: str = Field("", description="key of the model that the campaign goes on with")
    fits: list[CurveFit] = Field(default=[], description="one per mode and quantity")
    comparison: list[ComparisonRow] = Field(default=[], description="foundation and modes at the largest common size")
    left_out: list[str] = Field(default=[], description="sizes that were asked for and not trained, with the reason")
