"""Open the database of a project folder for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from superionic.database.stores import DatabaseChoice
    from superionic.settings import SuperionicSettings

ProjectOption = Annotated[
    Path, typer.Option("--project", "-C", help="project folder: database, launch folders and reports live below it")
]
JsonOption = Annotated[bool, typer.Option("--json", help="machine-readable output")]


@contextmanager
def open_project(project: Path) -> Iterator[tuple[DatabaseChoice, SuperionicSettings]]:
    """Database and settings of a project; the private server is shared and stopped by the last user."""
    from superionic.database.stores import open_database
    from superionic.settings import load_settings

    settings = load_settings()
    uri = settings.mongo_uri.get_secret_value() if settings.mongo_uri else None
    with open_database(project, uri, mongod=settings.mongod) as choice:
        yield choice, settings
