"""What is wrong with a queue, found by looking only: lost runs, stale locks, results that never arrived, failures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pymongo
from fireworks import LaunchPad
from pymongo.errors import PyMongoError

from superionic.database.processes import ProcessIdentity, is_running
from superionic.launch.batch_queue import BatchQueue, recent_batch_queue
from superionic.launch.liveness import Limits, Verdict, batch_job_of, judge, limits
from superionic.launch.queue_entries import (
    LOSS,
    MAX_LOSSES,
    REFRESHED,
    RESERVED_BY,
    LossCause,
    age_s,
    exception_of,
    job_query,
    loss_named_in,
    losses,
    worker_of,
)

MAX_INTERRUPTIONS = 5
SETTLING_S = 30.0
_HELLO_TIMEOUT_S = 5.0
_RESERVATION_SETTLING_S = 300.0


class Problem(StrEnum):
    """What is wrong with a job."""

    LOST_RUN = "lost run"
    RUNNING = "running"
    ELSEWHERE = "running elsewhere"
    NEVER_STARTED = "reserved, never started"
    NOT_DELIVERED = "ended, workflow does not know"
    STALE_LOCK = "stale lock"
    OUTPUT_ON_DISK = "output on disk"
    FAILED = "failed"


class Action(StrEnum):
    """What is done about it."""

    PUT_BACK = "put back"
    GIVE_UP = "count as failed"
    REFRESH = "bring workflow up to date"
    UNLOCK = "free the lock"
    STORE = "store the output"
    REMOVE = "remove the file"
    RERUN = "run again"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or only looks so.

    Attributes
    ----------
    problem : Problem
        What is wrong.
    action : Action
        What is to be done.
    fw_id : int
        FireWorks id of the job; of the first job of the workflow for a lock.
    name : str
        Name of the job.
    evidence : str
        How that is known, for people.
    cause : LossCause or None
        Recorded with a run that is put back.
    launch_id : int or None
        The run.
    place : str
        Folder of the run, or a file.
    """

    problem: Problem
    action: Action
    fw_id: int
    name: str
    evidence: str
    cause: LossCause | None = None
    launch_id: int | None = None
    place: str = ""


def server_age_s(pad: LaunchPad) -> float:
    """Seconds since the database server was started; infinite if it does not say.

    Heartbeats from before cannot have arrived, so that silence counts from there at most.
    """
    try:
        with pymongo.timeout(_HELLO_TIMEOUT_S):
            hello = pad.connection.admin.command("hello")
        return age_s(hello["topologyVersion"]["processId"].generation_time)
    except (PyMongoError, KeyError):
        return float("inf")


