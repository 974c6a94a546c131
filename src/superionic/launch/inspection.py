"""Look at the queue without changing it: who serves which jobs, which code made them."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fireworks import FWorker, LaunchPad

from superionic.launch.queue_entries import age_s

RECENT_S = 86400.0
"""A category counts as served if a worker took one of its jobs within this time, s."""

_LAST_LAUNCHES = 500
_SAMPLE = 200
_JOB = "spec._tasks.job"
_CODE = {"jobflow": f"{_JOB}.@version", "superionic": f"{_JOB}.function.@bound.@version"}


@dataclass(frozen=True)
class FireworksSettings:
    """What FireWorks' own commands use in this environment.

    Attributes
    ----------
    launchpad_file : Path or None
        File of the queue that ``lpad`` and ``rlaunch`` read without options.
    ping_s : float
        Seconds between two heartbeats of a job that ``rlaunch`` runs.
    """

    launchpad_file: Path | None
    ping_s: float


def fireworks_settings() -> FireworksSettings:
    """Settings that FireWorks chose when it was imported, which need not be those that FW_CONFIG_FILE names."""
    with contextlib.redirect_stdout(io.StringIO()):  # it prints when it finds several files
        from fireworks import fw_config
    found = fw_config.LAUNCHPAD_LOC
    return FireworksSettings(Path(found).resolve() if found else None, float(fw_config.PING_TIME_SECS))


def ready_jobs(pad: LaunchPad) -> dict[str, int]:
    """Number of jobs that could run at once, by category."""
    stages: list[dict[str, Any]] = [
        {"$match": {"state": "READY"}},
        {"$group": {"_id": "$spec._category", "n": {"$sum": 1}}},
    ]
    return {str(row["_id"] or ""): int(row["n"]) for row in pad.fireworks.aggregate(stages)}


def _categories(category: str | list[str] | None) -> set[str]:
    """Categories of a worker; an empty one takes all jobs."""
    return {category or ""} if isinstance(category, str) or category is None else set(category)


def served_categories(pad: LaunchPad, within_s: float = RECENT_S) -> set[str]:
    """Categories of the workers that lately took a job; ``''`` among them means all.

    Only the last 500 runs are looked at.

    Parameters
    ----------
    pad : LaunchPad
        The queue.
    within_s : float
        What lately means, s.
    """
    wanted = {"fworker.category": 1, "state": 1, "state_history.created_on": 1}
    launches = pad.launches.find({}, wanted).sort("launch_id", -1).limit(_LAST_LAUNCHES)
    served: set[str] = set()
    for launch in launches:
        history = launch.get("state_history") or [{}]
        if launch["state"] == "RUNNING" or age_s(history[-1].get("created_on")) < within_s:
            served |= _categories((launch.get("fworker") or {}).get("category"))
    return served


def worker_files(folder: Path) -> dict[str, set[str]]:
    """Categories of each ``my_fworker*.yaml`` of a folder; files that cannot be read are left out."""
    found = {}
    for path in sorted(folder.glob("my_fworker*.yaml")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found[path.name] = _categories(FWorker.from_file(str(path)).category)
    return found


def code_on_queue(pad: LaunchPad) -> dict[str, set[str]]:
    """Versions of jobflow and superionic that made the jobs which are still to be run (200 of them)."""
    query = {"state": {"$in": ["READY", "WAITING"]}}
    found: dict[str, set[str]] = {name: set() for name in _CODE}
    for document in pad.fireworks.find(query, dict.fromkeys(_CODE.values(), 1)).limit(_SAMPLE):
        for task in document.get("spec", {}).get("_tasks", []):
            job = task.get("job") or {}
            function = job.get("function")
            bound = function.get("@bound") if isinstance(function, dict) else None
            found["jobflow"].add(str(job.get("@version", "")))
            found["superionic"].add(str(bound.get("@version", "")) if isinstance(bound, dict) else "")
    return {name: {version for version in versions if version not in {"", "None"}} for name, versions in found.items()}
