"""``superionic doctor`` and ``superionic db``: the installation and the private server."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from superionic.cli.console import emit_json, emit_table, say
from superionic.cli.session import JsonOption, LabelsOption, ProjectOption


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
    labels: LabelsOption = None,
    json: JsonOption = False,
) -> None:
    """Check database, queue, potentials, label engine and versions; say how to mend what is wrong.

    Example: superionic doctor workflows/quickstart.yaml
    """
    from superionic.cli.checks import run_checks

    checks = run_checks(spec, project, labels)
    if json:
        emit_json([asdict(check) for check in checks])
    else:
        emit_table(
            "doctor", ("check", "", "found", "how to mend it"), [(c.name, c.mark, c.found, c.remedy) for c in checks]
        )
    if any(check.failed for check in checks):
        raise typer.Exit(1)


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
