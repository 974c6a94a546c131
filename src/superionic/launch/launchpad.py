"""The FireWorks queue: open it, find a campaign's jobs in it, put the job of a lost run back."""

from __future__ import annotations

from typing import Any

import pymongo
from fireworks import FWAction, LaunchPad
from monty.serialization import loadfn
from pymongo import IndexModel
from pymongo.errors import PyMongoError

import superionic
from superionic.database.stores import DatabaseChoice
from superionic.database.uris import CHECK_TIMEOUT_S, host_of, redact
from superionic.errors import DatabaseError, NotConfiguredError
from superionic.launch.locks import OwnedLock
from superionic.launch.queue_entries import ACTIVE, LOSS, REFUSALS, LossCause, job_query, readable_jobs, workflow_query
from superionic.launch.safe_pad import SafeLaunchPad

BUSY_TIMEOUT_S = 30.0
_SELECTION_TIMEOUT_MS = 10_000
_LOCK_WAIT_S = 60.0


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
    # people wait for this process; workers, which open the queue themselves, are more patient
    impatient = {**(settings.get("mongoclient_kwargs") or {}), "serverSelectionTimeoutMS": _SELECTION_TIMEOUT_MS}
    settings |= {"mongoclient_kwargs": impatient}
    try:
        pad = SafeLaunchPad.from_dict(settings)
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


JOB_INDEXES = (
    [("spec.campaign", pymongo.ASCENDING)],
    [("spec.campaign", pymongo.ASCENDING), ("state", pymongo.ASCENDING)],
    [
        ("state", pymongo.ASCENDING),
        ("spec._category", pymongo.ASCENDING),
        ("spec._priority", pymongo.DESCENDING),
        ("created_on", pymongo.ASCENDING),
    ],
)
"""Indexes of the jobs besides FireWorks' own: what a campaign has left to do, and the next job of a category."""


def initialise(pad: LaunchPad) -> None:
    """Give a new queue its counters and indexes; several processes may do it at once.

    ``LaunchPad.reset`` would do the same but deletes everything, so it is never called.
    """
    if pad.fw_id_assigner.find_one({}) is None:
        first = {"next_fw_id": 1, "next_launch_id": 1}
        pad.fw_id_assigner.update_one({"_id": -1}, {"$setOnInsert": first}, upsert=True)
    if "locked_1" not in pad.workflows.index_information():
        pad.tuneup()
        pad.fireworks.create_indexes([IndexModel(fields) for fields in JOB_INDEXES])
        pad.workflows.create_index("metadata.campaign")
        pad.workflows.create_index("locked", sparse=True)  # the last one tells that all are there


def campaign_is_finished(pad: LaunchPad, campaign: str | None) -> bool:
    """Tell whether nothing of a campaign runs or can still be run.

    Jobs that wait for a failed one do not count: they can never run.
    """
    active = {**job_query(campaign), "state": {"$in": list(ACTIVE)}}
    locked = {**workflow_query(campaign), "locked": {"$exists": True}}
    # a workflow is being rewritten while it is locked: its next jobs may not be READY yet
    looks = [(pad.fireworks, active), (pad.workflows, locked), (pad.fireworks, active), (pad.workflows, locked)]
    return all(collection.find_one(query, {"_id": 1}) is None for collection, query in looks)


def newer_code(pad: LaunchPad, campaign: str | None) -> str | None:
    """Say so if all jobs that could run were made by a newer release than this; None otherwise."""
    running = {**job_query(campaign), "state": {"$in": ["RESERVED", "RUNNING"]}}
    readable, ready = {**readable_jobs(campaign), "state": "READY"}, {**job_query(campaign), "state": "READY"}
    if any(pad.fireworks.find_one(query, {"_id": 1}) for query in (running, readable)):
        return None
    newer = pad.fireworks.count_documents(ready)
    if not newer:
        return None
    return (
        f"a newer release than superionic {superionic.__version__} made the {newer} jobs that are ready: "
        "install that release here"
    )


def rerun_failed(pad: LaunchPad, fw_id: int) -> bool:
    """Make a failed job READY again; False if it is not failed any more."""
    with OwnedLock(pad, fw_id, _LOCK_WAIT_S):
        if pad.fireworks.find_one({"fw_id": fw_id, "state": "FIZZLED"}, {"_id": 1}) is None:
            return False
        workflow = pad.get_wf_by_fw_id_lzyfw(fw_id)
        pad._update_wf(workflow, workflow.rerun_fw(fw_id))  # noqa: SLF001 (LaunchPad.rerun_fw does not look)
        forget = {f"spec.{REFUSALS}": "", "spec._exception_details": ""}
        pad.fireworks.update_one({"fw_id": fw_id}, {"$unset": forget})
    return True


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
    with OwnedLock(pad, fw_id, _LOCK_WAIT_S):
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
    """Mark a run as FIZZLED with its cause, without telling the workflow; False if it had ended otherwise."""
    launch = pad.get_launch_by_id(launch_id)
    if cause is LossCause.NEVER_STARTED and launch.state == "RUNNING":
        return False  # it has started after all
    if launch.state not in {"RESERVED", "RUNNING"}:
        # ended by a process that died, or lost the database, before it had put the job back
        return launch.state == "FIZZLED" and LOSS in ((launch.action and launch.action.stored_data) or {})
    launch.state = "FIZZLED"
    launch.action = FWAction(stored_data={"_message": f"put back: {cause}", LOSS: str(cause)}, exit=True)
    pad.launches.find_one_and_replace({"launch_id": launch_id}, launch.to_db_dict())
    return True
