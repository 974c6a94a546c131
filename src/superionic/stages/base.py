"""What all stage settings share."""

from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field


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


class Thermostat(StrEnum):
    """Thermostats of sampling and production MD."""

    LANGEVIN = "langevin"
    BERENDSEN = "berendsen"
    NOSE_HOOVER = "nose-hoover"
    CSVR = "csvr"


class RelaxSettings(StageSettings):
    """Relaxation of positions and cell with a potential."""

    fmax_eV_per_A: float = Field(0.05, gt=0, description="largest force component at convergence, eV/A (our choice)")
    max_steps: int = Field(300, ge=1, description="largest number of optimiser steps")
    relax_cell: bool = Field(True, description="relax the cell together with the positions")
