"""A private MongoDB server for one project folder, shared by every process that works in it.

The first process that needs the server starts it, the last one that leaves stops it. Everything
that decides happens under one file lock, and what is believed about a process is checked against
the process itself, so that files left behind by a killed server or a power cut do no harm.
"""

import json
import logging
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superionic.database.files import is_locked_by_owner, locked, private_folder, read_json, wait_until, write_private
from superionic.database.mongod import failure_reason, find_mongod, is_own_socket, socket_path, socket_uri, spawn
from superionic.database.processes import ProcessIdentity, command_line, current_process, identify, is_running
from superionic.errors import DatabaseError

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 30.0
SOCKET_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 20.0

_started_here: dict[int, "subprocess.Popen[bytes]"] = {}  # kept so that ended servers are reaped
_own_leases: dict[tuple[int, Path], int] = {}


@dataclass(frozen=True)
class LocalServer:
    """A private server that runs.

    Attributes
    ----------
    uri : str
        MongoDB URI (unix socket, journaled writes); it holds no password.
    pid : int
        Process id of ``mongod``.
    socket : Path
        The unix socket.
    """

    uri: str
    pid: int
    socket: Path


@dataclass(frozen=True)
class ServerStatus:
    """What is known about the private server of a folder.

    Attributes
    ----------
    home : Path
        Folder of the server (data in ``home/db``, log in ``home/mongod.log``).
    server : LocalServer or None
        The server, if its process runs on this machine.
    answers : bool
        Whether it answers.
    lease_pids : tuple of int
        Processes that use it now.
    kept : bool
        Whether it was started to stay (``superionic db start``).
    other_host : str or None
        The machine on which the server was started, if that is not this one.
    """

    home: Path
    server: LocalServer | None
    answers: bool
    lease_pids: tuple[int, ...]
    kept: bool
    other_host: str | None


def _recorded_process(home: Path) -> ProcessIdentity | None:
    return ProcessIdentity.from_dict(read_json(home / "server.json").get("process", {}))


def _candidate_pids(home: Path) -> list[int]:
    """Ids under which the server may run: what we wrote down and what mongod itself did."""
    recorded = _recorded_process(home)
    pids = [] if recorded is None else [recorded.pid]
    try:
        pids.append(int((home / "db" / "mongod.lock").read_text(encoding="ascii")))
    except (OSError, ValueError):  # never started, or stopped cleanly (empty file)
        return pids
    return pids


def _server_with_pid(home: Path, pid: int) -> LocalServer | None:
    """The server of `home` if process `pid` is one: its own arguments say so."""
    if pid in _started_here:
        _started_here[pid].poll()
    arguments = command_line(pid)
    data_folder = str(home / "db")
    try:
        is_ours = arguments[arguments.index("--dbpath") + 1] == data_folder
        socket = Path(arguments[arguments.index("--bind_ip") + 1])
    except (ValueError, IndexError):
        return None
    return LocalServer(socket_uri(socket), pid, socket) if is_ours and identify(pid) is not None else None


def find_server(home: Path) -> LocalServer | None:
    """The server that runs for `home` on this machine, whether or not it answers; None if none does.

    Costs well below a millisecond, as no connection is made. `home` must be resolved.
    """
    for pid in dict.fromkeys(_candidate_pids(home)):
        server = _server_with_pid(home, pid)
        if server is not None:
            return server
    return None


def _refuse_other_host(home: Path) -> None:
    recorded = _recorded_process(home)
    if recorded is None or is_running(recorded) is not None:
        return
    if recorded.boot == current_process().boot and not is_locked_by_owner(home / "db" / "mongod.lock"):
        return  # an ended container on this machine: mongod would hold this lock
    raise DatabaseError(
        f"the private database of {home} was started on {recorded.host} (process {recorded.pid}) and its socket "
        "cannot be reached from here. Work on that machine, or stop the server there with `superionic db stop`, "
        "or set SUPERIONIC_MONGO_URI to a server that both machines reach. "
        f"If that machine is gone for good, delete {home / 'server.json'}"
    )


