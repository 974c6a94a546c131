"""``superionic build`` and ``report``: from raw job outputs to numbers and a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from superionic.cli.console import emit_json, emit_table, say
from superionic.cli.session import JsonOption, ProjectOption, open_project


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(build)
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
