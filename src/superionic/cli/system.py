"""``superionic doctor`` and ``superionic db``: the installation and the private server."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superionic.cli.console import emit_json, emit_table, say, seconds
from superionic.cli.session import JsonOption, LabelsOption, ProfileOption, ProjectOption

if TYPE_CHECKING:
    from superionic.cli.check import Check


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(doctor)
    database = typer.Typer(help="Start and stop the private MongoDB server of a project.", no_args_is_help=True)
    database.command("start")(start)
    database.command("stop")(stop)
    app.add_typer(database, name="db")


def doctor(
    spec: Annotated[Path | None, typer.Argument(help="campaign file to check the installation for")] = None,
    project: ProjectOption = Path(),
    profile: ProfileOption = None,
    labels: LabelsOption = None,
    category: Annotated[
        list[str] | None, typer.Option(help="only what jobs of this category need here: vasp, gpu, cpu (repeatable)")
    ] = None,
    via_queue: Annotated[
        bool, typer.Option("--via-queue", help="check the compute nodes, with a short batch job per category")
    ] = False,
    wait: Annotated[float, typer.Option(help="how long to wait for those jobs, e.g. 30m", parser=seconds)] = 900.0,
    json: JsonOption = False,
) -> None:
    """Check database, queue, workers, potentials, label engine and versions; say how to mend what is wrong.

    The exit code is 1 if the campaign could not run.

    Example: superionic doctor workflows/quickstart.yaml --via-queue
    """
    with contextlib.redirect_stdout(sys.stderr):  # FireWorks prints when it finds several configuration files
        checks = _checks(
            spec, project, {"--labels": labels, "--profile": profile}, category, wait if via_queue else None
        )
    if json:
        emit_json([asdict(check) for check in checks])
    else:
        emit_table("doctor", ("check", "", "found", "how to mend it"), _rows(checks))
    if any(check.failed for check in checks):
        raise typer.Exit(1)


def _rows(checks: list[Check]) -> list[tuple[str, str, str, str]]:
    """Rows of the table; what is all right with the versions and on compute nodes is only counted."""
    from superionic.cli.checks import TESTED
    from superionic.flows.stages import Category

    rows: list[tuple[str, str, str, str]] = []
    passed = {"versions": 0}
    for check in checks:
        first = check.name.partition(": ")[0]
        node = first if first in list(Category) else ""
        group = node or ("versions" if check.name in TESTED else "")
        if check.ok and group and not check.name.endswith(": machine"):
            passed[group] = passed.get(group, 0) + 1
        else:
            rows.append((check.name, check.mark, check.found, check.remedy))
    return rows + [(group, "ok", f"{n} checks passed", "") for group, n in passed.items() if n]


def _checks(
    file: Path | None, project: Path, chosen: dict[str, str | None], names: list[str] | None, wait_s: float | None
) -> list[Check]:
    """Checks of this machine, or, with a time to wait, those of database and queue here and the rest over there."""
    from superionic.cli.checks import run_checks
    from superionic.cli.queue_checks import checks_via_queue
    from superionic.cli.session import read_spec
    from superionic.cli.worker_checks import needed_categories
    from superionic.errors import InputError
    from superionic.flows.stages import Category

    if unknown := sorted(set(names or []) - set(Category)):
        raise InputError(f"--category {unknown[0]}: there are {', '.join(Category)}")
    spec = read_spec(file, chosen["--labels"], chosen["--profile"]) if file else None
    categories = set(names) if names else None
    if wait_s is None:
        return run_checks(spec, project, categories)
    here = run_checks(spec, project, set())
    arguments = [
        *([str(file.resolve())] if file else []),
        *(text for option, value in chosen.items() if value for text in (option, value)),
    ]
    return [*here, *checks_via_queue(arguments, project, categories or needed_categories(spec), here, wait_s)]


def start(project: ProjectOption = Path()) -> None:
    """Start the private server and leave it running until `superionic db stop`.

    Example: superionic db start
    """
    from superionic.database.local import ensure_server
    from superionic.database.stores import server_home
    from superionic.settings import load_settings

    server = ensure_server(server_home(project), mongod=load_settings().mongod, keep=True)
    say(f"private server runs (process {server.pid}); stop it with `superionic db stop`")
    typer.echo(server.uri)


def stop(
    project: ProjectOption = Path(),
    force: Annotated[bool, typer.Option(help="stop it although other processes use it")] = False,
) -> None:
    """Stop the private server; refused while other processes use it.

    Example: superionic db stop
    """
    from superionic.database.local import stop_server
    from superionic.database.stores import server_home

    stopped = stop_server(server_home(project), force=force)
    say("private server stopped" if stopped else "no private server runs in this project")
