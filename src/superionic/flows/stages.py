"""Marks that every job of a campaign carries: stage, campaign, category of worker."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


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
    return job
