"""Repairs of a queue in the states in which dead workers leave it."""

from dataclasses import replace

import campaign_jobs
import pytest
from fireworks import FWAction, FWorker, Workflow
from jobflow import Flow

from superionic.database.processes import current_process
from superionic.database.saved_outputs import save_output
from superionic.database.stores import job_store
from superionic.launch.batch_queue import BATCH_ENV, BatchQueue, BatchSystem
from superionic.launch.findings import Action, Problem
from superionic.launch.launchpad import put_back, rerun_failed
from superionic.launch.locks import release_lock, stale_locks
from superionic.launch.queue_entries import MAX_LOSSES, WORKER_ENV, LossCause
from superionic.launch.reconcile import RepairReport, find_problems, repair
from superionic.launch.submit import submit_flow

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _no_batch_system(monkeypatch):
    monkeypatch.setattr("superionic.launch.findings.recent_batch_queue", lambda: None)


ALIVE = current_process()
DEAD = replace(ALIVE, started="1")
ELSEWHERE = replace(ALIVE, host="node17", boot="another")


def _submit(pad, folder="/"):
    """A job, and a child that runs even if the job fails."""
    first = campaign_jobs.note(folder, "first")
    second = campaign_jobs.gather(folder, [first.output])
    submit_flow(Flow([first, second]), pad, "key", "name")
    ids = {job["name"]: job["fw_id"] for job in pad.fireworks.find({}, {"name": 1, "fw_id": 1})}
    return ids["note"], ids["gather"]


def _run(pad, worker, fw_id=None):
    """Take a job as `worker` does; its run is left open. Returns the id of the run."""
    environment = {} if worker is None else {WORKER_ENV: worker.as_dict()}
    return pad.checkout_fw(FWorker("w", env=environment), "/", fw_id=fw_id)[1]


def _state(pad, fw_id):
    return pad.fireworks.find_one({"fw_id": fw_id})["state"]


def test_the_job_of_a_dead_worker_runs_again_and_a_second_repair_does_nothing(pad):
    first, second = _submit(pad)
    launch_id = _run(pad, DEAD)
    assert repair(pad, "key") == RepairReport(put_back=(first,))
    assert (_state(pad, first), _state(pad, second)) == ("READY", "WAITING")
    launch = pad.launches.find_one({"launch_id": launch_id})
    assert launch["state"] == "FIZZLED"
    assert launch["action"]["stored_data"]["_superionic_loss"] == "worker_died"
    assert pad.fireworks.find_one({"fw_id": first})["archived_launches"] == [launch_id]
    again = repair(pad, "key")
    assert again == RepairReport()
    assert not again.changed


def test_a_child_that_tolerates_failures_never_becomes_ready_in_between(pad, monkeypatch):
    first, second = _submit(pad)
    launch_id = _run(pad, DEAD)
    seen = []
    update = Workflow.refresh

    def spy(workflow, fw_id, updated_ids=None):
        result = update(workflow, fw_id, updated_ids)
        seen.append(workflow.fw_states[second])
        return result

    monkeypatch.setattr(Workflow, "refresh", spy)
    assert put_back(pad, first, launch_id, LossCause.WORKER_DIED)
    assert set(seen) == {"WAITING"}
    assert not put_back(pad, first, launch_id, LossCause.WORKER_DIED)  # the second of two repairers


def test_what_runs_is_left_alone_even_without_heartbeat(pad):
    first, _ = _submit(pad)
    _run(pad, ALIVE)
    report = repair(pad, "key", heartbeat_limit_s=0.0, lock_patience_s=0.1, settling_s=0.0)
    assert report == RepairReport()
    assert _state(pad, first) == "RUNNING"


@pytest.mark.parametrize("worker", [ELSEWHERE, None], ids=["superionic on another host", "rlaunch"])
def test_elsewhere_the_heartbeat_decides(pad, worker):
    first, _ = _submit(pad)
    _run(pad, worker)
    assert repair(pad, "key") == RepairReport(elsewhere=(first,))
    assert _state(pad, first) == "RUNNING"
    assert repair(pad, "key", heartbeat_limit_s=-1.0) == RepairReport(put_back=(first,))


def test_a_job_that_keeps_killing_its_worker_fails_with_that_cause(pad):
    first, second = _submit(pad)
    for _ in range(MAX_LOSSES - 1):
        _run(pad, DEAD, first)
        assert repair(pad, "key").put_back == (first,)
    launch_id = _run(pad, DEAD, first)
    assert repair(pad, "key") == RepairReport(given_up=(first,))
    assert (_state(pad, first), _state(pad, second)) == ("FIZZLED", "READY")
    stored = pad.launches.find_one({"launch_id": launch_id})["action"]["stored_data"]
    assert stored["_exception"]["_stacktrace"].startswith("WorkerDiedError")
    assert repair(pad, "key") == RepairReport()


