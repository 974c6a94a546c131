"""Replay structures: what a multi-head training keeps showing to the head of the foundation.

The structures carry no labels of their own. Before the training the foundation labels them itself, so that the first
head is held to what the foundation says, whatever it was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read

from superionic.errors import InputError, InsufficientDataError

VALID_SHARE = 0.1
MIN_REPLAY = 2
RATTLE_A = 0.1
MAX_STRAIN = 0.05
SHIPPED_SETS = {"superionic-mini": "superionic-mini-replay.xyz"}


@dataclass(frozen=True)
class ReplaySet:
    """Replay structures of one training.

    Attributes
    ----------
    train, valid : tuple of Atoms
        Structures without labels.
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


def make_replay(file: Path | None, training: Sequence[Atoms], n_structures: int, seed: int) -> ReplaySet:
    """Draw the replay set from a file, or derive it from the training structures.

    A derived set is a stand-in: it only ties the first head down near the new data, and says nothing about the rest
    of what the foundation knows.

    Parameters
    ----------
    file : Path, optional
        Structures in any format that ASE reads; their labels, if they have any, are not used.
    training : sequence of Atoms
        Training structures of the new head, for the derived set.
    n_structures : int
        Structures wanted, validation included.
    seed : int
        Seed of the draw and of the distortions.

    Returns
    -------
    ReplaySet
        One tenth of the structures, at least one, is for validation.

    Raises
    ------
    InputError
        If the file cannot be read.
    InsufficientDataError
        If there are fewer than two structures.
    """
    if file is None:
        made = _distorted(training, n_structures, seed)
        return _divided(made, "rattled and strained training structures", derived=True)
    structures = _read_structures(file)
    if len(structures) < MIN_REPLAY:
        raise InsufficientDataError(f"{file} holds {len(structures)} structures; a replay set needs {MIN_REPLAY}")
    order = np.random.default_rng(seed).permutation(len(structures))[:n_structures]
    drawn = [structures[index] for index in order.tolist()]
    return _divided(drawn, f"{file.name} ({len(structures)} structures)", derived=False)


def _read_structures(file: Path) -> list[Atoms]:
    try:
        images = read(file, index=":")
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise InputError(f"replay structures {file} cannot be read: {error}. Give a file that ASE reads") from error
    return [_bare(atoms) for atoms in images]


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
