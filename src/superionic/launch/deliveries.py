"""Outputs of jobs that lie in launch folders because the database was away, the worker died, or both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from superionic.database.saved_outputs import Arrival, arrival, deliver, find_outputs, read_output
from superionic.errors import DatabaseError
from superionic.launch.findings import Action, Finding, Problem, Search
from superionic.launch.queue_entries import job_query


def outputs_on_disk(search: Search, store: Any) -> Iterator[Finding]:  # noqa: ANN401 (jobflow.JobStore)
    """Outputs in the folders of runs that did not complete and do not run any more, as far as they are visible here."""
    for launch, path in list(_files(search)):
        if launch["state"] == "RUNNING" and search.judge(launch).lost is not True:
            continue  # its job delivers it
        try:
            saved = read_output(path)
        except DatabaseError as error:
            yield Finding(Problem.OUTPUT_ON_DISK, Action.NOTHING, launch["fw_id"], "", str(error), place=str(path))
            continue
        state = arrival(store, saved)
        action = Action.REMOVE if state is Arrival.ARRIVED else Action.STORE
        name, words = str(saved.document.get("name", "")), f"in the database: {state}"
        yield Finding(
            Problem.OUTPUT_ON_DISK, action, launch["fw_id"], name, words, None, launch["launch_id"], str(path)
        )


def _files(search: Search) -> Iterator[tuple[dict[str, Any], Path]]:
    """Outputs on disk with the runs that wrote them."""
    wanted = ["launch_id", "fw_id", "state", "state_history", "fworker", "host", "launch_dir"]
    for launch in search.pad.launches.find({"state": {"$in": ["RUNNING", "FIZZLED"]}}, wanted):
        files = find_outputs(Path(launch["launch_dir"]))
        mine = {**job_query(search.campaign), "fw_id": launch["fw_id"]}
        if files and search.pad.fireworks.find_one(mine, {"_id": 1}) is not None:
            yield from ((launch, path) for path in files)


def store_output(finding: Finding, store: Any) -> bool:  # noqa: ANN401 (jobflow.JobStore)
    """Bring an output on disk to the database, or remove what has arrived; False if its file is gone already."""
    try:
        saved = read_output(Path(finding.place))
    except DatabaseError:
        return False  # delivered by somebody else since
    deliver(store, saved)
    return True
