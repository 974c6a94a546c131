"""The card of a trained model: what it is, what it was made from, how wrong it is, how to load it. Markdown."""

from __future__ import annotations

from typing import Any, Final

from superionic.training.card import SURROGATES, markdown_table
from superionic.training.schemas import ModelDoc

THREE_DIGITS: Final = 1000
SETTINGS: Final = (
    "learning_rate",
    "batch_size",
    "max_epochs",
    "patience",
    "ema_decay",
    "schedule",
    "weights",
    "dtype",
    "heads",
    "n_train",
)


def model_card(model: ModelDoc, file: str) -> str:
    """Card of a trained model in Markdown.

    Parameters
    ----------
    model : ModelDoc
        The model.
    file : str
        Name of the model file, for the example.
    """
    parts = [
        f"# Model {model.key[:8]}",
        _identity(model),
        "## Errors on the test set",
        _errors(model),
        "## Training",
        _training(model),
        "## Use",
        _use(model, file),
    ]
    if model.warnings:
        parts += ["## What to know", "\n".join(f"- {warning}" for warning in model.warnings)]
    return "\n\n".join(parts) + "\n"


def milli(value: float | None) -> str:
    """An error with three digits, never in powers of ten."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= THREE_DIGITS else f"{value:.3g}"


def _identity(model: ModelDoc) -> str:
    origin = "from scratch" if model.foundation is None else f"from {model.foundation.name}"
    lines = [
        (
            f"MACE potential, mode {model.mode}, trained {origin} on {model.n_train} structures of "
            f"{', '.join(model.elements)}."
        ),
        f"Level of theory of its labels: {model.label_level_of_theory}.",
        f"Key `{model.key}`, SHA-256 of the file `{model.potential.sha256}`.",
    ]
    if model.label_level_of_theory.startswith(SURROGATES):
        lines.append("**Its labels are surrogates, not density-functional results.**")
    return "\n\n".join(lines)


def _errors(model: ModelDoc) -> str:
    rows = [row for row in model.errors if row.split == "test"] + [row for row in model.errors if row.split == "replay"]
    columns = (
        "model",
        "set",
        "composition",
        "structures",
        "energy RMSE, meV/atom",
        "force RMSE, meV/A",
        "stress RMSE, meV/A^3",
        "slope of the forces",
    )
    cells = [
        (
            f"{row.model}*" if row.energy_shifted else row.model,
            row.split,
            row.group,
            row.n_structures,
            milli(row.energy_rmse_meV_per_atom),
            milli(row.force_rmse_meV_per_A),
            milli(row.stress_rmse_meV_per_A3),
            "-" if row.force_slope is None else f"{row.force_slope:.3f}",
        )
        for row in rows
    ]
    notes = [
        "The slope is that of predicted against reference forces: a potential with less than 1 is too soft.",
        "No structure of the test set was trained on. `replay` compares the replay head with the foundation.",
    ]
    if any(row.energy_shifted for row in rows):
        notes.append(
            "*Energies of the foundation after an energy per element was fitted on the training set, as it is of "
            "another level of theory."
        )
    return markdown_table(columns, cells) + "\n\n" + "\n\n".join(notes)


def _training(model: ModelDoc) -> str:
    rows = [(name, _plain(model.requested.get(name)), _plain(model.effective.get(name))) for name in SETTINGS]
    ended = "patience" if model.stopped_early else "the largest number of epochs"
    software = ", ".join(f"{name} {version}" for name, version in sorted(model.software.items()))
    return (
        markdown_table(("setting", "asked for", "found"), rows)
        + f"\n\n{model.epochs_run} epochs, ended by {ended}; weights of epoch {model.best_epoch}. Energies of isolated "
        f"atoms (E0s): {model.effective.get('e0s_source', 'unknown')}. Replay: "
        f"{model.effective.get('replay_source') or 'none'}.\n\nMade with {software or 'unknown software'}."
    )


def _plain(value: Any) -> str:  # noqa: ANN401 (any setting)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {item}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


def _use(model: ModelDoc, file: str) -> str:
    return (
        f"A model file is a pickle, which runs code when it is loaded. Where it was not made, check its SHA-256 and "
        f"trust it once: `superionic models trust {file}`. Then, as an ASE calculator:\n\n"
        "```python\n"
        "from superionic.potentials import foundation_ref, load_calculator\n\n"
        f'atoms.calc = load_calculator(foundation_ref("{file}", dtype="{model.potential.dtype}"))\n'
        "```\n\n"
        "The file has one head, so any other program that reads MACE models can use it, too."
    )
