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
    ordering: int = Field(0, description="rank of the ordering among those relaxed; 0 has the lowest energy")
    ordering_energy_eV_per_atom: float = Field(0.0, description="its energy above the lowest one, eV/atom")
    seed: int = Field(description="seed of the velocities and the thermostat")
    thermostat: str = Field(description="thermostat")
    n_atoms: int = Field(description="atoms in the supercell")
    cell: str = Field("as-relaxed", description="how the cell was made: as-relaxed, relax or npt")
    volume_change: float = Field(0.0, description="relative change of the volume by that")
    time_ps: float = Field(description="length that was run, discarded start included, ps")
    requested_time_ps: float = Field(description="length that was asked for, ps")
    discard_ps: float = Field(description="start to be discarded, ps")
    frame_step_ps: float = Field(description="time between stored frames, ps")
    n_frames: int = Field(description="stored frames")
    ended_early: str | None = Field(None, description="why the run stopped before its time, if it did")
    ns_per_day: float | None = Field(None, description="speed of the MD, ns of this run per day of wall time")
    segments: int = Field(1, description="jobs that worked at it, killed ones included; resources add up their cost")
    together: int = Field(1, description="most runs that one of them advanced side by side")
    engine: str = Field("ase", description="what moved the atoms: ase or torch-sim")
    resumed_at_ps: list[float] = Field(default=[], description="where it was taken up after a stop or a kill, ps")
    trajectory_blob: Blob = Field(description="HDF5 file with unwrapped positions (store: trajectories)")


class MDGroupDoc(BaseDoc):
    """Runs that one job advanced side by side; each has its own document."""

    run_keys: list[str] = Field(description="keys of the TrajectoryDocs")
    advanced: list[str] = Field(description="those that were not in the database yet")


class Interval(Document):
    """A two-sided interval."""

    low: float = Field(description="lower end")
    high: float = Field(description="upper end")


class HostSpeciesState(Document):
    """What became of one species of the host."""

    species: str = Field(description="chemical symbol")
    count: int = Field(description="atoms")
    state: str = Field(
        description="intact, host_defects, rotating_groups, site_exchange, melted, amorphised, disordered or unclear"
    )
    judged: bool = Field(description="whether it counts in the verdict")
    n_displaced: int = Field(description="atoms that end further away than half the distance to the next of their kind")
    fraction_displaced: float | None = Field(description="the same as a fraction")
    late_exponent: float | None = Field(description="log-log slope of its MSD at long times: crystal 0, melt 1")
    rms_displacement_A: float | None = Field(description="root of its MSD at half of the run, A")
    order: float | None = Field(description="structure factor at the parent reflections, end over start")
    onset_ps: float | None = Field(description="time from which too many atoms are displaced, ps")


class FrameworkCheck(Document):
    """State of the host over a whole run, what was cut off included."""

    checked: bool = Field(description="whether the cell has a host that could be judged")
    stable: bool = Field(description="whether it is still the crystal")
    state: str = Field(description="state of its worst species")
    onset_ps: float | None = Field(description="when it broke, ps after the discarded start")
    reason: str = Field(description="why, in plain words")
    warnings: list[str] = Field(default=[], description="defects of a host that counts as stable")
    species: list[HostSpeciesState] = Field(description="each species of the host")


