"""A data set as files that other programs read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ase import Atoms

from superionic.errors import InputError
from superionic.training.dataset import (
    ENERGY_KEY,
    FORCES_KEY,
    SPLITS,
    STRESS_KEY,
    LabelledFrame,
    frames_from_extxyz,
    frames_to_extxyz,
)
from superionic.training.schemas import DatasetDoc

DATABASE_SUFFIXES: Final = (".db", ".json")
XYZ_SUFFIXES: Final = (".extxyz", ".xyz")


def dataset_frames(document: DatasetDoc) -> dict[str, list[LabelledFrame]]:
    """Frames of the training, validation and test part."""
    texts = (document.train_extxyz, document.valid_extxyz, document.test_extxyz)
    return {split: frames_from_extxyz(text) for split, text in zip(SPLITS, texts, strict=True)}


def write_dataset(document: DatasetDoc, path: Path, *, split: bool = False) -> list[Path]:
    """Write a data set for other programs.

    Parameters
    ----------
    document : DatasetDoc
        The data set with its frames.
    path : pathlib.Path
        ``.extxyz`` or ``.xyz`` with MACE's keys (REF_energy in eV, REF_forces in eV/A, REF_stress in eV/A^3), or
        ``.db`` (SQLite) or ``.json`` for an ASE database.
    split : bool
        One file per part, e.g. ``data.train.extxyz``; else one file whose frames name their part.

    Returns
    -------
    list of pathlib.Path
        The files.

    Raises
    ------
    InputError
        If the ending of the name is not known.
    """
    if path.suffix not in (*DATABASE_SUFFIXES, *XYZ_SUFFIXES):
        known = ", ".join((*XYZ_SUFFIXES, *DATABASE_SUFFIXES))
        raise InputError(f"{path}: the ending says what is written; use one of {known}")
    frames = dataset_frames(document)
    parts = {path.with_suffix(f".{name}{path.suffix}"): {name: frames[name]} for name in SPLITS}
    for file, part in (parts if split else {path: frames}).items():
        _write(file, part, document)
    return list(parts) if split else [path]


def _write(path: Path, parts: Mapping[str, Sequence[LabelledFrame]], document: DatasetDoc) -> None:
    if path.suffix in DATABASE_SUFFIXES:
        _write_database(path, parts, document)
        return
    provenance = {"level_of_theory": document.level_of_theory, "settings_hash": document.settings_hash}
    texts = [frames_to_extxyz(frames, {"split": name, **provenance}) for name, frames in parts.items()]
    path.write_text("".join(texts), encoding="utf-8")


def _write_database(path: Path, parts: Mapping[str, Sequence[LabelledFrame]], document: DatasetDoc) -> None:
    """ASE database whose rows hold energy, forces and stress as of a calculator."""
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.db import connect
    from ase.stress import full_3x3_to_voigt_6_stress

    path.unlink(missing_ok=True)  # ASE would append to an older export
    with connect(path) as database:
        for name, frames in parts.items():
            for frame in frames:
                atoms: Atoms = frame.atoms.copy()
                results = {"energy": frame.energy_eV, "forces": frame.forces_eV_per_A}
                if frame.stress_eV_per_A3 is not None:
                    results["stress"] = full_3x3_to_voigt_6_stress(frame.stress_eV_per_A3)
                atoms.calc = SinglePointCalculator(atoms, **results)
                # ASE refuses text that looks like a number as a searchable value, and keys may look so
                identity = {"label_key": frame.key, "parent_id": frame.parent_id}
                about = {"composition": frame.composition, "level_of_theory": document.level_of_theory}
                database.write(atoms, data=identity, split=name, **about)
        database.metadata = {
            "content_hash": document.content_hash,
            "level_of_theory": document.level_of_theory,
            "settings_hash": document.settings_hash,
        }


__all__ = ["ENERGY_KEY", "FORCES_KEY", "STRESS_KEY", "dataset_frames", "write_dataset"]