class Search:
    """One look at the jobs of a campaign.

    Parameters
    ----------
    pad : LaunchPad
        The queue.
    campaign : str or None
        Content key of the campaign; None for everything.
    heartbeat_limit_s : float or None
        How long a run elsewhere may be silent, s; None for what its kind of worker allows.
    settling_s : float
        What a live worker may leave inconsistent for a moment is left alone for this long, s.
    rerun : tuple of str
        Classes of exceptions; jobs that failed by them are to run again.
    """

    def __init__(
        self,
        pad: LaunchPad,
        campaign: str | None,
        heartbeat_limit_s: float | None = None,
        settling_s: float = SETTLING_S,
        rerun: tuple[str, ...] = (),
    ) -> None:
        self.pad, self.campaign, self.settling_s, self.rerun = pad, campaign, settling_s, rerun
        self.limit: Limits = limits(heartbeat_limit_s)
        self._queue: tuple[BatchQueue | None] | None = None
        self._server_age_s: float | None = None

    @property
    def queue(self) -> BatchQueue | None:
        """The batch queue, asked once and only if needed."""
        if self._queue is None:
            self._queue = (recent_batch_queue(),)
        return self._queue[0]

    @property
    def server_age_s(self) -> float:
        """Seconds since the database server was started."""
        if self._server_age_s is None:
            self._server_age_s = server_age_s(self.pad)
        return self._server_age_s

    def judge(self, launch: dict[str, Any]) -> Verdict:
        """Whether a run is lost."""
        worker = worker_of(launch)
        if worker is not None and is_running(worker) is not None:
            return judge(launch, None, self.limit, float("inf"))
        return judge(launch, self.queue, self.limit, self.server_age_s)

    def jobs(self, state: str) -> list[dict[str, Any]]:
        """Jobs in one state."""
        wanted = ["fw_id", "name", "state", "launches", "updated_on", "archived_launches", RESERVED_BY]
        query = {**job_query(self.campaign), "state": state}
        return list(self.pad.fireworks.find(query, [*wanted, "spec._exception_details"]))

    def launches_of(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """Runs of a job that are not archived, oldest first."""
        wanted = ["launch_id", "state", "state_history", "fworker", "host", "launch_dir", REFRESHED]
        query = {"launch_id": {"$in": job["launches"]}}
        found = self.pad.launches.find(query, [*wanted, "action.stored_data._exception", f"action.stored_data.{LOSS}"])
        return sorted(found, key=lambda launch: int(launch["launch_id"]))

    def active(self, state: str) -> Iterator[Finding]:
        """Jobs that the queue believes to be running (RUNNING) or about to (RESERVED)."""
        for job in self.jobs(state):
            launches = self.launches_of(job)
            live = [launch for launch in launches if launch["state"] in {"RUNNING", "RESERVED"}]
            if live:
                yield self._begun(job, live[-1])
            elif launches:
                yield from self._ended(job, launches[-1])
            elif job["state"] == "RESERVED":
                yield from self._reserved(job)

    def _begun(self, job: dict[str, Any], launch: dict[str, Any]) -> Finding:
        if launch["state"] == "RESERVED" and worker_of(launch) is None:
            return self._in_batch_queue(job, launch)
        verdict = self.judge(launch)
        if not verdict.lost:
            here = verdict.cause is LossCause.WORKER_DIED
            return _finding(
                Problem.RUNNING if here else Problem.ELSEWHERE, Action.NOTHING, job, verdict.evidence, launch
            )
        often = verdict.cause is LossCause.WORKER_DIED and losses(self.pad, job["fw_id"], verdict.cause)
        action = Action.GIVE_UP if often >= MAX_LOSSES - 1 else Action.PUT_BACK
        return _finding(Problem.LOST_RUN, action, job, verdict.evidence, launch, verdict.cause)

    def _in_batch_queue(self, job: dict[str, Any], launch: dict[str, Any]) -> Finding:
        """Reserved by ``qlaunch -r``: its batch job waits, or was cancelled, or could not start the job."""
        batch_job = None if self.queue is None else batch_job_of(launch, self.queue)
        old = age_s(launch["state_history"][-1].get("updated_on")) > _RESERVATION_SETTLING_S
        if self.queue is None or batch_job is None or self.queue.holds(batch_job) or not old:
            words = "waits in a batch queue" if batch_job is None else f"batch job {batch_job}"
            return _finding(Problem.ELSEWHERE, Action.NOTHING, job, words, launch)
        words = f"batch job {batch_job} has left the queue"
        return _finding(Problem.NEVER_STARTED, Action.PUT_BACK, job, words, launch, LossCause.NEVER_STARTED)

    def _ended(self, job: dict[str, Any], launch: dict[str, Any]) -> Iterator[Finding]:
        """The run has ended but the workflow does not know; its worker may be about to say so."""
        worker = worker_of(launch)
        dead = worker is not None and is_running(worker) is False
        if not dead and age_s(launch["state_history"][-1]["created_on"]) <= self.settling_s:
            return
        loss = ((launch.get("action") or {}).get("stored_data") or {}).get(LOSS)
        words = f"run {launch['launch_id']} is {launch['state']}"
        if loss is None:
            yield _finding(Problem.NOT_DELIVERED, Action.REFRESH, job, words, launch)
        else:  # put back only half
            yield _finding(Problem.LOST_RUN, Action.PUT_BACK, job, f"{words}: {loss}", launch, LossCause(loss))

    def _reserved(self, job: dict[str, Any]) -> Iterator[Finding]:
        """Taken by a process that has not begun to run it: it died in between, or is about to."""
        owner = ProcessIdentity.from_dict(job.get(RESERVED_BY) or {})
        running = None if owner is None else is_running(owner)
        begun = self.pad.launches.find({"fw_id": job["fw_id"], "state": {"$in": ["RUNNING", "RESERVED"]}})
        alive = [launch for launch in begun if self.judge(launch).lost is not True]
        long_ago = min(age_s(job["updated_on"]), self.server_age_s) > self.limit.other_s
        if running or alive or not (running is False or long_ago):
            return
        words = "its worker has ended" if running is False else "no sign of its worker"
        yield _finding(Problem.NEVER_STARTED, Action.PUT_BACK, job, words, None, LossCause.NEVER_STARTED)

    def failed(self) -> Iterator[Finding]:
        """Jobs that failed: some only because they were interrupted or because database or disk were away.

        Those with the most jobs after them come first, for they take the failed ones among those along.
        """
        jobs = [(job, self.descendants(job["fw_id"])) for job in self.jobs("FIZZLED")]
        for job, below in sorted(jobs, key=lambda pair: -len(pair[1])):
            launches = self.launches_of(job)
            launch = launches[-1] if launches else None
            if launch is not None and launch["state"] == "COMPLETED" and REFRESHED not in launch:
                yield _finding(Problem.NOT_DELIVERED, Action.REFRESH, job, "its run is COMPLETED", launch)
                continue
            stack, cause, message = exception_of(job, launch or {})
            loss = loss_named_in(stack)
            wanted = cause in self.rerun or (loss is not None and len(job["archived_launches"]) < MAX_INTERRUPTIONS)
            again = wanted and self._made_nothing(below)
            action = Action.RERUN if again else Action.NOTHING
            words = f"{cause}: {message}" + (" (jobs after it have begun)" if wanted and not again else "")
            yield _finding(Problem.FAILED, action, job, words, launch, loss)

    def descendants(self, fw_id: int) -> set[int]:
        """All jobs after this one."""
        links = self.pad.workflows.find_one({"nodes": fw_id}, {"links": 1})["links"]
        below: set[int] = set()
        todo = [fw_id]
        while todo:
            children = set(links.get(str(todo.pop()), [])) - below
            below |= children
            todo += children
        return below

    def _made_nothing(self, fw_ids: set[int]) -> bool:
        """Whether all these jobs have yet to begin or have failed, so that nothing is made twice if they run."""
        begun = {"fw_id": {"$in": list(fw_ids)}, "state": {"$nin": ["WAITING", "READY", "FIZZLED"]}}
        return self.pad.fireworks.find_one(begun, {"_id": 1}) is None


def _finding(
    problem: Problem,
    action: Action,
    job: dict[str, Any],
    evidence: str,
    launch: dict[str, Any] | None,
    cause: LossCause | None = None,
) -> Finding:
    run, folder = (None, "") if launch is None else (int(launch["launch_id"]), str(launch.get("launch_dir", "")))
    return Finding(problem, action, int(job["fw_id"]), str(job.get("name", "")), evidence, cause, run, folder)
