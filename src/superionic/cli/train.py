"""``superionic train``: fine-tune MACE on labelled structures from a file, without campaign and database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from superionic.cli import train_options as options
from superionic.cli.console import emit_json, emit_table, say
from superionic.cli.session import JsonOption
from superionic.cli.training_progress import training_progress

if TYPE_CHECKING:
    from superionic.stages import TrainingSettings
    from superionic.training.jobs import FineTuneMaker
    from superionic.training.schemas import ErrorRow
    from superionic.training.standalone import FineTuned, Prepared

COLUMNS = (
    "model",
    "structures",
    "energy RMSE (meV/atom)",
    "energy MAE (meV/atom)",
    "force RMSE (meV/A)",
    "force MAE (meV/A)",
    "stress RMSE (meV/A^3)",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(train)


def train(
    data: options.Data,
    output: options.Output = Path("tuned"),
    mode: options.ModeOption = None,
    foundation: options.Foundation = "mace-mp-0a-medium",
    settings: options.SettingsFile = None,
    epochs: options.Epochs = None,
    patience: options.Patience = None,
    lr: options.LearningRate = None,
    batch_size: options.BatchSize = None,
    replay_file: options.ReplayFile = None,
    replay_structures: options.ReplayStructures = None,
    valid: options.ValidFile = None,
    test: options.TestFile = None,
    valid_fraction: options.ValidFraction = None,
    test_fraction: options.TestFraction = None,
    energy_key: options.EnergyKey = "REF_energy",
    forces_key: options.ForcesKey = "REF_forces",
    stress_key: options.StressKey = "REF_stress",
    no_stress: options.NoStress = False,
    group_by: options.GroupBy = None,
    level_of_theory: options.LevelOfTheory = "",
    seed: options.Seed = 0,
    device: options.Device = None,
    dtype: options.Dtype = None,
    threads: options.Threads = None,
    overwrite: options.Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Fine-tune MACE on the labels of a file, check the result and print its errors; no database.

    Ctrl-C is harmless: the same command continues, and a finished training is not repeated.

    Examples: superionic train labels.extxyz -o tuned;
    superionic train aimd.extxyz --foundation superionic-mini --energy-key energy --forces-key forces --no-stress
    """
    from superionic.training.labelled_file import LabelKeys
    from superionic.training.standalone import LabelSource, prepare, train_into

    changes = {
        "mode": mode and mode.value,
        "max_epochs": epochs,
        "patience": patience,
        "learning_rate": lr,
        "batch_size": batch_size,
        "replay_file": replay_file and str(replay_file.expanduser().resolve()),
        "replay_structures": replay_structures,
        "valid_fraction": valid_fraction,
        "test_fraction": test_fraction,
        "dtype": dtype and dtype.value,
    }
    maker = _maker(options.training_settings(settings, changes), foundation, seed, threads, device)
    keys = LabelKeys(energy_key, forces_key, stress_key, needs_stress=not no_stress)
    prepared = prepare(LabelSource(data, valid, test, keys, group_by, level_of_theory), maker)
    _announce(prepared)
    with training_progress() as show:
        result = train_into(prepared, output, overwrite=overwrite, on_progress=show)
    _show(result, json)


def _maker(
    settings: TrainingSettings, foundation: str, seed: int, threads: int | None, device: str | None
) -> FineTuneMaker:
    from superionic.settings import load_settings
    from superionic.training.jobs import FineTuneMaker

    here = load_settings()
    return FineTuneMaker(
        settings=settings,
        foundation=foundation,
        seed=seed,
        threads=threads or here.threads_per_worker,
        device=device or here.device,
    )


def _announce(prepared: Prepared) -> None:
    counts, maker = prepared.dataset.counts, prepared.maker
    for note in prepared.notes:
        say(f"note: {note}")
    say(
        f"{counts['train']} structures to train, {counts['valid']} to validate, {counts['test']} to test; "
        f"{prepared.dataset.level_of_theory}; mode {maker.settings.mode.value}, foundation "
        f"{'none' if maker.settings.mode.value == 'scratch' else maker.foundation}"
    )


def _show(result: FineTuned, json: bool) -> None:
    from superionic.training.model_card import milli

    model, folder = result.model, result.folder
    if json:
        document = model.model_dump(mode="json", include={"key", "mode", "n_train", "errors", "warnings"})
        emit_json(document | {"folder": str(folder), "sha256": model.potential.sha256, "reused": result.reused})
        return
    if result.reused:
        say(f"{folder} holds the result of this training already; nothing was repeated")
    for warning in model.warnings:
        say(f"note: {warning}")
    tested = [row for row in model.errors if (row.split, row.group) == ("test", "all")]
    emit_table("errors on the test set", COLUMNS, [_row(row) for row in tested])
    if any(row.energy_shifted for row in tested):
        typer.echo("* energies after an energy per element was fitted on the training set (another level of theory)")
    for row in model.errors:
        if row.split == "replay":
            typer.echo(
                f"replay head against the foundation on {row.n_structures} replay structures: "
                f"{milli(row.energy_rmse_meV_per_atom)} meV/atom, {milli(row.force_rmse_meV_per_A)} meV/A (0: nothing "
                "was forgotten)"
            )
    say(f"model: {folder / 'model.model'} (key {model.key[:8]}); card, errors and settings are beside it")


def _row(row: ErrorRow) -> tuple[str, ...]:
    from superionic.training.model_card import milli

    values = (
        row.energy_rmse_meV_per_atom,
        row.energy_mae_meV_per_atom,
        row.force_rmse_meV_per_A,
        row.force_mae_meV_per_A,
        row.stress_rmse_meV_per_A3,
    )
    return (f"{row.model}*" if row.energy_shifted else row.model, str(row.n_structures), *map(milli, values))