def test_a_stale_lock_is_released_and_the_result_behind_it_delivered(pad):
    first, second = _submit(pad)
    launch_id = _run(pad, DEAD)
    pad.launches.update_one({"launch_id": launch_id}, {"$set": {"state": "COMPLETED", "action": FWAction().to_dict()}})
    pad.workflows.update_one({}, {"$set": {"locked": True}})
    report = repair(pad, "key", lock_patience_s=0.3)
    assert report == RepairReport(unlocked=(first,), refreshed=(first,)) or report.unlocked == (second,)
    assert (_state(pad, first), _state(pad, second)) == ("COMPLETED", "READY")
    assert "locked" not in pad.workflows.find_one({})
    assert repair(pad, "key") == RepairReport()


def test_a_lock_that_is_in_use_is_left_alone(pad, monkeypatch):
    _submit(pad)
    pad.workflows.update_one({}, {"$set": {"locked": True}})
    find = pad.workflows.find

    def moving(*args, **options):
        pad.workflows.update_one({}, {"$set": {"updated_on": str(moving.calls)}})
        moving.calls += 1
        return find(*args, **options)

    moving.calls = 0
    monkeypatch.setattr(pad.workflows, "find", moving)
    assert stale_locks(pad, "key", 1.0) == []


def test_an_update_that_was_cut_off_is_redone_as_a_whole(pad, tmp_path, monkeypatch):
    """A worker is killed after it wrote the new jobs of a dynamic flow but before the workflow."""
    spread = campaign_jobs.spread(str(tmp_path), 3)
    after = campaign_jobs.gather(str(tmp_path), [spread.output])
    submit_flow(Flow([spread, after]), pad, "key", "name")
    fw, launch_id = pad.checkout_fw(FWorker("w", env={WORKER_ENV: DEAD.as_dict()}), "/")
    parts = Flow([campaign_jobs.note(str(tmp_path), str(i)) for i in range(3)])
    parts.update_metadata({"campaign": "key"})
    from jobflow.managers.fireworks import flow_to_workflow

    action = FWAction(detours=[flow_to_workflow(parts)])

    def killed(*_args, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pad.workflows, "find_one_and_replace", killed)
        with pytest.raises(KeyboardInterrupt):
            pad.complete_launch(launch_id, action)
    pad.workflows.update_one({}, {"$set": {"locked": True}})
    assert pad.fireworks.count_documents({"spec.campaign": "key"}) == 5  # three of them unknown to the workflow
    report = repair(pad, "key", lock_patience_s=0.3)
    assert report.refreshed == (fw.fw_id,)
    workflow = pad.workflows.find_one({})
    jobs = list(pad.fireworks.find({"spec.campaign": "key"}))
    assert sorted(job["fw_id"] for job in jobs) == sorted(workflow["nodes"])
    assert sorted(job["state"] for job in jobs) == ["COMPLETED", "READY", "READY", "READY", "WAITING"]
    assert {int(i): s for i, s in workflow["fw_states"].items()} == {job["fw_id"]: job["state"] for job in jobs}


def test_a_result_of_a_living_worker_is_given_time_to_arrive(pad):
    first, _ = _submit(pad)
    launch_id = _run(pad, ALIVE)
    launch = pad.get_launch_by_id(launch_id)
    launch.state, launch.action = "COMPLETED", FWAction()
    pad.launches.find_one_and_replace({"launch_id": launch_id}, launch.to_db_dict())
    assert repair(pad, "key") == RepairReport()
    assert repair(pad, "key", settling_s=-1.0) == RepairReport(refreshed=(first,))
    assert _state(pad, first) == "COMPLETED"


@pytest.mark.parametrize("run_was_written", [False, True])
def test_a_reservation_of_a_dead_worker_is_cancelled(pad, run_was_written):
    first, _ = _submit(pad)
    if run_was_written:
        launch_id = _run(pad, DEAD)
        pad.fireworks.update_one({"fw_id": first}, {"$set": {"launches": []}})
    pad.fireworks.update_one({"fw_id": first}, {"$set": {"state": "RESERVED"}})
    assert repair(pad, "key") == RepairReport()  # could still be on its way
    assert repair(pad, "key", settling_s=-1.0, heartbeat_limit_s=-1.0) == RepairReport(put_back=(first,))
    assert _state(pad, first) == "READY"
    if run_was_written:
        assert pad.launches.find_one({"launch_id": launch_id})["state"] == "FIZZLED"


