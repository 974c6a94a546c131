"""What the batch system says: in which batch job a worker runs, and which batch jobs there are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from getpass import getuser

BATCH_ENV = "superionic_batch"
"""Key of a FireWorks worker's ``env`` under which its batch job is kept."""

_ASK_TIMEOUT_S = 20.0
_RECENT_S = 120.0
_JOB_VARIABLE = {"slurm": "SLURM_JOB_ID", "pbs": "PBS_JOBID", "sge": "JOB_ID"}
_ENDED = {"C", "F", "X"}  # how PBS and Torque mark jobs that they still list


class BatchSystem(StrEnum):
    """Batch systems whose queue can be read."""

    SLURM = "slurm"
    PBS = "pbs"
    SGE = "sge"


@dataclass(frozen=True)
class BatchQueue:
    """Batch jobs of this user that wait or run.

    Attributes
    ----------
    system : BatchSystem
        The batch system.
    jobs : frozenset of str
        Numbers of the batch jobs.
    hosts : frozenset of str
        Machines on which they run, as far as the system says so.
    """

    system: BatchSystem
    jobs: frozenset[str]
    hosts: frozenset[str] = frozenset()

    def holds(self, job: str) -> bool:
        """Whether a batch job waits or runs; `job` may have the name of a server behind its number."""
        return _number(job) in self.jobs

    def runs_on(self, host: str) -> bool:
        """Whether a batch job of this user runs on a machine."""
        return host.partition(".")[0] in self.hosts


_recent: list[tuple[float, BatchQueue | None]] = []


def batch_job(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Batch system and number of the batch job that this process runs in; empty outside of one."""
    for system, variable in _JOB_VARIABLE.items():
        # SGE's name is too general to be trusted alone
        if environ.get(variable) and (system != BatchSystem.SGE or "SGE_ROOT" in environ):
            return {"system": system, "job": _number(environ[variable])}
    return {}


def read_batch_queue(environ: Mapping[str, str] = os.environ) -> BatchQueue | None:
    """Batch jobs of this user; None if there is no batch system here or it does not answer."""
    if shutil.which("squeue", path=environ.get("PATH")):
        text = _ask(["squeue", "-h", "-u", getuser(), "-o", "%A %B"])
        return None if text is None else _slurm(text)
    if shutil.which("qstat", path=environ.get("PATH")):
        text = _ask(["qstat", "-u", getuser()])
        return None if text is None else _qstat(text, BatchSystem.SGE if "SGE_ROOT" in environ else BatchSystem.PBS)
    return None


def recent_batch_queue() -> BatchQueue | None:
    """As :func:`read_batch_queue`, but the batch system is asked every two minutes at most."""
    now = time.monotonic()
    if not _recent or now - _recent[-1][0] > _RECENT_S:
        _recent[:] = [(now, read_batch_queue())]
    return _recent[-1][1]


def _ask(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_ASK_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _slurm(text: str) -> BatchQueue:
    rows = [line.split() for line in text.splitlines() if line.strip()]
    hosts = {row[1].partition(".")[0] for row in rows if len(row) > 1 and row[1] != "n/a"}
    return BatchQueue(BatchSystem.SLURM, frozenset(row[0] for row in rows), frozenset(hosts))


def _qstat(text: str, system: BatchSystem) -> BatchQueue:
    rows = [line.split() for line in text.splitlines() if re.match(r"\s*\d", line)]
    return BatchQueue(system, frozenset(_number(row[0]) for row in rows if not _ENDED.intersection(row[-2:-1])))


def _number(job: str) -> str:
    """Number of a batch job without its server, array index and the like."""
    found = re.match(r"\d+", job.strip())
    return found.group(0) if found else job.strip()
