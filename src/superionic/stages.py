"""Settings of each stage of a campaign; their defaults are the paper's values where it states them.

Source of the defaults: Deng et al., J. Mater. Chem. A 2025, doi 10.1039/d5ta05321h. Where the
paper is silent the description says "our choice".
"""

import re
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from superionic.supercell_choice import SupercellChoice


class StageSettings(BaseModel):
    """Base of all stage settings: frozen, strict about unknown keys, storable in a job.

    ``as_dict`` makes the settings of a Maker survive the launchpad: monty serialises objects that
    have it, and rebuilds pydantic models by class name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    def as_dict(self) -> dict[str, Any]:
        """Plain data plus the class name, the form that monty decodes."""
        identity = {"@module": type(self).__module__, "@class": type(self).__name__}
        return identity | self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Inverse of :meth:`as_dict`."""
        return cls(**{key: value for key, value in data.items() if not key.startswith("@")})


class Decorations(StrEnum):
    """How isovalent species are drawn inside one charge pattern."""

    UNIFORM = "uniform"
    DIVERSE = "diverse"


class Thermostat(StrEnum):
    """Thermostats of sampling and production MD."""

    LANGEVIN = "langevin"
    BERENDSEN = "berendsen"
    NOSE_HOOVER = "nose-hoover"


class StrainMode(StrEnum):
    """Form of the random strain tensor."""

    SYMMETRIC = "symmetric"
    DIAGONAL = "diagonal"


class LabelEngine(StrEnum):
    """What computes the training labels."""

    VASP_SCAN = "vasp-scan"
    CP2K_SCAN = "cp2k-scan"
    TEACHER_CHGNET_R2SCAN = "teacher-chgnet-r2scan"


class TrainingMode(StrEnum):
    """How the model is obtained from the foundation."""

    MULTIHEAD = "multihead"
    NAIVE = "naive"
    SCRATCH = "scratch"


class LearningRateSchedule(StrEnum):
    """How the learning rate falls during the training."""

    PLATEAU = "plateau"
    EXPONENTIAL = "exponential"


class OrderingSettings(StageSettings):
    """Enumeration of symmetry-distinct orderings."""

    supercells: SupercellChoice = Field(
        default=[(1, 1, 1), (1, 1, 2), (1, 2, 2)],
        description="supercells of the host cell that are enumerated and pooled: a list of [a, b, c] or 3x3 integer "
        "matrices; auto for the fewest host cells that hold a composition exactly, in their most compact shape; or "
        "{up_to: n} for all symmetry-distinct supercells of up to n host cells that hold it",
    )
    atoms_max: int | None = Field(None, ge=1, description="supercells with more atoms than this are left out")
    max_orderings: int = Field(2000, ge=1, description="lowest-energy distinct orderings kept per composition")
    decorations: Decorations = Field(Decorations.UNIFORM, description="rule for isovalent decorations (our choice)")
    per_pattern: int | None = Field(
        None, ge=1, description="largest number of decorations per charge pattern; default: shared out evenly"
    )
    merge_equal_orbits: bool = Field(True, description="orbits with equal species and occupancies share one pool")


class RelaxSettings(StageSettings):
    """Relaxation of positions and cell with a potential."""

    fmax_eV_per_A: float = Field(0.05, gt=0, description="largest force component at convergence, eV/A (our choice)")
    max_steps: int = Field(300, ge=1, description="largest number of optimiser steps")
    relax_cell: bool = Field(True, description="relax the cell together with the positions")


class ScreeningSettings(StageSettings):
    """Screening of the orderings with the foundation potential."""

    max_structures: int = Field(200, ge=1, description="lowest-Ewald orderings relaxed per composition (our choice)")
    relax: RelaxSettings = Field(default_factory=RelaxSettings)


class SelectionMethod(StrEnum):
    """How parents for sampling are chosen among the screened orderings."""

    KMEDOIDS = "kmedoids"
    LOWEST_ENERGY = "lowest-energy"
    RANDOM = "random"