def answers(server: LocalServer, timeout_s: float = 1.0) -> bool:
    """Tell whether the server answers within `timeout_s` seconds."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    if not is_own_socket(server.socket):
        return False
    limit_ms = int(1000 * timeout_s)
    try:
        with MongoClient[dict[str, Any]](
            server.uri, serverSelectionTimeoutMS=limit_ms, connectTimeoutMS=limit_ms, socketTimeoutMS=limit_ms
        ) as client:
            client.admin.command("ping")
    except PyMongoError:
        return False
    return True


def _record(home: Path, server: LocalServer, keep: bool) -> None:
    process = identify(server.pid)
    record = {
        "uri": server.uri,
        "socket": str(server.socket),
        "process": {} if process is None else process.as_dict(),
        "keep": keep,
    }
    write_private(home / "server.json", json.dumps(record, indent=1))


def _terminate(server: LocalServer) -> bool:
    """Ask the server to shut down and wait; False if it is still there after the time limit."""
    try:
        os.kill(server.pid, signal.SIGINT)
    except ProcessLookupError:
        return True

    def gone() -> bool:
        if server.pid in _started_here and _started_here[server.pid].poll() is not None:
            del _started_here[server.pid]
        return identify(server.pid) is None

    if not wait_until(gone, STOP_TIMEOUT_S):
        return False
    if is_own_socket(server.socket):
        server.socket.unlink(missing_ok=True)
    return True


def _start(home: Path, mongod: Path | None, keep: bool) -> LocalServer:
    program, socket = find_mongod(home, mongod), socket_path(home)
    log = home / "mongod.log"
    log_start = log.stat().st_size if log.exists() else 0
    try:
        process = spawn(program, home, socket)
    except OSError as error:
        raise DatabaseError(f"the private database did not start: {program}: {error}") from error
    _started_here[process.pid] = process
    server = LocalServer(socket_uri(socket), process.pid, socket)
    _record(home, server, keep)
    wait_until(lambda: process.poll() is not None or answers(server), START_TIMEOUT_S)
    if process.poll() is None and answers(server):
        return server
    exit_status = process.poll()
    if exit_status is None:
        _terminate(server)
    _started_here.pop(process.pid, None)
    for left_over in (home / "server.json", socket):
        left_over.unlink(missing_ok=True)
    raise DatabaseError(
        f"the private database in {home} did not start ({program}): {failure_reason(home, log_start, exit_status)}. "
        f"The full log is {log}. Instead of it you can use your own server: set SUPERIONIC_MONGO_URI"
    )


def _ensure(home: Path, mongod: Path | None, keep: bool) -> LocalServer:
    """Find or start the server; the caller holds the lock."""
    _refuse_other_host(home)
    kept = keep or bool(read_json(home / "server.json").get("keep", False))
    server = find_server(home)
    if server is None:
        return _start(home, mongod, keep)
    wait_until(server.socket.exists, SOCKET_TIMEOUT_S)
    patience_s = ANSWER_TIMEOUT_S if server.socket.exists() else 0.0
    wait_until(lambda: answers(server) or identify(server.pid) is None, patience_s)
    if answers(server):
        _record(home, server, kept)
        return server
    if identify(server.pid) is None:
        return _start(home, mongod, kept)
    if server.socket.exists() or not _terminate(server):
        raise DatabaseError(
            f"the private database of {home} (process {server.pid}) runs but does not answer. The log is "
            f"{home / 'mongod.log'}; end it with `kill {server.pid}` and try again: no data are lost"
        )
    return _start(home, mongod, kept)  # its socket had been deleted, so nobody could reach it any more


def ensure_server(home: Path, *, mongod: Path | None = None, keep: bool = False) -> LocalServer:
    """Return the private server of `home`, starting it if nobody has.

    Any number of processes may call this at once: one server results. Prefer :func:`lease`, which
    also tells others that the server is in use.

    Parameters
    ----------
    home : Path
        Folder of the server; made if missing. The data are in ``home/db``.
    mongod : Path, optional
        The ``mongod`` to start; by default that of the extra ``localdb``, then that on ``PATH``.
    keep : bool
        Leave the server running when the last lease ends, until :func:`stop_server`.

    Raises
    ------
    NotConfiguredError
        If there is no ``mongod``.
    DatabaseError
        If it does not start or does not answer, or runs on another machine.
    """
    home = home.resolve()
    with locked(home):
        return _ensure(home, mongod, keep)


def _live_leases(home: Path) -> list[int]:
    """Ids of the processes that hold a lease; leases of dead processes are removed."""
    pids = []
    for path in sorted((home / "leases").glob("*.json")):
        holder = ProcessIdentity.from_dict(read_json(path))
        if holder is None or is_running(holder) is False:
            path.unlink(missing_ok=True)
        else:
            pids.append(holder.pid)
    return pids


def _join(home: Path) -> None:
    key = (os.getpid(), home)
    _own_leases[key] = _own_leases.get(key, 0) + 1
    path = private_folder(home / "leases") / f"{os.getpid()}.json"
    write_private(path, json.dumps(current_process().as_dict()))


def _leave(home: Path, server: LocalServer) -> None:
    """Give up one lease; the last one out stops the server."""
    key = (os.getpid(), home)
    if key not in _own_leases:  # a forked copy of the holder
        return
    _own_leases[key] -= 1
    if not home.exists():  # the folder was deleted under us: nobody can find the server any more
        stopped = _server_with_pid(home, server.pid) is None or _terminate(server)
    else:
        with locked(home):
            if _own_leases[key] == 0:
                (home / "leases" / f"{os.getpid()}.json").unlink(missing_ok=True)
            keep = read_json(home / "server.json").get("keep", False)
            stopped = bool(_live_leases(home)) or bool(keep) or _stop(home)
    if not stopped:
        logger.warning("the private database of %s did not stop within %.0f s", home, STOP_TIMEOUT_S)


@contextmanager
def lease(home: Path, *, mongod: Path | None = None) -> Iterator[LocalServer]:
    """Use the private server of `home` for the duration of a ``with`` block.

    The server is started if needed and stopped when the last user on this machine leaves, unless
    it was started to stay. A process may hold several leases.

    Parameters
    ----------
    home, mongod
        As for :func:`ensure_server`.

    Yields
    ------
    LocalServer
        The running server.
    """
    home = home.resolve()
    with locked(home):
        server = _ensure(home, mongod, keep=False)
        _join(home)
    try:
        yield server
    finally:
        _leave(home, server)


def _title(pid: int) -> str:
    """Beginning of a process's command line, on one line."""
    return " ".join(" ".join(command_line(pid)).split())[:80]


