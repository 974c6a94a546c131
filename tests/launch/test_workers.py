"""Campaigns with real worker processes, and what happens when those are interrupted or killed."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import campaign_jobs
import pytest
from bson import json_util
from campaign_jobs import traces
from fireworks import FWAction, FWorker
from jobflow import SETTINGS, Flow

from superionic.database.files import wait_until
from superionic.database.local import server_status
from superionic.database.processes import identify
from superionic.database.stores import (
    collection,
    job_store,
    mongo_database,
    open_database,
    resolve_database,
    server_home,
)
from superionic.launch.interrupts import STOP_SIGNALS, Interrupts
from superionic.launch.launchpad import launchpad
from superionic.launch.pool import worker_command
from superionic.launch.queue_entries import worker_environment
from superionic.launch.reconcile import repair
from superionic.launch.submit import submit_flow
from superionic.launch.worker import run_next
from superionic.launch.worker_pad import WorkerLaunchPad
from superionic.launch.workers import Pace, run_workers

RUNNER = """
import sys
from pathlib import Path
from superionic.database.stores import open_database
from superionic.launch.workers import run_workers
if __name__ == "__main__":
    project = Path(sys.argv[1])
    with open_database(project, "local", database=sys.argv[2]) as database:
        outcome = run_workers(database, 2, "key", Path(sys.argv[3]))
    print(outcome.interrupted, outcome.status.finished, flush=True)
"""

CAMPAIGN = """
import sys
from pathlib import Path
import campaign_jobs
from jobflow import Flow
from superionic.database.stores import open_database
from superionic.launch.interrupts import STOP_SIGNALS, Interrupts
from superionic.launch.launchpad import launchpad
from superionic.launch.queue_entries import worker_environment
from superionic.launch.submit import submit_flow
from superionic.launch.workers import run_workers
project, key, folder = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with open_database(project, "local") as database:
    spread = campaign_jobs.spread(folder, 3)
    flow = Flow([spread, campaign_jobs.gather(folder, [spread.output])])
    submit_flow(flow, launchpad(database), key, key)
    outcome = run_workers(database, 1, key, project / "launch")
