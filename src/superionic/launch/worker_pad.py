"""The queue as a worker sees it: it knows who reserved a job, and gives back what this worker cannot run or finish."""

from __future__ import annotations

import logging
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from fireworks import Firework, FWAction
from fireworks.fw_config import SORT_FWS
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.errors import ConnectionFailure

from superionic.database.outages import persistently
from superionic.database.processes import current_process
from superionic.launch.interrupts import Interrupts, stop_children
from superionic.launch.launchpad import put_back
from superionic.launch.queue_entries import (
    MAX_LOSSES,
    REFUSALS,
    RESERVED_BY,
    WORKER_ENV,
    LossCause,
    last_line,
    loss_named_in,
    losses,
    worker_name,
)
from superionic.launch.safe_pad import SafeLaunchPad

logger = logging.getLogger(__name__)

_REFUSAL_S = 60.0


class WorkerLaunchPad(SafeLaunchPad):
    """The queue as a worker sees it.

    An interrupted job is put back instead of marked as failed, and so is one that lost the database or
    the disk. A job that this worker cannot read is left to others.

    Attributes
    ----------
    interrupts : Interrupts or None
        The signals of the worker.
    disk_full : bool
        Whether a job failed because the disk is full: this worker should take no more.
    """

    interrupts: Interrupts | None = None
    disk_full = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (as FireWorks has it)
        super().__init__(*args, **kwargs)
        self._refused: dict[int, float] = {}

    def _get_a_fw_to_run(
        self, query: dict[str, Any] | None = None, fw_id: int | None = None, checkout: bool = True
    ) -> Firework | None:
        """Reserve the next job in the name of this process; None if there is none."""
        if fw_id or not checkout:
            return super()._get_a_fw_to_run(query, fw_id, checkout)
        while (reserved := self._reserve(query or {})) is not None:
            try:
                job = self.get_fw_by_id(reserved)
            except ConnectionFailure:
                raise
            except Exception:  # noqa: BLE001 (whatever reading the code of another version may raise)
                self._refuse(reserved, traceback.format_exc())
                continue
            if self._check_fw_for_uniqueness(job):
                return job
        return None

    def has_job(self, query: dict[str, Any]) -> bool:
        """Whether a job is ready for this worker."""
        return self.fireworks.find_one(self._ready(query), {"_id": 1}) is not None

    def _ready(self, query: dict[str, Any]) -> dict[str, Any]:
        now = time.monotonic()
        self._refused = {fw_id: until for fw_id, until in self._refused.items() if until > now}
        refused = {"fw_id": {"$nin": list(self._refused)}} if self._refused else {}
        return {"$and": [query, {"state": "READY", **refused}]}

    def _reserve(self, query: dict[str, Any]) -> int | None:
        order = {"FIFO": [("created_on", ASCENDING)], "FILO": [("created_on", DESCENDING)]}
        found = self.fireworks.find_one_and_update(
            self._ready(query),
            {"$set": {"state": "RESERVED", "updated_on": datetime.now(UTC), RESERVED_BY: current_process().as_dict()}},
            projection={"fw_id": 1},
            sort=[("spec._priority", DESCENDING), *order.get(SORT_FWS.upper(), [])],
        )
        return None if found is None else int(found["fw_id"])

    def get_fw_by_id(self, fw_id: int) -> Firework:
        """Read a job, however long the database is away."""
        read = super().get_fw_by_id
        return persistently(lambda: read(fw_id), f"reading job {fw_id}")

    def _refuse(self, fw_id: int, stack: str) -> None:
        """Give a job back that this worker cannot read; after three refusals it counts as failed, unless others work.

        One worker in a wrong environment must not fail the queue of those that are busy.
        """
        logger.warning("job %d cannot be read here: %s", fw_id, last_line(stack))
        self._refused[fw_id] = time.monotonic() + _REFUSAL_S
        back = {"$set": {"state": "READY"}, "$push": {f"spec.{REFUSALS}": worker_name()}}
        job = self.fireworks.find_one_and_update(
            {"fw_id": fw_id, "state": "RESERVED"}, back, {f"spec.{REFUSALS}": 1}, return_document=ReturnDocument.AFTER
        )
        if job is None or len(job["spec"][REFUSALS]) < MAX_LOSSES:
            return
        if self.fireworks.find_one({"state": "RUNNING"}, {"_id": 1}) is not None:
            return
        details = {"_message": "no worker could read this job", "_stacktrace": stack}
        failed = {"state": "FIZZLED", "updated_on": datetime.now(UTC), "spec._exception_details": details}
        if self.fireworks.update_one({"fw_id": fw_id, "state": "READY"}, {"$set": failed}).modified_count:
            with suppress(RuntimeError):  # FireWorks has marked the workflow then
                self._refresh_wf(fw_id)

    def ping_launch(self, launch_id: int, ptime: Any = None, checkpoint: Any = None) -> None:  # noqa: ANN401
        """Say that a run goes on, however long the database is away."""
        ping = super().ping_launch
        persistently(lambda: ping(launch_id, ptime, checkpoint), f"heartbeat of run {launch_id}")

    def complete_launch(self, launch_id: int, action: Any = None, state: str = "COMPLETED") -> Any:  # noqa: ANN401
        """Report the end of a run to the queue, however long the database is away."""
        what = f"reporting the end of run {launch_id}"
        cause = None if state != "FIZZLED" else persistently(lambda: self._not_its_fault(launch_id, action), what)
        if cause is None:
            complete = super().complete_launch
            return persistently(lambda: complete(launch_id, action, state), what)
        if cause is LossCause.INTERRUPTED:
            stop_children()
        self.disk_full = self.disk_full or cause is LossCause.DISK_FULL
        persistently(lambda: put_back(self, self._fw_id(launch_id), launch_id, cause), what)
        return {}

    def release_own(self) -> None:
        """Put back what this process had begun to take when the database went away."""
        mine = {"state": {"$in": ["RUNNING", "RESERVED"]}, f"fworker.env.{WORKER_ENV}": current_process().as_dict()}
        for launch in list(self.launches.find(mine, {"launch_id": 1, "fw_id": 1})):
            put_back(self, launch["fw_id"], launch["launch_id"], LossCause.DATABASE_AWAY)
        reserved = {"state": "RESERVED", RESERVED_BY: current_process().as_dict()}
        for job in list(self.fireworks.find(reserved, {"fw_id": 1})):
            put_back(self, job["fw_id"], None, LossCause.DATABASE_AWAY)

    def _fw_id(self, launch_id: int) -> int:
        return int(self.launches.find_one({"launch_id": launch_id}, {"fw_id": 1})["fw_id"])

    def _not_its_fault(self, launch_id: int, action: FWAction | None) -> LossCause | None:
        """Why a failed job deserves another run; None if it failed by itself."""
        if self.interrupts is not None and self.interrupts.requested:
            return LossCause.INTERRUPTED
        stored = {} if action is None else action.stored_data
        cause = loss_named_in(str((stored.get("_exception") or {}).get("_stacktrace", "")))
        if cause is None or cause is LossCause.DISK_FULL:  # a worker leaves then, so that this does not go on for ever
            return cause
        return cause if losses(self, self._fw_id(launch_id), cause) < MAX_LOSSES - 1 else None
