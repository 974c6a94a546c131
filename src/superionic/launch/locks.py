"""Locks of workflows that say who holds them, and the release of those that nobody holds any more.

FireWorks' own lock has no owner. One that a dead process left can then be told from one in use only by waiting.
"""

from __future__ import annotations

import random
import time
from types import TracebackType
from typing import Any

from fireworks import LaunchPad
from fireworks.core.launchpad import LockedWorkflowError, WFLock

from superionic.database.outages import persistently
from superionic.database.processes import ProcessIdentity, current_process, is_running
from superionic.launch.queue_entries import workflow_query

LOCK_PATIENCE_S = 30.0
"""A lock without a known owner is stale if the workflow does not change for this long, s."""

_LOCK_WAIT_S = 300.0


class OwnedLock(WFLock):  # type: ignore[misc, unused-ignore]  # FireWorks is untyped
    """Lock of a workflow that names this process as its owner and survives outages of the database.

    Processes that use FireWorks' own lock respect it, and it respects theirs.

    Parameters
    ----------
    pad : LaunchPad
        The queue.
    fw_id : int
        Any job of the workflow.
    wait_s : float
        How long to wait for another owner, s.
    """

    def __init__(self, pad: LaunchPad, fw_id: int, wait_s: float = _LOCK_WAIT_S) -> None:
        super().__init__(pad, fw_id, expire_secs=wait_s, kill=False)
        self._owner = current_process().as_dict()

    def __enter__(self) -> None:
        """Take the lock.

        Raises
        ------
        LockedWorkflowError
            If another process keeps it for too long.
        """
        deadline, pause_s = time.monotonic() + self.expire_secs, 0.1
        while not persistently(self._take, "taking the lock of a workflow"):
            if time.monotonic() > deadline:
                raise LockedWorkflowError(f"Could not get workflow - LOCKED: {self.fw_id}")
            time.sleep(pause_s + random.random() / 100)  # noqa: S311 (spreads processes that wait for the same lock)
            pause_s = min(1.5 * pause_s, 5.0)

    def _take(self) -> bool:
        """Take the lock if it is free, or ours already: the answer to an earlier attempt may have been lost."""
        free = [{"locked": {"$exists": False}}, {"locked": self._owner}]
        query = {"nodes": self.fw_id, "$or": free}
        return self.lp.workflows.find_one_and_update(query, {"$set": {"locked": self._owner}}, {"_id": 1}) is not None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the lock, however long the database is away."""
        free = {"$unset": {"locked": True}}
        persistently(lambda: self.lp.workflows.update_one({"nodes": self.fw_id}, free), "freeing a workflow")


def stale_locks(pad: LaunchPad, campaign: str | None, patience_s: float) -> list[dict[str, Any]]:
    """Workflows that are locked by a process that has died, or by an unknown one and do not change.

    Waits only for the latter: each use of a lock rewrites ``updated_on``.
    """
    query = {**workflow_query(campaign), "locked": {"$exists": True}}
    wanted = {"updated_on": 1, "nodes": 1, "fw_states": 1, "locked": 1, "metadata.campaign": 1}
    running = {doc["_id"]: (doc, _holder_runs(doc)) for doc in pad.workflows.find(query, wanted)}
    stale = [doc for doc, runs in running.values() if runs is False]
    suspects = {key: doc for key, (doc, runs) in running.items() if runs is None}
    deadline = time.monotonic() + patience_s
    while suspects and time.monotonic() < deadline:
        time.sleep(min(0.25, patience_s))
        seen = {doc["_id"]: doc["updated_on"] for doc in pad.workflows.find(query, {"updated_on": 1})}
        suspects = {key: doc for key, doc in suspects.items() if seen.get(key) == doc["updated_on"]}
    return stale + list(suspects.values())


def _holder_runs(workflow: dict[str, Any]) -> bool | None:
    """Whether the process that locked a workflow runs; None if it is unknown or cannot be seen from here."""
    lock = workflow["locked"]
    owner = ProcessIdentity.from_dict(lock) if isinstance(lock, dict) else None
    return None if owner is None else is_running(owner)


def undo_half_written(pad: LaunchPad, workflow: dict[str, Any]) -> None:
    """Take back the part of an update that was written before its process died or lost the database.

    FireWorks writes new and changed jobs first and the workflow last. Jobs that the workflow does
    not know are deleted, and jobs that ended without the workflow's knowledge count as running
    again, so that the refresh that follows applies their result as a whole. The workflow must be locked.

    Parameters
    ----------
    pad : LaunchPad
        The queue.
    workflow : dict
        The workflow as the queue has it.
    """
    states = {int(fw_id): state for fw_id, state in (workflow.get("fw_states") or {}).items()}
    ended = {"fw_id": {"$in": workflow["nodes"]}, "state": {"$in": ["COMPLETED", "FIZZLED"]}}
    for job in pad.fireworks.find(ended, {"fw_id": 1, "state": 1}):
        if states.get(job["fw_id"], job["state"]) != job["state"]:
            pad.fireworks.update_one({"fw_id": job["fw_id"], "state": job["state"]}, {"$set": {"state": "RUNNING"}})
    campaign = (workflow.get("metadata") or {}).get("campaign")
    if campaign is None or pad.workflows.count_documents(workflow_query(campaign)) != 1:
        return  # unknown jobs might belong to an update of another workflow that is under way
    unknown = {"spec.campaign": campaign, "fw_id": {"$nin": workflow["nodes"]}, "launches": []}
    pad.fireworks.delete_many(unknown)


def release_lock(pad: LaunchPad, workflow: dict[str, Any]) -> bool:
    """Free a stale lock, after what its holder left half written is taken back; False if it has moved on."""
    same = {"_id": workflow["_id"], "updated_on": workflow["updated_on"], "locked": workflow["locked"]}
    mine = {**workflow, "locked": current_process().as_dict()}
    if pad.workflows.update_one(same, {"$set": {"locked": mine["locked"]}}).matched_count == 0:
        return False  # of several repairers only one gets here
    undo_half_written(pad, workflow)
    free = {"_id": workflow["_id"], "locked": mine["locked"]}
    return bool(pad.workflows.update_one(free, {"$unset": {"locked": True}}).modified_count)
