"""``superionic demo``, ``run``, ``submit``, ``worker`` and ``status``."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superionic.cli.console import emit_json, emit_table, say, seconds
from superionic.cli.session import JsonOption, LabelsOption, ProfileOption, ProjectOption, open_project, read_spec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from superionic.database.stores import DatabaseChoice
    from superionic.launch.labels import RefusalCount
    from superionic.launch.running import RunningWork
    from superionic.launch.status import CampaignStatus
    from superionic.settings import SuperionicSettings
    from superionic.spec import ElectrolyteSpec

SpecArgument = Annotated[Path, typer.Argument(help="campaign file (YAML)")]
LAUNCHES = Path(".superionic") / "launches"
INCOMPLETE = 1
INTERRUPTED = 130
WORKER_LINES_EVERY_S = 60.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (demo, run, submit, worker, status):
        app.command()(command)


def demo(
    directory: Annotated[Path, typer.Option("--dir", help="folder for database, results and report")] = Path(
        "superionic-demo"
    ),
    labels: LabelsOption = None,
    json: JsonOption = False,
) -> None:
    """Run the quickstart campaign end to end and write its report; a second call only shows the result.

    Example: superionic demo --dir superionic-demo
    """
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "quickstart.yaml"
    if not file.exists():
        shutil.copyfile(Path(__file__).parents[1] / "data" / "quickstart.yaml", file)
    _run_to_report(read_spec(file, labels), directory, directory / "report.html", json)


def run(
    spec: SpecArgument,
    project: ProjectOption = Path(),
    output: Annotated[Path | None, typer.Option("--output", "-o", help="write a report to this file")] = None,
    no_launchpad: Annotated[
        bool, typer.Option("--no-launchpad", help="run in this process without FireWorks, for debugging; no resume")
    ] = False,
    profile: ProfileOption = None,
    labels: LabelsOption = None,
    json: JsonOption = False,
) -> None:
    """Run a campaign here; after an interruption the same command continues it.

    Example: superionic run workflows/quickstart.yaml -o report.html
    """
    loaded = read_spec(spec, labels, profile)
    if no_launchpad:
        _run_in_process(loaded, project)
    else:
        _run_to_report(loaded, project, output, json)


def submit(
    spec: SpecArgument,
    project: ProjectOption = Path(),
    profile: ProfileOption = None,
    labels: LabelsOption = None,
    retry: Annotated[
        str | None, typer.Option(help="run refused labels again: failed for all, or one cause such as not_converged")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--with", help="INCAR tags for --retry, e.g. 'ALGO=Normal NELM=200'")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="add the campaign once more if it is there; results that exist are reused")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Put a campaign on the launchpad, once, and leave it to workers, or put its refused labels there again.

    Example: superionic submit workflows/liybc.yaml --retry failed --with "ALGO=Normal"
    """
    from superionic.cli.retry import retry_campaign
    from superionic.launch.campaigns import submit_campaign
    from superionic.launch.launchpad import launchpad
    from superionic.launch.submit import is_submitted

    loaded = read_spec(spec, labels, profile)
    if retry is not None or changes:
        retry_campaign(loaded, project, retry or "failed", changes or [], json)
        return
    with open_project(project) as (choice, settings):
        known = is_submitted(launchpad(choice), loaded.key)
        fw_ids = submit_campaign(choice, loaded, settings.device, runs_here=False, again=again)
    if json:
        emit_json({"campaign": loaded.key, "name": loaded.name, "fw_ids": fw_ids, "was_there": known})
        return
    say(f"campaign {loaded.key}: {len(fw_ids)} jobs are on the launchpad; run them with `superionic worker`")
    if known and not again:
        say("it was there before and is not added twice; --again would add it once more")


def worker(
    category: Annotated[list[str] | None, typer.Option(help="take only jobs of this category (repeatable)")] = None,
    timeout: Annotated[
        float | None,
        typer.Option(help="take no new job after this time, and stop MD: 13800 (seconds), 3h50m", parser=seconds),
    ] = None,
    idle: Annotated[
        float | None, typer.Option(help="leave when no job was ready for this time, e.g. 5m", parser=seconds)
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="take only jobs of this campaign")] = None,
    number: Annotated[
        int, typer.Option("--multi", "-n", "--number", min=1, help="pack so many worker processes on this machine")
    ] = 1,
    project: ProjectOption = Path(),
) -> None:
    """Run jobs from the launchpad until nothing is left (rapidfire); it waits for jobs that others make possible.

    Example: superionic worker --category gpu --multi 4 --timeout 3h50m --idle 5m
    """
    from superionic.cli.progress import worker_progress
    from superionic.launch.campaigns import find_record
    from superionic.launch.running import running_md, running_trainings
    from superionic.launch.workers import Pace, run_workers

    with open_project(project) as (choice, settings):
        key = find_record(choice, campaign).key if campaign else None
        outcome = run_workers(
            choice,
            number,
            key,
            project / LAUNCHES,
            categories=category or (),
            threads=settings.threads_per_worker,
            timeout_s=timeout,
            on_progress=worker_progress(lambda: [*running_trainings(choice, key), *running_md(choice, key)]),
            idle_s=idle,
            pace=Pace(progress_s=WORKER_LINES_EVERY_S),
        )
    if outcome.problem:
        say(outcome.problem)
    if outcome.interrupted or outcome.problem:
        raise typer.Exit(INTERRUPTED if outcome.interrupted else INCOMPLETE)


