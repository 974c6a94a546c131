"""One YAML file that drives a campaign: host, species as linear expressions of axes, grid, settings per stage."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, field_validator, model_validator

from superionic.errors import SpecError
from superionic.expressions import Constraint, LinearExpression, as_fraction
from superionic.phase_files import fill_phases
from superionic.provenance import content_key
from superionic.spec_io import apply_profile, explain_validation_error, fill_cifs, model_in, read_yaml
from superionic.spec_parts import POLYMORPH_NAME, Axis, CompositionPoint, Grid, Host, Number, Polymorph, SpecModel
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

MAX_GRID_POINTS = 10_000
_NO_PART_OF_THE_KEY: Any = {
    "host": {"cif"},
    "polymorphs": {"__all__": {"host": {"cif"}}},
    "phase": True,
    "queue": True,
    "profile": True,
}


class ElectrolyteSpec(SpecModel):
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
    phase: str | None = Field(
        None, description="name of the host's structure beside polymorphs, e.g. beta (Pnma); not part of the key"
    )
    polymorphs: dict[str, Polymorph] = Field(
        default={}, description="further crystal structures of some grid points by name, e.g. gamma or Cmcm"
    )
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
        blocks = _stage_blocks(cls) | {"polymorphs"}
        data, lines = apply_profile(*read_yaml(file), profile, str(file), blocks)
        fill_cifs(file, data)
        fill_phases(file, data)
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

    @field_validator("polymorphs", mode="before")
    @classmethod
    def _without_removed(cls, value: Any) -> Any:  # noqa: ANN401 (whatever the YAML holds)
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value

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
        for name in self.polymorphs:
            self._check_polymorph(name)
        return self

    @cached_property
    def key(self) -> str:
        """Content key of everything that shapes results; comments and file names do not."""
        content = self.model_dump(mode="json", exclude=_NO_PART_OF_THE_KEY)
        if not self.polymorphs:
            del content["polymorphs"]
        if self.montecarlo is None:  # a campaign without it keeps the key that it had before there was one
            del content["montecarlo"]
        if not self.active.rounds:
            del content["active"]
        content["sampling"] = self.sampling.key_content
        content["stability"] = self.stability.key_content
        return content_key(content)

    @property
    def host_phase(self) -> str | None:
        """What the host's structure is called: its phase, or its space group where the spec has a symbol."""
        group = self.host.space_group
        return self.phase or (group if isinstance(group, str) else None)

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

    def of_polymorph(self, name: str) -> Self:
        """The campaign with a polymorph in place of the host, and with its grid points alone.

        It describes the crystal only: its key is of no use, and no campaign is run from it.
        """
        spec = type(self).model_validate(self._data_of(self.polymorphs[name]))
        spec._source = f"{self.source}: polymorphs.{name}"  # noqa: SLF001 (its own class)
        return spec

    def _data_of(self, polymorph: Polymorph) -> dict[str, Any]:
        cells = {} if polymorph.supercells is None else {"supercells": polymorph.supercells}
        return self.model_dump() | {
            "host": polymorph.host,
            "sublattices": polymorph.sublattices,
            "grid": Grid(points=polymorph.at),
            "end_members": polymorph.at,
            "orderings": self.orderings.model_copy(update=cells),
            "transport": self.transport.model_copy(update={"compositions": []}),
            "montecarlo": None,
            "polymorphs": {},
        }

    def _check_polymorph(self, name: str) -> None:
        polymorph, where = self.polymorphs[name], f"polymorphs.{name}"
        if not POLYMORPH_NAME.fullmatch(name) or name == self.phase:
            raise ValueError(
                f"{where}: not usable as a name: up to 40 letters, digits, spaces and . _ + -, and not that of phase"
            )
        try:
            points = _unique([self.point(axes) for axes in polymorph.at])
            type(self).model_validate(self._data_of(polymorph))
        except ValidationError as error:
            reasons = "; ".join(str(problem["msg"]).removeprefix("Value error, ") for problem in error.errors())
            raise ValueError(f"{where}: {reasons}") from error
        except SpecError as error:
            raise ValueError(f"{where}.at: {error}") from error
        if outside := [point.label for point in points if point not in self.points]:
            raise ValueError(f"{where}.at: {outside[0]} is not a grid point; add it to grid or change at")

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
