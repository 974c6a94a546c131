"""``superionic models``: which potentials may be loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from superionic.cli.console import emit_json, emit_table, say
from superionic.cli.session import JsonOption


def register(app: typer.Typer) -> None:
    """Add the commands."""
    models = typer.Typer(help="Potentials that may be loaded: list them, trust a file.", no_args_is_help=True)
    models.command("list")(list_models)
    models.command("trust")(trust)
    app.add_typer(models, name="models")


def list_models(json: JsonOption = False) -> None:
    """List the shipped and the trusted potentials; tuned ones are in `superionic query models`.

    Example: superionic models list
    """
    from superionic.potentials.registry import trusted_hashes

    known = trusted_hashes()
    if json:
        emit_json(known)
    else:
        emit_table("trusted potentials", ("SHA-256", "name"), sorted(known.items(), key=lambda item: item[1]))


def trust(file: Annotated[Path, typer.Argument(help="MACE model file whose origin you know")]) -> None:
    """Trust a model file by its SHA-256, so that it may be loaded. Loading a model file runs code in it.

    Example: superionic models trust my-foundation.model
    """
    from superionic.potentials.registry import trust_file

    say(f"trusted: {trust_file(file)}")
