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
    from superionic.spec import ElectrolyteSpec

ProjectOption = Annotated[
    Path, typer.Option("--project", "-C", help="project folder: database, launch folders and reports live below it")
]
JsonOption = Annotated[bool, typer.Option("--json", help="machine-readable output")]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="ENGINE",
        help="vasp-scan, cp2k-scan or teacher-chgnet-r2scan in place of the spec's engine; a campaign of its own",
    ),
]

ProfileOption = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="use this profile of the spec, e.g. laptop")
]


def read_spec(file: Path, labels: str | None = None, profile: str | None = None) -> ElectrolyteSpec:
    """The spec of a file, with a profile or another label engine if one is given; its key is then another, too.

    Raises
    ------
    InputError
        If the spec is invalid or there is no such engine or profile.
    """
    from superionic.errors import InputError
    from superionic.spec import ElectrolyteSpec
    from superionic.stages import LabelEngine

    spec = ElectrolyteSpec.from_file(file, profile)
    if labels is None or labels == spec.labelling.engine:
        return spec
    if labels not in list(LabelEngine):
        raise InputError(f"--labels {labels!r}: the engines are {', '.join(LabelEngine)}")
    data = spec.model_dump(mode="json")
    data["labelling"]["engine"] = str(labels)
    return ElectrolyteSpec.from_data(data, f"{file} with --labels {labels}")


@contextmanager
def open_project(project: Path) -> Iterator[tuple[DatabaseChoice, SuperionicSettings]]:
    """Database and settings of a project; the private server is shared and stopped by the last user."""
    from superionic.database.stores import open_database
    from superionic.settings import load_settings

    settings = load_settings()
    uri = settings.mongo_uri.get_secret_value() if settings.mongo_uri else None
    with open_database(project, uri, mongod=settings.mongod) as choice:
        yield choice, settings
