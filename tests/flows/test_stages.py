"""Marks of jobs, and what they ask of the batch queue."""

import pytest
from jobflow import CURRENT_JOB, Flow, Response, job, run_locally
from pydantic import ValidationError

from superionic.flows.stages import QUEUE, Category, Stage, mark, mark_alone, mark_fan_out, pass_queue_on, set_queue
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


@job
def fan_out():
    label, join = work(), work()
    label.name, join.name = "label: x=1 run 0", "label: x=1 collect"
    return Response(replace=Flow([label, join], output=[label.output, join.output]))


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


def children_of(parent):
    """What the label and the join that a fan-out created asked for, in this order."""
    answers = run_locally(parent)
    return [r.output for runs in answers.values() for r in runs.values() if isinstance(r.output, dict)]


@pytest.mark.parametrize(("category", "join"), [("vasp", {}), (None, {"_priority": 5, "_queueadapter": {"nodes": 2}})])
def test_the_join_of_a_fan_out_is_cheap_work_and_asks_as_such(category, join):
    parent = mark_fan_out(fan_out(), Stage.LABELLING, Category.VASP, "key")
    set_queue(parent, {"labelling": {"priority": 1, "category": None, "adapter": {"nodes": 9}}})
    table = {"labelling": {"priority": 5, "category": category, "adapter": {"nodes": 2}}}
    set_queue(parent, table)  # the last word counts
    assert children_of(parent) == [
        {"_category": "vasp", "_priority": 5, "_queueadapter": {"nodes": 2}, QUEUE: table},
        {"_category": "cpu", **join, QUEUE: table},
    ]


def test_a_fan_out_without_queue_settings_routes_its_join_all_the_same():
    parent = mark_fan_out(fan_out(), Stage.LABELLING, Category.VASP, "key")
    assert children_of(parent) == [{"_category": "vasp"}, {"_category": "cpu"}]
