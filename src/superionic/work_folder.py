"""A folder of long work: used by one process at a time, found again after a kill, tidied up afterwards."""

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
from typing import Any, BinaryIO, ClassVar

from superionic.errors import NotConfiguredError, SuperionicError

LOCK_FILE = "lock"
WAIT_INTERVAL_S = 1.0
KEEP_FINISHED_S = 2 * 24 * 3600.0
"""Finished work stays this long, in case its worker is killed before the document is stored, s."""


@dataclass(frozen=True)
class WorkFolder:
    """A folder for one piece of work.

    Subclasses say what the work is.

    Attributes
    ----------
    path : Path
        The folder; made when it is locked.
    """

    path: Path

    work: ClassVar[str]
    """What is done in it, for messages."""
    variable: ClassVar[str]
    """Environment variable that says where such folders are."""
    end_file: ClassVar[str]
    """File that is there once the work has come to its end."""
    busy_error: ClassVar[type[SuperionicError]]
    """Raised while another process uses it."""

    @contextmanager
    def locked(self, waiting: Callable[[str], None] | None) -> Iterator[int]:
        """Use the folder alone.

        The lock is given up by the system when all holders have ended, however they end. Child processes that inherit
        its descriptor hold it, too.

        Parameters
        ----------
        waiting : callable, optional
            Called with the holder's name each second while another process holds the lock; None: do not wait.

        Yields
        ------
        int
            Descriptor of the lock, for a child process to inherit.

        Raises
        ------
        SuperionicError
            Of class `busy_error`, if another process uses the folder.
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
            if not self._try_lock(stream):
                stream.close()
                holder = self._holder()
                if waiting is None:
                    raise self.busy_error(f"the {self.work} in {self.path} is being run by {holder}; wait for it")
                waiting(holder)
                time.sleep(WAIT_INTERVAL_S)
            elif _is_file(stream, self.path / LOCK_FILE):
                return stream
            else:  # the folder was tidied away in between
                stream.close()

    def _try_lock(self, stream: BinaryIO) -> bool:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise NotConfiguredError(
                f"{stream.name} cannot be locked ({error}), so two workers might write into one {self.work}: set "
                f"{self.variable} to a folder on a file system with locks"
            ) from error
        return True

    def _holder(self) -> str:
        with suppress(FileNotFoundError):
            return (self.path / LOCK_FILE).read_text(encoding="utf-8", errors="replace") or "another process"
        return "another process"

    @property
    def finished(self) -> bool:
        """Whether the work has come to its end here."""
        return (self.path / self.end_file).exists()

    @classmethod
    def remove_old(cls, root: Path, now: float | None = None) -> list[Path]:
        """Remove folders of finished work whose documents have long been stored.

        Parameters
        ----------
        root : Path
            Folder of all such folders.
        now : float, optional
            Time to compare with, s since the epoch.

        Returns
        -------
        list of Path
            What was removed; interrupted and failed work never is.
        """
        limit = (time.time() if now is None else now) - KEEP_FINISHED_S
        removed = []
        for end in root.glob(f"*/{cls.end_file}"):
            folder = cls(end.parent)
            # another worker may remove it at the same time, or be reading it
            with suppress(FileNotFoundError, cls.busy_error):
                if end.stat().st_mtime < limit:
                    with folder.locked(waiting=None):
                        shutil.rmtree(folder.path)
                    removed.append(folder.path)
        return removed


def _is_file(stream: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a file with one JSON object per line; none if there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
