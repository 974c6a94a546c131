"""How far a campaign is: jobs per stage and state, failures by cause, time spent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from fireworks import LaunchPad

from superionic.flows.stages import Stage
from superionic.launch.launchpad import campaign_is_finished
from superionic.launch.queue_entries import as_datetime, exception_of, workflow_query


class JobState(StrEnum):
    """State of a job, in words of this package."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    BLOCKED = "blocked"
    STOPPED = "stopped"


_STATES = {
    "WAITING": JobState.WAITING,
    "READY": JobState.READY,
    "RESERVED": JobState.READY,
    "RUNNING": JobState.RUNNING,
    "COMPLETED": JobState.COMPLETED,
    "FIZZLED": JobState.FAILED,
}


@dataclass(frozen=True)
class StageStatus:
    """Jobs of one stage.

    Attributes
    ----------
    stage : str
        Name of the stage.
    waiting, ready, running, completed, failed, blocked, stopped : int
        Number of jobs in each state. Blocked jobs wait for a failed one and can never run; stopped
        ones were paused or cancelled.
    wall_time_s : float
        Wall time of all runs of the stage, finished and running, s.
    """

    stage: str
    waiting: int = 0
    ready: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    blocked: int = 0
    stopped: int = 0
    wall_time_s: float = 0.0

    @property
    def total(self) -> int:
        """Number of jobs known so far; dynamic flows grow."""
        return self.waiting + self.ready + self.running + self.completed + self.failed + self.blocked + self.stopped


@dataclass(frozen=True)
class Failure:
    """Jobs of one stage that failed for the same reason.

    Attributes
    ----------
    stage : str
        Name of the stage.
    cause : str
        Class of the exception.
    message : str
        First line of its message (of one of the jobs).
    n_jobs : int
        Number of jobs.
    fw_id : int
        FireWorks id of one of them.
    folder : str
        Folder in which that one ran.
    """

    stage: str
    cause: str
    message: str
    n_jobs: int
    fw_id: int
    folder: str


@dataclass(frozen=True)
class CampaignStatus:
    """How far a campaign is.

    Attributes
    ----------
    campaign : str or None
        Content key; None for the whole queue.
    stages : tuple of StageStatus
        In the order of the data flow.
    failures : tuple of Failure
        Most frequent first.
    started_at, ended_at : datetime or None
        Start of the first run and, once nothing can run any more, end of the last one, UTC.
    finished : bool
        Whether nothing runs or can still be run.
    """

    campaign: str | None
    stages: tuple[StageStatus, ...]
    failures: tuple[Failure, ...]
    started_at: datetime | None
    ended_at: datetime | None
    finished: bool

    @property
    def total(self) -> StageStatus:
        """Sum over the stages."""
        return StageStatus(
            stage="total",
            wall_time_s=sum(stage.wall_time_s for stage in self.stages),
            **{state: sum(getattr(stage, state) for stage in self.stages) for state in JobState},
        )

    @property
    def succeeded(self) -> bool:
        """Whether it is finished and every job completed."""
        return self.finished and self.total.total == self.total.completed > 0

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        times = {name: None if moment is None else moment.isoformat() for name, moment in self._times().items()}
        return {**asdict(self), **times, "succeeded": self.succeeded}

    def _times(self) -> dict[str, datetime | None]:
        return {"started_at": self.started_at, "ended_at": self.ended_at}


def stage_of(job: Mapping[str, Any]) -> str:
    """Stage of a job: metadata ``stage``, else its name up to the first colon."""
    stage = (job.get("spec") or {}).get("stage")
    return str(stage) if stage else str(job.get("name", "")).partition(":")[0].strip()


def _failures(jobs: Iterable[dict[str, Any]], launches: Mapping[int, dict[str, Any]]) -> tuple[Failure, ...]:
    """Group failed jobs by stage and class of exception."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], tuple[str, int, str]] = {}
    for job in jobs:
        if job["state"] != "FIZZLED":
            continue
        launch = launches.get(job["launches"][-1], {}) if job["launches"] else {}
        stage, (_, cause, message) = stage_of(job), exception_of(job, launch)
        counts[stage, cause] += 1
        examples.setdefault((stage, cause), (message, job["fw_id"], launch.get("launch_dir", "")))
    return tuple(
        Failure(stage, cause, examples[stage, cause][0], n_jobs, *examples[stage, cause][1:])
        for (stage, cause), n_jobs in counts.most_common()
    )


def _span(launch: Mapping[str, Any], now: datetime) -> tuple[datetime, datetime] | None:
    start = as_datetime(launch.get("time_start"))
    if start is None:
        return None
    end = as_datetime(launch.get("time_end"))
    return start, end or (now if launch["state"] == "RUNNING" else start)


def _job_state(job: Mapping[str, Any], finished: bool) -> JobState:
    state = _STATES.get(job["state"], JobState.STOPPED)
    return JobState.BLOCKED if finished and state is JobState.WAITING else state


def _load(pad: LaunchPad, campaign: str | None) -> tuple[list[dict[str, Any]], dict[int, dict[str, Any]]]:
    """Jobs of the campaign in order of their ids, and all their runs by id."""
    nodes = [n for workflow in pad.workflows.find(workflow_query(campaign), {"nodes": 1}) for n in workflow["nodes"]]
    wanted = ["fw_id", "name", "state", "launches", "spec.stage", "spec._exception_details"]
    jobs = list(pad.fireworks.find({"fw_id": {"$in": nodes}}, wanted).sort("fw_id", 1))
    fields = ["launch_id", "fw_id", "state", "time_start", "time_end", "launch_dir", "action.stored_data._exception"]
    launches = pad.launches.find({"fw_id": {"$in": nodes}}, fields)
    return jobs, {launch["launch_id"]: launch for launch in launches}


def campaign_status(launchpad: LaunchPad, campaign: str | None) -> CampaignStatus:
    """Summarise a campaign from the queue.

    Parameters
    ----------
    launchpad : LaunchPad
        The queue.
    campaign : str or None
        Content key of the campaign; None for everything on the queue.

    Returns
    -------
    CampaignStatus
        Counts, failures and times.
    """
    finished = campaign_is_finished(launchpad, campaign)
    jobs, launches = _load(launchpad, campaign)
    now = datetime.now(UTC)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    stage_by_job = {}
    for job in jobs:
        stage_by_job[job["fw_id"]] = stage = stage_of(job)
        counts[stage][_job_state(job, finished)] += 1
    seconds: dict[str, float] = defaultdict(float)
    spans = {launch["launch_id"]: span for launch in launches.values() if (span := _span(launch, now))}
    for launch_id, (start, end) in spans.items():
        seconds[stage_by_job.get(launches[launch_id]["fw_id"], "")] += (end - start).total_seconds()
    order = [*(stage for stage in Stage if stage in counts), *(stage for stage in counts if stage not in list(Stage))]
    return CampaignStatus(
        campaign=campaign,
        stages=tuple(StageStatus(stage, wall_time_s=seconds[stage], **counts[stage]) for stage in order),
        failures=_failures(jobs, launches),
        started_at=min((start for start, _ in spans.values()), default=None),
        ended_at=max((end for _, end in spans.values()), default=None) if finished else None,
        finished=finished,
    )
