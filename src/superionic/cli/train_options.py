"""Options of ``superionic train``, and the settings that they make."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superionic.errors import InputError

if TYPE_CHECKING:
    from superionic.stages import TrainingSettings


class Mode(StrEnum):
    """How the model is obtained."""

    MULTIHEAD = "multihead"
    NAIVE = "naive"
    SCRATCH = "scratch"


class Precision(StrEnum):
    """Floating point type of the training."""

    SINGLE = "float32"
    DOUBLE = "float64"


Data = Annotated[Path, typer.Argument(metavar="DATA", help="extended XYZ file with energies, forces and stresses")]
Output = Annotated[Path, typer.Option("--output", "-o", help="folder for the model and everything about it")]
ModeOption = Annotated[Mode | None, typer.Option("--mode", help="how to train [multihead]")]
Foundation = Annotated[
    str, typer.Option("--foundation", help="superionic-mini, mace-mp-0a-medium, or a trusted model file")
]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="YAML with keys as under `training:` of a campaign")
]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="largest number of epochs [500]")]
Patience = Annotated[
    int | None, typer.Option("--patience", min=1, help="epochs without improvement before the end [20]")
]
LearningRate = Annotated[float | None, typer.Option("--lr", help="learning rate [0.01]")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", min=1, help="structures per batch [10]")]
ReplayFile = Annotated[
    Path | None, typer.Option("--replay-file", help="structures that keep what the foundation knows")
]
ReplayStructures = Annotated[int | None, typer.Option("--replay-structures", min=2, help="how many of them [1000]")]
ValidFile = Annotated[Path | None, typer.Option("--valid", help="file of the validation set [drawn]")]
TestFile = Annotated[Path | None, typer.Option("--test", help="file of the test set [drawn]")]
ValidFraction = Annotated[float | None, typer.Option("--valid-fraction", help="share of parents drawn for it [0.1]")]
TestFraction = Annotated[float | None, typer.Option("--test-fraction", help="share drawn for the test [0.1]")]
EnergyKey = Annotated[str, typer.Option("--energy-key", help="name of the energies, eV per cell")]
ForcesKey = Annotated[str, typer.Option("--forces-key", help="name of the forces, eV/A")]
StressKey = Annotated[str, typer.Option("--stress-key", help="name of the stresses, eV/A^3, ASE's sign")]
NoStress = Annotated[bool, typer.Option("--no-stress", help="train on energies and forces alone")]
GroupBy = Annotated[
    str | None,
    typer.Option("--group-by", metavar="KEY", help="key of the parent, or: consecutive, structure [parent_id]"),
]
LevelOfTheory = Annotated[str, typer.Option("--level-of-theory", help="method of the labels, if the file is silent")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="seed of everything random")]
Device = Annotated[str | None, typer.Option("--device", help="torch device [SUPERIONIC_DEVICE or cpu]")]
Dtype = Annotated[Precision | None, typer.Option("--dtype", help="precision of the training [float64]")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="torch threads [1]")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace another model in the folder")]


def training_settings(file: Path | None, options: dict[str, Any]) -> TrainingSettings:
    """Settings of a file, changed by the options that were given.

    Parameters
    ----------
    file : Path, optional
        YAML with the keys of a campaign's ``training:`` block, alone or inside a campaign file.
    options : dict
        Values by name of the setting; None where an option was not given.

    Raises
    ------
    SpecError
        If the file cannot be read or holds an unknown key or an unusable value.
    InputError
        If an option has an unusable value.
    """
    from pydantic import ValidationError

    from superionic.errors import SpecError
    from superionic.spec_io import explain_validation_error, read_yaml
    from superionic.stages import TrainingSettings

    data, lines = read_yaml(file) if file is not None else ({}, {})
    if "training" in data:
        data = data["training"]
        lines = {key.removeprefix("training."): line for key, line in lines.items() if key.startswith("training.")}
    try:
        settings = TrainingSettings.model_validate(data)
    except ValidationError as error:
        raise SpecError(explain_validation_error(error, TrainingSettings, str(file), lines)) from error
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return TrainingSettings.model_validate(settings.model_dump() | given)
    except ValidationError as error:
        raise InputError(explain_validation_error(error, TrainingSettings, "options", {})) from error
