"""``superionic reconcile``: what died workers and outages left behind, and its repair."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superionic.cli.console import emit_json, emit_table, say, seconds
from superionic.cli.session import JsonOption, ProjectOption, open_project

if TYPE_CHECKING:
    from superionic.launch.findings import Finding


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reconcile)


def reconcile(
    campaign: Annotated[
        str | None, typer.Argument(help="campaign key or name; the whole launchpad if left out")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="do what the plan says")] = False,
    rerun: Annotated[
        list[str] | None,
        typer.Option(metavar="EXCEPTION", help="run jobs again that failed by this, e.g. OSError (repeatable)"),
    ] = None,
    heartbeat: Annotated[
        float | None,
        typer.Option(help="a run elsewhere is lost after this time without a sign, e.g. 30m", parser=seconds),
    ] = None,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Compare the launchpad with processes, batch queue, heartbeats and launch folders; plan the repair, or do it.

    A job that runs is never started a second time. Workers may go on meanwhile, and repeating the command does no harm.

    Example: superionic reconcile --apply --rerun OSError
    """
    from superionic.database.stores import job_store
    from superionic.launch.campaigns import find_record
    from superionic.launch.launchpad import launchpad
    from superionic.launch.reconcile import find_problems, repair

    options: dict[str, Any] = {"heartbeat_limit_s": heartbeat, "rerun": tuple(rerun or ())}
    with open_project(project) as (choice, _):
        key = find_record(choice, campaign).key if campaign else None
        pad, store = launchpad(choice), job_store(choice)
        store.connect()
        findings = find_problems(pad, key, store, **options)
        done = repair(pad, key, store, **options) if apply else None
    if json:
        emit_json({"findings": [asdict(finding) for finding in findings], "done": asdict(done) if done else None})
        return
    show_findings(findings)
    if done is not None:
        say(done.describe())
    elif any(finding.action != "nothing" for finding in findings):
        say("nothing was changed: `superionic reconcile --apply` does what the plan says")


def show_findings(findings: list[Finding]) -> None:
    """Print a plan: one row per job, and failed jobs with the same cause together."""
    same = Counter((f.problem, f.action, f.name, f.evidence) for f in findings if f.problem == "failed")
    rows, seen = [], set()
    for finding in findings:
        group = (finding.problem, finding.action, finding.name, finding.evidence)
        if group in seen:
            continue
        if group in same:
            seen.add(group)
        jobs = f"{finding.fw_id}" + (f" and {same[group] - 1} more" if same[group] > 1 else "")
        rows.append((finding.problem, jobs, finding.name, finding.evidence, finding.action, finding.place))
    if not rows:
        say("nothing is wrong: no run is lost, no result is on its way")
        return
    emit_table("launchpad", ("found", "job", "name", "evidence", "to do", "folder or file"), rows)
