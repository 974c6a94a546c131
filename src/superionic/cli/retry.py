"""``superionic submit --retry``: refused labels once more."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from superionic.cli.console import emit_json, say
from superionic.cli.session import open_project

if TYPE_CHECKING:
    from superionic.spec import ElectrolyteSpec


def retry_campaign(spec: ElectrolyteSpec, project: Path, which: str, changes: list[str], json: bool) -> None:
    """Put the refused labels and failed label jobs of a campaign back on the launchpad.

    Raises
    ------
    InputError
        If the cause is unknown, a tag defines the label, or later stages have used the labels.
    """
    from superionic.database.stores import outputs_of
    from superionic.errors import InputError
    from superionic.labelling.schemas import Refusal
    from superionic.launch.campaigns import find_record
    from superionic.launch.labels import ALL_FAILED, parse_changes, retry_labels
    from superionic.launch.launchpad import launchpad

    if which != ALL_FAILED and which not in {cause.value for cause in Refusal}:
        raise InputError(f"--retry {which!r}: give failed, or a cause: {', '.join(Refusal)}")
    tags = parse_changes(changes)
    with open_project(project) as (choice, _):
        key = find_record(choice, spec.key).key
        report = retry_labels(launchpad(choice), outputs_of(choice), key, which, tags)
    if json:
        emit_json({"campaign": key, **asdict(report)})
        return
    new = ", ".join(f"{tag}={value}" for tag, value in report.changes.items()) or "the same settings"
    say(
        f"{len(report.refused)} refused labels and {len(report.crashed)} failed jobs are back on the launchpad with "
        f"{new}; run them with `superionic worker` or `superionic run`"
    )
