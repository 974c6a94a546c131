"""Numbers of other people for the systems of the paper, with their source and level of theory."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from superionic.spec_io import read_yaml

FILE = Path(__file__).parent / "data" / "reference_values.yaml"


class ReferenceQuantity(StrEnum):
    """What a reference value is a value of; the name carries the unit."""

    CONDUCTIVITY = "conductivity_S_per_cm"
    ACTIVATION_ENERGY = "activation_energy_eV"
    FORMATION_ENERGY = "formation_energy_meV_per_atom"
    ABOVE_HULL = "e_above_hull_meV_per_atom"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReferenceSource(_Model):
    """Where a value was published."""

    citation: str = Field(description="author, journal, year")
    doi: str | None = Field(None, description="DOI, where we have it")


class ReferenceValue(_Model):
    """One published number, or range."""

    formula: str = Field(description="composition per formula unit")
    phase: str = Field("", description="structure, where a composition has several")
    quantity: ReferenceQuantity
    temperature_K: float | None = Field(None, gt=0, description="temperature of a conductivity, K")
    value: float | None = Field(None, description="the number, in the unit of the quantity")
    std: float | None = Field(None, gt=0, description="its uncertainty as published")
    low: float | None = Field(None, description="lower end of a range")
    high: float | None = Field(None, description="upper end of a range")
    level: str = Field(description="level of theory, or experiment")
    source: ReferenceSource
    note: str = Field("", description="anything to know about it")

    @model_validator(mode="after")
    def _number_or_range(self) -> Self:
        if (self.value is None) == (self.low is None) or (self.low is None) != (self.high is None):
            raise ValueError(f"{self.formula}: give either value, or low and high")
        if (self.quantity is ReferenceQuantity.CONDUCTIVITY) != (self.temperature_K is not None):
            raise ValueError(f"{self.formula}: a conductivity, and nothing else, has a temperature")
        return self

    def is_of(self, formula: str) -> bool:
        """Whether the value is one of this composition, however it is written."""
        return _fractions(self.formula) == _fractions(formula)


@cache
def reference_values() -> tuple[ReferenceValue, ...]:
    """All reference values that come with the package.

    Examples
    --------
    >>> [v.value for v in reference_values() if v.is_of("Li3YBr6") and v.quantity == "activation_energy_eV"]
    [0.29, 0.28]
    """
    data, _ = read_yaml(FILE)
    return tuple(
        ReferenceValue.model_validate(
            entry | {"source": data["sources"][entry["source"]], "level": data["levels"][entry["level"]]}
        )
        for entry in data["values"]
    )


@cache
def _fractions(formula: str) -> tuple[tuple[str, float], ...]:
    from pymatgen.core import Composition

    try:
        shares = Composition(formula).fractional_composition
    except ValueError:  # a name that is no formula is none of the compositions here
        return ()
    return tuple(sorted((element.symbol, round(share, 6)) for element, share in shares.items()))