def test_a_reservation_in_a_batch_queue_is_left_alone(pad):
    first, _ = _submit(pad)
    pad.reserve_fw(FWorker("queue"), "/")
    assert repair(pad, "key", settling_s=-1.0, heartbeat_limit_s=-1.0) == RepairReport(elsewhere=(first,))
    assert _state(pad, first) == "RESERVED"


def _fail(pad, launch_id, stack):
    stored = {"_message": "runtime error during task", "_exception": {"_stacktrace": stack, "_details": None}}
    pad.complete_launch(launch_id, FWAction(stored_data=stored, exit=True), "FIZZLED")


@pytest.mark.parametrize(
    "words", ["  File x\nKeyboardInterrupt", "  File x, line 45, in handle_interrupt\n    sys.exit(1)\nSystemExit: 1"]
)
def test_a_job_that_another_runner_interrupted_runs_again(pad, words):
    first, second = _submit(pad)
    _fail(pad, _run(pad, None), f"Traceback (most recent call last):\n{words}\n")
    assert _state(pad, second) == "READY"
    assert repair(pad, "key") == RepairReport(rerun=(first,))
    assert (_state(pad, first), _state(pad, second)) == ("READY", "WAITING")


def test_a_failed_job_stays_failed_and_so_does_one_whose_children_have_begun(pad):
    first, second = _submit(pad)
    for error in ("ValueError: no", "SystemExit: 1"):
        _fail(pad, _run(pad, None), f"Traceback (most recent call last):\n  File x\n{error}\n")
        assert repair(pad, "key") == RepairReport()
        pad.rerun_fw(first)
    _fail(pad, _run(pad, None, first), "KeyboardInterrupt\n")
    _run(pad, ALIVE, second)
    assert repair(pad, "key") == RepairReport()
    assert _state(pad, second) == "RUNNING"


def test_other_campaigns_are_not_touched(pad):
    first, _ = _submit(pad)
    _run(pad, DEAD)
    assert repair(pad, "another") == RepairReport()
    assert repair(pad, None) == RepairReport(put_back=(first,))


def test_reports_add_up_and_read_well():
    total = RepairReport(put_back=(1,), elsewhere=(9,)) + RepairReport(put_back=(2,), unlocked=(3,))
    assert total == RepairReport(put_back=(1, 2), unlocked=(3,))
    assert total.describe() == "put back: 2, unlocked: 1"
    assert RepairReport().describe() == "nothing to repair"


def _batch_queue(monkeypatch, *jobs):
    queue = BatchQueue(BatchSystem.SLURM, frozenset(jobs))
    monkeypatch.setattr("superionic.launch.findings.recent_batch_queue", lambda: queue)


def test_a_live_batch_job_on_another_machine_is_never_run_twice(pad, monkeypatch):
    first, _ = _submit(pad)
    environment = {WORKER_ENV: ELSEWHERE.as_dict(), BATCH_ENV: {"system": "slurm", "job": "17"}}
    pad.checkout_fw(FWorker("w", env=environment), "/")
    _batch_queue(monkeypatch, "17")
    assert repair(pad, "key", heartbeat_limit_s=-1.0) == RepairReport(elsewhere=(first,))
    _batch_queue(monkeypatch, "18")
    assert repair(pad, "key", heartbeat_limit_s=-1.0) == RepairReport(elsewhere=(first,)), "its heartbeat is fresh"
    pad.launches.update_one({}, {"$set": {"state_history.0.updated_on": "2026-01-01T00:00:00"}})
    monkeypatch.setattr("superionic.launch.findings.server_age_s", lambda _: 60.0)
    assert repair(pad, "key") == RepairReport(elsewhere=(first,)), "the server came back a minute ago"
    monkeypatch.setattr("superionic.launch.findings.server_age_s", lambda _: 1e6)
    assert repair(pad, "key") == RepairReport(put_back=(first,))


def test_a_batch_job_that_was_cancelled_before_it_began_gives_its_job_back(pad, monkeypatch):
    first, _ = _submit(pad)
    _, launch_id = pad.reserve_fw(FWorker("queue"), "/")
    pad.set_reservation_id(launch_id, "17")
    _batch_queue(monkeypatch)
    assert repair(pad, "key") == RepairReport(elsewhere=(first,)), "it may not be listed yet"
    pad.launches.update_one({}, {"$set": {"state_history.0.updated_on": "2026-01-01T00:00:00"}})
    assert repair(pad, "key") == RepairReport(put_back=(first,))
    assert _state(pad, first) == "READY"


