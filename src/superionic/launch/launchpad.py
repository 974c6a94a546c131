"""The FireWorks queue: open it, find a campaign's jobs in it, put the job of a lost run back."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pymongo
from fireworks import FWAction, LaunchPad
from fireworks.core.launchpad import WFLock
from monty.serialization import loadfn
from pymongo.errors import PyMongoError

from superionic.database.processes import ProcessIdentity, current_process
from superionic.database.stores import DatabaseChoice
from superionic.database.uris import CHECK_TIMEOUT_S, host_of, redact
from superionic.errors import DatabaseError, NotConfiguredError

WORKER_ENV = "superionic_worker"
"""Key of a FireWorks worker's ``env`` under which the identity of its process is kept."""

ACTIVE = ("READY", "RESERVED", "RUNNING")
"""States in which a job runs or can be run at once."""

MAX_LOSSES = 3
"""How often a job is run again after losses of one kind before it counts as failed."""

BUSY_TIMEOUT_S = 30.0
_LOCK_WAIT_S = 60


class LossCause(StrEnum):
    """Why a running job had to be put back."""

    INTERRUPTED = "interrupted"
    WORKER_DIED = "worker_died"
    NO_HEARTBEAT = "no_heartbeat"
    NEVER_STARTED = "never_started"
    DATABASE_AWAY = "database_away"


def launchpad_settings(choice: DatabaseChoice) -> dict[str, Any]:
    """Settings of the queue as its file has them, with the chatter on stdout switched off.

    Raises
    ------
    NotConfiguredError
        If the file cannot be read.
    """
    try:
        settings = loadfn(choice.launchpad_file)
    except (OSError, ValueError) as error:
        raise NotConfiguredError(f"{choice.launchpad_file} cannot be read: {redact(str(error))[:200]}") from None
    return {"host": "localhost", **settings, "strm_lvl": "WARNING"}


def launchpad(choice: DatabaseChoice) -> LaunchPad:
    """Open the queue of a database; counters and indexes are made if they are missing.

    Parameters
    ----------
    choice : DatabaseChoice
        The database.

    Returns
    -------
    LaunchPad
        The queue; nothing that it holds is ever reset.

    Raises
    ------
    NotConfiguredError
        If its configuration file cannot be used.
    DatabaseError
        If the server does not answer within 3 s.
    """
    settings = launchpad_settings(choice)
    try:
        pad = LaunchPad.from_dict(settings)
        # the private server is known to run: a busy machine may still make it slow
        with pymongo.timeout(BUSY_TIMEOUT_S if choice.started else CHECK_TIMEOUT_S):
            pad.db.list_collection_names()
    except (PyMongoError, ValueError, TypeError) as error:
        raise DatabaseError(
            f"the queue on {host_of(str(settings['host']))} (from {choice.launchpad_file}) cannot be used: "
            f"{redact(str(error))[:160]}. Start that server or mend the file"
        ) from None
    initialise(pad)
    return pad


def initialise(pad: LaunchPad) -> None:
    """Give a new queue its counters and indexes; several processes may do it at once.

    ``LaunchPad.reset`` would do the same but deletes everything, so it is never called.
    """
    if pad.fw_id_assigner.find_one({}) is None:
        first = {"next_fw_id": 1, "next_launch_id": 1}
        pad.fw_id_assigner.update_one({"_id": -1}, {"$setOnInsert": first}, upsert=True)
    if "spec.campaign_1" not in pad.fireworks.index_information():
        pad.tuneup()
        pad.fireworks.create_index("spec.campaign")
        pad.workflows.create_index("metadata.campaign")


def workflow_query(campaign: str | None) -> dict[str, Any]:
    """Query for the workflows of one campaign, or for all."""
    return {} if campaign is None else {"metadata.campaign": campaign}


def job_query(campaign: str | None) -> dict[str, Any]:
    """Query for the jobs of one campaign, or for all."""
    return {} if campaign is None else {"spec.campaign": campaign}


def campaign_is_finished(pad: LaunchPad, campaign: str | None) -> bool:
    """Tell whether nothing of a campaign runs or can still be run.

    Jobs that wait for a failed one do not count: they can never run.
    """
    active = {**job_query(campaign), "state": {"$in": list(ACTIVE)}}
    locked = {**workflow_query(campaign), "locked": {"$exists": True}}
    # a workflow is being rewritten while it is locked: its next jobs may not be READY yet
    looks = [(pad.fireworks, active), (pad.workflows, locked), (pad.fireworks, active), (pad.workflows, locked)]
    return all(collection.find_one(query, {"_id": 1}) is None for collection, query in looks)


def worker_of(launch: dict[str, Any]) -> ProcessIdentity | None:
    """Process that runs a launch; None if it is no worker of superionic."""
    environment = (launch.get("fworker") or {}).get("env") or {}
    return ProcessIdentity.from_dict(environment.get(WORKER_ENV) or {})


def worker_environment() -> dict[str, Any]:
    """FireWorks ``env`` that names this process as the worker."""
    return {WORKER_ENV: current_process().as_dict()}


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
    return int(pad.launches.count_documents({"fw_id": fw_id, "action.stored_data._superionic_loss": cause}))


def put_back(pad: LaunchPad, fw_id: int, launch_id: int | None, cause: LossCause) -> bool:
    """Make the job of a run that will never end READY again, in one step under the workflow's lock.

    FireWorks' own way marks the run FIZZLED first. In between, a child that tolerates failed parents
    becomes READY and another worker may start it without this job's result.

    Parameters
    ----------
    pad : LaunchPad
        The queue.
    fw_id : int
        The job.
    launch_id : int or None
        The run; None for a job that was reserved but never started.
    cause : LossCause
        Recorded with the run.

    Returns
    -------
    bool
        False if the job had moved on in the meantime; nothing is changed then.

    Raises
    ------
    LockedWorkflowError
        If the workflow stays locked for a minute.
    """
    with WFLock(pad, fw_id, expire_secs=_LOCK_WAIT_S):
        job = pad.fireworks.find_one({"fw_id": fw_id}, {"state": 1, "launches": 1})
        if job is None or job["state"] not in {"RESERVED", "RUNNING"}:
            return False
        if launch_id is not None and not _end_launch(pad, launch_id, cause):
            return False
        if launch_id is None and job["launches"]:
            return False
        workflow = pad.get_wf_by_fw_id_lzyfw(fw_id)
        pad._update_wf(workflow, workflow.rerun_fw(fw_id))  # noqa: SLF001 (rerun_fw without the window described above)
    return True


def _end_launch(pad: LaunchPad, launch_id: int, cause: LossCause) -> bool:
    """Mark a run as FIZZLED with its cause, without telling the workflow; False if it had ended."""
    launch = pad.get_launch_by_id(launch_id)
    if launch.state not in {"RESERVED", "RUNNING"}:
        return False
    launch.state = "FIZZLED"
    launch.action = FWAction(stored_data={"_message": f"put back: {cause}", "_superionic_loss": str(cause)}, exit=True)
    pad.launches.find_one_and_replace({"launch_id": launch_id}, launch.to_db_dict())
    return True
