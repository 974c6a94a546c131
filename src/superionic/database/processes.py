"""Identify processes, so that a recycled process id is never mistaken for the old process."""

import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class ProcessIdentity:
    """One process, named so that nothing else ever has the same name.

    Attributes
    ----------
    host : str
        Host name.
    boot : str
        Boot id of the kernel; empty where the system has none.
    namespace : str
        Process-id namespace (containers); empty where the system has none.
    pid : int
        Process id.
    started : str
        Start time as the system gives it (clock ticks since boot on Linux).
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: str

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON files and documents."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self | None:
        """Read an identity back; None if `data` is not one."""
        try:
            host, boot, namespace = (str(data[key]) for key in ("host", "boot", "namespace"))
            return cls(host, boot, namespace, int(data["pid"]), str(data["started"]))
        except (KeyError, TypeError, ValueError):
            return None


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _ps(pid: int, column: str) -> str:
    """One column of ``ps`` for systems without ``/proc``."""
    done = subprocess.run(["ps", "-o", f"{column}=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def start_time(pid: int) -> str | None:
    """Start time of a running process; None if there is none with this id (a zombie counts as none)."""
    if not Path("/proc/self/stat").exists():
        return None if _ps(pid, "stat").startswith("Z") else _ps(pid, "lstart") or None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    return None if fields[0] in {"Z", "X"} else fields[19]


def identify(pid: int) -> ProcessIdentity | None:
    """Identity of a process of this machine; None if it does not run."""
    started = start_time(pid)
    return None if started is None else ProcessIdentity(socket.gethostname(), _boot_id(), _namespace(), pid, started)


def current_process() -> ProcessIdentity:
    """Identity of this process."""
    identity = identify(os.getpid())
    if identity is None:  # /proc hidden from us: still usable on this host by pid
        return ProcessIdentity(socket.gethostname(), _boot_id(), _namespace(), os.getpid(), "")
    return identity


def is_running(process: ProcessIdentity) -> bool | None:
    """Tell whether exactly this process still runs.

    Returns
    -------
    bool or None
        None if it cannot be seen from here: another host, another container, or a process of
        another user on a system that hides those.
    """
    same_host = process.host == socket.gethostname()
    if process.boot != _boot_id():
        return False if same_host else None  # restarted since, or another machine
    if process.namespace != _namespace() or not (process.boot or same_host):
        return None
    started = start_time(process.pid)
    if started is None:
        return None if _hidden(process.pid) else False
    return started == process.started


def _hidden(pid: int) -> bool:
    """Whether a process exists that the system does not show us."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return False  # ours, so a zombie


def command_line(pid: int) -> list[str]:
    """Arguments of a running process; empty if it does not run or is hidden."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return _ps(pid, "command").split() if not Path("/proc/self/stat").exists() else []
    return [os.fsdecode(part) for part in raw.split(b"\0")[:-1]]
