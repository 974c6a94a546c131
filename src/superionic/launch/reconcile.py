"""Repair what died workers and outages left behind: lost runs, stale locks, half-written workflows, outputs on disk.

Whether a run is lost is decided by looking for its process where that is possible (same machine), and by its batch job
and heartbeat elsewhere. A job that runs is never touched, and a second repair does nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from fireworks import FWAction, LaunchPad
from fireworks.core.launchpad import LockedWorkflowError
from pymongo.errors import PyMongoError

from superionic.database.processes import is_running
from superionic.errors import DatabaseError
from superionic.launch.deliveries import outputs_on_disk, store_output
from superionic.launch.findings import SETTLING_S, Action, Finding, Problem, Search
from superionic.launch.launchpad import put_back, rerun_failed
from superionic.launch.locks import LOCK_PATIENCE_S, release_lock, stale_locks
from superionic.launch.queue_entries import MAX_LOSSES, REFRESHED, LossCause, worker_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RepairReport:
    """What a repair did; each field holds FireWorks ids of jobs.

    Attributes
    ----------
    put_back : tuple of int
        Jobs whose worker had died; they will run again.
    rerun : tuple of int
        Jobs that had failed only because they were interrupted, lost the database or had no disk space, or by an
        exception that was to be tried again; they will run again.
    given_up : tuple of int
        Jobs that took their worker down too often; they now count as failed.
    unlocked : tuple of int
        First job of each workflow whose lock a dead process held.
    refreshed : tuple of int
        Jobs whose result was there but had not reached the workflow.
    stored : tuple of int
        Jobs whose output lay on disk and is in the database now.
    elsewhere : tuple of int
        Jobs that run on other machines; left alone.
    """

    put_back: tuple[int, ...] = ()
    rerun: tuple[int, ...] = ()
    given_up: tuple[int, ...] = ()
    unlocked: tuple[int, ...] = ()
    refreshed: tuple[int, ...] = ()
    stored: tuple[int, ...] = ()
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


_FIELD = {
    Action.PUT_BACK: "put_back",
    Action.RERUN: "rerun",
    Action.GIVE_UP: "given_up",
    Action.UNLOCK: "unlocked",
    Action.REFRESH: "refreshed",
    Action.STORE: "stored",
}


def _give_up(pad: LaunchPad, launch_id: int) -> bool:
    """Let a job fail that keeps taking its worker down, with a cause that the status shows."""
    if pad.launches.find_one({"launch_id": launch_id, "state": "RUNNING"}, {"_id": 1}) is None:
        return False
    words = f"WorkerDiedError: the worker process died {MAX_LOSSES} times in this job (killed, or out of memory?)"
    stored = {"_message": words, "_task": None, "_exception": {"_stacktrace": words, "_details": None}}
    pad.complete_launch(launch_id, FWAction(stored_data=stored, exit=True), "FIZZLED")
    return True


def _refresh(pad: LaunchPad, finding: Finding) -> bool:
    """Apply the result of a run that has ended, once also where an outage made FireWorks call the job failed."""
    failed = {"fw_id": finding.fw_id, "state": "FIZZLED"}
    if pad.fireworks.find_one(failed, {"_id": 1}) is not None:
        first = {"launch_id": finding.launch_id, "state": "COMPLETED", REFRESHED: {"$exists": False}}
        if pad.launches.update_one(first, {"$set": {REFRESHED: True}}).modified_count:
            pad.fireworks.update_one(failed, {"$set": {"state": "RUNNING"}})
    pad._refresh_wf(finding.fw_id)  # noqa: SLF001 (what `lpad detect_lostruns --refresh` calls)
    return True


def _put_back(pad: LaunchPad, finding: Finding) -> bool:
    assert finding.cause is not None
    if finding.cause is LossCause.NEVER_STARTED and finding.launch_id is None:
        for launch in pad.launches.find({"fw_id": finding.fw_id, "state": {"$in": ["RUNNING", "RESERVED"]}}):
            worker = worker_of(launch)
            if worker is None or is_running(worker) is not False:
                return False
            pad.launches.update_one({"launch_id": launch["launch_id"]}, {"$set": {"state": "FIZZLED"}})
    return put_back(pad, finding.fw_id, finding.launch_id, finding.cause)


def _apply(pad: LaunchPad, store: Any, finding: Finding) -> bool:  # noqa: ANN401 (jobflow.JobStore)
    """Do what a finding asks for; False if somebody else has done it, or the job has moved on."""
    match finding.action:
        case Action.PUT_BACK:
            return _put_back(pad, finding)
        case Action.GIVE_UP if finding.launch_id is not None:
            return _give_up(pad, finding.launch_id)
        case Action.REFRESH:
            return _refresh(pad, finding)
        case Action.STORE | Action.REMOVE:
            return store_output(finding, store)
        case Action.RERUN:
            return rerun_failed(pad, finding.fw_id)
    return False


def _lock_finding(workflow: dict[str, Any]) -> Finding:
    owner = workflow["locked"]
    words = f"held by process {owner['pid']} on {owner['host']}" if isinstance(owner, dict) else "nobody moves it"
    return Finding(Problem.STALE_LOCK, Action.UNLOCK, int(workflow["nodes"][0]), "workflow", words)


def _look(search: Search, store: Any) -> Iterator[Finding]:  # noqa: ANN401 (jobflow.JobStore)
    """Everything but locks, in the order in which it has to be mended: an output must be there before its job runs."""
    if store is not None:
        yield from outputs_on_disk(search, store)
    for state in ("RESERVED", "RUNNING"):
        yield from search.active(state)
    yield from search.failed()


def find_problems(
    launchpad: LaunchPad,
    campaign: str | None,
    store: Any = None,  # noqa: ANN401 (jobflow.JobStore, untyped)
    *,
    heartbeat_limit_s: float | None = None,
    lock_patience_s: float = LOCK_PATIENCE_S,
    settling_s: float = SETTLING_S,
    rerun: tuple[str, ...] = (),
) -> list[Finding]:
    """Say what :func:`repair` would do, and which jobs run or failed by themselves; nothing is changed.

    The parameters are those of :func:`repair`.
    """
    locks = [_lock_finding(workflow) for workflow in stale_locks(launchpad, campaign, lock_patience_s)]
    return locks + list(_look(Search(launchpad, campaign, heartbeat_limit_s, settling_s, rerun), store))


def repair(
    launchpad: LaunchPad,
    campaign: str | None,
    store: Any = None,  # noqa: ANN401 (jobflow.JobStore, untyped)
    *,
    heartbeat_limit_s: float | None = None,
    lock_patience_s: float = LOCK_PATIENCE_S,
    settling_s: float = SETTLING_S,
    rerun: tuple[str, ...] = (),
) -> RepairReport:
    """Put the jobs of lost runs back on the queue, free what dead processes hold, and store outputs that lie on disk.

    Several repairs may run at once, and workers go on meanwhile: every step is checked again under the
    lock of its workflow.

    Parameters
    ----------
    launchpad : LaunchPad
        The queue.
    campaign : str or None
        Content key of the campaign; None for everything on the queue.
    store : JobStore, optional
        The connected store of outputs; without it outputs on disk stay there.
    heartbeat_limit_s : float, optional
        A run on another machine is lost if it gave no sign for this long, s. By default ten minutes for workers of
        superionic, and for others four of FireWorks' heartbeats if that is longer.
    lock_patience_s : float
        A workflow's lock without a known owner is stale if nobody moves it for this long, s; costs time only if there
        is one.
    settling_s : float
        What a live worker may leave inconsistent for a moment is left alone for this long, s.
    rerun : tuple of str
        Classes of exceptions, e.g. ``OSError``: jobs that failed by one of them run again, unless jobs after them have
        gone on without them.

    Returns
    -------
    RepairReport
        What was done.
    """
    search = Search(launchpad, campaign, heartbeat_limit_s, settling_s, rerun)
    done: dict[str, list[int]] = {f.name: [] for f in fields(RepairReport)}
    for workflow in stale_locks(launchpad, campaign, lock_patience_s):
        if release_lock(launchpad, workflow):
            done["unlocked"].append(int(workflow["nodes"][0]))
    for finding in _look(search, store):
        try:
            if finding.problem is Problem.ELSEWHERE:
                done["elsewhere"].append(finding.fw_id)
            elif _apply(launchpad, store, finding) and finding.action in _FIELD:
                done[_FIELD[finding.action]].append(finding.fw_id)
        except LockedWorkflowError:  # somebody holds the lock for long: the next repair sees to it
            done["elsewhere"].append(finding.fw_id)
        except (PyMongoError, DatabaseError):
            raise
        except Exception as error:  # noqa: BLE001 (a job that cannot be read must not keep others from being repaired)
            logger.warning("job %d cannot be repaired here: %s", finding.fw_id, error)
    return RepairReport(**{name: tuple(ids) for name, ids in done.items()})
