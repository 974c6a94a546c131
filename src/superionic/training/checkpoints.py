"""Checkpoints of a training: written whole or not at all, and verified before they are used.

A file is a SHA-256 and what it belongs to. The last two are kept, so that one may be lost. What is in them is the
business of :mod:`superionic.training.mace_session`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superionic.durable import DamagedFileError, read_sealed, set_aside, write_sealed, write_whole

FOLDER = "resume"
KEPT = 2
NAME = re.compile(r"^epoch-(?P<epoch>\d+)-best-(?P<best>\d+)\.state$")


class DamagedCheckpointError(DamagedFileError):
    """A checkpoint is not what was written, or lacks a part."""


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint.

    Attributes
    ----------
    path : Path
        Its file.
    epoch : int
        The epoch at whose end it was written.
    best_epoch : int
        Best epoch until then, whose weights belong to the checkpoint.
    """

    path: Path
    epoch: int
    best_epoch: int


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints in one folder.

    Attributes
    ----------
    folder : Path
        Where they are; it need not exist.
    """

    folder: Path

    def found(self) -> list[Checkpoint]:
        """All checkpoints, newest first."""
        named = [(path, NAME.match(path.name)) for path in self.folder.glob("epoch-*.state")]
        found = [Checkpoint(path, int(match["epoch"]), int(match["best"])) for path, match in named if match]
        return sorted(found, key=lambda checkpoint: -checkpoint.epoch)

    def write(self, epoch: int, best_epoch: int, content: bytes) -> None:
        """Store the checkpoint of a finished epoch, and drop all but the last two."""
        path = self.folder / f"epoch-{epoch}-best-{best_epoch}.state"
        write_sealed(path, content)
        for old in self.found()[KEPT:]:
            old.path.unlink()

    def newest(self, load: Callable[[Checkpoint, bytes], dict[str, Any]]) -> tuple[dict[str, Any] | None, list[str]]:
        """The newest usable checkpoint, and what was wrong with newer ones, which are set aside.

        Parameters
        ----------
        load : callable
            Makes a state of the content; raises DamagedCheckpointError if something that belongs to it is missing.

        Returns
        -------
        state : dict or None
            None if there is no usable checkpoint.
        problems : list of str
            One sentence per checkpoint that could not be used.
        """
        problems: list[str] = []
        for checkpoint in self.found():
            try:
                return load(checkpoint, read_sealed(checkpoint.path)), problems
            except DamagedFileError as error:
                problems.append(f"the checkpoint of epoch {checkpoint.epoch} could not be used ({error})")
                set_aside(checkpoint.path)
        return None, problems


def keep_results(path: Path, last_epoch: int) -> int:
    """Cut MACE's file of results back to what belongs to a checkpoint.

    Parameters
    ----------
    path : Path
        The file, one JSON object per line; it need not exist.
    last_epoch : int
        Last epoch of the checkpoint; -1 to keep nothing.

    Returns
    -------
    int
        Number of finished epochs that were cut off.
    """
    if not path.exists():
        return 0
    rows = [(line, _row(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [line for line, row in rows if last_epoch >= 0 and row and _epoch(row) <= last_epoch]
    lost = {_epoch(row) for _, row in rows if row.get("mode") == "eval" and _epoch(row) > last_epoch}
    write_whole(path, "".join(f"{line}\n" for line in kept).encode())
    return len(lost - {-1})


def _row(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:  # cut off when the process was killed
        return {}
    return row if isinstance(row, dict) else {}


def _epoch(row: Mapping[str, Any]) -> int:
    epoch = row.get("epoch")
    return -1 if epoch is None else int(epoch)
