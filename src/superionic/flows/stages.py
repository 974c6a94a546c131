"""Marks that every job of a campaign carries: stage, campaign, category of worker."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from jobflow import CURRENT_JOB

QUEUE: Final = "superionic_queue"
"""Key of a job's manager_config under which it carries the queue settings of all stages to the jobs it creates."""


class Stage(StrEnum):
    """Stages of a campaign in the order of the data flow."""

    ORDERING = "ordering"
    SCREENING = "screening"
    SAMPLING = "sampling"
    LABELLING = "labelling"
    TRAINING = "training"
    STABILITY = "stability"
    TRANSPORT = "transport"


class Category(StrEnum):
    """What a job needs; becomes the FireWorks category that workers subscribe to."""

    CPU = "cpu"
    GPU = "gpu"
    VASP = "vasp"


def mark(job_or_flow: Any, stage: Stage, category: Category, spec_key: str) -> Any:  # noqa: ANN401 (jobflow, untyped)
    """Mark a job or flow and, through jobflow, all jobs that it will create.

    Returns
    -------
    Job or Flow
        The same object, for use in an expression.
    """
    job_or_flow.update_metadata({"stage": stage.value, "spec_key": spec_key})
    # _set merges into manager_config; plain assignment would drop queue settings made before
    job_or_flow.update_config({"_set": {"manager_config->_category": category.value}}, dict_mod=True)
    for job in _jobs(job_or_flow):
        _ask_queue(job)
    return job_or_flow


def mark_alone(job: Any, stage: Stage, category: Category, spec_key: str) -> Any:  # noqa: ANN401 (jobflow, untyped)
    """Mark a job, and none of those it will create: they are of several stages and categories.

    Returns
    -------
    Job
        The same object, for use in an expression.
    """
    job.update_metadata({"stage": stage.value, "spec_key": spec_key}, dynamic=False)
    job.update_config({"_set": {"manager_config->_category": category.value}}, dict_mod=True, dynamic=False)
    job.config.pass_manager_config = False
    _ask_queue(job)
    return job


def set_queue(job_or_flow: Any, table: Mapping[str, Mapping[str, Any]]) -> None:  # noqa: ANN401 (jobflow, untyped)
    """Let marked jobs, and all that they will create, ask the queue for what a table says about their stage.

    Parameters
    ----------
    job_or_flow : Job or Flow
        Marked jobs.
    table : mapping
        Per stage the fields of :class:`superionic.stages.QueueSettings` as plain data.
    """
    for job in _jobs(job_or_flow):
        job.config.manager_config[QUEUE] = dict(table)
        _ask_queue(job)


def pass_queue_on(job_or_flow: Any) -> None:  # noqa: ANN401 (jobflow, untyped)
    """Give marked jobs the queue settings of the running job that creates them; outside of a job nothing happens."""
    table = CURRENT_JOB.job.config.manager_config.get(QUEUE) if CURRENT_JOB.job is not None else None
    if table:
        set_queue(job_or_flow, table)


def _jobs(job_or_flow: Any) -> list[Any]:  # noqa: ANN401 (jobflow, untyped)
    parts = getattr(job_or_flow, "jobs", None)
    return [job_or_flow] if parts is None else [job for part in parts for job in _jobs(part)]


def _ask_queue(job: Any) -> None:  # noqa: ANN401 (jobflow, untyped)
    """Turn the table that a job carries, if it does, into FireWorks' keys; those of another stage go."""
    config = job.config.manager_config
    if QUEUE not in config:
        return
    wanted = config[QUEUE].get(job.metadata.get("stage")) or {}
    config.pop("_priority", None)
    config.pop("_queueadapter", None)
    if wanted.get("category") not in {None, config.get("_category")}:
        return
    if wanted.get("priority") is not None:
        config["_priority"] = wanted["priority"]
    if wanted.get("adapter"):
        config["_queueadapter"] = dict(wanted["adapter"])
