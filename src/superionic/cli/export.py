"""``superionic export``: hand results to other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superionic.cli.console import emit_json, say
from superionic.cli.session import JsonOption, ProjectOption, open_project

if TYPE_CHECKING:
    from superionic.training.schemas import DatasetDoc, ModelDoc


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Write results as files for other programs. Example: superionic export dataset -o data.extxyz",
        no_args_is_help=True,
    )
    group.callback()(_group)
    group.command("dataset")(dataset)
    group.command("model")(model)
    app.add_typer(group, name="export")


def _group() -> None:
    """Write results as files for other programs.

    Example: superionic export dataset -o data.extxyz --card
    """


def dataset(
    campaign: Annotated[str | None, typer.Argument(help="campaign key or name; the newest if left out")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help=".extxyz, .xyz, .db or .json")] = Path("data.extxyz"),
    split: Annotated[bool, typer.Option("--split", help="one file each for train, valid and test")] = False,
    card: Annotated[bool, typer.Option("--card", help="write a dataset card (Markdown) beside it")] = False,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Write the labelled structures of a campaign, with MACE's keys or as an ASE database.

    Example: superionic export dataset -o data.extxyz --card
    """
    from superionic.training.card import dataset_card
    from superionic.training.export import dataset_frames, write_dataset

    document, name = _newest_dataset(project, campaign)
    files = write_dataset(document, output, split=split)
    if card:
        files.append(output.with_suffix(".md"))
        files[-1].write_text(dataset_card(document, dataset_frames(document), name), encoding="utf-8")
    if json:
        emit_json({"files": [str(file) for file in files], "content_hash": document.content_hash})
        return
    say(f"{sum(document.counts.values())} structures ({document.level_of_theory}): {', '.join(map(str, files))}")


def model(
    which: Annotated[
        str | None, typer.Argument(metavar="KEY|CAMPAIGN", help="key of a model, or a campaign; the newest if left out")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="file to write")] = Path("tuned.model"),
    card: Annotated[bool, typer.Option("--card", help="write a model card (Markdown) beside it")] = False,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Write a trained model as a file that ASE, LAMMPS and other programs read, its hash verified.

    Example: superionic export model 3f2a -o tuned.model --card
    """
    from superionic.potentials.registry import trust_file
    from superionic.training.export_model import write_model, write_replacing
    from superionic.training.model_card import model_card

    found = _model(project, which)
    files = [write_model(found, output)]
    if card:
        files.append(output.with_suffix(".md"))
        write_replacing(files[-1], model_card(found, output.name).encode())
    # its origin is known on this machine
    trust_file(output, f"{found.key[:8]} ({output.name})", found.label_level_of_theory)
    if json:
        about = {"key": found.key, "sha256": found.potential.sha256, "level_of_theory": found.label_level_of_theory}
        emit_json({"files": [str(file) for file in files], **about})
        return
    say(f"model {found.key[:8]} ({found.label_level_of_theory}): {', '.join(map(str, files))}")
    say(f"on another machine, once: superionic models trust {output.name} (SHA-256 {found.potential.sha256})")


def _model(project: Path, which: str | None) -> ModelDoc:
    """The model of a key, or of a campaign."""
    from superionic.database.stores import job_store
    from superionic.errors import InputError
    from superionic.launch.campaigns import find_record
    from superionic.training.stored_models import find_model, find_model_of_campaign

    with open_project(project) as (choice, _):
        store = job_store(choice)
        store.connect()
        try:
            return find_model_of_campaign(store, find_record(choice, which).key)
        except InputError as no_campaign:
            if which is None:
                raise
            try:
                return find_model(store, which)
            except InputError as no_model:
                raise InputError(f"{no_model}; and as a campaign: {no_campaign}") from None


def _newest_dataset(project: Path, campaign: str | None) -> tuple[DatasetDoc, str]:
    """The newest data set of a campaign, with its frames, and the campaign's name."""
    from superionic.database.stores import job_store
    from superionic.errors import InputError
    from superionic.launch.campaigns import find_record
    from superionic.training.schemas import DatasetDoc

    with open_project(project) as (choice, _):
        record = find_record(choice, campaign)
        store = job_store(choice)
        store.connect()
        wanted = {"output.@class": DatasetDoc.__name__, "metadata.campaign": record.key}
        found: dict[str, Any] | None = store.query_one(wanted, sort={"completed_at": -1}, load=True)
    if found is None:
        raise InputError(f"campaign {record.name} has no data set yet; see `superionic status`")
    output = {name: value for name, value in found["output"].items() if not name.startswith("@")}
    return DatasetDoc.model_validate(output), record.name