def status(
    campaign: Annotated[str | None, typer.Argument(help="campaign key or name; the newest if left out")] = None,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Show jobs per stage, running trainings and MD, failures and refused labels by cause, and the time spent.

    Example: superionic status
    """
    from superionic.database.stores import outputs_of
    from superionic.launch.campaigns import find_record
    from superionic.launch.labels import count_refusals, refused_jobs
    from superionic.launch.launchpad import launchpad
    from superionic.launch.running import running_md, running_trainings
    from superionic.launch.status import campaign_status

    with open_project(project) as (choice, _):
        key = find_record(choice, campaign).key
        found = campaign_status(launchpad(choice), key)
        refused = count_refusals(refused_jobs(outputs_of(choice), key))
        trainings = [] if found.finished else running_trainings(choice, key)
        runs = [] if found.finished else running_md(choice, key)
    if json:
        lists = {
            "refused_labels": [asdict(count) for count in refused],
            "trainings": [training.as_dict() for training in trainings],
            "md": [run.as_dict() for run in runs],
        }
        emit_json(found.as_dict() | lists)
    else:
        show_status(found, refused, {"trainings": trainings, "production MD": runs})


def show_status(
    found: CampaignStatus,
    refused: Sequence[RefusalCount] = (),
    running: Mapping[str, Sequence[RunningWork]] | None = None,
) -> None:
    """Print a status as tables."""
    columns = ("waiting", "ready", "running", "completed", "failed", "blocked")
    rows = [
        (stage.stage, *(str(getattr(stage, name)) for name in columns), f"{stage.wall_time_s:.0f}")
        for stage in (*found.stages, found.total)
    ]
    emit_table(f"campaign {found.campaign}", ("stage", *columns, "wall time / s"), rows)
    for title, works in (running or {}).items():
        if works:
            lines = [(work.name, work.hostname, work.describe()) for work in works]
            emit_table(title, ("job", "machine", "progress"), lines)
    if found.failures:
        failures = [(f.stage, str(f.n_jobs), f.cause, f.message, f.folder) for f in found.failures]
        emit_table("failures", ("stage", "jobs", "cause", "message", "folder of one of them"), failures)
    if refused:
        rows = [(count.cause, str(count.n_labels), count.message, count.folder) for count in refused]
        emit_table("refused labels", ("cause", "labels", "message", "folder of one of them"), rows)


def _run_to_report(spec: ElectrolyteSpec, project: Path, output: Path | None, json: bool) -> None:
    from superionic.cli.results import build_collections, make_report
    from superionic.cli.summary import show_summary, sources, summary

    with open_project(project) as (choice, settings):
        finished = _work(spec, project, choice, settings)
        build_collections(choice)
        results, rests_on = summary(choice, spec), sources(choice, spec)
        report = make_report(choice, spec.key, output) if output else None
    if json:
        emit_json(
            {"campaign": spec.key, "results": results, "rests_on": rests_on, "report": str(report) if report else None}
        )
    else:
        show_summary(results, rests_on)
    if report:
        say(f"report: {report.resolve()}")
    if not finished:
        raise typer.Exit(INCOMPLETE)


def _work(spec: ElectrolyteSpec, project: Path, choice: DatabaseChoice, settings: SuperionicSettings) -> bool:
    """Run the campaign's jobs; whether all results that were asked for are there."""
    from superionic.cli.progress import campaign_progress
    from superionic.launch.campaigns import submit_campaign
    from superionic.launch.running import running_md, running_trainings
    from superionic.launch.workers import run_workers

    say(f"{spec.name}: {choice.describe()}")
    submit_campaign(choice, spec, settings.device)

    def running() -> list[RunningWork]:
        return [*running_trainings(choice, spec.key), *running_md(choice, spec.key)]

    with campaign_progress(spec, settings.n_workers, running) as show:
        outcome = run_workers(
            choice,
            settings.n_workers,
            spec.key,
            project / LAUNCHES,
            threads=settings.threads_per_worker,
            on_progress=show,
        )
    if outcome.repaired.changed:
        say(f"repaired on the way: {outcome.repaired.describe()}")
    if outcome.interrupted:
        say("interrupted; run the same command again to continue")
        raise typer.Exit(INTERRUPTED)
    if outcome.problem:
        say(outcome.problem)
    for failure in outcome.status.failures:
        say(f"{failure.stage}: {failure.n_jobs} failed: {failure.cause}: {failure.message} (see {failure.folder})")
    if outcome.status.failures:
        causes = dict.fromkeys(f"--rerun {failure.cause}" for failure in outcome.status.failures)
        say(f"again, once that is mended: superionic reconcile --apply {' '.join(causes)}")
    return outcome.status.finished and outcome.status.total.blocked == 0


def _run_in_process(spec: ElectrolyteSpec, project: Path) -> None:
    from jobflow import run_locally

    from superionic.database.stores import job_store
    from superionic.flows import CampaignMaker

    with open_project(project) as (choice, settings):
        root = project / LAUNCHES
        root.mkdir(parents=True, exist_ok=True)
        flow = CampaignMaker(device=settings.device).make(spec)
        run_locally(flow, store=job_store(choice), create_folders=True, root_dir=root, ensure_success=True)
