"""Documents of property curves: what the models of a learning curve predict, against their training structures."""

from pydantic import Field

from superionic.documents import BaseDoc, CompositionInfo, Document
from superionic.transport.schemas import Interval


class PropertyPhase(Document):
    """Stability of one composition with one model."""

    composition: CompositionInfo = Field(description="grid point")
    formation_energy_eV_per_atom: float = Field(description="formation energy against the end members, eV/atom")
    e_above_hull_eV_per_atom: float = Field(description="energy above the hull, eV/atom")
    stable: bool = Field(description="on the hull")


class PropertyConductivity(Document):
    """Transport of one composition with one model."""

    composition: CompositionInfo = Field(description="grid point")
    activation_energy_eV: float | None = Field(description="activation energy, eV; None without a fit")
    activation_energy_std_eV: float | None = Field(description="its standard error, eV")
    reference_temperature_K: float = Field(description="temperature of the extrapolated conductivity, K")
    conductivity_at_reference_S_per_cm: float | None = Field(description="conductivity there, S/cm")
    conductivity_at_reference_95_S_per_cm: Interval | None = Field(description="95 % interval, S/cm")
    verdict: str = Field(description="verdict on the extrapolated number")
    verdict_reason: str = Field(description="why, in plain words")
    temperatures_K: list[float] = Field(description="temperature of each point, K; its runs are combined")
    conductivities_S_per_cm: list[float | None] = Field(description="conductivity of each, S/cm; None without a run")
    conductivities_std_S_per_cm: list[float | None] = Field(description="standard error of each, S/cm")
    run_verdicts: list[str] = Field(description="verdict of each, e.g. framework_unstable where the crystal melts")


class PropertyPoint(Document):
    """What one model of the learning curve predicts."""

    model_key: str = Field(description="key of the ModelDoc")
    mode: str = Field(description="training mode")
    n_train: int = Field(description="training structures")
    energy_rmse_meV_per_atom: float = Field(description="test RMSE of the energy, meV/atom")
    force_rmse_meV_per_A: float = Field(description="test RMSE of the forces, meV/A")
    phases: list[PropertyPhase] = Field(description="lowest ordering of each composition; empty without a hull")
    conductivities: list[PropertyConductivity] = Field(description="compositions with MD")


class PropertyCurveDoc(BaseDoc):
    """Formation energies and conductivities against the number of training structures."""

    points: list[PropertyPoint] = Field(description="one per model, smallest training set first")
    missing: list[str] = Field(default=[], description="results that a model should have given and did not")
