"""``superionic enumerate``: symmetry-distinct orderings of a spec's compositions or of a disordered CIF."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superionic.cli.console import count_text, emit_json, emit_table, say
from superionic.cli.session import JsonOption, ProfileOption
from superionic.cli.task_progress import TaskProgress
from superionic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymatgen.core import Structure

    from superionic.ordering.export import OrderingRow
    from superionic.ordering.hierarchy import EnergyFunction
    from superionic.ordering.result import OrderingSet
    from superionic.ordering.tasks import OrderingTask
    from superionic.spec import ElectrolyteSpec
    from superionic.spec_parts import CompositionPoint
    from superionic.stages import OrderingSettings

CIF_SUFFIXES = {".cif", ".mcif"}


class Decorations(StrEnum):
    """How isovalent species are drawn inside one charge pattern."""

    UNIFORM = "uniform"
    DIVERSE = "diverse"


class Format(StrEnum):
    """How structures are written."""

    CIF = "cif"
    EXTXYZ = "extxyz"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("enumerate")(enumerate_)


def enumerate_(
    source: Annotated[Path, typer.Argument(metavar="SPEC|CIF", help="campaign file (YAML), or a disordered CIF")],
    at: Annotated[
        list[str] | None, typer.Option("--at", help="spec: only this composition, e.g. x=0.5,y=1/3; repeatable")
    ] = None,
    max_orderings: Annotated[int | None, typer.Option("--max", min=1, help="orderings per composition [2000]")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="write structures and summary.json here")
    ] = None,
    file_format: Annotated[Format, typer.Option("--format", help="how structures are written")] = Format.CIF,
    supercell: Annotated[
        list[str] | None, typer.Option("--supercell", help="1x1x2, or a matrix: 1,1,0;0,1,0;0,0,2; repeatable")
    ] = None,
    auto: Annotated[
        bool, typer.Option("--auto", help="the fewest cells that fit, in their most compact shape")
    ] = False,
    up_to: Annotated[
        int | None, typer.Option("--up-to", min=1, help="all distinct supercells of up to N cells")
    ] = None,
    per_orbit: Annotated[bool, typer.Option("--per-orbit", help="every orbit keeps its own number of ions")] = False,
    decorations: Annotated[
        Decorations | None, typer.Option("--decorations", help="choice of isovalent decorations [uniform]")
    ] = None,
    per_pattern: Annotated[
        int | None, typer.Option("--per-pattern", min=1, help="most decorations per charge pattern")
    ] = None,
    rank: Annotated[
        str | None, typer.Option("--rank", help="potential whose static energies choose the decorations; slow")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="seed of random choices [the spec's, or 0]")] = None,
    charges: Annotated[str | None, typer.Option("--charges", help="CIF: formal charges, e.g. Li=1,In=3,Br=-1")] = None,
    nearest: Annotated[
        bool, typer.Option("--nearest", help="CIF: adopt the nearest neutral composition that the supercells hold")
    ] = False,
    profile: ProfileOption = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="rows of each printed table")] = 20,
    json: JsonOption = False,
) -> None:
    """List the lowest-energy symmetry-distinct orderings, and say whether the list is proven.

    Examples: superionic enumerate my.yaml --at x=0.5,y=0.5 --max 100 -o orderings;
    superionic enumerate my.cif --charges Li=1,In=3,Br=-1 --supercell 1x1x2
    """
    changes: dict[str, Any] = {
        "max_orderings": max_orderings,
        "decorations": decorations and decorations.value,
        "per_pattern": per_pattern,
        "merge_equal_orbits": False if per_orbit else None,
        "supercells": _supercells(supercell or [], auto, up_to),
    }
    changes = {key: value for key, value in changes.items() if value is not None}
    if source.suffix.lower() in CIF_SUFFIXES:
        _refuse_options("a CIF", {"--at": at, "--profile": profile})
        header, tasks = _cif(source, changes, charges, seed, nearest)
    else:
        _refuse_options("a spec", {"--charges": charges, "--nearest": nearest})
        header, tasks = _spec(source, changes, at or [], seed, profile)
    if rank is not None:
        _refuse_options("--rank", {"--decorations": decorations})
        header["decorations_ranked_by"] = rank
    summaries = _run(tasks, output, file_format, json, rows, rank)
    if output is not None:
        _write_overview(output, header, summaries)
    if json:
        emit_json(header | {"compositions": summaries})


def _refuse_options(kind: str, options: dict[str, Any]) -> None:
    given = [name for name, value in options.items() if value]
    if given:
        raise InputError(f"{', '.join(given)} means nothing for {kind}; leave it out")


def _supercells(shapes: list[str], auto: bool, up_to: int | None) -> Any:  # noqa: ANN401 (as in a YAML file)
    from superionic.ordering.supercells import parse_supercell

    if sum([bool(shapes), auto, up_to is not None]) > 1:
        raise InputError("give only one of --supercell (repeatable), --auto and --up-to")
    if up_to is not None:
        return {"up_to": up_to}
    if auto:
        return "auto"
    return [parse_supercell(shape) for shape in shapes] or None


def _settings(base: dict[str, Any], changes: dict[str, Any]) -> OrderingSettings:
    from pydantic import ValidationError

    from superionic.stages import OrderingSettings

    try:
        return OrderingSettings(**(base | changes))
    except ValidationError as error:
        raise InputError("; ".join(str(problem["msg"]) for problem in error.errors())) from error


def _spec(
    source: Path, changes: dict[str, Any], at: list[str], seed: int | None, profile: str | None
) -> tuple[dict[str, Any], list[OrderingTask]]:
    from superionic.cli.session import read_spec
    from superionic.ordering.tasks import spec_tasks

    spec = read_spec(source, profile=profile)
    header = {"source": str(source), "name": spec.name, "spec_key": spec.key}
    update: dict[str, Any] = {"orderings": _settings(spec.orderings.model_dump(), changes)}
    spec = spec.model_copy(update=update if seed is None else update | {"seed": seed})
    return header, spec_tasks(spec, [_point(spec, text) for text in at] or None)


def _point(spec: ElectrolyteSpec, text: str) -> CompositionPoint:
    from superionic.errors import SpecError

    axes: dict[str, float | str] = dict(_pairs(text, "--at", "x=0.5,y=1/3"))
    try:
        return spec.allowed_point(axes)
    except SpecError as error:
        raise SpecError(f"--at {text}: {error}") from error


def _pairs(text: str, option: str, example: str) -> list[tuple[str, str]]:
    pairs = [part.split("=") for part in text.split(",") if part.strip()]
    names = [pair[0].strip() for pair in pairs]
    if not pairs or any(len(pair) != 2 for pair in pairs) or len(set(names)) < len(names):  # noqa: PLR2004 (a pair)
        raise InputError(f"{option} {text!r} is not readable; write e.g. {option} {example}")
    return [(name.strip(), value.strip()) for name, value in pairs]


def _cif(
    source: Path, changes: dict[str, Any], charges: str | None, seed: int | None, nearest: bool
) -> tuple[dict[str, Any], list[OrderingTask]]:
    from superionic.errors import OrderingError
    from superionic.ordering.cif import read_cif
    from superionic.ordering.tasks import cif_task

    crystal = read_cif(source, None if charges is None else _charges(charges))
    for note in crystal.notes:
        say(f"note: {note}")
    settings = _settings({"supercells": [(1, 1, 1)]}, changes)
    try:
        task, change = cif_task(crystal, settings, seed=seed or 0, nearest=nearest)
    except OrderingError as error:
        raise OrderingError(f"{source}: {error}{_advice(str(error))}") from error
    if change:
        say(f"NOTE: the occupancies of {source} were CHANGED to the nearest charge-neutral ones:\n  {change}")
    return {"source": str(source), "name": source.stem, "occupancies_changed": change or None}, [task]


def _advice(message: str) -> str:
    if "Nearest charge-neutral" not in message:
        return ""
    return (
        "\nChoose a supercell (--supercell 1x1x2, --auto, --up-to 4), or adopt the first composition listed for a "
        "supercell with --nearest."
    )


def _charges(text: str) -> dict[str, float]:
    pairs = _pairs(text, "--charges", "Li=1,In=3,Br=-1")
    try:
        return {symbol: float(value) for symbol, value in pairs}
    except ValueError as error:
        raise InputError(f"--charges {text!r}: {error}; write e.g. Li=1,In=3,Br=-1") from error


def _run(
    tasks: list[OrderingTask], output: Path | None, file_format: Format, json: bool, rows: int, rank: str | None
) -> list[dict[str, Any]]:
    """Enumerate, write and print one composition after the other; return what JSON needs."""
    from superionic.ordering.export import FileFormat, composition_summary, described, prepare_folder, write_orderings

    summaries: list[dict[str, Any]] = []
    folders = {task.label: output / task.label for task in tasks} if output is not None else {}
    for folder in folders.values():
        prepare_folder(folder)
    energies = None if rank is None else _static_energies(rank)
    with TaskProgress(len(tasks)) as progress:
        for task in tasks:
            start = time.monotonic()
            found = task.run(progress.of(task.label), energies)
            seconds = time.monotonic() - start
            if output is not None:
                style = FileFormat(file_format.value)
                show = progress.of(task.label)
                summaries.append(write_orderings(folders[task.label], task, found, style, seconds, show))
            elif json:
                table = [row for row, _ in described(found, len(found))]
                summaries.append(composition_summary(task, found, table, seconds))
            progress.finished(task.label, f"{len(found)} orderings in {seconds:.1f} s, {_verdict(found)}")
            if not json:
                _print(task, found, [row for row, _ in described(found, rows)])
    return summaries


def _static_energies(potential: str) -> EnergyFunction:
    """Energies of unrelaxed structures with a potential of the registry."""
    from superionic.potentials.registry import foundation_ref, load_calculator
    from superionic.potentials.static import static_energies

    calculator = load_calculator(foundation_ref(potential))

    def energies(structures: Sequence[Structure]) -> list[float]:
        found: list[float] = []
        for outcome in static_energies(structures, calculator):
            if isinstance(outcome, Exception):
                raise outcome
            found.append(outcome)
        return found

    return energies


def _write_overview(output: Path, header: dict[str, Any], summaries: list[dict[str, Any]]) -> None:
    from superionic.ordering.export import versions, write_summary

    write_summary(output, header | {"software": versions(), "compositions": summaries})
    say(f"written: {sum(summary['count_listed'] for summary in summaries)} orderings below {output}")


def _print(task: OrderingTask, found: OrderingSet, rows: list[OrderingRow]) -> None:
    title = task.formula if task.label == task.formula else f"{task.formula} ({task.label})"
    if rows:
        more = f", the first {len(rows)} of {len(found)}" if len(rows) < len(found) else ""
        emit_table(
            f"{title}{more}",
            (
                "rank",
                "E / eV per cell",
                "above lowest / eV per atom",
                "multiplicity",
                "pattern",
                "space group",
                "supercell",
            ),
            [
                (
                    str(row.rank),
                    f"{row.energy_eV:.6f}",
                    f"{row.energy_above_lowest_eV_per_atom:.6f}",
                    str(row.multiplicity),
                    str(row.charge_pattern_id),
                    row.space_group or "-",
                    row.supercell,
                )
                for row in rows
            ],
        )
    typer.echo(
        f"{title}: {count_text(found.count_raw)} raw orderings, {count_text(found.count_distinct)} distinct, "
        f"{count_text(found.count_charge_patterns)} charge patterns; {len(found)} listed, {_verdict(found)}"
    )
    typer.echo(f"mode: {found.mode}\nties: {found.tie_rule}\n")


def _verdict(found: OrderingSet) -> str:
    if found.complete:
        return "complete: nothing is left out"
    if found.exact:
        return "exact: proven to be the lowest"
    if found.evidence:
        return "NOT proven to be the lowest (see mode)"
    return "charge patterns proven to be the lowest, decorations chosen (see mode)"
