"""The CP2K program: how it is found, started and ended."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections import defaultdict
from contextlib import suppress
from typing import Final

from superionic.errors import NotConfiguredError
from superionic.settings import load_settings
from superionic.stages import Cp2kSettings

PROGRAMS: Final = ("cp2k_shell.psmp", "cp2k_shell", "cp2k.psmp -s", "cp2k_shell.ssmp", "cp2k.ssmp -s")
"""Names of the program in its interactive mode, the first one found is used."""
COMMAND_VARIABLE: Final = "ASE_CP2K_COMMAND"
THREADS_VARIABLE: Final = "OMP_NUM_THREADS"
START_TIMEOUT_S: Final = 60.0
SHELL_SYNTAX: Final = frozenset(";&|$`(")
INSTALL: Final = (
    "install it (Debian, Ubuntu: apt-get install cp2k cp2k-data; conda: conda install -c conda-forge cp2k) or say how "
    f"to start it, in {COMMAND_VARIABLE} or `labelling: {{cp2k: {{command: mpirun -np 16 cp2k_shell.psmp}}}}`"
)


def command_of(settings: Cp2kSettings | None = None) -> str:
    """Command that starts CP2K's interactive mode.

    The first of: `labelling.cp2k.command`, the variable ``ASE_CP2K_COMMAND``, a program on the path. The number of
    threads is that of a worker unless ``OMP_NUM_THREADS`` is set: CP2K would take all cores.

    Parameters
    ----------
    settings : Cp2kSettings, optional
        The defaults if left out.

    Returns
    -------
    str
        A shell command.

    Raises
    ------
    NotConfiguredError
        If there is none, or its program does not exist.
    """
    command = (settings.command if settings else None) or os.environ.get(COMMAND_VARIABLE) or _on_path()
    if command is None:
        raise NotConfiguredError(f"labelling.engine cp2k-scan: CP2K is not on the path. Please {INSTALL}")
    program = next((word for word in shlex.split(command) if "=" not in word and word != "env"), "")
    if not set(command) & SHELL_SYNTAX and shutil.which(program) is None:
        raise NotConfiguredError(f"the CP2K command {command!r} starts no program: {program!r} is not found. {INSTALL}")
    if THREADS_VARIABLE in os.environ or THREADS_VARIABLE in command:
        return command
    return f"env {THREADS_VARIABLE}={load_settings().threads_per_worker} {command}"


def _on_path() -> str | None:
    return next((command for command in PROGRAMS if shutil.which(command.split()[0])), None)


def require_cp2k(settings: Cp2kSettings | None = None) -> None:
    """Fail before any job is made if CP2K cannot be started.

    Raises
    ------
    NotConfiguredError
        Saying what to install or to set.
    """
    command_of(settings)


def check_cp2k(settings: Cp2kSettings | None = None) -> str:
    """Start CP2K once and say what it is, for ``superionic doctor``.

    Parameters
    ----------
    settings : Cp2kSettings, optional
        The defaults if left out.

    Returns
    -------
    str
        Command and version of its interactive mode.

    Raises
    ------
    NotConfiguredError
        If it does not start or does not answer.
    """
    command = command_of(settings)
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            input="VERSION\nEXIT\n",
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotConfiguredError(
            f"the CP2K command {command!r} gave no answer within {START_TIMEOUT_S:g} s. {INSTALL}"
        ) from error
    versions = [line.strip() for line in done.stdout.splitlines() if line.strip().startswith("CP2K Shell Version")]
    if not versions:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["nothing"]
        raise NotConfiguredError(f"the CP2K command {command!r} starts no CP2K shell; it said: {said[0]}. {INSTALL}")
    return f"{versions[0]}, started by {command!r}"


def end_tree(pid: int) -> None:
    """End a process and all that it started, now; processes that are gone already are no error.

    Parameters
    ----------
    pid : int
        Process id of the first one.
    """
    for process in reversed([pid, *_descendants(pid)]):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """Process ids below one, parents before their children."""
    listing = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=False).stdout
    children: dict[int, list[int]] = defaultdict(list)
    for line in listing.splitlines():
        child, parent = map(int, line.split())
        children[parent].append(child)
    found = [pid]
    for process in found:
        found += children[process]
    return found[1:]
