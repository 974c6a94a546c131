"""Settings of the labels: VASP, CP2K or a teacher potential, and the gate."""

import re
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from superionic.stages.base import StageSettings

SMALLEST_CUTOFF_RY = 700.0
"""At 400 Ry the forces in LiCl are off by 25 meV/A (root mean square), at 700 Ry by 10 (see the page on CP2K)."""


class LabelEngine(StrEnum):
    """What computes the training labels."""

    VASP_SCAN = "vasp-scan"
    CP2K_SCAN = "cp2k-scan"
    TEACHER_CHGNET_R2SCAN = "teacher-chgnet-r2scan"


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