class SamplingSettings(StageSettings):
    """Choice of parent orderings, MD at high temperature, frames and random strain."""

    parents_per_composition: int = Field(
        6, ge=1, description="orderings sampled per composition (paper: about 83/system)"
    )
    selection: SelectionMethod = Field(SelectionMethod.KMEDOIDS, description="parent selection (our choice)")
    temperature_K: float = Field(800.0, gt=0, description="temperature of the sampling MD, K")
    time_ps: float = Field(15.0, gt=0, description="length of the sampling MD, ps")
    discard_ps: float = Field(5.0, ge=0, description="time dropped before frames are drawn, ps")
    frames: int = Field(30, ge=1, description="random frames per parent")
    time_step_fs: float = Field(1.0, gt=0, description="MD time step, fs")
    thermostat: Thermostat = Field(Thermostat.LANGEVIN, description="thermostat (our choice)")
    damping_fs: float = Field(100.0, gt=0, description="thermostat time constant, fs (our choice)")
    max_strain: float = Field(0.03, ge=0, lt=0.5, description="bound of each random strain component")
    strain_mode: StrainMode = Field(StrainMode.SYMMETRIC, description="form of the strain tensor (our choice)")

    @model_validator(mode="after")
    def _room_for_frames(self) -> Self:
        if self.discard_ps >= self.time_ps:
            raise ValueError(f"discard_ps ({self.discard_ps}) leaves nothing of time_ps ({self.time_ps})")
        if self.frames > (self.time_ps - self.discard_ps) * 1000 / self.time_step_fs:
            raise ValueError(f"{self.frames} frames do not fit into {self.time_ps - self.discard_ps} ps")
        return self


SMALLEST_CUTOFF_RY = 700.0
"""At 400 Ry the forces in LiCl are off by 25 meV/A (root mean square), at 700 Ry by 10 (see the page on CP2K)."""


class Cp2kBasis(StrEnum):
    """Size of the MOLOPT-SCAN basis sets."""

    DZVP = "DZVP"
    TZVP = "TZVP"


class Cp2kSettings(StageSettings):
    """Single points with CP2K and the SCAN functional (all our choice; the paper used VASP)."""

    cutoff_Ry: float = Field(700.0, gt=0, description="plane-wave cutoff of the finest grid, Ry")
    rel_cutoff_Ry: float = Field(60.0, gt=0, description="cutoff that decides which grid a Gaussian is put on, Ry")
    allow_coarse_grid: bool = Field(
        False, description=f"accept a cutoff below {SMALLEST_CUTOFF_RY:g} Ry, e.g. for tests; such labels are noisy"
    )
    kspacing_per_A: float | None = Field(
        0.5, gt=0, description="largest distance of k-points, 1/A, with the factor 2 pi as in VASP; null: Gamma only"
    )
    basis: Cp2kBasis = Field(Cp2kBasis.DZVP, description="size of the basis sets")
    eps_scf: float = Field(1e-6, gt=0, le=1e-5, description="convergence of the self-consistency cycle (EPS_SCF)")
    max_scf: int = Field(60, ge=1, description="largest number of steps of the self-consistency cycle")
    timeout_s: float = Field(86400.0, gt=0, description="a single point that takes longer is stopped, s")
    command: str | None = Field(
        None,
        description="starts CP2K's shell, e.g. mpirun -np 16 cp2k_shell.psmp; default: ASE_CP2K_COMMAND, or what "
        "is on the path",
    )

    @model_validator(mode="after")
    def _fine_enough(self) -> Self:
        if self.cutoff_Ry < SMALLEST_CUTOFF_RY and not self.allow_coarse_grid:
            raise ValueError(
                f"cutoff_Ry {self.cutoff_Ry:g} is too coarse for SCAN labels: use {SMALLEST_CUTOFF_RY:g} or more, or "
                "set allow_coarse_grid to accept noisy labels"
            )
        return self


class KeepFiles(StrEnum):
    """What stays of the run folder of an accepted label; POTCARs never do."""

    COMPRESSED = "compressed"
    ALL = "all"
    NONE = "none"


IncarValue = bool | int | float | str | list[float] | None


