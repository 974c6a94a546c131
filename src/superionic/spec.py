"""One YAML file that drives a campaign: host, species as linear expressions of axes, grid, settings per stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from superionic.errors import SpecError
from superionic.expressions import Constraint, LinearExpression, as_fraction
from superionic.provenance import content_key
from superionic.spec_io import apply_profile, explain_validation_error, model_in, read_cif, read_yaml
from superionic.stages import (
    ActiveSettings,
    E0Source,
    LabelEngine,
    LabellingSettings,
    MonteCarloSettings,
    OrderingSettings,
    QueueTable,
    SamplingSettings,
    ScreeningSettings,
    StabilitySettings,
    StageSettings,
    TrainingSettings,
    TransportSettings,
    check_orderings,
    check_rounds,
)

Number = float | str
MAX_GRID_POINTS = 10_000


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Axis(_Model):
    """One composition variable."""

    minimum: Number = Field(0.0, description="smallest value")
    maximum: Number = Field(1.0, description="largest value")
    description: str = Field("", description="what the axis means, for figures and reports")


class Grid(_Model):
    """Grid points, either listed or generated with a step on every axis."""

    points: list[dict[str, Number]] = Field(default=[], description="explicit points, each naming every axis")
    step: Number | None = Field(None, description="spacing of a regular grid on all axes")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.points) == (self.step is not None):
            raise ValueError("give either points or step, not both and not neither")
        return self


class Cell(_Model):
    """Lattice parameters; each may be a linear expression of the axes (Vegard's law)."""

    a: Number = Field(description="length a, A")
    b: Number = Field(description="length b, A")
    c: Number = Field(description="length c, A")
    alpha: Number = Field(90.0, description="angle alpha, degrees")
    beta: Number = Field(90.0, description="angle beta, degrees")
    gamma: Number = Field(90.0, description="angle gamma, degrees")


class Site(_Model):
    """One Wyckoff position of the host, occupied by a sublattice."""

    sublattice: str = Field(description="name of the sublattice whose species occupy the site")
    position: tuple[Number, Number, Number] = Field(description="fractional coordinates, e.g. [0, 1/3, 0]")
    label: str = Field("", description="Wyckoff label such as 4g, for reports and pathways")


class Host(_Model):
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


class ElectrolyteSpec(_Model):
    """Everything that defines a campaign.

    Examples
    --------
    >>> spec = ElectrolyteSpec.from_file("workflows/quickstart.yaml")  # doctest: +SKIP
    >>> [point.label for point in spec.points]  # doctest: +SKIP
    ['x=1,y=0', 'x=1,y=1', 'x=0,y=1', 'x=0.5,y=1', 'x=0.5,y=0.5']
    """

    name: str = Field(min_length=1, description="name of the system, for reports")
    mobile: str = Field(description="symbol of the mobile species, e.g. Li")
    charges: dict[str, int] = Field(description="formal charge of every species")
    host: Host
    sublattices: dict[str, dict[str, Number]] = Field(description="occupancy of each species, e.g. {In: x, Y: 1 - x}")
    axes: dict[str, Axis] = Field(default={}, description="composition variables")
    constraints: list[str] = Field(default=[], description="linear relations between axes, e.g. x + y >= 1")
    grid: Grid
    end_members: list[dict[str, Number]] = Field(min_length=1, description="points whose ground states are references")
    foundation: str = Field("mace-mp-0a-medium", description="superionic-mini, mace-mp-0a-medium or a file")
    seed: int = Field(0, ge=0, description="the one seed from which every stage's seeds derive")
    orderings: OrderingSettings = Field(default_factory=OrderingSettings)
    screening: ScreeningSettings = Field(default_factory=ScreeningSettings)
    sampling: SamplingSettings = Field(default_factory=SamplingSettings)
    labelling: LabellingSettings = Field(default_factory=LabellingSettings)
    training: TrainingSettings = Field(default_factory=TrainingSettings)
    active: ActiveSettings = Field(default_factory=ActiveSettings, description="further rounds of labels, if any")
    stability: StabilitySettings = Field(default_factory=StabilitySettings)
    transport: TransportSettings = Field(default_factory=TransportSettings)
    montecarlo: MonteCarloSettings | None = Field(
        None, description="Monte Carlo of orderings in large cells with the tuned model; none without this block"
    )
    queue: QueueTable = Field(default={}, description="priority and batch-queue fields per stage; not part of the key")
    profile: str | None = Field(None, description="profile of the file (--profile) in use; not part of the key")
    _source: str = PrivateAttr("spec")

    @classmethod
    def from_file(cls, path: str | Path, profile: str | None = None) -> Self:
        """Read and check a YAML file, with the settings of one of its profiles if ``profile`` names one.

        Raises
        ------
        SpecError
            If the file is missing, has no such profile or anything in it is wrong; the message names file, key,
            value and remedy.
        """
        file = Path(path)
        data, lines = apply_profile(*read_yaml(file), profile, str(file), _stage_blocks(cls))
        if isinstance(data.get("host"), dict) and data["host"].get("cif"):
            data["host"]["cif_text"] = read_cif(file, str(data["host"]["cif"]))
        return cls.from_data(data, source=str(file), lines=lines)

    @classmethod
    def from_data(cls, data: dict[str, Any], source: str = "spec", lines: dict[str, int] | None = None) -> Self:
        """Check plain data, e.g. the content of a YAML file.

        Raises
        ------
        SpecError
            As in :meth:`from_file`.
        """
        try:
            spec = cls.model_validate(data)
        except ValidationError as error:
            raise SpecError(explain_validation_error(error, cls, source, lines or {})) from error
        spec._source = source  # noqa: SLF001 (its own class)
        return spec

    @property
    def source(self) -> str:
        """File that the spec was read from, for messages."""
        return self._source

    @field_validator("charges")
    @classmethod
    def _known_elements(cls, charges: dict[str, int]) -> dict[str, int]:
        from ase.data import atomic_numbers

        unknown = [symbol for symbol in charges if symbol not in atomic_numbers or symbol == "X"]
        if unknown:
            raise ValueError(f"unknown element {', '.join(unknown)}: use symbols of the periodic table such as Li")
        return charges

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        species = {symbol for occupants in self.sublattices.values() for symbol in occupants}
        missing = sorted(species - set(self.charges))
        if missing:
            raise ValueError(f"charges: no formal charge for {', '.join(missing)}; add e.g. '{missing[0]}: 1'")
        if self.mobile not in species:
            raise ValueError(f"mobile: {self.mobile!r} is on no sublattice; species are {', '.join(sorted(species))}")
        used = {site.sublattice for site in self.host.sites} | set(self.host.assign.values())
        if used != set(self.sublattices):
            raise ValueError(
                f"host sites use the sublattices {', '.join(sorted(used))} but sublattices defines "
                f"{', '.join(sorted(self.sublattices))}: the two sets must be equal"
            )
        check_rounds(self.active, self.sampling, self.training)
        check_orderings(self.transport, self.stability, self.screening, self.orderings)
        return self

    @model_validator(mode="after")
    def _isolated_atoms_of_the_labels(self) -> Self:
        if self.training.e0_source is not E0Source.ISOLATED or self.labelling.engine is LabelEngine.VASP_SCAN:
            return self
        reason = (
            "a potential has never seen a single atom, so what it says about one means nothing: use estimated"
            if self.labelling.engine is LabelEngine.TEACHER_CHGNET_R2SCAN
            else "isolated atoms are computed with vasp-scan only: compute them yourself and give training.e0s_eV"
        )
        raise ValueError(f"training.e0s: isolated does not go with labels by {self.labelling.engine.value}; {reason}")

    @model_validator(mode="after")
    def _valid_grid(self) -> Self:
        self._check_expressions()
        if not self.points:
            raise ValueError("grid: no point satisfies ranges and constraints; refine the step or widen the ranges")
        for point in self.points:
            self._check_occupancies(point)
        for where, given in (
            ("end_members", self.end_members),
            ("transport.compositions", self.transport.compositions),
            ("montecarlo.compositions", self.montecarlo.compositions if self.montecarlo else []),
        ):
            for axes in given:
                point = self.point(axes)
                if point not in self.points:
                    raise ValueError(f"{where}: {point.label} is not a grid point; add it to grid or remove it here")
        return self

    @cached_property
    def key(self) -> str:
        """Content key of everything that shapes results; comments and file names do not."""
        content = self.model_dump(mode="json", exclude={"host": {"cif"}, "queue": True, "profile": True})
        if self.montecarlo is None:  # a campaign without it keeps the key that it had before there was one
            del content["montecarlo"]
        if not self.active.rounds:
            del content["active"]
        return content_key(content)

    @property
    def elements(self) -> list[str]:
        """Symbols of all species, sorted."""
        return sorted({species for sublattice in self.sublattices.values() for species in sublattice})

    @cached_property
    def points(self) -> list[CompositionPoint]:
        """Grid points that satisfy the ranges and constraints, in a fixed order.

        Raises
        ------
        ValueError
            If a listed point violates a range or constraint.
        """
        candidates = self._grid_candidates()
        if not self.grid.points:
            constraints = [Constraint.parse(text) for text in self.constraints]
            return [point for point in candidates if all(c.holds(point.axes) for c in constraints)]
        for point in candidates:
            self._check_constraints(point)
            self._check_ranges(point)
        return _unique(candidates)

    def allowed_point(self, axes: dict[str, Number]) -> CompositionPoint:
        """The composition point at the given axis values, on the grid or between its points.

        Raises
        ------
        SpecError
            As in :meth:`point`, and if the point is outside the ranges or constraints or gives
            impossible occupancies.
        """
        point = self.point(axes)
        try:
            self._check_constraints(point)
            self._check_ranges(point)
            self._check_occupancies(point)
        except ValueError as error:
            raise SpecError(f"{self.source}: {error}") from error
        return point

    def point(self, axes: dict[str, Number]) -> CompositionPoint:
        """The composition point at the given axis values.

        Raises
        ------
        SpecError
            If an axis is missing or unknown, or a value is no number.
        """
        if set(axes) != set(self.axes):
            raise SpecError(f"point {axes} must give exactly the axes {', '.join(self.axes) or '(none)'}")
        return CompositionPoint({axis: as_fraction(axes[axis]) for axis in self.axes})

    def occupancies(self, point: CompositionPoint) -> dict[str, dict[str, Fraction]]:
        """Exact occupancy of every species on every sublattice at ``point``; zeros are left out."""
        return {
            name: {
                symbol: value
                for symbol, text in occupants.items()
                if (value := LinearExpression.parse(text).at(point.axes)) != 0
            }
            for name, occupants in self.sublattices.items()
        }

    def _grid_candidates(self) -> list[CompositionPoint]:
        if self.grid.points:
            return [self.point(axes) for axes in self.grid.points]
        step = as_fraction(self.grid.step or 0)
        if step <= 0:
            raise ValueError(f"grid.step: {self.grid.step} must be positive")
        values = [list(_steps(axis, step)) for axis in self.axes.values()]
        if (size := _size(values)) > MAX_GRID_POINTS:
            raise ValueError(f"grid.step: {size} points are more than {MAX_GRID_POINTS}; choose a larger step")
        return [CompositionPoint(dict(zip(self.axes, combination, strict=True))) for combination in product(*values)]

    def _check_expressions(self) -> None:
        zero = dict.fromkeys(self.axes, Fraction(0))
        cell = self.host.cell.model_dump() if self.host.cell else {}
        texts = {f"host.cell.{key}": text for key, text in cell.items()}
        for name, occupants in self.sublattices.items():
            texts |= {f"sublattices.{name}.{symbol}": text for symbol, text in occupants.items()}
        for key, text in texts.items():
            try:
                LinearExpression.parse(text).at(zero)
            except SpecError as error:
                raise SpecError(f"{key}: {error}") from error

    def _check_constraints(self, point: CompositionPoint) -> None:
        for text in self.constraints:
            if not Constraint.parse(text).holds(point.axes):
                raise ValueError(f"grid: {point.label} violates the constraint {text}")

    def _check_ranges(self, point: CompositionPoint) -> None:
        for name, axis in self.axes.items():
            if not as_fraction(axis.minimum) <= point.axes[name] <= as_fraction(axis.maximum):
                raise ValueError(f"grid: {point.label} is outside {axis.minimum} <= {name} <= {axis.maximum}")

    def _check_occupancies(self, point: CompositionPoint) -> None:
        for name, occupants in self.occupancies(point).items():
            arithmetic = " + ".join(f"{symbol} {value}" for symbol, value in occupants.items())
            total = sum(occupants.values(), Fraction(0))
            if total > 1 or any(value < 0 for value in occupants.values()):
                raise ValueError(
                    f"sublattices.{name}: at {point.label} the occupancies are {arithmetic} = {total}; each must be "
                    "at least 0 and their sum at most 1: correct the expressions or the axis range"
                )


def _steps(axis: Axis, step: Fraction) -> Iterator[Fraction]:
    value, last = as_fraction(axis.minimum), as_fraction(axis.maximum)
    while value <= last:
        yield value
        value += step


def _size(values: list[list[Fraction]]) -> int:
    size = 1
    for axis_values in values:
        size *= len(axis_values)
    return size


def _unique(points: list[CompositionPoint]) -> list[CompositionPoint]:
    return [point for index, point in enumerate(points) if point not in points[:index]]


def _stage_blocks(model: type[BaseModel]) -> frozenset[str]:
    """Names of the fields that hold the settings of a stage."""
    found = {name: model_in(field.annotation) for name, field in model.model_fields.items()}
    return frozenset(name for name, block in found.items() if block is not None and issubclass(block, StageSettings))