def test_a_lock_of_a_dead_process_is_freed_without_waiting_and_one_of_a_live_process_never(pad):
    _submit(pad)
    pad.workflows.update_one({}, {"$set": {"locked": ALIVE.as_dict()}})
    assert repair(pad, "key", lock_patience_s=0.1) == RepairReport()
    pad.workflows.update_one({}, {"$set": {"locked": DEAD.as_dict()}})
    (workflow,) = stale_locks(pad, "key", 1000.0)
    assert release_lock(pad, workflow)
    assert not release_lock(pad, workflow), "the second of two repairers"
    assert "locked" not in pad.workflows.find_one({})


def test_a_plan_changes_nothing(pad):
    first, _ = _submit(pad)
    _run(pad, DEAD)
    before = [list(pad.db[name].find()) for name in ("fireworks", "launches", "workflows")]
    (finding,) = find_problems(pad, "key")
    assert (finding.problem, finding.action, finding.fw_id) == (Problem.LOST_RUN, Action.PUT_BACK, first)
    assert "has ended" in finding.evidence
    assert before == [list(pad.db[name].find()) for name in ("fireworks", "launches", "workflows")]


def test_failed_jobs_are_listed_by_cause_and_run_again_on_request(pad):
    first, second = _submit(pad)
    _fail(pad, _run(pad, None), "Traceback (most recent call last):\n  File x\nValueError: no\n")
    (finding,) = find_problems(pad, "key")
    assert (finding.problem, finding.action, finding.evidence) == (Problem.FAILED, Action.NOTHING, "ValueError: no")
    assert repair(pad, "key", rerun=("ValueError",)) == RepairReport(rerun=(first,))
    assert (_state(pad, first), _state(pad, second)) == ("READY", "WAITING")
    assert not rerun_failed(pad, first), "it is not failed any more"


def test_a_failed_job_runs_again_with_those_that_failed_for_want_of_it_but_not_under_one_that_did_without(pad):
    first, second = _submit(pad)
    stack = "Traceback (most recent call last):\n  File x\nValueError: no\n"
    _fail(pad, _run(pad, None), stack)
    begun = _run(pad, ALIVE, second)
    assert repair(pad, "key", rerun=("ValueError",)) == RepairReport(), "the child is at work without it"
    _fail(pad, begun, stack)
    assert repair(pad, "key", rerun=("ValueError",)).rerun == (first,)
    assert (_state(pad, first), _state(pad, second)) == ("READY", "WAITING")


def test_a_failure_for_want_of_disk_space_is_no_failure_of_the_job(pad):
    first, _ = _submit(pad)
    _fail(pad, _run(pad, None), "Traceback (most recent call last):\nOSError: [Errno 28] No space left on device\n")
    assert repair(pad, "key") == RepairReport(rerun=(first,))


def test_an_output_on_disk_is_stored_before_its_job_runs_again(pad, database, tmp_path):
    store = job_store(database)
    store.connect()
    first, _ = _submit(pad)
    uuid = pad.fireworks.find_one({"fw_id": first})["spec"]["_tasks"][0]["job"]["uuid"]
    document = {"uuid": uuid, "index": 1, "output": {"values": [1, 2]}, "completed_at": "2026", "metadata": {}}
    path = save_output(tmp_path, {**document, "hosts": [], "name": "note"}, {"data": ["values"]})
    pad.checkout_fw(FWorker("w", env={WORKER_ENV: ALIVE.as_dict()}), str(tmp_path))
    assert repair(pad, "key", store) == RepairReport(), "a live job delivers its output itself"
    pad.launches.update_one({}, {"$set": {f"fworker.env.{WORKER_ENV}": DEAD.as_dict()}})
    assert repair(pad, "other", store) == RepairReport()
    assert repair(pad, "key", store) == RepairReport(stored=(first,), put_back=(first,))
    assert store.get_output(uuid, load=True) == {"values": [1, 2]}
    assert not path.exists()
    assert repair(pad, "key", store) == RepairReport()


def test_a_result_that_an_outage_made_fireworks_call_a_failure_is_applied_once_more(pad):
    first, second = _submit(pad)
    launch_id = _run(pad, DEAD)
    pad.launches.update_one({"launch_id": launch_id}, {"$set": {"state": "COMPLETED", "action": FWAction().to_dict()}})
    pad.fireworks.update_one({"fw_id": first}, {"$set": {"state": "FIZZLED"}})
    pad.workflows.update_one({}, {"$set": {"state": "FIZZLED", f"fw_states.{first}": "FIZZLED"}})
    assert repair(pad, "key") == RepairReport(refreshed=(first,))
    assert (_state(pad, first), _state(pad, second)) == ("COMPLETED", "READY")
    pad.fireworks.update_one({"fw_id": first}, {"$set": {"state": "FIZZLED"}})
    assert repair(pad, "key") == RepairReport(), "it was not the outage"
