"""Marks that every job of a campaign carries: stage, campaign, category of worker."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from jobflow import CURRENT_JOB

QUEUE: Final = "superionic_queue"
"""Key of a job's manager_config under which it carries the queue settings of all stages to the jobs it creates."""

JOIN: Final = " collect"
"""End of the name of a job that joins what a fan-out made."""

_ASKED: Final = ("_priority", "_queueadapter")
_PLACE: Final = "manager_config->{}"
_TABLE_PLACE: Final = _PLACE.format(QUEUE)


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


def mark_fan_out(job: Any, stage: Stage, category: Category, spec_key: str) -> Any:  # noqa: ANN401 (jobflow, untyped)
    """Mark a job that will create many jobs like itself and one that joins their outputs, which is cheap work.

    The join then waits for no allocation of the others' kind, and takes none.

    Returns
    -------
    Job
        The same object, for use in an expression.
    """
    mark(job, stage, category, spec_key)
    # at the end, jobflow would give all new jobs the settings of this one, the join included
    job.config.pass_manager_config = False
    cheap = {"_set": {"manager_config->_category": Category.CPU.value}}
    job.update_config(cheap, name_filter=JOIN, dict_mod=True)
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
    for name in _ASKED:
        config.pop(name, None)
    config |= _asked(config[QUEUE], job.metadata.get("stage"), config.get("_category"))
    if any(update.get("name_filter") == JOIN for update in job.config_updates):
        _let_children_ask(job)


def _let_children_ask(fan_out: Any) -> None:  # noqa: ANN401 (jobflow, untyped)
    """Tell the jobs that a fan-out will create what to ask for; the join, of another category, may ask for less."""
    config = fan_out.config.manager_config
    table = config[QUEUE]
    all_ask = {name: config[name] for name in _ASKED if name in config}
    join_asks = _asked(table, fan_out.metadata.get("stage"), Category.CPU.value)
    fan_out.config_updates = [u for u in fan_out.config_updates if _TABLE_PLACE not in u["config"].get("_set", {})]
    everywhere = {_TABLE_PLACE: table, **{_PLACE.format(name): value for name, value in all_ask.items()}}
    fan_out.update_config({"_set": everywhere}, dict_mod=True)
    if not_for_join := all_ask.keys() - join_asks.keys():
        fan_out.update_config(
            {"_unset": {_PLACE.format(name): "" for name in sorted(not_for_join)}}, name_filter=JOIN, dict_mod=True
        )


def _asked(table: Mapping[str, Mapping[str, Any]], stage: str | None, category: str | None) -> dict[str, Any]:
    """FireWorks' keys for a job of a stage and category."""
    wanted = table.get(stage or "") or {}
    if wanted.get("category") not in {None, category}:
        return {}
    found = {} if wanted.get("priority") is None else {"_priority": wanted["priority"]}
    return {**found, **({"_queueadapter": dict(wanted["adapter"])} if wanted.get("adapter") else {})}