class DiffusionDoc(BaseDoc):
    """Diffusivity and conductivity of one run, with errors and a verdict; a run too short to analyse has no numbers."""

    model_key: str = Field(description="key of the ModelDoc")
    mobile: str = Field(description="mobile species")
    mobile_count: int = Field(description="mobile ions in the supercell")
    charge_e: float = Field(description="charge of one of them, elementary charges")
    number_density_per_A3: float = Field(description="mobile ions per A^3")
    temperature_K: float = Field(description="temperature, K")
    ordering: int = Field(0, description="rank of the ordering among those relaxed; 0 has the lowest energy")
    replica: int = Field(description="number of the replica")
    analysed_ps: float = Field(description="length of the analysed part, ps")
    cut_at_ps: float | None = Field(None, description="what came later was left out: the framework broke, ps")
    diffusivity_cm2_per_s: float | None = Field(description="tracer diffusivity, cm^2/s")
    diffusivity_std_cm2_per_s: float | None = Field(description="its standard error, cm^2/s")
    diffusivity_95_cm2_per_s: Interval | None = Field(description="95 % interval, cm^2/s")
    conductivity_S_per_cm: float | None = Field(description="Nernst-Einstein conductivity, S/cm")
    conductivity_std_S_per_cm: float | None = Field(description="its standard error, S/cm")
    diffusivity_axes_cm2_per_s: list[float] = Field(description="along the unit vectors of a, b and c, cm^2/s")
    diffusivity_axes_std_cm2_per_s: list[float] = Field(description="their standard errors, cm^2/s")
    diffusivity_planes_cm2_per_s: dict[str, float] = Field(description="in the planes ab, ac, bc, cm^2/s")
    diffusivity_planes_std_cm2_per_s: dict[str, float] = Field(description="their standard errors, cm^2/s")
    diffusivity_collective_cm2_per_s: float | None = Field(description="charge (collective) diffusivity, cm^2/s")
    diffusivity_collective_std_cm2_per_s: float | None = Field(description="its standard error, cm^2/s")
    haven_ratio: float | None = Field(description="tracer over charge diffusivity")
    haven_ratio_std: float | None = Field(description="its standard error")
    n_hops: int = Field(description="counted hops of all mobile ions")
    framework: FrameworkCheck | None = Field(None, description="state of the host; None if nothing could be analysed")
    verdict: str = Field(description="ok, not_diffusive, framework_unstable or too_few_hops")
    verdict_reason: str = Field(description="why, in plain words")
    upper_bound_cm2_per_s: float | None = Field(None, description="95 % upper bound on D where no D can be given")
    msd_time_ps: list[float] = Field(description="lag times, ps")
    msd_tracer_A2: list[float] = Field(description="tracer MSD of the mobile ions, A^2")
    msd_host_A2: list[float] = Field(description="MSD of the host, A^2")
    fit_window_ps: tuple[float, float] | None = Field(description="lag window of the fit, ps")


class ArrheniusRun(Document):
    """One run behind a point of an Arrhenius plot."""

    diffusion_key: str = Field(description="key of the DiffusionDoc")
    temperature_K: float = Field(description="temperature, K")
    ordering: int = Field(0, description="rank of the ordering; 0 has the lowest energy")
    replica: int = Field(0, description="number of the replica")
    diffusivity_cm2_per_s: float | None = Field(description="diffusivity, cm^2/s")
    diffusivity_std_cm2_per_s: float | None = Field(description="standard error, cm^2/s")
    conductivity_S_per_cm: float | None = Field(description="conductivity, S/cm")
    conductivity_std_S_per_cm: float | None = Field(description="standard error, S/cm")
    n_hops: int = Field(description="counted hops")
    cut_at_ps: float | None = Field(None, description="what came later was left out: the framework broke, ps")
    verdict: str = Field(description="verdict of the run")
    used: bool = Field(description="whether it entered the point")
    reason: str = Field("", description="why not")


class ArrheniusPoint(Document):
    """All runs at one temperature: their combination, or the only one."""

    temperature_K: float = Field(description="temperature, K")
    diffusion_keys: list[str] = Field(description="keys of the DiffusionDocs")
    n_runs: int = Field(description="runs at this temperature")
    n_used: int = Field(description="runs that entered; the others are listed under runs with their reasons")
    n_hops: int = Field(description="counted hops in those that entered")
    diffusivity_cm2_per_s: float | None = Field(description="diffusivity, cm^2/s; None if no run can be used")
    diffusivity_std_cm2_per_s: float | None = Field(description="standard error, cm^2/s")
    diffusivity_within_std_cm2_per_s: float | None = Field(
        None, description="part of it that comes from the errors of the runs, cm^2/s; None for one run"
    )
    diffusivity_between_std_cm2_per_s: float | None = Field(
        None, description="scatter of the true values of the runs, cm^2/s; None for one run"
    )
    upper_bound_cm2_per_s: float | None = Field(None, description="95 % upper bound on D where no D can be given")
    conductivity_S_per_cm: float | None = Field(description="conductivity, S/cm")
    conductivity_std_S_per_cm: float | None = Field(description="standard error, S/cm")
    diffusivity_axes_cm2_per_s: list[float] = Field(default=[], description="along a, b and c, cm^2/s")
    diffusivity_axes_std_cm2_per_s: list[float] = Field(default=[], description="their standard errors, cm^2/s")
    diffusivity_planes_cm2_per_s: dict[str, float] = Field(default={}, description="in ab, ac and bc, cm^2/s")
    diffusivity_planes_std_cm2_per_s: dict[str, float] = Field(default={}, description="standard errors, cm^2/s")
    haven_ratio: float | None = Field(None, description="tracer over charge diffusivity")
    haven_ratio_std: float | None = Field(None, description="its standard error")
    verdict: str = Field(description="verdict on the point")
    used: bool = Field(description="whether the fit used it")
    reason: str = Field("", description="what it rests on, or why it was not used")


