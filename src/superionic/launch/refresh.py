"""Bring a workflow up to date by writing what has changed.

FireWorks reads all links and states of a workflow and replaces its whole document when a job begins and again when it
ends, so the cost of a launch grows with the size of the workflow. A job that begins changes its own state; one that
completes as planned may make its children ready, too. These two cases are handled here; everything else (failures,
new jobs, repeated runs, paused or defused jobs) is left to FireWorks. Both keep the same documents, so workers of both
kinds can share a workflow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from fireworks import LaunchPad

FEW: Final = 64
"""Up to so many entries of a workflow are asked for by name; more of them are read with all others."""
COMPLETED: Final = "COMPLETED"
_BEGUN: Final = ("RESERVED", "RUNNING")
_NOT_BEGUN: Final = ("READY", "RESERVED")
_UNUSUAL_ACTIONS: Final = (
    "update_spec",
    "mod_spec",
    "additions",
    "detours",
    "defuse_children",
    "defuse_workflow",
    "gridfs_id",
)
_OF_A_JOB: Final = {"fw_id": 1, "state": 1, "launches": 1, "spec._allow_fizzled_parents": 1}


def refresh_in_place(pad: LaunchPad, fw_id: int) -> bool:
    """Tell a workflow that one of its jobs has begun, or has completed as planned; it must be locked.

    Parameters
    ----------
    pad : LaunchPad
        The queue.
    fw_id : int
        The job.

    Returns
    -------
    bool
        False if this is another case: nothing is changed then, and FireWorks has to do it.
    """
    job = pad.fireworks.find_one({"fw_id": fw_id}, _OF_A_JOB)
    runs = [] if job is None else job["launches"]
    launches = list(pad.launches.find({"launch_id": {"$in": runs}}, ["state", "action"]))
    if len(launches) != 1:
        return False
    state, family = launches[0]["state"], _family(pad, fw_id)
    if not _may_run(job, family.parents, _states(pad, fw_id, family.parents)):
        return False
    if state in _BEGUN and job["state"] == state:
        return _begin(pad, fw_id, family, state)
    action = launches[0].get("action") or {}
    if state == COMPLETED and job["state"] in _BEGUN and not any(action.get(name) for name in _UNUSUAL_ACTIONS):
        return _complete(pad, fw_id, family)
    return False


class _Family:
    """Neighbours of a job in its workflow, and the state of the workflow."""

    def __init__(self, fw_id: int, workflow: dict[str, Any]) -> None:
        self.parents: list[int] = (workflow.get("parent_links") or {}).get(str(fw_id), [])
        self.children: list[int] = (workflow.get("links") or {}).get(str(fw_id), [])
        self.state = str(workflow["state"])


def _family(pad: LaunchPad, fw_id: int) -> _Family:
    wanted = {f"parent_links.{fw_id}": 1, f"links.{fw_id}": 1, "state": 1}
    return _Family(fw_id, pad.workflows.find_one({"nodes": fw_id}, wanted))


def _entries(pad: LaunchPad, fw_id: int, field: str, wanted: Collection[int]) -> dict[int, Any]:
    """Entries of `field` of the workflow for some jobs."""
    if not wanted:
        return {}
    names = [f"{field}.{number}" for number in wanted] if len(wanted) <= FEW else [field]
    found = pad.workflows.find_one({"nodes": fw_id}, names)[field]
    return {number: found[str(number)] for number in wanted if str(number) in found}


def _states(pad: LaunchPad, fw_id: int, wanted: Collection[int]) -> dict[int, str]:
    return _entries(pad, fw_id, "fw_states", wanted)


def _may_run(job: dict[str, Any], parents: Iterable[int], states: dict[int, str]) -> bool:
    """Whether a job's parents have ended as it needs them to."""
    tolerant = (job.get("spec") or {}).get("_allow_fizzled_parents")
    good = {COMPLETED, "FIZZLED"} if tolerant else {COMPLETED}
    return all(states.get(parent) in good for parent in parents)


def _begin(pad: LaunchPad, fw_id: int, family: _Family, state: str) -> bool:
    if family.state in {COMPLETED, "ARCHIVED"}:
        return False
    waiting = family.state == "READY" or (family.state == "RESERVED" and state == "RUNNING")
    _write(pad, fw_id, {fw_id: state}, state if waiting else family.state)
    return True


def _complete(pad: LaunchPad, fw_id: int, family: _Family) -> bool:
    children = list(pad.fireworks.find({"fw_id": {"$in": family.children}}, _OF_A_JOB))
    if any(child["state"] != "WAITING" or child["launches"] for child in children):
        return False
    parents = _entries(pad, fw_id, "parent_links", family.children)
    states = _states(pad, fw_id, {parent for found in parents.values() for parent in found}) | {fw_id: COMPLETED}
    ready = [child["fw_id"] for child in children if _may_run(child, parents[child["fw_id"]], states)]
    now = datetime.now(UTC)
    # the workflow comes last: whoever finds it unchanged knows that the rest may be half written
    pad.fireworks.update_one({"fw_id": fw_id}, {"$set": {"state": COMPLETED, "updated_on": now}})
    if ready:
        may_begin = {"fw_id": {"$in": ready}, "state": "WAITING"}
        pad.fireworks.update_many(may_begin, {"$set": {"state": "READY", "updated_on": now}})
    begun = "RUNNING" if family.state in _NOT_BEGUN else family.state
    ended = not family.children and _last_leaf(pad, fw_id)
    _write(pad, fw_id, {fw_id: COMPLETED} | dict.fromkeys(ready, "READY"), COMPLETED if ended else begun)
    return True


def _last_leaf(pad: LaunchPad, fw_id: int) -> bool:
    """Whether all other jobs without children have completed: then the workflow has, too."""
    workflow = pad.workflows.find_one({"nodes": fw_id}, ["links", "fw_states"])
    leaves = {name for name, children in workflow["links"].items() if not children} - {str(fw_id)}
    return all(workflow["fw_states"][name] == COMPLETED for name in leaves)


def _write(pad: LaunchPad, fw_id: int, states: dict[int, str], state: str) -> None:
    changes = {f"fw_states.{number}": value for number, value in states.items()}
    pad.workflows.update_one({"nodes": fw_id}, {"$set": {**changes, "state": state, "updated_on": datetime.now(UTC)}})
