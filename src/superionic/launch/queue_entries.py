"""Read what the queue holds: whose jobs and workflows they are, which process runs them, why a run was put back."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from fireworks import LaunchPad

import superionic
from superionic.database.processes import ProcessIdentity, current_process
from superionic.launch.batch_queue import BATCH_ENV, batch_job

WORKER_ENV = "superionic_worker"
"""Key of a FireWorks worker's ``env`` under which the identity of its process is kept."""

RESERVED_BY = "reserved_by"
"""Field of a job with the identity of the process that took it and has not begun to run it yet."""

REFUSALS = "superionic_refusals"
"""Field of a job's spec with the workers that could not read it."""

REFRESHED = "superionic_refreshed"
"""Field of a run whose result was applied again after FireWorks had called its job failed."""

CODE = "superionic_code"
"""Field of a job's spec with the release of superionic that made it, as a number (see :func:`code_number`)."""

ACTIVE = ("READY", "RESERVED", "RUNNING")
"""States in which a job runs or can be run at once."""

LOSS = "_superionic_loss"
"""Field of a run's stored data with the cause for which its job was put back."""

MAX_LOSSES = 3
"""How often a job is run again after losses of one kind before it counts as failed."""


class LossCause(StrEnum):
    """Why a running job had to be put back."""

    INTERRUPTED = "interrupted"
    WORKER_DIED = "worker_died"
    NO_HEARTBEAT = "no_heartbeat"
    NEVER_STARTED = "never_started"
    DATABASE_AWAY = "database_away"
    LEFT_BATCH_QUEUE = "left_batch_queue"
    DISK_FULL = "disk_full"


def workflow_query(campaign: str | None) -> dict[str, Any]:
    """Query for the workflows of one campaign, or for all."""
    return {} if campaign is None else {"metadata.campaign": campaign}


def job_query(campaign: str | None) -> dict[str, Any]:
    """Query for the jobs of one campaign, or for all."""
    return {} if campaign is None else {"spec.campaign": campaign}


def worker_of(launch: dict[str, Any]) -> ProcessIdentity | None:
    """Process that runs a launch; None if it is no worker of superionic."""
    environment = (launch.get("fworker") or {}).get("env") or {}
    return ProcessIdentity.from_dict(environment.get(WORKER_ENV) or {})


def worker_environment() -> dict[str, Any]:
    """FireWorks ``env`` that names this process, and its batch job, as the worker."""
    return {WORKER_ENV: current_process().as_dict(), BATCH_ENV: batch_job()}


def worker_name() -> str:
    """Name of this process as a FireWorks worker."""
    return f"{socket.gethostname()}-{current_process().pid}"


def as_datetime(value: object) -> datetime | None:
    """Read a time as FireWorks stores it (text or date, with or without zone; UTC)."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def age_s(value: object) -> float:
    """Seconds since a time as FireWorks stores it; infinite if it is none."""
    moment = as_datetime(value)
    return float("inf") if moment is None else (datetime.now(UTC) - moment).total_seconds()


def losses(pad: LaunchPad, fw_id: int, cause: LossCause) -> int:
    """How often a job was put back for this cause."""
    return int(pad.launches.count_documents({"fw_id": fw_id, f"action.stored_data.{LOSS}": cause}))


_MESSAGE_LENGTH = 200
_SIGNS: tuple[tuple[LossCause, tuple[str, ...]], ...] = (
    (LossCause.INTERRUPTED, ("KeyboardInterrupt",)),
    (
        LossCause.DATABASE_AWAY,
        (
            "pymongo.errors.AutoReconnect",
            "pymongo.errors.ConnectionFailure",
            "pymongo.errors.NetworkTimeout",
            "pymongo.errors.ServerSelectionTimeoutError",
        ),
    ),
    (LossCause.DISK_FULL, ("OSError: [Errno 28]", "OSError: [Errno 122]")),
)


def last_line(stacktrace: str) -> str:
    """Line of a stack trace that names the exception."""
    return stacktrace.strip().rpartition("\n")[2]


def loss_named_in(stacktrace: str) -> LossCause | None:
    """Cause of a failure that is not the job's own, told by the exception at the end of a stack trace."""
    line = last_line(stacktrace)
    if line.startswith("SystemExit") and "in handle_interrupt" in stacktrace:  # what `rlaunch` makes of a signal
        return LossCause.INTERRUPTED
    return next((cause for cause, signs in _SIGNS if line.startswith(signs)), None)


def code_number(version: str) -> int:
    """Release as a number that grows with it.

    Examples
    --------
    >>> code_number("0.1.0") < code_number("0.2.0.dev1") < code_number("1.0")
    True
    """
    major, minor, micro = ([int(part) for part in re.findall(r"\d+", version)] + [0, 0, 0])[:3]
    return (major * 1000 + minor) * 1000 + micro


def readable_jobs(campaign: str | None) -> dict[str, Any]:
    """Query for the jobs of a campaign, or of all, that no newer release made than the one that runs here."""
    return {**job_query(campaign), f"spec.{CODE}": {"$not": {"$gt": code_number(superionic.__version__)}}}


def cause_of(stacktrace: str) -> tuple[str, str]:
    """Class and first message line of the exception that ends a stack trace."""
    last = stacktrace.rpartition("Traceback (most recent call last):")[2]
    for line in last.splitlines():
        if not line or line[0].isspace():
            continue
        name, _, message = line.partition(":")
        return name.rpartition(".")[2].strip(), message.strip()[:_MESSAGE_LENGTH]
    return "unknown", ""


def exception_of(job: Mapping[str, Any], launch: Mapping[str, Any]) -> tuple[str, str, str]:
    """Stack trace of a failed job, class of the exception, first line of its message."""
    stored = (launch.get("action") or {}).get("stored_data") or {}
    details = (job.get("spec") or {}).get("_exception_details") or {}  # a job that could not be read at all
    stack = str((stored.get("_exception") or {}).get("_stacktrace") or details.get("_stacktrace", ""))
    return (stack, *cause_of(stack))
