"""The folder of one training: found again by its content, used by one process at a time, tidied up afterwards."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from superionic.durable import write_whole
from superionic.errors import InputError, NotConfiguredError, TrainingBusyError
from superionic.training.checkpoints import FOLDER as CHECKPOINTS
from superionic.training.mace_command import FOUNDATION_FILE
from superionic.training.mace_main import OUTCOME_FILE

IDENTITY_FILE, LOCK_FILE = "training.json", "lock"
WAIT_INTERVAL_S = 1.0
KEEP_FINISHED_S = 2 * 24 * 3600.0
"""A finished training stays this long, in case its worker is killed before the document is stored, s."""
BULKY = (CHECKPOINTS, "checkpoints", FOUNDATION_FILE, "model.model", "model_compiled.model")


@dataclass(frozen=True)
class TrainingFolder:
    """A folder for one training.

    Attributes
    ----------
    path : Path
        The folder; made when it is locked.
    """

    path: Path

    @contextmanager
    def locked(self, waiting: Callable[[str], None] | None) -> Iterator[int]:
        """Use the folder alone.

        The lock is given up by the system when all holders have ended, however they end. The training process holds
        it, too, so a killed worker's training is waited for.

        Parameters
        ----------
        waiting : callable, optional
            Called with the holder's name each second while another process holds the lock; None: do not wait.

        Yields
        ------
        int
            Descriptor of the lock, for the training process to inherit.

        Raises
        ------
        TrainingBusyError
            If another process uses the folder.
        NotConfiguredError
            If the file system knows no locks.
        """
        with self._own_lock(waiting) as stream:
            stream.truncate(0)
            stream.write(f"process {os.getpid()} on {platform.node()}".encode())
            stream.flush()
            yield stream.fileno()

    def _own_lock(self, waiting: Callable[[str], None] | None) -> BinaryIO:
        while True:
            self.path.mkdir(parents=True, exist_ok=True)
            stream = (self.path / LOCK_FILE).open("a+b")
            if not _try_lock(stream):
                stream.close()
                holder = self._holder()
                if waiting is None:
                    raise TrainingBusyError(f"the training in {self.path} is being run by {holder}; wait for it")
                waiting(holder)
                time.sleep(WAIT_INTERVAL_S)
            elif _is_file(stream, self.path / LOCK_FILE):
                return stream
            else:  # the folder was tidied away in between
                stream.close()

    def _holder(self) -> str:
        with suppress(FileNotFoundError):
            return (self.path / LOCK_FILE).read_text(encoding="utf-8", errors="replace") or "another process"
        return "another process"

    @property
    def finished(self) -> bool:
        """Whether a training has come to its end here."""
        return (self.path / OUTCOME_FILE).exists()

    def belongs_to(self, identity: str) -> bool:
        """Whether this training was begun here.

        Raises
        ------
        InputError
            If it was another one.
        """
        file = self.path / IDENTITY_FILE
        if not file.exists():
            return False
        if (found := json.loads(file.read_text(encoding="utf-8"))["identity"]) != identity:
            raise InputError(
                f"{self.path} holds another training ({found[:8]}, not {identity[:8]}): settings, structures or "
                "foundation differ. Give another folder, or delete this one"
            )
        return True

    def sign(self, identity: str) -> None:
        """Mark the folder as prepared for a training; done last, so that it is complete."""
        write_whole(self.path / IDENTITY_FILE, json.dumps({"identity": identity}).encode())

    def lighten(self) -> None:
        """Remove what a finished training is not read from: checkpoints, and copies of models."""
        for name in BULKY:
            path = self.path / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _try_lock(stream: BinaryIO) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise NotConfiguredError(
            f"{stream.name} cannot be locked ({error}), so two workers might write into one training: set "
            "SUPERIONIC_TRAINING_DIR to a folder on a file system with locks"
        ) from error
    return True


def _is_file(stream: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


def remove_old(root: Path, now: float | None = None) -> list[Path]:
    """Remove finished trainings whose documents have long been stored.

    Parameters
    ----------
    root : Path
        Folder of all trainings.
    now : float, optional
        Time to compare with, s since the epoch.

    Returns
    -------
    list of Path
        What was removed; interrupted and failed trainings never are.
    """
    limit = (time.time() if now is None else now) - KEEP_FINISHED_S
    removed = []
    for outcome in root.glob(f"*/{OUTCOME_FILE}"):
        folder = TrainingFolder(outcome.parent)
        # another worker may remove it at the same time, or be reading it
        with suppress(FileNotFoundError, TrainingBusyError):
            if outcome.stat().st_mtime < limit:
                with folder.locked(waiting=None):
                    shutil.rmtree(folder.path)
                removed.append(folder.path)
    return removed


def read_processes(path: Path) -> list[dict[str, Any]]:
    """Rows of the file in which each process of a training says where it began."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
