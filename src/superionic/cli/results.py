"""``superionic build`` and ``report``: from raw job outputs to numbers and a page."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from superionic.cli.console import emit_json, emit_table, say, seconds
from superionic.cli.session import JsonOption, ProjectOption, open_project

SHOWN_ERRORS = 5


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(build)
    app.command()(report)


def build(
    watch: Annotated[
        float | None, typer.Option(metavar="TIME", parser=seconds, help="go on, again every TIME such as 30 or 5m")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="build failed rows again")] = False,
    delete_orphans: Annotated[
        bool, typer.Option("--delete-orphans", help="remove rows whose job outputs are gone")
    ] = False,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Bring the query collections up to date with the job outputs; only what changed is rebuilt.

    Examples: superionic build
    superionic build --watch 1m
    """
    with open_project(project) as (choice, _):
        done = build_collections(choice, retry_failed=retry_failed, delete_orphans=delete_orphans)
        _show_build(done, json=json)
        while watch is not None:
            time.sleep(watch)
            done = _build_or_wait(choice, delete_orphans=delete_orphans)
            if any(counts["built"] for counts in done.values()):
                _show_build(done, json=json)


def _show_build(done: dict[str, Any], *, json: bool) -> None:
    if json:
        emit_json(done)
        return
    columns = ("built", "unchanged", "failed", "orphans")
    rows = [(name, *(str(counts[column]) for column in columns)) for name, counts in done.items()]
    emit_table("collections", ("collection", *columns), rows)
    for name, counts in done.items():
        for key, error in list(counts["errors"].items())[:SHOWN_ERRORS]:
            say(f"{name} {key}: {error}")
    if any(counts["failed"] for counts in done.values()):
        say("failed rows are built again with --retry-failed, and by every newer version")
    if any(counts["orphans"] for counts in done.values()):
        say("orphans are rows whose job outputs are gone; --delete-orphans removes them")


def _build_or_wait(choice: Any, *, delete_orphans: bool) -> dict[str, Any]:  # noqa: ANN401 (DatabaseChoice)
    """Build once more; a server that is away for a while does not end the watch."""
    from pymongo.errors import ConnectionFailure

    try:
        return build_collections(choice, delete_orphans=delete_orphans)
    except ConnectionFailure as error:
        say(f"the database does not answer, trying again: {str(error)[:100]}")
        return {}


def build_collections(
    choice: Any,  # noqa: ANN401 (DatabaseChoice, imported lazily)
    *,
    retry_failed: bool = False,
    delete_orphans: bool = False,
) -> dict[str, Any]:
    """Run all builders; counts per collection."""
    from superionic.builders import build_all
    from superionic.database.stores import job_store

    outputs: Any = job_store(choice).docs_store
    try:
        return build_all(outputs, retry_failed=retry_failed, delete_orphans=delete_orphans).as_dict()
    finally:
        outputs.close()


def report(
    campaign: Annotated[str | None, typer.Argument(help="campaign key or name; the newest if left out")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="file to write")] = Path("report.html"),
    figures: Annotated[
        Path | None, typer.Option("--figures", metavar="DIR", help="write every figure as PNG, SVG and CSV as well")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature", metavar="K", help="temperature of the conductivities over the composition", min=1.0
        ),
    ] = None,
    project: ProjectOption = Path(),
) -> None:
    """Write one self-contained HTML page about a campaign.

    Examples: superionic report -o report.html
    superionic report --temperature 800 --figures figures
    """
    from superionic.launch.campaigns import find_record

    with open_project(project) as (choice, _):
        key = find_record(choice, campaign).key
        path = make_report(choice, key, output, figures=figures, temperature_K=temperature)
    say(f"report: {path}")
    if figures is not None:
        say(f"figures: {figures}")


def make_report(
    choice: Any,  # noqa: ANN401 (DatabaseChoice)
    campaign: str,
    output: Path,
    *,
    figures: Path | None = None,
    temperature_K: float | None = None,
) -> Path:
    """Load the campaign's documents and write its page, and its figures where a folder for them is given."""
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
    return write_report(data, output, temperature_K=temperature_K, figures=figures)
