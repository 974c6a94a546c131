"""Marks of jobs, and what they ask of the batch queue."""

import pytest
from jobflow import CURRENT_JOB, Flow, Response, job, run_locally
from pydantic import ValidationError

from superionic.flows.stages import QUEUE, Category, Stage, mark, mark_alone, pass_queue_on, set_queue
from superionic.stages import QueueSettings

TABLE = {
    "labelling": {"priority": 5, "category": None, "adapter": {"nodes": 2}},
    "training": {"priority": None, "category": "gpu", "adapter": {"queue": "gpu"}},
}


@job
def work():
    return dict(CURRENT_JOB.job.config.manager_config)


@job
def spread():
    child = mark(work(), Stage.LABELLING, Category.VASP, "key")
    pass_queue_on(child)
    return Response(replace=child)


def asks(job):
    return {name: job.config.manager_config.get(name) for name in ("_category", "_priority", "_queueadapter")}


def test_each_job_asks_for_what_its_stage_is_given():
    label, train, data, hull = work(), work(), work(), work()
    mark(label, Stage.LABELLING, Category.VASP, "key")
    mark(train, Stage.TRAINING, Category.GPU, "key")
    mark(data, Stage.TRAINING, Category.CPU, "key")
    mark(hull, Stage.STABILITY, Category.CPU, "key")
    set_queue(Flow([label, Flow([train, data]), hull]), TABLE)
    assert asks(label) == {"_category": "vasp", "_priority": 5, "_queueadapter": {"nodes": 2}}
    assert asks(train) == {"_category": "gpu", "_priority": None, "_queueadapter": {"queue": "gpu"}}
    assert asks(data) == {"_category": "cpu", "_priority": None, "_queueadapter": None}
    assert asks(hull) == {"_category": "cpu", "_priority": None, "_queueadapter": None}


def test_jobs_of_another_stage_that_a_job_creates_ask_for_their_own():
    parent = mark_alone(spread(), Stage.TRAINING, Category.GPU, "key")
    set_queue(parent, TABLE)
    answers = run_locally(parent)
    child = answers[parent.uuid][2].output
    assert (child["_category"], child["_priority"], child["_queueadapter"]) == ("vasp", 5, {"nodes": 2})
    assert child[QUEUE] == TABLE


def test_without_settings_nothing_is_asked():
    job = mark(work(), Stage.LABELLING, Category.VASP, "key")
    pass_queue_on(job)
    assert job.config.manager_config == {"_category": "vasp"}


def test_settings_are_checked():
    with pytest.raises(ValidationError):
        QueueSettings(walltime="1:00:00")
