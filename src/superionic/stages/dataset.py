"""Settings of the stages from orderings to frames."""

from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from superionic.stages.base import RelaxSettings, StageSettings, Thermostat
from superionic.supercell_choice import SupercellChoice


class Decorations(StrEnum):
    """How isovalent species are drawn inside one charge pattern."""

    UNIFORM = "uniform"
    DIVERSE = "diverse"


class StrainMode(StrEnum):
    """Form of the random strain tensor."""

    SYMMETRIC = "symmetric"
    DIAGONAL = "diagonal"


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


class ScreeningSettings(StageSettings):
    """Screening of the orderings with the foundation potential."""

    max_structures: int = Field(200, ge=1, description="lowest-Ewald orderings relaxed per composition (our choice)")
    relax: RelaxSettings = Field(default_factory=RelaxSettings)


class SelectionMethod(StrEnum):
    """How structures are chosen: parents among the screened orderings, frames among those of the MD."""

    KMEDOIDS = "kmedoids"
    FPS = "fps"
    ENTROPY = "entropy"
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
    frames: int = Field(30, ge=1, description="frames per parent that are labelled")
    candidates: int | None = Field(
        None,
        ge=1,
        description="random frames drawn per parent, among which the labelled ones are chosen; default: frames",
    )
    frame_selection: SelectionMethod = Field(
        SelectionMethod.RANDOM, description="choice of frames among the candidates (our choice)"
    )
    close_pairs: int = Field(
        0,
        ge=0,
        description="further frames per parent, for training only, with two mobile ions pushed together (our choice)",
    )
    time_step_fs: float = Field(1.0, gt=0, description="MD time step, fs")
    thermostat: Thermostat = Field(Thermostat.LANGEVIN, description="thermostat (our choice)")
    damping_fs: float = Field(100.0, gt=0, description="thermostat time constant, fs (our choice)")
    max_strain: float = Field(0.03, ge=0, lt=0.5, description="bound of each random strain component")
    strain_mode: StrainMode = Field(StrainMode.SYMMETRIC, description="form of the strain tensor (our choice)")

    @property
    def key_content(self) -> dict[str, Any]:
        """Contents for the key of a campaign; campaigns without close pairs keep the key that they had before those."""
        return self.model_dump(mode="json", exclude=set() if self.close_pairs else {"close_pairs"})

    @property
    def drawn_frames(self) -> int:
        """Frames that are drawn from the MD of one parent."""
        return self.frames if self.candidates is None else self.candidates

    @model_validator(mode="after")
    def _room_for_frames(self) -> Self:
        if self.discard_ps >= self.time_ps:
            raise ValueError(f"discard_ps ({self.discard_ps}) leaves nothing of time_ps ({self.time_ps})")
        if self.drawn_frames > (self.time_ps - self.discard_ps) * 1000 / self.time_step_fs:
            raise ValueError(f"{self.drawn_frames} frames do not fit into {self.time_ps - self.discard_ps} ps")
        return self

    @model_validator(mode="after")
    def _frames_among_candidates(self) -> Self:
        if self.drawn_frames < self.frames:
            raise ValueError(f"candidates ({self.candidates}) are fewer than frames ({self.frames}): raise candidates")
        if self.frame_selection is SelectionMethod.LOWEST_ENERGY:
            raise ValueError("frame_selection: lowest-energy is for parents; frames are chosen by fps, kmedoids, ...")
        return self
