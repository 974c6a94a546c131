"""Settings of what the tuned model is used for: transport, Monte Carlo of orderings."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from superionic.stages.base import RelaxSettings, StageSettings, Thermostat
from superionic.stages.dataset import OrderingSettings, ScreeningSettings
from superionic.stages.stability import StabilitySettings
from superionic.units import FS_PER_PS

LEAST_FRAMES, LEAST_NPT_STEPS = 10, 200
INTEGER_TOLERANCE = 1e-6


class FrameworkFailure(StrEnum):
    """What is done with a run whose host lattice breaks.

    Attributes
    ----------
    EXCLUDE
        The run is left out of all numbers.
    CUT
        The time before the onset is used, if it is long enough to be analysed.
    """

    EXCLUDE = "exclude"
    CUT = "cut"


class CellStart(StrEnum):
    """Cell in which the production MD runs.

    Attributes
    ----------
    AS_RELAXED
        Supercell of the ordering as the tuned model has relaxed it.
    RELAX
        That supercell, relaxed once more: it may break the symmetry between its cells.
    NPT
        The mean cell of a run at constant pressure and the temperature of the MD: it expands with the temperature.
    """

    AS_RELAXED = "as-relaxed"
    RELAX = "relax"
    NPT = "npt"


class CellFreedom(StrEnum):
    """What of the cell may change at constant pressure.

    Attributes
    ----------
    VOLUME
        The cell keeps its shape.
    FULL
        Lengths and angles change too, which small cells of soft crystals do not survive at high temperatures.
    """

    VOLUME = "volume"
    FULL = "full"


class GroupEngine(StrEnum):
    """What advances the runs of one job.

    Attributes
    ----------
    LOCKSTEP
        ASE moves the cells, one batch of the potential per step gives their forces.
    TORCH_SIM
        torch-sim moves all cells in one set of tensors, with thermostats of its own.
    """

    LOCKSTEP = "lockstep"
    TORCH_SIM = "torch-sim"


class TransportSettings(StageSettings):
    """Production MD and the conductivities drawn from it."""

    compositions: list[dict[str, float | str]] = Field(default=[], description="grid points to run; empty means all")
    supercell: tuple[int, int, int] = Field((2, 2, 2), description="supercell of the relaxed ground state")
    cell: CellStart = Field(CellStart.AS_RELAXED, description="cell of the MD: as-relaxed, relax or npt (our choice)")
    cell_relax: RelaxSettings = Field(default_factory=RelaxSettings, description="how it is relaxed, for cell: relax")
    npt_ps: float = Field(20.0, gt=0, description="run at constant pressure, the first half dropped, ps (our choice)")
    npt_freedom: CellFreedom = Field(CellFreedom.VOLUME, description="what may change in it: volume or full")
    npt_pressure_GPa: float = Field(0.0, description="pressure of that run, GPa")
    temperatures_K: list[float] = Field(
        default=[800.0, 900.0, 1000.0, 1100.0], min_length=1, description="temperatures of the runs, K"
    )
    time_ps: float = Field(500.0, gt=0, description="length of a run at or above cold_below_K, ps")
    discard_ps: float = Field(100.0, ge=0, description="time dropped from such a run, ps")
    cold_time_ps: float = Field(1000.0, gt=0, description="length of a run below cold_below_K, ps")
    cold_discard_ps: float = Field(200.0, ge=0, description="time dropped from such a run, ps")
    cold_below_K: float = Field(800.0, gt=0, description="temperature below which the longer runs are used, K")
    time_step_fs: float = Field(1.0, gt=0, description="MD time step, fs (our choice)")
    thermostat: Thermostat = Field(Thermostat.BERENDSEN, description="thermostat of the production MD")
    damping_fs: float = Field(100.0, gt=0, description="thermostat time constant, fs (our choice)")
    stride_fs: float = Field(100.0, gt=0, description="time between stored frames, fs (our choice)")
    dtype: str = Field("float32", pattern="^float(32|64)$", description="floating point type of the MD (our choice)")
    replicas: int = Field(1, ge=1, description="runs per temperature, each with its own seed (we advise 3)")
    runs_per_job: int = Field(
        1, ge=1, description="runs of one composition that one job advances side by side; pays for small cells and GPUs"
    )
    group_engine: GroupEngine = Field(
        GroupEngine.LOCKSTEP,
        description="what advances them: lockstep, or torch-sim if installed (our choice)",
    )
    orderings: int = Field(1, ge=1, description="orderings of lowest energy that are run, each with all replicas")
    framework_failure: FrameworkFailure = Field(
        FrameworkFailure.EXCLUDE, description="runs whose framework breaks: exclude, or cut at the onset (our choice)"
    )
    pathway_temperature_K: float | None = Field(800.0, description="temperature whose run gives the ion density, K")
    reference_temperature_K: float = Field(300.0, gt=0, description="temperature of the extrapolated conductivity, K")

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        twice = {t for t in self.temperatures_K if self.temperatures_K.count(t) > 1 or t <= 0}
        if twice:
            raise ValueError(
                f"temperatures_K: {', '.join(f'{t:g}' for t in sorted(twice))} is listed twice or not above zero; for "
                "several runs at one temperature set replicas"
            )
        steps = self.stride_fs / self.time_step_fs
        if round(steps) < 1 or abs(round(steps) - steps) > INTEGER_TOLERANCE * steps:
            raise ValueError(
                f"stride_fs ({self.stride_fs:g}) is no multiple of time_step_fs ({self.time_step_fs:g}): change one"
            )
        npt_steps = self.npt_ps * FS_PER_PS / self.time_step_fs
        if self.cell is CellStart.NPT and npt_steps < LEAST_NPT_STEPS:
            raise ValueError(
                f"npt_ps ({self.npt_ps:g}) is {npt_steps:.0f} steps, and {LEAST_NPT_STEPS} are the least for a mean"
            )
        return self

    @model_validator(mode="after")
    def _suits_the_engine(self) -> Self:
        if self.group_engine is not GroupEngine.TORCH_SIM:
            return self
        if self.runs_per_job == 1:
            raise ValueError(
                "group_engine: torch-sim advances several runs in one job, but runs_per_job is 1: raise it, or choose "
                "group_engine: lockstep"
            )
        if self.thermostat is Thermostat.BERENDSEN:
            raise ValueError(
                "group_engine: torch-sim has no Berendsen thermostat: set thermostat to langevin, nose-hoover or csvr, "
                "or choose group_engine: lockstep"
            )
        return self

    @model_validator(mode="after")
    def _can_be_analysed(self) -> Self:
        for temperature in self.temperatures_K:
            time_ps, discard_ps = self.length_ps(temperature)
            frames = (time_ps - discard_ps) * FS_PER_PS / self.stride_fs
            if frames < LEAST_FRAMES:
                raise ValueError(
                    f"a run of {time_ps:g} ps at {temperature:g} K, of which {discard_ps:g} are discarded, has "
                    f"{max(frames, 0):.0f} frames of {self.stride_fs:g} fs left, and {LEAST_FRAMES} are the least to "
                    "analyse: run longer, discard less, or lower stride_fs"
                )
        return self

    def length_ps(self, temperature_K: float) -> tuple[float, float]:
        """Length and discarded start of a run at ``temperature_K``, both in ps."""
        if temperature_K < self.cold_below_K:
            return self.cold_time_ps, self.cold_discard_ps
        return self.time_ps, self.discard_ps


def check_orderings(
    transport: TransportSettings, stability: StabilitySettings, screening: ScreeningSettings, kept: OrderingSettings
) -> None:
    """Refuse to run more orderings than an earlier stage hands on.

    Raises
    ------
    ValueError
        Naming the setting that is too small.
    """
    for name, limit in (
        ("stability.max_structures", stability.max_structures),
        ("screening.max_structures", screening.max_structures),
        ("orderings.max_orderings", kept.max_orderings),
    ):
        if transport.orderings > limit:
            raise ValueError(
                f"transport.orderings: {transport.orderings} orderings of each composition are to be run, but {name} "
                f"keeps only {limit}; raise that or lower transport.orderings"
            )


class MonteCarloEnergy(StrEnum):
    """What gives the energy of an ordering in a Monte Carlo run."""

    CLUSTER_EXPANSION = "cluster-expansion"
    EWALD = "ewald"
    POTENTIAL = "potential"


class MonteCarloSettings(StageSettings):
    """Monte Carlo of orderings in large supercells; the paper states only 4x4x4 cells, all else is our choice."""

    compositions: list[dict[str, float | str]] = Field(default=[], description="grid points; empty: all disordered")
    supercell: tuple[int, int, int] = Field((4, 4, 4), description="Monte Carlo supercell of the primitive host cell")
    energy: MonteCarloEnergy = Field(
        MonteCarloEnergy.CLUSTER_EXPANSION, description="energy model; potential is for small cells (our choice)"
    )
    dielectric_constant: float = Field(
        10.0, gt=0, description="screening of the formal charges, energy: ewald only (our choice)"
    )
    cutoffs_A: list[float] = Field(
        default=[7.0, 5.0], min_length=1, description="largest distance inside a pair, triplet, ..., A (our choice)"
    )
    ewald_term: bool = Field(
        False, description="add the formal-charge Ewald energy to the cluster functions (our choice)"
    )
    training_supercells: list[tuple[int, int, int]] = Field(
        default=[(1, 1, 1), (1, 1, 2), (1, 2, 2), (2, 2, 2)],
        min_length=1,
        description="cells of the training orderings (our choice)",
    )
    training_orderings: int = Field(120, ge=4, description="orderings that the cluster expansion is fitted to")
    training_jobs: int = Field(4, ge=1, description="jobs that share the training energies")
    training_relax: RelaxSettings | None = Field(
        default_factory=RelaxSettings, description="relaxation of the training orderings; null for static energies"
    )
    folds: int = Field(10, ge=2, description="folds of the cross validation (our choice)")
    max_cv_error_meV_per_atom: float = Field(
        5.0, gt=0, description="a cluster expansion with a larger cross-validation error is refused, meV/atom"
    )
    start_K: float = Field(3000.0, gt=0, description="first temperature of the annealing, K (our choice)")
    freeze_K: float = Field(900.0, gt=0, description="temperature at which the orderings freeze, K (our choice)")
    temperatures: int = Field(20, ge=1, description="temperatures of the annealing; 1 for none (our choice)")
    sweeps_per_temperature: int = Field(50, ge=1, description="sweeps at each of them (our choice)")
    equilibration_sweeps: int = Field(500, ge=0, description="sweeps at freeze_K left out (our choice)")
    production_sweeps: int = Field(2000, ge=20, description="sweeps at freeze_K that are used (our choice)")
    replicas: int = Field(3, ge=1, description="independent runs (our choice)")
    snapshots_per_replica: int = Field(2, ge=1, description="orderings drawn from each run (our choice)")
    snapshot_relax: RelaxSettings = Field(
        default_factory=RelaxSettings, description="relaxation of the drawn orderings before MD"
    )

    @model_validator(mode="after")
    def _cools_down(self) -> Self:
        if self.start_K < self.freeze_K:
            raise ValueError(f"start_K ({self.start_K:g}) is below freeze_K ({self.freeze_K:g}): anneal from above")
        return self
