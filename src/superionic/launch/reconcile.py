"""Repair what died workers left behind: lost runs, stale locks, half-written workflows.

Whether a run is lost is decided by looking for its process where that is possible (same machine),
and by its heartbeat elsewhere. A job that runs is never touched, and a second repair does nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from fireworks import FWAction, LaunchPad
from fireworks.core.launchpad import LockedWorkflowError

from superionic.database.processes import is_running
from superionic.launch.launchpad import (
    MAX_LOSSES,
    LossCause,
    age_s,
    job_query,
    losses,
    put_back,
    worker_of,
    workflow_query,
)

HEARTBEAT_LIMIT_S = 600.0
LOCK_PATIENCE_S = 10.0
MAX_INTERRUPTIONS = 5
_SETTLING_S = 30.0


@dataclass(frozen=True)
class RepairReport:
    """What a repair did; each field holds FireWorks ids of jobs.

    Attributes
    ----------
    put_back : tuple of int
        Jobs whose worker had died; they will run again.
    rerun_interrupted : tuple of int
        Jobs that had failed only because somebody interrupted them; they will run again.
    given_up : tuple of int
        Jobs that took their worker down too often; they now count as failed.
    unlocked : tuple of int
        First job of each workflow whose lock a dead process held.
    refreshed : tuple of int
        Jobs whose result was there but had not reached the workflow.
    elsewhere : tuple of int
        Jobs that run on other machines; left alone.
    """

    put_back: tuple[int, ...] = ()
    rerun_interrupted: tuple[int, ...] = ()
    given_up: tuple[int, ...] = ()
    unlocked: tuple[int, ...] = ()
    refreshed: tuple[int, ...] = ()
    elsewhere: tuple[int, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was repaired."""
        return any(getattr(self, f.name) for f in fields(self) if f.name != "elsewhere")

    def __add__(self, other: RepairReport) -> RepairReport:
        """Sum of two repairs; what runs elsewhere is taken from the later one."""
        both = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return RepairReport(**{**both, "elsewhere": other.elsewhere})

    def describe(self) -> str:
        """One line for people."""
        parts = [
            f"{f.name.replace('_', ' ')}: {len(getattr(self, f.name))}" for f in fields(self) if getattr(self, f.name)
        ]
        return ", ".join(parts) or "nothing to repair"


def _stale_locks(pad: LaunchPad, campaign: str | None, patience_s: float) -> list[dict[str, Any]]:
    """Workflows whose lock nobody moves: locks have no owner, but each use rewrites ``updated_on``."""
    query = {**workflow_query(campaign), "locked": {"$exists": True}}
    wanted = {"updated_on": 1, "nodes": 1, "fw_states": 1}
    suspects = {doc["_id"]: doc for doc in pad.workflows.find(query, wanted)}
    deadline = time.monotonic() + patience_s
    while suspects and time.monotonic() < deadline:
        time.sleep(min(0.25, patience_s))
        seen = {doc["_id"]: doc["updated_on"] for doc in pad.workflows.find(query, {"updated_on": 1})}
        suspects = {key: doc for key, doc in suspects.items() if seen.get(key) == doc["updated_on"]}
    return list(suspects.values())


def _undo_half_written(pad: LaunchPad, workflow: dict[str, Any], campaign: str | None) -> None:
    """Take back the part of an update that a process wrote before it died holding the lock.

    FireWorks writes new and changed jobs first and the workflow last. Jobs that the workflow does
    not know are deleted, and jobs that ended without the workflow's knowledge count as running
    again, so that the refresh that follows applies their result as a whole.
    """
    states = {int(fw_id): state for fw_id, state in (workflow.get("fw_states") or {}).items()}
    ended = {"fw_id": {"$in": workflow["nodes"]}, "state": {"$in": ["COMPLETED", "FIZZLED"]}}
    for job in pad.fireworks.find(ended, {"fw_id": 1, "state": 1}):
        if states.get(job["fw_id"], job["state"]) != job["state"]:
            pad.fireworks.update_one({"fw_id": job["fw_id"], "state": job["state"]}, {"$set": {"state": "RUNNING"}})
    if campaign is None or pad.workflows.count_documents(workflow_query(campaign)) != 1:
        return  # unknown jobs might belong to an update of another workflow that is under way
    unknown = {"spec.campaign": campaign, "fw_id": {"$nin": workflow["nodes"]}, "launches": []}
    pad.fireworks.delete_many(unknown)


