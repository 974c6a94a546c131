"""``superionic build``, ``query`` and ``report``: from raw job outputs to numbers and a page."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superionic.cli.console import emit_json, emit_table, say
from superionic.cli.session import JsonOption, ProjectOption, open_project

if TYPE_CHECKING:
    from superionic.database.queries import LineageNode


class QueryTarget(StrEnum):
    """What can be queried."""

    HULLS = "hulls"
    CONDUCTIVITIES = "conductivities"
    MODELS = "models"
    CURVES = "curves"
    LABELS = "labels"
    LINEAGE = "lineage"


COLLECTIONS = {
    QueryTarget.HULLS: "phase_diagrams",
    QueryTarget.CONDUCTIVITIES: "conductivities",
    QueryTarget.MODELS: "models",
    QueryTarget.CURVES: "learning_curves",
    QueryTarget.LABELS: "labels",
}
UNWOUND = {QueryTarget.HULLS: "phases", QueryTarget.CURVES: "fits"}
COLUMNS = {
    QueryTarget.HULLS: (
        "key",
        "formula",
        "formation_energy_eV_per_atom",
        "e_above_hull_eV_per_atom",
        "stable",
        "probability_stable",
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
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(build)
    app.command()(query)
    app.command()(report)


def build(project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """Bring the query collections up to date with the job outputs; only what changed is rebuilt.

    Example: superionic build
    """
    with open_project(project) as (choice, _):
        done = build_collections(choice)
    if json:
        emit_json(done)
        return
    rows = [
        (name, *(str(counts[column]) for column in ("built", "unchanged", "failed"))) for name, counts in done.items()
    ]
    emit_table("collections", ("collection", "built", "unchanged", "failed"), rows)


def build_collections(choice: Any) -> dict[str, Any]:  # noqa: ANN401 (DatabaseChoice, imported lazily)
    """Run all builders; counts per collection."""
    from superionic.builders import build_all
    from superionic.database.stores import job_store

    store = job_store(choice)
    store.connect()
    return build_all(store.docs_store).as_dict()


def query(
    target: Annotated[QueryTarget, typer.Argument(help="what to look at")],
    key: Annotated[str | None, typer.Argument(help="for lineage: key of a document, or its beginning")] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", "-w", help="filter such as verdict=ok or activation_energy_eV<0.3")
    ] = None,
    limit: Annotated[int, typer.Option(help="largest number of rows; 0 means all")] = 0,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Look results up: rows of a collection, or everything that a document rests on.

    Examples: superionic query conductivities --where "activation_energy_eV<0.3" --json
    superionic query lineage 3f2a
    """
    from superionic.database.queries import find_rows, lineage
    from superionic.database.stores import mongo_database
    from superionic.errors import InputError

    with open_project(project) as (choice, _):
        database = mongo_database(choice)
        if target is QueryTarget.LINEAGE:
            if not key:
                raise InputError("query lineage needs a KEY: take one from `superionic query conductivities`")
            _show_lineage(lineage(database["outputs"], key), json)
            return
        rows = find_rows(database[COLLECTIONS[target]], where or [], limit, UNWOUND.get(target))
    _show_rows(target, rows, json)


def _show_rows(target: QueryTarget, rows: list[dict[str, Any]], json: bool) -> None:
    if json:
        emit_json(rows)
        return
    if not rows:
        say(f"no {target.value} match; `superionic build` brings the collections up to date")
    emit_table(target.value, COLUMNS[target], [[_cell(row.get(name)) for name in COLUMNS[target]] for row in rows])


def _show_lineage(nodes: list[LineageNode], json: bool) -> None:
    if json:
        emit_json([asdict(node) for node in nodes])
        return
    rows = [
        ("  " * min(node.depth, 8) + node.document, node.key, node.composition, node.level_of_theory) for node in nodes
    ]
    emit_table(f"{len(nodes)} documents", ("document", "key", "composition", "level of theory"), rows)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)


def report(
    campaign: Annotated[str | None, typer.Argument(help="campaign key or name; the newest if left out")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="file to write")] = Path("report.html"),
    project: ProjectOption = Path(),
) -> None:
    """Write one self-contained HTML page about a campaign.

    Example: superionic report -o report.html
    """
    from superionic.launch.campaigns import find_record

    with open_project(project) as (choice, _):
        path = make_report(choice, find_record(choice, campaign).key, output)
    say(f"report: {path}")


def make_report(choice: Any, campaign: str, output: Path) -> Path:  # noqa: ANN401 (DatabaseChoice)
    """Load the campaign's documents and write its page."""
    from superionic.database.stores import job_store
    from superionic.launch.campaigns import load_spec
    from superionic.launch.launchpad import launchpad
    from superionic.launch.status import campaign_status
    from superionic.report import FailureRecord, load_campaign, write_report

    failures = [
        FailureRecord(failure.stage, "jobs", f"{failure.cause}: {failure.message}", failure.n_jobs)
        for failure in campaign_status(launchpad(choice), campaign).failures
    ]
    data = load_campaign(job_store(choice), campaign, spec=load_spec(choice, campaign), failures=failures)
    return write_report(data, output)
