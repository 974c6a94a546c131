"""``superionic models``: which potentials there are, and which may be loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from superionic.cli.console import emit_json, emit_table, say
from superionic.cli.session import JsonOption, ProjectOption, open_project

COLUMNS = (
    "model",
    "from",
    "mode",
    "n_train",
    "test energy RMSE (meV/atom)",
    "test force RMSE (meV/A)",
    "level of theory",
    "SHA-256",
)
FIELDS = (
    "name",
    "source",
    "mode",
    "n_train",
    "test_energy_rmse_meV_per_atom",
    "test_force_rmse_meV_per_A",
    "level_of_theory",
    "sha256",
)
SHOWN = 12


def register(app: typer.Typer) -> None:
    """Add the commands."""
    models = typer.Typer(
        help="Potentials: list them, trust a file. Example: superionic models list", no_args_is_help=True
    )
    models.command("list")(list_models)
    models.command("trust")(trust)
    app.add_typer(models, name="models")


def list_models(project: ProjectOption = Path(), json: JsonOption = False) -> None:
    """List the shipped and the trusted potentials, and the models that this project's database has trained.

    Example: superionic models list
    """
    rows = [*_known(), *_trained(project)]
    if json:
        emit_json(rows)
        return
    emit_table("potentials", COLUMNS, [[_cell(name, row[name]) for name in FIELDS] for row in rows])


def trust(
    file: Annotated[Path, typer.Argument(help="MACE model file whose origin you know")],
    name: Annotated[str | None, typer.Option("--name", help="what lists call it [the name of the file]")] = None,
    level_of_theory: Annotated[
        str | None, typer.Option("--level-of-theory", help="method of the labels that it was trained on")
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="even if the file names functions that a model does not need")
    ] = False,
) -> None:
    """Trust a model file by its SHA-256, so that it may be loaded. Loading a model file runs code in it.

    Example: superionic models trust my-foundation.model --name "MACE-MP-0b3" --level-of-theory PBE+U
    """
    from ase.data import chemical_symbols

    from superionic.errors import InputError, UntrustedModelError
    from superionic.potentials.model_file import inspect_model_file
    from superionic.potentials.registry import trust_file

    if not file.expanduser().is_file():
        raise InputError(f"cannot trust {file}: there is no such file")
    info = inspect_model_file(file.expanduser())
    if info.foreign_names and not anyway:
        raise UntrustedModelError(
            f"{file} names functions that no MACE model needs: {', '.join(info.foreign_names)}. Loading it would run "
            "them. If you know why they are there, say --anyway"
        )
    digest = trust_file(file, name, level_of_theory)
    elements = ", ".join(chemical_symbols[number] for number in info.atomic_numbers)
    say(f"trusted: {digest}")
    say(f"{info.class_name}, cutoff {info.r_max_A:g} A, heads {', '.join(info.heads)}, elements {elements}")


def _known() -> list[dict[str, Any]]:
    """Shipped and trusted files."""
    from superionic.potentials.registry import LEVELS, SHIPPED, level_of_theory, trusted_hashes, trusted_levels

    levels = trusted_levels()
    known = sorted(trusted_hashes().items(), key=lambda item: (item[1] != SHIPPED, item[1]))
    return [
        dict.fromkeys(FIELDS)
        | {
            "name": name,
            "source": "shipped" if name == SHIPPED else "trusted",
            "level_of_theory": level_of_theory(name) if name in LEVELS else levels.get(digest),
            "sha256": digest,
        }
        for digest, name in known
    ]


def _trained(project: Path) -> list[dict[str, Any]]:
    """Models in the database of the project, if it has one that answers."""
    from superionic.database.stores import is_configured, job_store
    from superionic.errors import DatabaseError, NotConfiguredError
    from superionic.settings import load_settings
    from superionic.training.stored_models import list_models as stored

    uri = load_settings().mongo_uri
    if not is_configured(project, uri.get_secret_value() if uri else None):
        return []
    try:
        with open_project(project) as (choice, _):
            store = job_store(choice)
            store.connect()
            models = stored(store)
    except (DatabaseError, NotConfiguredError) as error:
        say(f"note: models of the database are not listed: {error}")
        return []
    return [_row(model) for model in models]


def _row(model: dict[str, Any]) -> dict[str, Any]:
    wanted = ("tuned", "test", "all")
    errors: dict[str, Any] = next(
        (row for row in model["errors"] if (row["model"], row["split"], row["group"]) == wanted), {}
    )
    return {
        "name": model["key"],
        "source": "database",
        "mode": model["mode"],
        "n_train": model["n_train"],
        "test_energy_rmse_meV_per_atom": errors.get("energy_rmse_meV_per_atom"),
        "test_force_rmse_meV_per_A": errors.get("force_rmse_meV_per_A"),
        "level_of_theory": model["label_level_of_theory"],
        "sha256": model["sha256"],
    }


def _cell(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    if name == "sha256":
        return str(value)[:SHOWN]
    return "-" if value is None else str(value)