def _release_locks(pad: LaunchPad, campaign: str | None, patience_s: float) -> Iterator[int]:
    for workflow in _stale_locks(pad, campaign, patience_s):
        _undo_half_written(pad, workflow, campaign)
        same = {"_id": workflow["_id"], "updated_on": workflow["updated_on"]}
        if pad.workflows.update_one(same, {"$unset": {"locked": True}}).modified_count:
            yield int(workflow["nodes"][0])


def _is_lost(launch: dict[str, Any], heartbeat_limit_s: float) -> tuple[bool | None, LossCause]:
    """Whether a run is lost and how we know; None if it runs where we cannot look."""
    worker = worker_of(launch)
    running = None if worker is None else is_running(worker)
    if running is not None:
        return not running, LossCause.WORKER_DIED
    beats = [entry.get("updated_on") for entry in launch["state_history"] if entry["state"] == "RUNNING"]
    silent = age_s(beats[-1] if beats else None) > heartbeat_limit_s
    return silent or None, LossCause.NO_HEARTBEAT


def _give_up(pad: LaunchPad, launch_id: int) -> None:
    """Let a job fail that keeps taking its worker down, with a cause that the status shows."""
    words = f"WorkerDiedError: the worker process died {MAX_LOSSES} times in this job (killed, or out of memory?)"
    stored = {"_message": words, "_task": None, "_exception": {"_stacktrace": words, "_details": None}}
    pad.complete_launch(launch_id, FWAction(stored_data=stored, exit=True), "FIZZLED")


