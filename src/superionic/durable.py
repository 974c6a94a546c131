"""Files that survive a kill: written whole or not at all, and verified before they are used."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

DIGEST_LENGTH = 64


class DamagedFileError(Exception):
    """A file is not what was written, or something that belongs to it is missing."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old content or the new one, whatever happens in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = scratch_name(path)
    try:
        with scratch.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        move_whole(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)  # what a full disk has left of it


def scratch_name(path: Path) -> Path:
    """Name beside `path` for a file in the making; no other process or thread uses it."""
    return path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")


def move_whole(scratch: Path, path: Path) -> None:
    """Give a finished file its name, for good: the folder is synchronised too."""
    scratch.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest(content: bytes) -> str:
    """SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def write_sealed(path: Path, content: bytes) -> None:
    """Write a file whole, with the SHA-256 of its content in front."""
    write_whole(path, digest(content).encode() + content)


def read_sealed(path: Path) -> bytes:
    """Content of a file that :func:`write_sealed` wrote.

    Raises
    ------
    DamagedFileError
        If the content is not what was written.
    """
    content = path.read_bytes()
    if digest(content[DIGEST_LENGTH:]).encode() != content[:DIGEST_LENGTH]:
        raise DamagedFileError("its SHA-256 is wrong")
    return content[DIGEST_LENGTH:]


def set_aside(path: Path) -> None:
    """Rename a file that must not be used, but may be worth a look."""
    path.replace(path.with_name(f"{path.name}.unused"))
