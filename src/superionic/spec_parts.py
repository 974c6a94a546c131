"""The parts of a spec: composition axes and grid, host crystal and its polymorphs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from superionic.supercell_choice import SupercellChoice

Number = float | str
POLYMORPH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,39}")


class SpecModel(BaseModel):
    """Base of the parts of a spec: unknown keys are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Axis(SpecModel):
    """One composition variable."""

    minimum: Number = Field(0.0, description="smallest value")
    maximum: Number = Field(1.0, description="largest value")
    description: str = Field("", description="what the axis means, for figures and reports")


class Grid(SpecModel):
    """Grid points, either listed or generated with a step on every axis."""

    points: list[dict[str, Number]] = Field(default=[], description="explicit points, each naming every axis")
    step: Number | None = Field(None, description="spacing of a regular grid on all axes")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.points) == (self.step is not None):
            raise ValueError("give either points or step, not both and not neither")
        return self


class Cell(SpecModel):
    """Lattice parameters; each may be a linear expression of the axes (Vegard's law)."""

    a: Number = Field(description="length a, A")
    b: Number = Field(description="length b, A")
    c: Number = Field(description="length c, A")
    alpha: Number = Field(90.0, description="angle alpha, degrees")
    beta: Number = Field(90.0, description="angle beta, degrees")
    gamma: Number = Field(90.0, description="angle gamma, degrees")


class Site(SpecModel):
    """One Wyckoff position of the host, occupied by a sublattice."""

    sublattice: str = Field(description="name of the sublattice whose species occupy the site")
    position: tuple[Number, Number, Number] = Field(description="fractional coordinates, e.g. [0, 1/3, 0]")
    label: str = Field("", description="Wyckoff label such as 4g, for reports and pathways")


class Host(SpecModel):
    """The host crystal: an inline description, or a CIF beside the YAML file."""

    space_group: str | int | None = Field(None, description="symbol or number of the inline description")
    cell: Cell | None = Field(None, description="lattice of the inline description")
    sites: list[Site] = Field(default=[], description="Wyckoff positions of the inline description")
    cif: str | None = Field(None, description="CIF file, relative to the YAML file")
    assign: dict[str, str] = Field(default={}, description="CIF only: site label or element -> sublattice")
    formula_units: int = Field(ge=1, description="formula units in the cell as described, for formulas in reports")
    primitive: bool = Field(False, description="reduce a centred cell to a primitive one; supercells count from it")
    cif_text: str | None = Field(None, description="content of the CIF, filled when the spec is read")

    @model_validator(mode="after")
    def _inline_or_cif(self) -> Self:
        inline = self.space_group is not None and self.cell is not None and bool(self.sites)
        if inline == bool(self.cif or self.cif_text):
            raise ValueError("give either space_group, cell and sites, or cif and assign")
        return self


class Polymorph(SpecModel):
    """Another crystal structure of some grid points; it has sites of its own and takes part in all stages."""

    at: list[dict[str, Number]] = Field(
        default=[{}], min_length=1, description="grid point, or list of grid points, whose polymorph it is"
    )
    host: Host
    sublattices: dict[str, dict[str, Number]] = Field(description="occupancy of each species, as of the host")
    supercells: SupercellChoice | None = Field(
        None, description="supercells whose orderings are enumerated; default: orderings.supercells"
    )
    transport: bool = Field(False, description="whether MD is run for its conductivity")
    md_supercell: tuple[int, int, int] | None = Field(
        None, description="supercell of the MD; default: transport.supercell"
    )

    @field_validator("at", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:  # noqa: ANN401 (whatever the YAML holds)
        return [value] if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _supercell_is_used(self) -> Self:
        if self.md_supercell is not None and not self.transport:
            raise ValueError("md_supercell: no MD is run for this polymorph: add transport: true, or remove it")
        return self


@dataclass(frozen=True)
class CompositionPoint:
    """One point of the composition grid with exact axis values."""

    axes: dict[str, Fraction]

    @property
    def label(self) -> str:
        """Axis values as text, e.g. ``x=0.5,y=1``."""
        return ",".join(f"{axis}={float(value):g}" for axis, value in self.axes.items()) or "host"

    @property
    def exact_label(self) -> str:
        """Axis values as exact fractions, e.g. ``x=1/3``; the command line reads it back with ``--at``."""
        return ",".join(f"{axis}={value}" for axis, value in self.axes.items())

    @property
    def values(self) -> dict[str, float]:
        """Axis values as floats."""
        return {axis: float(value) for axis, value in self.axes.items()}