print(database.uri, outcome.status.succeeded, outcome.status.total.completed, flush=True)
"""


def _start_runner(project, database_name, launch_dir):
    command = [sys.executable, "-c", RUNNER, str(project), database_name, str(launch_dir)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _start_campaign(project, key, folder):
    """A process that submits a campaign and runs it, as the command line does."""
    folder.mkdir()
    command = [sys.executable, "-c", CAMPAIGN, str(project), key, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _begun(folder):
    """Process ids in the lines that slow jobs leave when they begin."""
    lines = [line.split() for line in traces(folder) if line.startswith("begin ")]
    return [int(pid) for words in lines for pid in words[2:] if pid != "0"]


def _all_gone(pids, timeout_s=20):
    return wait_until(lambda: not any(identify(pid) for pid in pids), timeout_s)


def _interruptible_flow(folder):
    slow = [campaign_jobs.slow_once(folder, name, 60) for name in ("a", "b")]
    quick = campaign_jobs.note(folder, "quick")
    quick.update_config({"manager_config": {"_priority": 9}})
    return Flow([quick, *slow, campaign_jobs.gather(folder, [quick.output, *(job.output for job in slow)])])


def _check_finished_after_interruption(folder, outcome, database):
    assert outcome.status.succeeded
    counts = Counter(" ".join(line.split()[:2]) for line in traces(folder))
    assert counts == {"quick": 1, "begin a": 2, "end a": 1, "begin b": 2, "end b": 1, "gather": 1}
    outputs = list(collection(database, "outputs").find())
    assert Counter(document["uuid"] for document in outputs).most_common(1)[0][1] == 1
    assert next(d["output"] for d in outputs if d["name"] == "gather") == ["quick", "a", "b"]


@pytest.mark.integration
def test_a_campaign_on_a_server_with_password_survives_failures_and_a_killed_worker(database, tmp_path, importable):
    folder = str(tmp_path)
    admin = mongo_database(database).client.admin
    admin.command({"createUser": "ann", "pwd": "s3cret", "roles": ["readWriteAnyDatabase"]})
    try:
        uri = database.uri.replace("mongodb://", "mongodb://ann:s3cret@")
        choice = resolve_database(tmp_path, uri, database=database.database)
        pad = launchpad(choice)
        spread, bad = campaign_jobs.spread(folder, 4), campaign_jobs.fail("broken: on purpose")
        deadly = campaign_jobs.die_once(folder, "x")
        last = campaign_jobs.gather(folder, [spread.output, bad.output, deadly.output])
        submit_flow(Flow([spread, bad, deadly, last]), pad, "key", "name")
        progress = []
        outcome = run_workers(choice, 2, "key", tmp_path / "a launch dir", on_progress=progress.append)
    finally:
        admin.command("dropUser", "ann")

    assert (outcome.status.total.completed, outcome.status.total.failed) == (8, 1)
    assert outcome.status.failures[0].cause == "ValueError"
    assert (outcome.n_restarts, len(outcome.repaired.put_back), outcome.problem) == (1, 1, None)
    assert progress[-1] == outcome.status
    assert Counter(traces(folder)) == {"spread": 1, "die x": 2, "gather": 1, **{f"part{i}": 1 for i in range(4)}}

    store = job_store(database)
    store.connect()
    assert store.count() == 8
    assert store.get_output(last.uuid) == [["part0", "part1", "part2", "part3"], None, "x"]

    queue = mongo_database(database)
    everything = json_util.dumps([list(queue[name].find()) for name in queue.list_collection_names()])
    written = [path.read_text(errors="replace") for path in (tmp_path / "a launch dir").rglob("*") if path.is_file()]
    assert len(written) > 8
    assert "s3cret" not in everything + "".join(written) + str(worker_command(choice, "key", tmp_path))


@pytest.mark.integration
def test_after_ctrl_c_nothing_is_left_and_the_next_run_goes_on(database, pad, tmp_path, importable):
    folder = str(tmp_path)
    submit_flow(_interruptible_flow(folder), pad, "key", "name")
    runner = _start_runner(database.project, database.database, tmp_path / "launch")
    assert wait_until(lambda: len(_begun(folder)) == 4, 60)
    runner.send_signal(signal.SIGINT)
    assert runner.communicate(timeout=40)[0] == "True False\n"
    assert _all_gone(_begun(folder), 1)  # workers and the programs of their jobs
    assert Counter(job["state"] for job in pad.fireworks.find()) == {"COMPLETED": 1, "READY": 2, "WAITING": 1}
    assert set(pad.launches.distinct("action.stored_data._superionic_loss")) == {"interrupted"}
    _check_finished_after_interruption(folder, run_workers(database, 2, "key", tmp_path / "launch"), database)


@pytest.mark.integration
def test_kill_9_of_the_parent_ends_workers_and_server_and_the_next_run_goes_on(tmp_path, importable):
    folder, project = str(tmp_path), tmp_path / "my project"
    with open_database(project, "local") as database:
        submit_flow(_interruptible_flow(folder), launchpad(database), "key", "name")
    runner = _start_runner(project, database.database, project / "launch")
    assert wait_until(lambda: len(_begun(folder)) == 4, 60)
    runner.kill()
    runner.communicate()
    assert _all_gone(_begun(folder))
    assert wait_until(lambda: server_status(server_home(project)).server is None, 20)
    with open_database(project, "local") as database:
        pad = launchpad(database)
        assert Counter(job["state"] for job in pad.fireworks.find()) == {"COMPLETED": 1, "READY": 2, "WAITING": 1}
        _check_finished_after_interruption(folder, run_workers(database, 2, "key", project / "launch"), database)


@pytest.mark.integration
def test_two_campaigns_started_at_once_in_one_folder_share_a_server_and_both_finish(tmp_path, importable):
    project = tmp_path / "my project"
    runners = [_start_campaign(project, key, tmp_path / key) for key in ("one", "two")]
    answers = [runner.communicate(timeout=90)[0].split() for runner in runners]
    assert answers[0] == answers[1]
    assert answers[0][1:] == ["True", "6"]
    for key in ("one", "two"):
        assert Counter(traces(tmp_path / key)) == {"spread": 1, "part0": 1, "part1": 1, "part2": 1, "gather": 1}
    assert server_status(server_home(project)).server is None


@pytest.mark.integration
def test_a_killed_server_is_started_again_and_the_campaign_finishes(tmp_path, importable):
    folder = str(tmp_path)
    with open_database(tmp_path, "local") as database:
        jobs = [campaign_jobs.slow(folder, str(i), 1.5) for i in range(3)]
        submit_flow(Flow(jobs), launchpad(database), "key", "name")

        def kill():
            wait_until(lambda: _begun(folder), 60)
            os.kill(server_status(database.home).server.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        outcome = run_workers(database, 1, "key", tmp_path / "launch")
        killer.join()
        assert outcome.status.succeeded
        assert collection(database, "outputs").count_documents({}) == 3


@pytest.mark.integration
def test_a_job_that_ignores_the_interruption_is_killed_and_put_back(database, pad, tmp_path, importable):
    submit_flow(Flow([campaign_jobs.stubborn(str(tmp_path), 60)]), pad, "key", "name")
    stop = threading.Event()
    watch = threading.Thread(target=lambda: wait_until(lambda: _begun(tmp_path), 60) and stop.set())
    watch.start()
    outcome = run_workers(database, 1, "key", tmp_path / "launch", stop_event=stop, pace=Pace(grace_s=0.5))
    watch.join()
    assert outcome.interrupted
    assert not outcome.timed_out
    assert _all_gone(_begun(tmp_path), 1)
    assert [job["state"] for job in pad.fireworks.find()] == ["READY"]
    assert repair(pad, "key").changed is False


@pytest.mark.integration
def test_workers_that_keep_dying_are_not_replaced_for_ever(database, pad, tmp_path, importable):
    submit_flow(Flow([campaign_jobs.die_once(str(tmp_path), "x")]), pad, "key", "name")
    outcome = run_workers(database, 1, "key", tmp_path / "launch", max_restarts=0)
    assert "keep dying" in outcome.problem
    assert "worker-" in outcome.problem
    assert outcome.status.total.ready == 1
    assert (outcome.interrupted, outcome.timed_out, outcome.n_restarts) == (False, False, 0)


@pytest.mark.integration
def test_idle_workers_leave_and_are_not_replaced(database, pad, tmp_path, importable):
    submit_flow(Flow([campaign_jobs.note(str(tmp_path), "x")]), pad, "key", "name")
    outcome = run_workers(database, 1, "key", tmp_path / "launch", categories=("other",), idle_s=0.2)
    assert (outcome.problem, outcome.interrupted, outcome.timed_out, outcome.n_restarts) == (None, False, False, 0)
    assert outcome.status.total.ready == 1
    assert traces(tmp_path) == []


@pytest.mark.integration
def test_a_finished_campaign_starts_no_worker(database, pad, tmp_path):
    outcome = run_workers(database, 2, "nothing", tmp_path / "launch")
    assert outcome.status.finished
    assert list((tmp_path / "launch" / "logs").iterdir()) == []


@pytest.mark.integration
def test_a_worker_takes_only_its_campaign_and_categories(database, pad, tmp_path, monkeypatch):
    monkeypatch.setattr(SETTINGS, "JOB_STORE", job_store(database))
    for campaign in ("mine", "other"):
        jobs = [campaign_jobs.note(str(tmp_path), f"{campaign} {kind}") for kind in ("cpu", "gpu")]
        for job, kind in zip(jobs, ("cpu", "gpu"), strict=True):
            job.update_config({"manager_config": {"_category": kind}})
        submit_flow(Flow(jobs), pad, campaign, campaign)
    worker = FWorker("w", ["gpu"], {"spec.campaign": "mine"}, worker_environment())
    queue = WorkerLaunchPad(**pad.to_dict())
    queue.interrupts = Interrupts()
    here = Path.cwd()
    try:
        ran = [run_next(queue, worker, tmp_path) for _ in range(2)]
    finally:
        os.chdir(here)
    assert ran == [True, False]
    assert traces(tmp_path) == ["mine gpu"]
    (folder,) = tmp_path.glob("launcher_*")
    assert (folder / "FW.json").exists()


@pytest.mark.integration
def test_a_job_that_lost_the_database_runs_again_but_not_for_ever(database, pad, tmp_path):
    submit_flow(Flow([campaign_jobs.note(str(tmp_path), "x")]), pad, "key", "name")
    queue = WorkerLaunchPad(**pad.to_dict())
    stack = "Traceback (most recent call last):\n  File x\npymongo.errors.AutoReconnect: connection closed\n"
    states = []
    for _ in range(3):
        _, launch_id = queue.checkout_fw(FWorker("w"), str(tmp_path))
        stored = {"_exception": {"_stacktrace": stack, "_details": None}}
        queue.complete_launch(launch_id, FWAction(stored_data=stored, exit=True), "FIZZLED")
        states.append(pad.fireworks.find_one({})["state"])
    assert states == ["READY", "READY", "FIZZLED"]


@pytest.fixture
def interrupts():
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    handler = Interrupts()
    handler.install()
    yield handler
    for number, previous in before.items():
        signal.signal(number, previous)


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_signals_reach_jobs_but_never_the_bookkeeping(interrupts, number):
    signal.raise_signal(number)  # outside of a job: only noted
    assert interrupts.requested
    interrupts.requested = False
    cleaned_up = []

    def job():
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)  # a second one does not disturb the cleaning up
            cleaned_up.append(True)

    with pytest.raises(KeyboardInterrupt), interrupts.inside_job():
        job()
    assert cleaned_up
    with pytest.raises(KeyboardInterrupt), interrupts.inside_job():
        pytest.fail("a job was begun after the request to stop")
