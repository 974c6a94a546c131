"""Open the database of a project folder for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superionic.stages import LabelEngine

if TYPE_CHECKING:
    from superionic.database.stores import DatabaseChoice
    from superionic.settings import SuperionicSettings
    from superionic.spec import ElectrolyteSpec

ProjectOption = Annotated[
    Path, typer.Option("--project", "-C", help="project folder: database, launch folders and reports live below it")
]
JsonOption = Annotated[bool, typer.Option("--json", help="machine-readable output")]
LabelsOption = Annotated[
    LabelEngine | None,
    typer.Option("--labels", help="engine of the labels in place of the spec's; makes a campaign of its own"),
]


def read_spec(file: Path, labels: LabelEngine | None = None) -> ElectrolyteSpec:
    """The spec of a file, with another label engine if one is given; its key is then another, too."""
    from superionic.spec import ElectrolyteSpec

    spec = ElectrolyteSpec.from_file(file)
    if labels is None or labels is spec.labelling.engine:
        return spec
    data = spec.model_dump(mode="json")
    data["labelling"]["engine"] = labels.value
    return ElectrolyteSpec.from_data(data, f"{file} with --labels {labels.value}")


@contextmanager
def open_project(project: Path) -> Iterator[tuple[DatabaseChoice, SuperionicSettings]]:
    """Database and settings of a project; the private server is shared and stopped by the last user."""
    from superionic.database.stores import open_database
    from superionic.settings import load_settings

    settings = load_settings()
    uri = settings.mongo_uri.get_secret_value() if settings.mongo_uri else None
    with open_database(project, uri, mongod=settings.mongod) as choice:
        yield choice, settings
