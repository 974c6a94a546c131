"""Private files that are written whole or not at all, and the lock of a folder."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from superionic.errors import DatabaseError

LOCK_TIMEOUT_S = 120.0


def wait_until(condition: Callable[[], bool], timeout_s: float, poll_s: float = 0.05) -> bool:
    """Wait until `condition` is true; False if that takes longer than `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(poll_s)
    return True


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; readers see the old or the new text, never a part."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as handle:
        handle.write(text)
    partial.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty if the file is missing, damaged or something else."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can enter.

    Raises
    ------
    DatabaseError
        If it cannot be made or written.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(
            f"cannot make the folder {path} ({error}): use a project folder that you may write"
        ) from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise DatabaseError(f"the folder {path} is not yours to write: use a project folder of your own")
    return path


def _try_lock(handle: int, path: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise DatabaseError(
            f"{path}: this file system has no file locks ({error}). Put the project on a local disk, "
            "or set SUPERIONIC_MONGO_URI to a server that you may use"
        ) from error
    return True


@contextmanager
def locked(folder: Path, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the lock of `folder`, which is made if missing; the kernel frees it if the holder dies.

    Raises
    ------
    DatabaseError
        If another process holds it for longer than `timeout_s` seconds, or the file system has no locks.
    """
    path = private_folder(folder) / "lock"
    with path.open("w") as handle:
        if not wait_until(lambda: _try_lock(handle.fileno(), path), timeout_s):
            raise DatabaseError(
                f"another process has held {path} for {timeout_s:.0f} s: it starts or stops the private database "
                f"and hangs. Find it with `fuser {path}`, end it, and try again"
            )
        yield


def is_locked_by_owner(path: Path) -> bool:
    """Tell whether some process holds a POSIX lock on `path`, as mongod does on its ``mongod.lock``."""
    try:
        with path.open("r+b") as handle:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:  # locked, or not to be found out: better to believe in a live owner
        return True
    return False
