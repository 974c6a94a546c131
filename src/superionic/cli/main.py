"""Entry point of ``superionic``: registers the commands and turns errors into messages."""

from __future__ import annotations

import sys

import typer

from superionic.cli import (
    analyze,
    campaign,
    enumerate,  # noqa: A004 (named after its command)
    export,
    init,
    models,
    plan,
    query,
    reconcile,
    results,
    system,
    train,
)
from superionic.errors import SuperionicError

app = typer.Typer(
    name="superionic",
    help="From a disordered crystal to phase diagrams and ionic conductivities.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
for group in (campaign, plan, enumerate, analyze, train, results, query, export, models, init, reconcile, system):
    group.register(app)

INTERRUPTED = 130


def run() -> None:
    """Run the command line; a known error is a message and an exit code, never a traceback."""
    try:
        app()
    except SuperionicError as error:
        sys.stderr.write(f"superionic: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("superionic: interrupted; run the same command again to continue\n")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    run()