def _number_if_it_is_one(value: IncarValue) -> IncarValue:
    """Read ``1e-6`` as a number: YAML takes it for text, and it is compared with what VASP reports."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


class VaspSettings(StageSettings):
    """How VASP makes a label; the defaults are the settings of docs/methods/labels.md."""

    incar: dict[str, IncarValue] = Field(
        default={}, description="INCAR tags that replace the package's own; null removes one"
    )
    potcar_functional: str = Field(
        "PBE_54", pattern="^PBE(_52|_54|_64)?$", description="POTCAR release; all of them hold what a meta-GGA needs"
    )
    potcar: dict[str, str] = Field(default={}, description="POTCAR per element where not the default, e.g. {Ti: Ti_pv}")
    spin: Literal["auto", "off"] | dict[str, float] = Field(
        "auto",
        description="auto: from the elements, an error where that is unclear; off: ISPIN 1; or the initial moment per "
        "element, mu_B, for the elements that auto cannot decide, e.g. {Ti: 0}",
    )
    two_step: bool = Field(False, description="start each SCF from the wave functions of a PBE run")
    max_errors: int = Field(3, ge=1, description="corrections by custodian before a label is given up")
    poll_s: float = Field(1.0, gt=0, description="pause between two looks of custodian at a run, s (its default: 10)")
    frozen_after_s: float = Field(3600.0, gt=0, description="a run without a word for this long is ended, s")
    wall_time_s: int | None = Field(None, ge=60, description="wall time after which a run is asked to stop, s")
    keep_files: KeepFiles = Field(KeepFiles.COMPRESSED, description="files of accepted labels that stay on disk")
    store_task_document: bool = Field(False, description="store emmet's task document (200 kB) with each label")

    @field_validator("incar")
    @classmethod
    def _tags_in_capitals(cls, value: dict[str, IncarValue]) -> dict[str, IncarValue]:
        odd = [tag for tag in value if not re.fullmatch("[A-Z][A-Z0-9_]*", tag)]
        if odd:
            raise ValueError(f"INCAR tags are written in capitals; not a tag: {', '.join(odd)}")
        return {tag: _number_if_it_is_one(item) for tag, item in value.items()}


class LabellingSettings(StageSettings):
    """Single-point labels and the gate that admits them to the data set."""

    engine: LabelEngine = Field(LabelEngine.VASP_SCAN, description="what computes the labels")
    min_success_fraction: float = Field(0.9, gt=0, le=1, description="share of labels that must be accepted")
    max_force_eV_per_A: float = Field(30.0, gt=0, description="labels with a larger force component are refused, eV/A")
    max_stress_eV_per_A3: float = Field(
        0.5, gt=0, description="labels with a larger stress component are refused, eV/A^3"
    )
    rehearsal: bool = Field(
        False, description="admit the output of the VASP stand-in; its labels are named fake-vasp (for tests)"
    )
    vasp: VaspSettings = Field(default_factory=VaspSettings, description="settings of engine vasp-scan")
    cp2k: Cp2kSettings = Field(default_factory=Cp2kSettings, description="settings of the engine cp2k-scan")


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


class StabilitySettings(StageSettings):
    """Ground states and hull with the tuned model."""

    max_structures: int = Field(20, ge=1, description="screened orderings re-relaxed per composition (our choice)")
    relax: RelaxSettings = Field(default_factory=RelaxSettings)
    compare_with_labels: bool = Field(True, description="label the relaxed ground states for comparison")


class TransportSettings(StageSettings):
    """Production MD and the conductivities drawn from it."""

    compositions: list[dict[str, float | str]] = Field(default=[], description="grid points to run; empty means all")
    supercell: tuple[int, int, int] = Field((2, 2, 2), description="supercell of the relaxed ground state")
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
    pathway_temperature_K: float | None = Field(800.0, description="temperature whose run gives the ion density, K")
    reference_temperature_K: float = Field(300.0, gt=0, description="temperature of the extrapolated conductivity, K")

    def length_ps(self, temperature_K: float) -> tuple[float, float]:
        """Length and discarded start of a run at ``temperature_K``, both in ps."""
        if temperature_K < self.cold_below_K:
            return self.cold_time_ps, self.cold_discard_ps
        return self.time_ps, self.discard_ps


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
