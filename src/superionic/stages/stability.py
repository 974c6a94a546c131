"""Settings of ground states and phase diagrams."""

from enum import StrEnum
from typing import Any

from pydantic import Field, field_validator

from superionic.stages.base import RelaxSettings, StageSettings


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

    @field_validator("temperatures_K")
    @classmethod
    def _above_zero(cls, temperatures: list[float]) -> list[float]:
        if wrong := [f"{t:g}" for t in temperatures if t <= 0 or temperatures.count(t) > 1]:
            raise ValueError(f"{', '.join(wrong)} K is listed twice or not above zero: give each temperature once")
        return temperatures

    @property
    def key_content(self) -> dict[str, Any]:
        """What a campaign's key is made of; the younger settings count only where they are not the default."""
        return self.model_dump(mode="json", exclude=self._unused | self._default("temperatures_K"))

    @property
    def relaxation_content(self) -> dict[str, Any]:
        """What the relaxed orderings depend on."""
        return self.model_dump(mode="json", exclude=self._unused | {"temperatures_K"})

    @property
    def _unused(self) -> set[str]:
        return self._default("candidates")

    def _default(self, name: str) -> set[str]:
        return {name} if getattr(self, name) == type(self).model_fields[name].get_default() else set()
