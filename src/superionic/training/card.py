"""The card of a data set: what is in it, how it was made, what is missing. Markdown, for people and repositories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from ase.geometry import get_distances
from numpy.typing import ArrayLike, NDArray

from superionic.training.dataset import SPLITS, LabelledFrame
from superionic.training.schemas import DatasetDoc

QUANTILES: Final = (0.0, 0.05, 0.5, 0.95, 1.0)
QUANTILE_NAMES: Final = ("least", "5 %", "median", "95 %", "largest")
SURROGATES: Final = ("teacher", "fake-vasp")


def dataset_card(document: DatasetDoc, frames: Mapping[str, Sequence[LabelledFrame]], name: str = "") -> str:
    """Card of a data set in Markdown.

    Parameters
    ----------
    document : DatasetDoc
        The data set.
    frames : mapping
        Frames per part, as :func:`superionic.training.export.dataset_frames` returns them.
    name : str
        Title.
    """
    everything = [frame for split in SPLITS for frame in frames[split]]
    parts = [
        f"# Data set{': ' + name if name else ''}",
        _identity(document, everything),
        "## Level of theory",
        _theory(document),
        "## Compositions",
        _compositions(document),
        "## Distributions",
        _distributions(everything),
        "## What is missing, and why",
        _missing(document),
    ]
    return "\n\n".join(parts) + "\n"


def _identity(document: DatasetDoc, frames: Sequence[LabelledFrame]) -> str:
    atoms = [len(frame.atoms) for frame in frames]
    split = ", ".join(f"{document.counts.get(part, 0)} {part}" for part in SPLITS)
    parents = sum(len(found) for found in document.parents_by_split.values())
    return (
        f"{len(frames)} labelled structures ({split}) of {min(atoms)} to {max(atoms)} atoms, {sum(atoms)} in all, "
        f"from {parents} parent orderings. No parent is in two parts.\n\n"
        f"Content hash `{document.content_hash}`, document `{document.key}`, campaign `{document.spec_key}`."
    )


def _theory(document: DatasetDoc) -> str:
    lines = [f"{document.level_of_theory}. All labels are at this level."]
    if document.level_of_theory.startswith(SURROGATES):
        lines.append("**These labels are surrogates, not density-functional results.**")
    if document.settings_hash:
        lines.append(f"Hash of the label-defining settings: `{document.settings_hash}`.")
    if document.label_settings:
        rows = [(tag, "absent" if value is None else value) for tag, value in sorted(document.label_settings.items())]
        lines.append(markdown_table(("setting", "value"), rows))
    if document.potcar_titles:
        lines.append(markdown_table(("element", "pseudopotential"), sorted(document.potcar_titles.items())))
    return "\n\n".join(lines)


def _compositions(document: DatasetDoc) -> str:
    total = sum(document.counts.values())
    rows = []
    for composition, counts in document.counts_by_composition.items():
        number = sum(counts.values())
        rows.append((composition, number, f"{number / total:.1%}", *(counts.get(split, 0) for split in SPLITS)))
    return markdown_table(("composition", "structures", "share", *SPLITS), rows)


def _distributions(frames: Sequence[LabelledFrame]) -> str:
    forces = np.concatenate([np.linalg.norm(frame.forces_eV_per_A, axis=1) for frame in frames])
    tensors = [frame.stress_eV_per_A3 for frame in frames if frame.stress_eV_per_A3 is not None]
    rows = [
        _row("energy, eV/atom", [frame.energy_eV / len(frame.atoms) for frame in frames]),
        _row("force on an atom, eV/A", forces),
        *_stress_rows(tensors),
        _row("shortest distance, A", [shortest_distance(frame) for frame in frames]),
        _row("volume, A^3/atom", [frame.atoms.get_volume() / len(frame.atoms) for frame in frames]),
    ]
    return markdown_table(("quantity", *QUANTILE_NAMES), rows)


def _stress_rows(tensors: Sequence[NDArray[np.float64]]) -> list[tuple[str, ...]]:
    if not tensors:
        return [("stress, eV/A^3", *["not labelled"] * len(QUANTILES))]
    stresses = np.array(tensors)
    return [
        _row("mean normal stress, eV/A^3", np.trace(stresses, axis1=1, axis2=2) / 3),
        _row("largest stress component, eV/A^3", np.abs(stresses).max(axis=(1, 2))),
    ]


def _row(name: str, values: ArrayLike) -> tuple[str, ...]:
    found: NDArray[np.float64] = np.quantile(np.asarray(values, dtype=np.float64), QUANTILES)
    return (name, *(f"{value:.4g}" for value in found))


def shortest_distance(frame: LabelledFrame) -> float:
    """Shortest distance between two atoms of a frame or their images, A."""
    cell = np.asarray(frame.atoms.cell)
    best = float(np.linalg.norm(cell, axis=1).min())
    if len(frame.atoms) == 1:
        return best
    _, distances = get_distances(frame.atoms.positions, cell=cell, pbc=True)
    apart: NDArray[np.float64] = distances[np.triu_indices(len(frame.atoms), k=1)]
    return min(best, float(apart.min()))


def _missing(document: DatasetDoc) -> str:
    got = sum(document.counts.values())
    lines = [f"{document.requested_labels} labels were asked for, {got} are in the set."]
    if document.refused_by_cause:
        lines.append(
            markdown_table(("cause", "labels"), sorted(document.refused_by_cause.items(), key=lambda item: -item[1]))
        )
    lines += [f"- {warning}" for warning in document.warnings]
    return "\n\n".join(lines)


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
