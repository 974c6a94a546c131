"""Numbers of other people for the systems of the paper, with their source and level of theory."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from superionic.spec_io import read_yaml

SHORTEST_PART = 4
FILE = Path(__file__).parent / "data" / "reference_values.yaml"


class ReferenceQuantity(StrEnum):
    """What a reference value is a value of; the name carries the unit."""

    CONDUCTIVITY = "conductivity_S_per_cm"
    ACTIVATION_ENERGY = "activation_energy_eV"
    FORMATION_ENERGY = "formation_energy_meV_per_atom"
    ABOVE_HULL = "e_above_hull_meV_per_atom"
    POLYMORPH_ENERGY = "polymorph_energy_meV_per_atom"
    LATTICE = "lattice_constants_A"


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
    against: str = Field("", description="structure that the energy of a polymorph is compared with")
    quantity: ReferenceQuantity = Field(description="what it is a value of, with its unit")
    temperature_K: float | None = Field(None, gt=0, description="temperature of a conductivity, K")
    value: float | None = Field(None, description="the number, in the unit of the quantity")
    std: float | None = Field(None, gt=0, description="its uncertainty as published")
    low: float | None = Field(None, description="lower end of a range")
    high: float | None = Field(None, description="upper end of a range")
    cell: tuple[float, float, float, float, float, float] | None = Field(
        None, description="a, b, c in angstrom and alpha, beta, gamma in degrees, for lattice constants"
    )
    level: str = Field(description="level of theory, or experiment")
    source: ReferenceSource
    note: str = Field("", description="anything to know about it")

    @model_validator(mode="after")
    def _number_or_range(self) -> Self:
        given = [self.value is not None, self.low is not None, self.cell is not None]
        if sum(given) != 1 or (self.low is None) != (self.high is None):
            raise ValueError(f"{self.formula}: give either value, or low and high, or cell")
        if (self.quantity is ReferenceQuantity.LATTICE) != (self.cell is not None):
            raise ValueError(f"{self.formula}: lattice constants, and nothing else, are a cell")
        if (self.quantity is ReferenceQuantity.CONDUCTIVITY) != (self.temperature_K is not None):
            raise ValueError(f"{self.formula}: a conductivity, and nothing else, has a temperature")
        compared = self.quantity is ReferenceQuantity.POLYMORPH_ENERGY
        if compared != bool(self.against) or (compared and not self.phase):
            raise ValueError(
                f"{self.formula}: the energy of a polymorph has phase and against, nothing else the latter"
            )
        return self

    def is_of(self, formula: str, polymorph: str | None = None, host_phase: str | None = None) -> bool:
        """Whether the value is one of this composition and structure.

        Parameters
        ----------
        formula : str
            The composition, however it is written.
        polymorph : str, optional
            Name of the structure if it is not the host's; it must share a word with the value's phase, as ``gamma``
            and ``gamma (Pmn2_1)`` do.
        host_phase : str, optional
            What the host's structure is called. Without it the phase of a value does not count for the host.
        """
        if _fractions(self.formula) != _fractions(formula):
            return False
        name = polymorph or host_phase
        if not self.phase or name is None:
            return polymorph is None
        return not _words(self.phase).isdisjoint(_words(name))

    def compares_with(self, host_phase: str | None) -> bool:
        """Whether the structure that it is compared with is the host's."""
        return host_phase is not None and not _words(self.against).isdisjoint(_words(host_phase))


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
def _words(phase: str) -> frozenset[str]:
    """Words of a structure's name, and the parts of hyphenated ones that say something: ``gamma-Li3PS4``, ``R-3c``."""
    words = re.split(r"[\s()]+", phase.lower())
    parts = [part for word in words for part in word.split("-") if len(part) >= SHORTEST_PART]
    return frozenset(word for word in [*words, *parts] if word)


@cache
def _fractions(formula: str) -> tuple[tuple[str, float], ...]:
    from pymatgen.core import Composition

    try:
        shares = Composition(formula).fractional_composition
    except ValueError:  # a name that is no formula is none of the compositions here
        return ()
    return tuple(sorted((element.symbol, round(share, 6)) for element, share in shares.items()))