class ExcludedTemperature(Document):
    """A point that a fit left out."""

    temperature_K: float = Field(description="temperature, K")
    reason: str = Field(description="why")


class CurvatureTest(Document):
    """Whether an Arrhenius plot is straight."""

    energy_change_eV: float = Field(description="activation energy at the coldest less that at the hottest point, eV")
    energy_change_std_eV: float = Field(description="its standard error, eV")
    p_value: float = Field(description="probability of so large a change if the plot is straight")
    significant: bool = Field(description="whether that is below 5 %")


class ArrheniusFit(Document):
    """One fit of ln D against 1/kT."""

    method: str = Field(description="weighted by the errors, or unweighted as usual in the literature")
    activation_energy_eV: float = Field(description="activation energy, eV")
    activation_energy_std_eV: float | None = Field(description="its standard error, eV")
    activation_energy_95_eV: tuple[float | None, float | None] = Field(description="95 % interval, eV")
    prefactor_cm2_per_s: float = Field(description="D at infinite temperature, cm^2/s")
    ln_prefactor_std: float | None = Field(description="standard error of its logarithm")
    chi_reduced: float | None = Field(description="scatter of the points in units of their errors")
    error_source: str = Field(description="propagated from the points, or from the scatter about the line")
    degrees_of_freedom: int | None = Field(description="of Student's t; None for normal intervals")
    temperatures_K: list[float] = Field(description="points that entered, K")
    excluded: list[ExcludedTemperature] = Field(description="points left out")
    curvature: CurvatureTest | None = Field(description="None with fewer than three temperatures")
    warnings: list[str] = Field(description="what limits the fit")
    conductivity_at_reference_S_per_cm: float = Field(description="conductivity at the reference temperature, S/cm")
    conductivity_at_reference_95_S_per_cm: tuple[float | None, float | None] = Field(description="95 % interval, S/cm")


class DirectionalEnergy(Document):
    """Activation energy of the diffusion in a plane of the cell, or in space."""

    where: str = Field(description="ab, ac, bc or 3D")
    activation_energy_eV: float = Field(description="slope of ln D against 1/kT, eV")
    activation_energy_std_eV: float = Field(description="its standard error, eV")


class ConductivityDoc(BaseDoc):
    """Conductivities of one composition and their Arrhenius fit."""

    model_key: str = Field(description="key of the ModelDoc")
    level_of_theory: str = Field(description="level of theory of the labels behind the model")
    mobile: str = Field(description="mobile species")
    points: list[ArrheniusPoint] = Field(description="all temperatures, runs combined")
    runs: list[ArrheniusRun] = Field(default=[], description="the single runs")
    activation_energy_eV: float | None = Field(description="slope of ln D against 1/kT, eV; None without a fit")
    activation_energy_std_eV: float | None = Field(description="its standard error, eV")
    activation_energy_95_eV: Interval | None = Field(description="95 % interval, eV")
    directional_energies: list[DirectionalEnergy] = Field(
        default=[], description="same in the planes of the cell and in space, from the points that have both"
    )
    reference_temperature_K: float = Field(description="temperature of the extrapolated conductivity, K")
    conductivity_at_reference_S_per_cm: float | None = Field(description="conductivity there, S/cm")
    conductivity_at_reference_95_S_per_cm: Interval | None = Field(description="95 % interval, S/cm")
    fit_temperatures_K: list[float] = Field(default=[], description="grid of the fitted line, K")
    fit_conductivity_S_per_cm: list[float] = Field(default=[], description="fitted line, S/cm")
    fit_low_S_per_cm: list[float] = Field(default=[], description="lower end of its 68 % band, S/cm")
    fit_high_S_per_cm: list[float] = Field(default=[], description="upper end of its 68 % band, S/cm")
    weighted_fit: ArrheniusFit | None = Field(None, description="the fit behind the numbers above, in full")
    unweighted_fit: ArrheniusFit | None = Field(
        None, description="all points alike and errors from the scatter, as in the paper; from three temperatures on"
    )
    verdict: str = Field(description="verdict on the extrapolated number")
    verdict_reason: str = Field(description="why, in plain words")
    missing: list[str] = Field(default=[], description="runs that did not finish")
