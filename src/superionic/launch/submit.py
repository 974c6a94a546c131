"""Put a campaign on the queue, once, however often it is submitted."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fireworks import LaunchPad
from jobflow.managers.fireworks import flow_to_workflow
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

import superionic
from superionic.database.processes import ProcessIdentity, current_process, is_running
from superionic.errors import DatabaseError, InputError
from superionic.launch.queue_entries import CODE, age_s, as_datetime, code_number

if TYPE_CHECKING:
    from jobflow import Flow, Job

CAMPAIGNS = "superionic_campaigns"
"""Collection with one document per campaign, next to the queue."""

CLAIM_EXPIRY_S = 600.0
WAIT_FOR_OTHER_S = 120.0
_SUBMITTING, _SUBMITTED = "submitting", "submitted"


@dataclass(frozen=True)
class CampaignRecord:
    """A campaign on the queue.

    Attributes
    ----------
    key : str
        Content key of the campaign.
    name : str
        Its name.
    fw_ids : tuple of int
        FireWorks ids of all its jobs so far.
    submitted_at : datetime or None
        Time of submission, UTC; None while it is being submitted.
    """

    key: str
    name: str
    fw_ids: tuple[int, ...]
    submitted_at: datetime | None


def _claim(pad: LaunchPad, campaign: str, name: str, again: bool) -> dict[str, Any] | None:
    """Become the one who submits; the claim as stored, or None if the campaign is on the queue."""
    claim = {
        "_id": campaign,
        "name": name,
        "state": _SUBMITTING,
        "owner": current_process().as_dict(),
        "claimed_at": datetime.now(UTC).isoformat(),
    }
    claims = pad.db[CAMPAIGNS]
    deadline = time.monotonic() + WAIT_FOR_OTHER_S
    while time.monotonic() < deadline:
        try:
            claims.insert_one(dict(claim))
        except DuplicateKeyError:
            other = claims.find_one({"_id": campaign})
        else:
            return claim
        if other is None:  # withdrawn between the two calls
            continue
        if other["state"] == _SUBMITTED and _fw_ids(pad, campaign) and not again:
            return None
        # exactly this stale claim is replaced, so that only one of several takers succeeds
        if _is_stale(other) and claims.find_one_and_replace(other, claim, return_document=ReturnDocument.AFTER):
            return claim
        time.sleep(0.2)
    raise DatabaseError(
        f"another process has been submitting the campaign {name!r} for {WAIT_FOR_OTHER_S:.0f} s. "
        "Look whether it hangs; once it has ended, submit again"
    )


def _is_stale(claim: dict[str, Any]) -> bool:
    """Whether nobody works on a claim any more, or its workflow was deleted since."""
    if claim["state"] == _SUBMITTED:
        return True
    owner = ProcessIdentity.from_dict(claim.get("owner", {}))
    running = None if owner is None else is_running(owner)
    return running is False or (running is None and age_s(claim.get("claimed_at")) > CLAIM_EXPIRY_S)


def _withdraw(pad: LaunchPad, claim: dict[str, Any]) -> None:
    """Undo a claim after a failure; a campaign that was there before stays submitted."""
    if _fw_ids(pad, claim["_id"]):
        pad.db[CAMPAIGNS].update_one(claim, {"$set": {"state": _SUBMITTED}})
    else:
        pad.db[CAMPAIGNS].delete_one(claim)


def is_submitted(launchpad: LaunchPad, campaign: str) -> bool:
    """Whether a campaign with this key is on the queue."""
    return bool(_fw_ids(launchpad, campaign))


def _fw_ids(pad: LaunchPad, campaign: str) -> list[int]:
    workflows = pad.workflows.find({"metadata.campaign": campaign}, {"nodes": 1})
    return sorted(node for workflow in workflows for node in workflow["nodes"])


def _remove_leftovers(pad: LaunchPad, campaign: str) -> None:
    """Delete jobs without a workflow, which a submitter left that died half way."""
    pad.fireworks.delete_many({"spec.campaign": campaign, "launches": []})


def submit_flow(flow: Flow | Job, launchpad: LaunchPad, campaign: str, name: str, *, again: bool = False) -> list[int]:
    """Put the flow of a campaign on the queue unless it is there.

    Any number of processes may submit the same campaign at once: one workflow results. The claim
    of a submitter that died is taken over.

    Parameters
    ----------
    flow : Flow or Job
        The campaign. Every job, including those made at run time, gets the metadata ``campaign``.
    launchpad : LaunchPad
        The queue.
    campaign : str
        Content key of the campaign.
    name : str
        Name for people.
    again : bool
        Whether to add another workflow if the campaign is there.

    Returns
    -------
    list of int
        FireWorks ids of the campaign's jobs.

    Raises
    ------
    DatabaseError
        If another process is submitting it and does not finish.
    """
    claim = _claim(launchpad, campaign, name, again)
    if claim is None:
        return _fw_ids(launchpad, campaign)
    claims = launchpad.db[CAMPAIGNS]
    try:
        present = _fw_ids(launchpad, campaign)
        if not present:
            _remove_leftovers(launchpad, campaign)
        if again or not present:
            flow.update_metadata({"campaign": campaign, CODE: code_number(superionic.__version__)})
            # without store=: its URI and password would be written into every job
            metadata = {"campaign": campaign, "name": name}
            with warnings.catch_warnings():  # independent jobs have no order, which is as it should be
                warnings.filterwarnings("ignore", message="Some jobs are not connected")
                workflow = flow_to_workflow(flow, name=name, metadata=metadata)
            launchpad.add_wf(workflow)
    except BaseException:
        _withdraw(launchpad, claim)
        raise
    claims.update_one({"_id": campaign}, {"$set": {"state": _SUBMITTED, "submitted_at": datetime.now(UTC).isoformat()}})
    return _fw_ids(launchpad, campaign)


def _record(pad: LaunchPad, document: dict[str, Any]) -> CampaignRecord:
    return CampaignRecord(
        key=document["_id"],
        name=document["name"],
        fw_ids=tuple(_fw_ids(pad, document["_id"])),
        submitted_at=as_datetime(document.get("submitted_at")),
    )


def list_campaigns(launchpad: LaunchPad) -> list[CampaignRecord]:
    """All campaigns that were put on the queue, newest first."""
    documents = launchpad.db[CAMPAIGNS].find().sort("claimed_at", -1)
    return [_record(launchpad, document) for document in documents]


def find_campaign(launchpad: LaunchPad, text: str) -> CampaignRecord | None:
    """Find a campaign by its key, the beginning of its key, or its name (the newest of that name).

    Raises
    ------
    InputError
        If `text` is the beginning of several keys.
    """
    records = list_campaigns(launchpad)
    by_name = [record for record in records if record.name == text]
    by_key = [record for record in records if record.key == text] or [
        record for record in records if text and record.key.startswith(text)
    ]
    if len(by_key) > 1 and not by_name:
        keys = ", ".join(f"{record.key} ({record.name})" for record in by_key)
        raise InputError(f"{text!r} is the beginning of several campaigns: {keys}. Give more letters of the key")
    found = by_key if len(by_key) == 1 else by_name
    return found[0] if found else None
