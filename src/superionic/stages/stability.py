"""Settings of ground states and phase diagrams."""

from enum import StrEnum
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from superionic.stages.base import RelaxSettings, StageSettings

YOUNGER = ("candidates", "temperatures_K", "competing")
"""Settings that came after the first campaigns, whose keys they leave alone where nothing is asked for."""


class Candidates(StrEnum):
    """Orderings among which the ground state is sought.

    Attributes
    ----------
    SCREENED
        Those that the foundation potential has relaxed, where it left them.
    ENUMERATED
        All of the enumeration, on the sites of the host.
    """

    SCREENED = "screened"
    ENUMERATED = "enumerated"


class StatedPhase(StageSettings):
    """A phase outside of the campaign, as it was given."""

    name: str = Field(description="formula with the file or database entry that it comes from")
    formula: str = Field(description="reduced formula")
    source: str = Field(description="where it comes from")
    structure: str | None = Field(None, description="crystal structure, JSON of pymatgen; None if it has none")
    energy_eV_per_atom: float | None = Field(None, description="energy as stated, for phases without a structure, eV")


class CompetingSettings(StageSettings):
    """Phases outside of the campaign that its compositions may decompose into."""

    entries: str | None = Field(
        None, description="pymatgen entries (JSON) or a folder of CIFs, relative to the YAML file"
    )
    level_of_theory: str | None = Field(
        None,
        description="level of theory of the energies in the file; entries without a structure are taken only if it is "
        "that of the labels",
    )
    materials_project: bool = Field(
        False, description="take structures from the Materials Project, with the key in MP_API_KEY"
    )
    max_e_above_hull_eV_per_atom: float = Field(
        0.05, ge=0, description="Materials Project phases higher above its own hull are left out, eV/atom (our choice)"
    )
    relax: RelaxSettings = Field(default_factory=RelaxSettings)
    phases: list[StatedPhase] | None = Field(None, description="content of the file, filled when the spec is read")

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if not (self.entries or self.phases or self.materials_project):
            raise ValueError("names no phases: give entries (a file or folder), or materials_project: true")
        return self

    @model_validator(mode="after")
    def _energies_have_a_level(self) -> Self:
        bare = [phase.name for phase in self.phases or () if phase.structure is None]
        if bare and self.level_of_theory is None:
            raise ValueError(
                f"{self.entries}: {', '.join(bare)} have an energy and no structure. Energies of different methods "
                "must not be mixed: give structures (ComputedStructureEntry or CIF), which the tuned model relaxes, or "
                "state level_of_theory if it is exactly that of the labels"
            )
        return self


class StabilitySettings(StageSettings):
    """Ground states and hull with the tuned model."""

    candidates: Candidates = Field(
        Candidates.SCREENED, description="orderings that the tuned model ranks unrelaxed: screened, or enumerated (all)"
    )
    max_structures: int = Field(
        20, ge=1, description="lowest of them that are relaxed with the tuned model, per composition (our choice)"
    )
    relax: RelaxSettings = Field(default_factory=RelaxSettings)
    compare_with_labels: bool = Field(True, description="label the relaxed ground states for comparison")
    temperatures_K: list[float] = Field(
        default=[300.0, 800.0],
        description="temperatures of the free energies of mixing, K; an empty list for none (our choice)",
    )
    competing: CompetingSettings | None = Field(
        None, description="phases outside of the campaign that it has to compete with; none without this block"
    )

    @field_validator("temperatures_K")
    @classmethod
    def _above_zero(cls, temperatures: list[float]) -> list[float]:
        if wrong := [f"{t:g}" for t in temperatures if t <= 0 or temperatures.count(t) > 1]:
            raise ValueError(f"{', '.join(wrong)} K is listed twice or not above zero: give each temperature once")
        return temperatures

    @property
    def key_content(self) -> dict[str, Any]:
        """What a campaign's key is made of; the younger settings count only where they are not the default."""
        content = self.model_dump(mode="json", exclude={"competing": {"entries"}})
        return {name: value for name, value in content.items() if name not in self._untouched}

    @property
    def relaxation_content(self) -> dict[str, Any]:
        """What the relaxed orderings depend on."""
        without = {"temperatures_K", "competing"} | ({"candidates"} & self._untouched)
        return self.model_dump(mode="json", exclude=without)

    @property
    def _untouched(self) -> set[str]:
        fields = type(self).model_fields
        return {name for name in YOUNGER if getattr(self, name) == fields[name].get_default()}
