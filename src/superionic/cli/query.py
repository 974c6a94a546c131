"""``superionic query``: rows of the collections, answers that take several of them, and lineage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superionic.cli.console import emit_csv, emit_json, emit_table, say
from superionic.cli.hulls import further_columns, with_temperatures, write_ground_states
from superionic.cli.session import JsonOption, ProjectOption, open_project

if TYPE_CHECKING:
    from superionic.database.stores import DatabaseChoice


class QueryTarget(StrEnum):
    """What can be asked."""

    HULLS = "hulls"
    CONDUCTIVITIES = "conductivities"
    MODELS = "models"
    CURVES = "curves"
    LABELS = "labels"
    BEST = "best"
    COMPOSITION = "composition"
    REFUSALS = "refusals"
    COST = "cost"
    LINEAGE = "lineage"
    DEPENDENTS = "dependents"
    WHY = "why"


@dataclass(frozen=True)
class Request:
    """What was asked for, besides the target."""

    what: str | None
    where: list[str]
    sort: str
    limit: int
    max_hull: float


@dataclass(frozen=True)
class Answer:
    """Rows, and how to show them.

    Attributes
    ----------
    title : str
        Title of the table.
    columns : tuple of str
        Columns of the table; JSON and CSV have all fields.
    rows : list of dict
        The rows.
    notes : list of str
        Sentences for people.
    data : object
        What JSON shows, if that is not the rows.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)
    data: Any = None


COLLECTIONS = {
    QueryTarget.HULLS: "phase_diagrams",
    QueryTarget.CONDUCTIVITIES: "conductivities",
    QueryTarget.MODELS: "models",
    QueryTarget.CURVES: "learning_curves",
    QueryTarget.LABELS: "labels",
}
UNWOUND = {QueryTarget.HULLS: "phases", QueryTarget.CURVES: "fits"}
NEEDED = {
    QueryTarget.COMPOSITION: "a FORMULA",
    QueryTarget.LINEAGE: "a KEY: take one from `superionic query conductivities`",
    QueryTarget.DEPENDENTS: "a KEY: take one from `superionic query labels`",
    QueryTarget.WHY: "a KEY: take one from `superionic query conductivities`",
}
COLUMNS: dict[QueryTarget, tuple[str, ...]] = {
    QueryTarget.HULLS: (
        "key",
        "formula",
        "formation_energy_eV_per_atom",
        "e_above_hull_eV_per_atom",
        "e_above_hull_std_eV_per_atom",
        "probability_stable",
        "stable",
        "reference_stable",
        "degeneracy",
    ),
    QueryTarget.CONDUCTIVITIES: (
        "key",
        "formula",
        "activation_energy_eV",
        "activation_energy_std_eV",
        "conductivity_at_reference_S_per_cm",
        "verdict",
    ),
    QueryTarget.MODELS: ("key", "mode", "n_train", "test_energy_rmse_meV_per_atom", "test_force_rmse_meV_per_A"),
    QueryTarget.CURVES: ("key", "mode", "quantity", "exponent", "next_n_train", "next_error", "gain", "advice"),
    QueryTarget.LABELS: ("key", "formula", "level_of_theory", "accepted", "refusal"),
    QueryTarget.BEST: (
        "formula",
        "e_above_hull_eV_per_atom",
        "conductivity_at_reference_S_per_cm",
        "conductivity_95_low_S_per_cm",
        "conductivity_95_high_S_per_cm",
        "reference_temperature_K",
        "verdict",
        "key",
    ),
    QueryTarget.COMPOSITION: (
        "level_of_theory",
        "model_key",
        "conductivity_at_reference_S_per_cm",
        "activation_energy_eV",
        "activation_energy_std_eV",
        "e_above_hull_eV_per_atom",
        "verdict",
        "key",
    ),
    QueryTarget.REFUSALS: ("level_of_theory", "refusal", "n_labels", "share", "example_message", "example_key"),
    QueryTarget.COST: ("campaign", "stage", "n_computed", "n_reused", "wall_time_s", "cpu_time_s"),
    QueryTarget.LINEAGE: ("document", "key", "composition", "level_of_theory"),
    QueryTarget.DEPENDENTS: ("document", "key", "composition", "level_of_theory"),
    QueryTarget.WHY: ("completed_at", "campaign", "job_uuid", "reused_from", "superionic_version"),
}
WITHOUT_FILTERS = (QueryTarget.COST, QueryTarget.LINEAGE, QueryTarget.DEPENDENTS, QueryTarget.WHY)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(query)


