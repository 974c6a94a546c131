import campaign_jobs
import pytest
from fireworks import FWAction, FWorker
from jobflow import Flow

from superionic.launch.queue_entries import cause_of
from superionic.launch.status import StageStatus, campaign_status, stage_of
from superionic.launch.submit import submit_flow

CHAINED = """Traceback (most recent call last):
  File "a.py", line 1, in f
KeyError: 'x'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "b.py", line 2, in g
    raise Refused(
superionic.errors.InsufficientDataError: 2 of 9 labels: too few
and a second line
"""


@pytest.mark.parametrize(
    ("stack", "cause"),
    [
        (CHAINED, ("InsufficientDataError", "2 of 9 labels: too few")),
        ("Traceback (most recent call last):\n  File x\nKeyboardInterrupt\n", ("KeyboardInterrupt", "")),
        ("WorkerDiedError: died 3 times", ("WorkerDiedError", "died 3 times")),
        ("", ("unknown", "")),
    ],
)
def test_cause(stack, cause):
    assert cause_of(stack) == cause


def test_stage():
    assert stage_of({"name": "label: Li3InCl6 a/3", "spec": {}}) == "label"
    assert stage_of({"name": "label: x", "spec": {"stage": "sampling"}}) == "sampling"


def _finish(pad, state="COMPLETED", stack=None):
    _, launch_id = pad.checkout_fw(FWorker("w"), "/somewhere")
    stored = {} if stack is None else {"_exception": {"_stacktrace": stack, "_details": None}}
    pad.complete_launch(launch_id, FWAction(stored_data=stored, exit=stack is not None), state)
    launch = pad.launches.find_one({"launch_id": launch_id})
    return launch["fw_id"], launch["runtime_secs"]


@pytest.mark.integration
def test_counts_failures_and_times(pad):
    jobs = [campaign_jobs.note("/", str(i)) for i in range(4)]
    for i, job in enumerate(jobs):
        job.name = f"label: {i}"
    child = campaign_jobs.note("/", jobs[0].output)
    child.update_metadata({"stage": "training"})
    submit_flow(Flow([*jobs, child]), pad, "key", "name")

    status = campaign_status(pad, "key")
    assert status.total == StageStatus("total", waiting=1, ready=4)
    assert (status.finished, status.started_at, status.ended_at, status.failures) == (False, None, None, ())

    pad.fireworks.update_one({"name": "label: 0"}, {"$set": {"spec._priority": 9}})  # runs first
    failed, seconds = _finish(pad, "FIZZLED", CHAINED)
    seconds += sum(_finish(pad)[1] for _ in range(2))
    pad.checkout_fw(FWorker("w"), "/somewhere")
    status = campaign_status(pad, "key")
    assert not status.finished
    stages = {stage.stage: stage for stage in status.stages}
    assert (stages["label"].completed, stages["label"].failed, stages["label"].running) == (2, 1, 1)
    assert stages["training"].waiting == 1
    assert stages["label"].wall_time_s >= seconds > 0

    pad.complete_launch(pad.launches.find_one({"state": "RUNNING"})["launch_id"], FWAction(), "COMPLETED")
    status = campaign_status(pad, "key")
    assert status.finished
    assert not status.succeeded
    assert status.total.blocked == 1  # its parent failed, so it can never run
    assert status.ended_at > status.started_at
    (failure,) = status.failures
    assert (failure.stage, failure.cause, failure.n_jobs) == ("label", "InsufficientDataError", 1)
    assert (failure.fw_id, failure.folder, failure.message) == (failed, "/somewhere", "2 of 9 labels: too few")
    assert status.as_dict()["started_at"] == status.started_at.isoformat()
    assert campaign_status(pad, None).total == status.total
    assert campaign_status(pad, "another").total.total == 0
