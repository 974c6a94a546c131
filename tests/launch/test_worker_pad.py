"""The queue as a worker sees it, when the database, the disk or the code fails it."""

import campaign_jobs
import pytest
from fireworks import FWAction, FWorker
from jobflow import Flow
from pymongo.errors import AutoReconnect

from superionic.database import outages
from superionic.database.processes import current_process
from superionic.launch import safe_pad
from superionic.launch.queue_entries import CODE, RESERVED_BY, readable_jobs, worker_environment
from superionic.launch.submit import submit_flow
from superionic.launch.worker_pad import WorkerLaunchPad

pytestmark = pytest.mark.integration


@pytest.fixture
def queue(pad, monkeypatch):
    monkeypatch.setattr(outages, "_FIRST_PAUSE_S", 0.01)
    first = campaign_jobs.note("/", "first")
    submit_flow(Flow([first, campaign_jobs.gather("/", [first.output])]), pad, "key", "name")
    return WorkerLaunchPad(**pad.to_dict())


def take(queue):
    return queue.checkout_fw(FWorker("w", query=readable_jobs("key"), env=worker_environment()), "/")


def states(pad):
    return {job["name"]: job["state"] for job in pad.fireworks.find({}, {"name": 1, "state": 1})}


def away_once(monkeypatch, target, name):
    """Let the first call fail half way, as when the server is killed."""
    original, calls = getattr(target, name), []

    def flaky(*args, **options):
        calls.append(1)
        if len(calls) == 1:
            raise AutoReconnect("killed")
        return original(*args, **options)

    monkeypatch.setattr(target, name, flaky)
    return calls


@pytest.mark.parametrize(
    ("name", "in_place"), [("find_one_and_replace", False), ("find_one_and_update", True), ("update_one", True)]
)
def test_an_outage_while_a_result_is_reported_costs_nothing(queue, pad, monkeypatch, name, in_place):
    _, launch_id = take(queue)
    if not in_place:
        monkeypatch.setattr(safe_pad, "refresh_in_place", lambda *_: False)
    calls = away_once(monkeypatch, queue.workflows, name)
    queue.complete_launch(launch_id, FWAction())
    assert len(calls) >= 2
    assert states(pad) == {"note": "COMPLETED", "gather": "READY"}
    workflow = pad.workflows.find_one({})
    assert "locked" not in workflow
    assert sorted(workflow["fw_states"].values()) == ["COMPLETED", "READY"]


@pytest.mark.parametrize(("collection", "name"), [("launches", "find_one_and_replace"), ("fireworks", "find_one")])
def test_a_job_that_was_only_half_taken_is_given_back(queue, pad, monkeypatch, collection, name):
    away_once(monkeypatch, getattr(queue, collection), name)
    try:
        taken, _ = take(queue)
    except AutoReconnect:
        assert pad.fireworks.find_one({"state": "RESERVED"})[RESERVED_BY] == current_process().as_dict()
        queue.release_own()
        assert states(pad) == {"note": "READY", "gather": "WAITING"}
        taken, _ = take(queue)
    assert taken.name == "note"
    assert states(pad) == {"note": "RUNNING", "gather": "WAITING"}


def test_a_job_that_cannot_be_read_is_left_to_others_and_fails_after_three_refusals(queue, pad):
    pad.fireworks.update_one({"name": "note"}, {"$set": {"spec._tasks.0.job.function.@module": "not_installed_here"}})
    assert take(queue) == (None, None)
    assert states(pad) == {"note": "READY", "gather": "WAITING"}
    assert not queue.has_job({}), "it is not tried again at once"
    assert take(queue) == (None, None)
    busy = pad.fireworks.insert_one({"fw_id": 99, "name": "busy", "state": "RUNNING", "spec": {}}).inserted_id
    for _ in range(4):
        take(WorkerLaunchPad(**pad.to_dict()))
    assert states(pad)["note"] == "READY", "somebody works, and may be able to read it later"
    pad.fireworks.delete_one({"_id": busy})
    take(WorkerLaunchPad(**pad.to_dict()))
    assert states(pad)["note"] == "FIZZLED"
    details = pad.fireworks.find_one({"name": "note"})["spec"]["_exception_details"]
    assert "not_installed_here" in details["_stacktrace"]


def test_a_job_of_a_newer_release_is_not_taken(queue, pad):
    pad.fireworks.update_one({"name": "note"}, {"$inc": {f"spec.{CODE}": 1}})
    assert take(queue) == (None, None)
    assert states(pad)["note"] == "READY"


def test_a_full_disk_gives_the_job_back_and_ends_the_worker(queue, pad):
    _, launch_id = take(queue)
    stack = "Traceback (most recent call last):\nOSError: [Errno 28] No space left on device\n"
    action = FWAction(stored_data={"_exception": {"_stacktrace": stack, "_details": None}}, exit=True)
    queue.complete_launch(launch_id, action, "FIZZLED")
    assert queue.disk_full
    assert states(pad)["note"] == "READY"