def query(
    target: Annotated[QueryTarget, typer.Argument(help="what to look at")],
    what: Annotated[
        str | None,
        typer.Argument(metavar="[KEY|FORMULA]", help="lineage, dependents, why: key of a document, or its beginning"),
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", "-w", help="filter such as verdict=ok or activation_energy_eV<0.3")
    ] = None,
    sort: Annotated[str, typer.Option(help="field to sort rows by; -FIELD: largest first")] = "-last_updated",
    limit: Annotated[int, typer.Option(help="largest number of rows; 0 means all")] = 0,
    max_hull: Annotated[float, typer.Option(help="best: largest energy above hull, eV/atom")] = 0.05,
    columns: Annotated[str | None, typer.Option(help="fields to show in table or CSV, separated by commas")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="all fields as CSV")] = False,
    entries: Annotated[
        Path | None, typer.Option(metavar="FILE", help="hulls: write the ground states as pymatgen entries (.json)")
    ] = None,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Look results up; a user who may only read suffices.

    hulls, conductivities, models, curves, labels: rows of a collection. best: conductors below an energy above hull.
    composition FORMULA: its conductivities by model. refusals: labels by cause. cost [CAMPAIGN]: per stage.
    lineage KEY: what a document rests on. dependents KEY: what rests on it. why KEY: why it was computed.

    Examples: superionic query best --max-hull 0.03 -w verdict=ok
    superionic query conductivities --where "activation_energy_eV<0.3" --csv
    superionic query hulls --entries ground_states.json
    """
    from superionic.errors import InputError

    if target in NEEDED and not what:
        raise InputError(f"query {target} needs {NEEDED[target]}")
    if where and target in WITHOUT_FILTERS:
        raise InputError(f"query {target} has no filters (--where)")
    if entries and target is not QueryTarget.HULLS:
        raise InputError(f"query {target} has no entries; --entries is for query hulls")
    request = Request(what, where or [], sort, limit, max_hull)
    with open_project(project) as (choice, _):
        answer = _ask(choice, target, request)
        if entries:
            say(f"{write_ground_states(choice, answer.rows, entries)} ground states: {entries}")
    shown = tuple(name.strip() for name in columns.split(",")) if columns else answer.columns
    _show(target, answer, shown, json=json, csv=csv, everything=columns is None)


def _ask(choice: DatabaseChoice, target: QueryTarget, request: Request) -> Answer:
    if target in COLLECTIONS:
        return _rows(choice, target, request)
    if target in (QueryTarget.LINEAGE, QueryTarget.DEPENDENTS):
        return _related(choice, target, request)
    if target is QueryTarget.WHY:
        return _why(choice, str(request.what))
    return _derived(choice, target, request)


def _rows(choice: DatabaseChoice, target: QueryTarget, request: Request) -> Answer:
    from superionic.database.queries import find_rows
    from superionic.database.stores import collection

    name, unwound = COLLECTIONS[target], UNWOUND.get(target)
    known: Sequence[str] = ()
    if request.where or request.sort != "-last_updated":
        from superionic.builders import query_fields

        known = query_fields(name, unwound)
    rows = find_rows(collection(choice, name), request.where, request.limit, unwound, sort=request.sort, known=known)
    rows = with_temperatures(rows) if target is QueryTarget.HULLS else rows
    notes = [] if rows else [f"no {target.value} match; `superionic build` brings the collections up to date"]
    return Answer(target.value, _columns(target, rows), rows, notes)


def _columns(target: QueryTarget, rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Columns of the table, those of polymorphs included where there are any."""
    columns = COLUMNS[target]
    columns += further_columns(rows) if target is QueryTarget.HULLS else ()
    if not any(row.get("polymorph") for row in rows):
        return columns
    place = columns.index("formula") + 1 if "formula" in columns else 0
    further = ("energy_difference_eV_per_atom",) if target is QueryTarget.HULLS else ()
    return (*columns[:place], "polymorph", *columns[place:], *further)


def _derived(choice: DatabaseChoice, target: QueryTarget, request: Request) -> Answer:
    from superionic.database.queries import best_conductors, conductivities_of, cost_by_stage, refusals
    from superionic.database.stores import collection, outputs_of

    sigmas, hulls = collection(choice, "conductivities"), collection(choice, "phase_diagrams")
    found: Sequence[Any]
    if target is QueryTarget.BEST:
        found = best_conductors(sigmas, hulls, request.max_hull, request.where)
    elif target is QueryTarget.COMPOSITION:
        found = conductivities_of(sigmas, hulls, str(request.what), request.where)
    elif target is QueryTarget.REFUSALS:
        found = refusals(collection(choice, "labels"), request.where)
    else:
        found = cost_by_stage(outputs_of(choice), request.what)
    rows = [asdict(row) for row in found]
    notes = [] if rows else ["nothing found; `superionic build` brings the collections up to date"]
    return Answer(target.value, _columns(target, rows), rows[: request.limit or None], notes)


def _related(choice: DatabaseChoice, target: QueryTarget, request: Request) -> Answer:
    from superionic.database.queries import dependents, lineage
    from superionic.database.stores import outputs_of

    walk = lineage if target is QueryTarget.LINEAGE else dependents
    nodes = walk(outputs_of(choice), str(request.what))
    data = [asdict(node) for node in nodes]
    rows = [row | {"document": "  " * min(row["depth"], 8) + row["document"]} for row in data]
    return Answer(f"{len(nodes)} documents", COLUMNS[target], rows[: request.limit or None], data=data)


def _why(choice: DatabaseChoice, key: str) -> Answer:
    from superionic.database.queries import explain
    from superionic.database.stores import outputs_of

    found = explain(outputs_of(choice), key)
    place = f" of {found.composition}" if found.composition else ""
    title = f"{found.document}{place} {found.key}"
    earlier = [f"compared with {found.earlier_key}:"] if found.earlier_key else []
    data = asdict(found)
    return Answer(title, COLUMNS[QueryTarget.WHY], data["copies"], [title, *earlier, *found.reasons], data)


def _show(
    target: QueryTarget, answer: Answer, columns: tuple[str, ...], *, json: bool, csv: bool, everything: bool
) -> None:
    if json:
        emit_json(answer.rows if answer.data is None else answer.data)
        return
    if csv:
        fields = tuple(dict.fromkeys(name for row in answer.rows for name in row)) or columns
        emit_csv(fields if everything else columns, answer.rows)
        return
    for note in answer.notes:
        say(note)
    if answer.rows or target not in COLLECTIONS:
        emit_table(answer.title, columns, [[_cell(row.get(name)) for name in columns] for row in answer.rows])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)
