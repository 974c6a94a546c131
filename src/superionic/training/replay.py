"""Replay structures: what a multi-head training keeps showing to the head of the foundation.

As a rule the foundation labels them itself before the training, so that the first head is held to what the foundation
says, whatever it was trained on. Labels that come with a file may be used instead.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read
from ase.stress import voigt_6_to_full_3x3_stress

from superionic.errors import InputError, InsufficientDataError, NotConfiguredError
from superionic.stages import ReplaySetName
from superionic.training.dataset import ENERGY_KEY, FORCES_KEY, STRESS_KEY

VALID_SHARE = 0.1
MIN_REPLAY = 2
RATTLE_A = 0.1
MAX_STRAIN = 0.05
EXTXYZ = {".xyz", ".extxyz"}
VOIGT = 6
RELEASES = "https://github.com/ACEsuit/mace-foundations/releases/download"
MACE_SETS = {
    ReplaySetName.MP: "mace_mp_0b/mp_traj_combined.xyz",
    ReplaySetName.MATPES_PBE: "mace_matpes_0/matpes-pbe-replay-data.xyz",
    ReplaySetName.MATPES_R2SCAN: "mace_matpes_0/matpes-r2scan-replay-data.extxyz",
    ReplaySetName.OMAT: "mace_omat_0/mp_traj_combined_omat.xyz",
}
"""Where mace-torch 0.3.16 gets its replay sets."""
SHIPPED_SETS = {"superionic-mini": "superionic-mini-replay.xyz"}


@dataclass(frozen=True)
class ReplaySet:
    """Replay structures of one training.

    Attributes
    ----------
    train, valid : tuple of Atoms
        Structures; with labels under the keys of data sets only if those of a file are to be used.
    source : str
        Where they come from, in words.
    derived : bool
        Whether they were derived from the training structures, for want of a set of their own.
    """

    train: tuple[Atoms, ...]
    valid: tuple[Atoms, ...]
    source: str
    derived: bool


def shipped_replay_file(foundation: str) -> Path | None:
    """Replay structures that come with superionic for this foundation, if there are any."""
    if foundation not in SHIPPED_SETS:
        return None
    import superionic.potentials

    path = Path(str(superionic.potentials.__file__)).parent / "data" / SHIPPED_SETS[foundation]
    return path if path.is_file() else None


def mace_replay_file(name: ReplaySetName, cache: Path | None = None) -> Path:
    """A replay set that MACE has downloaded before.

    Parameters
    ----------
    name : ReplaySetName
        MACE's name of the set.
    cache : Path, optional
        MACE's cache; default: ``mace`` in ``XDG_CACHE_HOME`` or ``~/.cache``.

    Raises
    ------
    NotConfiguredError
        If it is not there; the message says how to get it.
    """
    folder = cache or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "mace"
    url = f"{RELEASES}/{MACE_SETS[name]}"
    # MACE's own name of the file: letters, digits and underscores of the last part
    file = folder / "".join(letter for letter in Path(url).name if letter.isalnum() or letter == "_")
    if not file.is_file():
        raise NotConfiguredError(
            f"replay set {name.value} is not in MACE's cache, and nothing is downloaded during a training. Where there "
            f"is internet: curl -L --create-dirs -o '{file}' {url}"
        )
    return file


def make_replay(
    file: Path | None, training: Sequence[Atoms], n_structures: int, seed: int, *, labelled: bool = False
) -> ReplaySet:
    """Draw the replay set from a file, or derive it from the training structures.

    A derived set is a stand-in: it only ties the first head down near the new data, and says nothing about the rest
    of what the foundation knows.

    Parameters
    ----------
    file : Path, optional
        Structures in any format that ASE reads.
    training : sequence of Atoms
        Training structures of the new head, for the derived set.
    n_structures : int
        Structures wanted, validation included.
    seed : int
        Seed of the draw and of the distortions.
    labelled : bool
        Keep the energies, forces and stresses of the file, from ``REF_`` keys or as ASE reads them.

    Returns
    -------
    ReplaySet
        One tenth of the structures, at least one, is for validation.

    Raises
    ------
    InputError
        If the file cannot be read, or labels are to be kept and a structure lacks some.
    InsufficientDataError
        If there are fewer than two structures.
    """
    if file is None:
        made = _distorted(training, n_structures, seed)
        return _divided(made, "rattled and strained training structures", derived=True)
    drawn, n_found = _draw(file, n_structures, seed)
    if n_found < MIN_REPLAY:
        raise InsufficientDataError(f"{file} holds {n_found} structures; a replay set needs {MIN_REPLAY}")
    structures = [_with_labels(atoms, file) if labelled else _bare(atoms) for atoms in drawn]
    return _divided(structures, f"{file.name} ({n_found} structures)", derived=False)


def _draw(file: Path, n_structures: int, seed: int) -> tuple[list[Atoms], int]:
    """Structures drawn from a file, and how many it holds."""
    try:
        if file.suffix in EXTXYZ:
            frames = _frame_offsets(file)
            chosen = np.random.default_rng(seed).permutation(len(frames))[:n_structures].tolist()
            text = _frames_text(file, [frames[index] for index in chosen])
            return (list(read(io.StringIO(text), index=":", format="extxyz")) if chosen else []), len(frames)
        images = read(file, index=":")
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise InputError(f"replay structures {file} cannot be read: {error}. Give a file that ASE reads") from error
    order = np.random.default_rng(seed).permutation(len(images))[:n_structures]
    return [images[index] for index in order.tolist()], len(images)


def _frame_offsets(file: Path) -> list[tuple[int, int]]:
    """Where each structure of an extended XYZ file begins and ends; nothing else of a large file is parsed."""
    offsets = []
    with file.open("rb") as stream:
        while line := stream.readline():
            if not line.strip():
                continue
            start = stream.tell() - len(line)
            for _ in range(int(line) + 1):
                stream.readline()
            offsets.append((start, stream.tell()))
    return offsets


def _frames_text(file: Path, frames: Sequence[tuple[int, int]]) -> str:
    parts = []
    with file.open("rb") as stream:
        for start, end in frames:
            stream.seek(start)
            parts.append(stream.read(end - start).rstrip() + b"\n")
    return b"".join(parts).decode()


def _with_labels(atoms: Atoms, file: Path) -> Atoms:
    """The structure with its labels under the keys of data sets."""
    results = {} if atoms.calc is None else atoms.calc.results
    found: dict[str, Any] = {
        "energy": atoms.info.get(ENERGY_KEY, results.get("energy")),
        "forces": atoms.arrays.get(FORCES_KEY, results.get("forces")),
        "stress": atoms.info.get(STRESS_KEY, results.get("stress")),
    }
    if missing := [name for name, value in found.items() if value is None]:
        raise InputError(
            f"replay_labels: file, but {atoms.get_chemical_formula()} in {file} has no {', '.join(missing)} "
            f"({ENERGY_KEY}, {FORCES_KEY}, {STRESS_KEY}, or as ASE reads them): use replay_labels: foundation"
        )
    bare = _bare(atoms)
    tensor = np.asarray(found["stress"], dtype=float)
    bare.info = {
        ENERGY_KEY: float(found["energy"]),
        STRESS_KEY: voigt_6_to_full_3x3_stress(tensor) if tensor.size == VOIGT else tensor.reshape(3, 3),
    }
    bare.arrays[FORCES_KEY] = np.asarray(found["forces"], dtype=float)
    return bare


def _distorted(training: Sequence[Atoms], n_structures: int, seed: int) -> list[Atoms]:
    if not training:
        raise InsufficientDataError("there are no training structures to derive a replay set from")
    rng = np.random.default_rng(seed)
    chosen = np.resize(rng.permutation(len(training)), n_structures)
    made = []
    for index in chosen.tolist():
        atoms = _bare(training[index])
        strain = rng.uniform(-MAX_STRAIN, MAX_STRAIN, (3, 3))
        atoms.set_cell(np.asarray(atoms.cell) @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
        atoms.positions += rng.normal(0.0, RATTLE_A, atoms.positions.shape)
        made.append(atoms)
    return made


def _divided(structures: Sequence[Atoms], source: str, *, derived: bool) -> ReplaySet:
    n_valid = max(1, round(VALID_SHARE * len(structures)))
    return ReplaySet(
        train=tuple(structures[n_valid:]), valid=tuple(structures[:n_valid]), source=source, derived=derived
    )


def _bare(atoms: Atoms) -> Atoms:
    return Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
