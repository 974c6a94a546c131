"""Documents of the transport stage."""

from pydantic import Field

from superionic.documents import BaseDoc, Blob, Document
from superionic.potentials.schemas import PotentialRef


class TrajectoryDoc(BaseDoc):
    """One production MD run; positions are in the ``trajectories`` store."""

    potential: PotentialRef = Field(description="the tuned model")
    model_key: str = Field(description="key of the ModelDoc")
    temperature_K: float = Field(description="set temperature, K")
    mean_temperature_K: float = Field(description="mean kinetic temperature after the discarded start, K")
    replica: int = Field(description="number of the replica")
    seed: int = Field(description="seed of the velocities and the thermostat")
    thermostat: str = Field(description="thermostat")
    n_atoms: int = Field(description="atoms in the supercell")
    time_ps: float = Field(description="length that was run, discarded start included, ps")
    requested_time_ps: float = Field(description="length that was asked for, ps")
    discard_ps: float = Field(description="start to be discarded, ps")
    frame_step_ps: float = Field(description="time between stored frames, ps")
    n_frames: int = Field(description="stored frames")
    ended_early: str | None = Field(None, description="why the run stopped before its time, if it did")
    trajectory_blob: Blob = Field(description="HDF5 file with unwrapped positions (store: trajectories)")


class Interval(Document):
    """A two-sided interval."""

    low: float = Field(description="lower end")
    high: float = Field(description="upper end")


class DiffusionDoc(BaseDoc):
    """Diffusivity and conductivity of one run, with errors and a verdict."""

    model_key: str = Field(description="key of the ModelDoc")
    mobile: str = Field(description="mobile species")
    temperature_K: float = Field(description="temperature, K")
    replica: int = Field(description="number of the replica")
    analysed_ps: float = Field(description="length of the analysed part, ps")
    diffusivity_cm2_per_s: float = Field(description="tracer diffusivity, cm^2/s")
    diffusivity_std_cm2_per_s: float = Field(description="its standard error, cm^2/s")
    diffusivity_95_cm2_per_s: Interval = Field(description="95 % interval, cm^2/s")
    conductivity_S_per_cm: float = Field(description="Nernst-Einstein conductivity, S/cm")
    conductivity_std_S_per_cm: float = Field(description="its standard error, S/cm")
    diffusivity_axes_cm2_per_s: list[float] = Field(description="along the unit vectors of a, b and c, cm^2/s")
    diffusivity_planes_cm2_per_s: dict[str, float] = Field(description="in the planes ab, ac, bc, cm^2/s")
    haven_ratio: float | None = Field(description="tracer over charge diffusivity")
    haven_ratio_std: float | None = Field(description="its standard error")
    n_hops: float = Field(description="estimated number of hops of all mobile ions")
    verdict: str = Field(description="ok, not_diffusive, framework_unstable or too_few_hops")
    verdict_reason: str = Field(description="why, in plain words")
    upper_bound_cm2_per_s: float | None = Field(None, description="95 % upper bound on D where no D can be given")
    msd_time_ps: list[float] = Field(description="lag times, ps")
    msd_tracer_A2: list[float] = Field(description="tracer MSD of the mobile ions, A^2")
    msd_host_A2: list[float] = Field(description="MSD of the host, A^2")
    fit_window_ps: tuple[float, float] | None = Field(description="lag window of the fit, ps")


class ArrheniusPoint(Document):
    """One temperature of an Arrhenius plot."""

    temperature_K: float = Field(description="temperature, K")
    diffusion_key: str = Field(description="key of the DiffusionDoc")
    diffusivity_cm2_per_s: float = Field(description="diffusivity, cm^2/s")
    diffusivity_std_cm2_per_s: float = Field(description="standard error, cm^2/s")
    conductivity_S_per_cm: float = Field(description="conductivity, S/cm")
    conductivity_std_S_per_cm: float = Field(description="standard error, S/cm")
    verdict: str = Field(description="verdict of the run")
    used: bool = Field(description="whether the fit used the point")
    reason: str = Field("", description="why not")


class ConductivityDoc(BaseDoc):
    """Conductivities of one composition and their Arrhenius fit."""

    model_key: str = Field(description="key of the ModelDoc")
    level_of_theory: str = Field(description="level of theory of the labels behind the model")
    mobile: str = Field(description="mobile species")
    points: list[ArrheniusPoint] = Field(description="all temperatures")
    activation_energy_eV: float | None = Field(description="slope of ln D against 1/kT, eV; None without a fit")
    activation_energy_std_eV: float | None = Field(description="its standard error, eV")
    activation_energy_95_eV: Interval | None = Field(description="95 % interval, eV")
    reference_temperature_K: float = Field(description="temperature of the extrapolated conductivity, K")
    conductivity_at_reference_S_per_cm: float | None = Field(description="conductivity there, S/cm")
    conductivity_at_reference_95_S_per_cm: Interval | None = Field(description="95 % interval, S/cm")
    fit_temperatures_K: list[float] = Field(default=[], description="grid of the fitted line, K")
    fit_conductivity_S_per_cm: list[float] = Field(default=[], description="fitted line, S/cm")
    fit_low_S_per_cm: list[float] = Field(default=[], description="lower end of its 68 % band, S/cm")
    fit_high_S_per_cm: list[float] = Field(default=[], description="upper end of its 68 % band, S/cm")
    verdict: str = Field(description="verdict on the extrapolated number")
    verdict_reason: str = Field(description="why, in plain words")
    missing: list[str] = Field(default=[], description="runs that did not finish")