class _Repair:
    """One pass over the jobs of a campaign; the lists become the report."""

    def __init__(self, pad: LaunchPad, campaign: str | None, heartbeat_limit_s: float, settling_s: float) -> None:
        self.pad, self.campaign = pad, campaign
        self.heartbeat_limit_s, self.settling_s = heartbeat_limit_s, settling_s
        self.put_back: list[int] = []
        self.given_up: list[int] = []
        self.refreshed: list[int] = []
        self.elsewhere: list[int] = []
        self.rerun: list[int] = []

    def jobs(self, *states: str) -> list[dict[str, Any]]:
        wanted = {"fw_id": 1, "state": 1, "launches": 1, "updated_on": 1, "archived_launches": 1}
        return list(self.pad.fireworks.find({**job_query(self.campaign), "state": {"$in": list(states)}}, wanted))

    def launches_of(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = {"launch_id": 1, "state": 1, "state_history": 1, "fworker": 1, "action.stored_data._exception": 1}
        found = self.pad.launches.find({"launch_id": {"$in": job["launches"]}}, wanted)
        return sorted(found, key=lambda launch: int(launch["launch_id"]))

    def active_job(self, job: dict[str, Any]) -> None:
        """Look at a job that the queue believes to be running or about to."""
        launches = self.launches_of(job)
        live = [launch for launch in launches if launch["state"] in {"RUNNING", "RESERVED"}]
        if live:
            self.running_job(job, live[-1])
        elif launches:
            self.ended_job(job, launches[-1])
        elif job["state"] == "RESERVED" and age_s(job["updated_on"]) > self.settling_s:
            self.never_started(job)

    def running_job(self, job: dict[str, Any], launch: dict[str, Any]) -> None:
        if launch["state"] == "RESERVED" and worker_of(launch) is None:
            self.elsewhere.append(job["fw_id"])  # waits in a batch queue
            return
        lost, cause = _is_lost(launch, self.heartbeat_limit_s)
        if lost is None:
            self.elsewhere.append(job["fw_id"])
        elif lost and cause is LossCause.WORKER_DIED and losses(self.pad, job["fw_id"], cause) >= MAX_LOSSES - 1:
            _give_up(self.pad, launch["launch_id"])
            self.given_up.append(job["fw_id"])
        elif lost and put_back(self.pad, job["fw_id"], launch["launch_id"], cause):
            self.put_back.append(job["fw_id"])

    def ended_job(self, job: dict[str, Any], launch: dict[str, Any]) -> None:
        """The run has ended but the workflow does not know; its worker may be about to say so."""
        worker = worker_of(launch)
        dead = worker is not None and is_running(worker) is False
        if dead or age_s(launch["state_history"][-1]["created_on"]) > self.settling_s:
            self.pad._refresh_wf(job["fw_id"])  # noqa: SLF001 (what `lpad detect_lostruns --refresh` calls)
            self.refreshed.append(job["fw_id"])

    def never_started(self, job: dict[str, Any]) -> None:
        """Reserved by a process that died before the run began."""
        begun = {"fw_id": job["fw_id"], "state": {"$in": ["RUNNING", "RESERVED"]}}
        for launch in self.pad.launches.find(begun):
            worker = worker_of(launch)
            if worker is None or is_running(worker) is not False:
                return
            self.pad.launches.update_one({"launch_id": launch["launch_id"]}, {"$set": {"state": "FIZZLED"}})
        if put_back(self.pad, job["fw_id"], None, LossCause.NEVER_STARTED):
            self.put_back.append(job["fw_id"])

    def failed_job(self, job: dict[str, Any]) -> None:
        """Run a job again that another runner marked as failed because it was interrupted."""
        launches = self.launches_of(job)
        stored = (launches[-1].get("action") or {}).get("stored_data", {}) if launches else {}
        stack = (stored.get("_exception") or {}).get("_stacktrace", "")
        last_line = stack.strip().rpartition("\n")[2]
        interrupted = last_line.startswith("KeyboardInterrupt") and len(job["archived_launches"]) < MAX_INTERRUPTIONS
        if interrupted and self.descendants_untouched(job["fw_id"]):
            self.pad.rerun_fw(job["fw_id"])
            self.rerun.append(job["fw_id"])

    def descendants_untouched(self, fw_id: int) -> bool:
        """Whether no job after this one has begun: running it again would run those twice."""
        links = self.pad.workflows.find_one({"nodes": fw_id}, {"links": 1})["links"]
        below: set[int] = set()
        todo = [fw_id]
        while todo:
            children = set(links.get(str(todo.pop()), [])) - below
            below |= children
            todo += children
        begun = {"fw_id": {"$in": list(below)}, "state": {"$nin": ["WAITING", "READY"]}}
        return self.pad.fireworks.find_one(begun, {"_id": 1}) is None


def repair(
    launchpad: LaunchPad,
    campaign: str | None,
    *,
    heartbeat_limit_s: float = HEARTBEAT_LIMIT_S,
    lock_patience_s: float = LOCK_PATIENCE_S,
    settling_s: float = _SETTLING_S,
) -> RepairReport:
    """Put the jobs of lost runs back on the queue and free what dead processes hold.

    Parameters
    ----------
    launchpad : LaunchPad
        The queue.
    campaign : str or None
        Content key of the campaign; None for everything on the queue.
    heartbeat_limit_s : float
        A run on another machine is lost if it gave no sign for this long, s.
    lock_patience_s : float
        A workflow's lock is stale if nobody moves it for this long, s; costs time only if there is a lock.
    settling_s : float
        What a live worker may leave inconsistent for a moment is left alone for this long, s.

    Returns
    -------
    RepairReport
        What was done.
    """
    unlocked = tuple(_release_locks(launchpad, campaign, lock_patience_s))
    work = _Repair(launchpad, campaign, heartbeat_limit_s, settling_s)
    for state, look in (("RESERVED", work.active_job), ("RUNNING", work.active_job), ("FIZZLED", work.failed_job)):
        for job in work.jobs(state):
            try:
                look(job)
            except LockedWorkflowError:  # somebody holds the lock for long: the next repair sees to it
                work.elsewhere.append(job["fw_id"])
    return RepairReport(
        put_back=tuple(work.put_back),
        rerun_interrupted=tuple(work.rerun),
        given_up=tuple(work.given_up),
        unlocked=unlocked,
        refreshed=tuple(work.refreshed),
        elsewhere=tuple(work.elsewhere),
    )