def _stop(home: Path) -> bool:
    """Stop the server of `home` if it runs; the caller holds the lock. False if it does not end."""
    server = find_server(home)
    if server is not None and not _terminate(server):
        return False
    (home / "server.json").unlink(missing_ok=True)
    return True


def stop_server(home: Path, *, force: bool = False) -> bool:
    """Stop the private server of `home`.

    Parameters
    ----------
    home : Path
        Folder of the server.
    force : bool
        Stop it even though other processes use it.

    Returns
    -------
    bool
        True if a server was stopped, False if none ran.

    Raises
    ------
    DatabaseError
        If other processes use it (they are named), if it runs on another machine, or if it does not end.
    """
    home = home.resolve()
    if not home.exists():
        return False
    with locked(home):
        _refuse_other_host(home)
        server = find_server(home)
        users = [pid for pid in _live_leases(home) if pid != os.getpid()]
        if users and server is not None and not force:
            named = "; ".join(f"{pid} ({_title(pid)})" for pid in users)
            raise DatabaseError(
                f"the private database of {home} is used by these processes: {named}. "
                "Let them finish, or stop it all the same with `superionic db stop --force`"
            )
        if not _stop(home):
            pid = "?" if server is None else server.pid
            raise DatabaseError(
                f"the private database of {home} (process {pid}) did not stop within {STOP_TIMEOUT_S:.0f} s. "
                f"See {home / 'mongod.log'}; `kill -9 {pid}` is safe: every acknowledged write is in the journal"
            )
        return server is not None


def server_status(home: Path) -> ServerStatus:
    """Look at the private server of `home` without changing anything but leases of dead processes."""
    home = home.resolve()
    server, recorded = find_server(home), _recorded_process(home)
    elsewhere = server is None and recorded is not None and is_running(recorded) is None
    return ServerStatus(
        home=home,
        server=server,
        answers=server is not None and answers(server),
        lease_pids=tuple(_live_leases(home)),
        kept=bool(read_json(home / "server.json").get("keep", False)),
        other_host=recorded.host if elsewhere and recorded is not None else None,
    )
