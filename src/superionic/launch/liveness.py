"""Whether a run that the queue calls running still runs: its process, its batch job, its heartbeat, in this order.

A run is called lost only where that is certain or, elsewhere, where every sign of life that could be had is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from superionic.database.configuration import PING_S
from superionic.database.processes import is_running
from superionic.launch.batch_queue import BATCH_ENV, BatchQueue
from superionic.launch.inspection import fireworks_settings
from superionic.launch.queue_entries import LossCause, age_s, worker_of

HEARTBEAT_LIMIT_S = 600.0
"""A run elsewhere is lost if it gave no sign for this long, s."""

_LEFT_QUEUE_LIMIT_S = 5.0 * PING_S
_MISSED_PINGS = 4
_MINUTES_FROM_S = 120.0


@dataclass(frozen=True)
class Limits:
    """How long a run may be silent.

    Attributes
    ----------
    superionic_s : float
        Limit for workers of superionic, whose heartbeat survives outages of the database, s.
    other_s : float
        Limit for other workers (``rlaunch``), s.
    """

    superionic_s: float
    other_s: float


@dataclass(frozen=True)
class Verdict:
    """Whether a run is lost.

    Attributes
    ----------
    lost : bool or None
        None if that cannot be known; such a run is left alone.
    cause : LossCause
        What is recorded if it is lost.
    evidence : str
        How it is known, for people.
    """

    lost: bool | None
    cause: LossCause
    evidence: str


def limits(heartbeat_limit_s: float | None) -> Limits:
    """Limits of silence: one for all if it is given, else by the heartbeats that the workers have.

    FireWorks' own workers ping as often as its configuration says, by default once an hour.
    """
    if heartbeat_limit_s is not None:
        return Limits(heartbeat_limit_s, heartbeat_limit_s)
    return Limits(HEARTBEAT_LIMIT_S, max(HEARTBEAT_LIMIT_S, _MISSED_PINGS * fireworks_settings().ping_s))


def judge(launch: dict[str, Any], queue: BatchQueue | None, limit: Limits, server_age_s: float) -> Verdict:
    """Whether a run is lost.

    Parameters
    ----------
    launch : dict
        The run as FireWorks stores it.
    queue : BatchQueue, optional
        Batch jobs of this user.
    limit : Limits
        How long it may be silent.
    server_age_s : float
        How long the database server has been up, s: before, no heartbeat could arrive.
    """
    worker = worker_of(launch)
    running = None if worker is None else is_running(worker)
    if worker is not None and running is not None:
        words = f"process {worker.pid} on {worker.host} {'runs' if running else 'has ended'}"
        return Verdict(not running, LossCause.WORKER_DIED, words)
    silent_s = min(_silence_s(launch), server_age_s)
    return _by_batch_job(launch, queue, silent_s) or _by_heartbeat(launch, queue, silent_s, limit)


def batch_job_of(launch: dict[str, Any], queue: BatchQueue) -> str | None:
    """Batch job of a run, from the reservation of ``qlaunch -r`` or noted by a worker of superionic."""
    noted = ((launch.get("fworker") or {}).get("env") or {}).get(BATCH_ENV) or {}
    if noted.get("system") == queue.system:
        return str(noted["job"])
    reserved = [entry["reservation_id"] for entry in launch.get("state_history", []) if "reservation_id" in entry]
    return str(reserved[-1]) if reserved else None


def _silence_s(launch: dict[str, Any]) -> float:
    beats = [entry.get("updated_on") for entry in launch["state_history"] if entry["state"] == "RUNNING"]
    return age_s(beats[-1] if beats else None)


def _by_batch_job(launch: dict[str, Any], queue: BatchQueue | None, silent_s: float) -> Verdict | None:
    job = None if queue is None else batch_job_of(launch, queue)
    if queue is None or job is None:
        return None
    if queue.holds(job):
        return Verdict(False, LossCause.LEFT_BATCH_QUEUE, f"batch job {job} is in the queue")
    words = f"batch job {job} has left the queue, no heartbeat for {_age(silent_s)}"
    # right after the end of a batch job its last words may still be on their way, or another cluster has it
    return Verdict(True if silent_s > _LEFT_QUEUE_LIMIT_S else None, LossCause.LEFT_BATCH_QUEUE, words)


def _by_heartbeat(launch: dict[str, Any], queue: BatchQueue | None, silent_s: float, limit: Limits) -> Verdict:
    foreign = worker_of(launch) is None
    silent = silent_s > (limit.other_s if foreign else limit.superionic_s)
    words = f"no heartbeat from {launch.get('host', '?')} for {_age(silent_s)}"
    if silent and foreign and queue is not None and queue.runs_on(str(launch.get("host", ""))):
        # the heartbeat of rlaunch ends for good at an outage of the database
        return Verdict(None, LossCause.NO_HEARTBEAT, f"{words}, but a batch job of yours runs there")
    return Verdict(True if silent else None, LossCause.NO_HEARTBEAT, words)


def _age(seconds: float) -> str:
    if seconds == float("inf"):
        return "ever"
    return f"{seconds:.0f} s" if seconds < _MINUTES_FROM_S else f"{seconds / 60:.0f} min"
