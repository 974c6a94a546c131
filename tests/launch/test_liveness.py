"""When a run counts as lost: never while any sign of life may exist."""

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from superionic.database.processes import current_process
from superionic.launch.batch_queue import BATCH_ENV, BatchQueue, BatchSystem, batch_job, read_batch_queue
from superionic.launch.liveness import Limits, judge, limits
from superionic.launch.queue_entries import WORKER_ENV, LossCause, code_number, loss_named_in, readable_jobs

ALIVE = current_process()
ELSEWHERE = replace(ALIVE, host="node17", boot="another")
LIMIT = Limits(600, 14400)
FOREVER = float("inf")


def launch(worker=None, silent_s=0.0, batch=None, reservation=None):
    """A run as FireWorks stores it."""
    beat = (datetime.now(UTC) - timedelta(seconds=silent_s)).isoformat()
    history = [{"state": "RESERVED", "reservation_id": reservation}] if reservation else []
    env = {} if worker is None else {WORKER_ENV: worker.as_dict()}
    env |= {} if batch is None else {BATCH_ENV: batch}
    return {
        "host": "node17",
        "fworker": {"env": env},
        "state_history": [*history, {"state": "RUNNING", "updated_on": beat}],
    }


def queue(*jobs, hosts=()):
    return BatchQueue(BatchSystem.SLURM, frozenset(jobs), frozenset(hosts))


def test_a_process_of_this_machine_decides_whatever_the_heartbeat_says():
    assert judge(launch(ALIVE, silent_s=1e6), queue(), LIMIT, FOREVER).lost is False
    dead = judge(launch(replace(ALIVE, started="1")), queue(), LIMIT, FOREVER)
    assert (dead.lost, dead.cause) == (True, LossCause.WORKER_DIED)


@pytest.mark.parametrize(
    "run",
    [
        launch(ELSEWHERE, 1e6, batch={"system": "slurm", "job": "17"}),
        launch(None, 1e6, reservation="17"),
    ],
    ids=["worker of superionic", "qlaunch -r"],
)
def test_a_run_whose_batch_job_is_in_the_queue_lives(run):
    assert judge(run, queue("17"), LIMIT, FOREVER).lost is False


def test_a_run_whose_batch_job_has_left_is_lost_once_it_is_silent():
    batch = {"system": "slurm", "job": "17"}
    assert judge(launch(ELSEWHERE, 10, batch), queue("18"), LIMIT, FOREVER).lost is None
    gone = judge(launch(ELSEWHERE, 200, batch), queue("18"), LIMIT, FOREVER)
    assert (gone.lost, gone.cause) == (True, LossCause.LEFT_BATCH_QUEUE)


def test_a_batch_job_of_another_system_says_nothing():
    run = launch(ELSEWHERE, 200, {"system": "pbs", "job": "17"})
    assert judge(run, queue("18"), LIMIT, FOREVER).lost is None


def test_without_a_batch_queue_the_heartbeat_decides_and_workers_of_fireworks_beat_slowly():
    assert judge(launch(ELSEWHERE, 700), None, LIMIT, FOREVER).lost is True
    assert judge(launch(None, 700), None, LIMIT, FOREVER).lost is None
    assert judge(launch(None, 15000), None, LIMIT, FOREVER).lost is True
    assert judge(launch(None, 15000), queue(hosts=["node17"]), LIMIT, FOREVER).lost is None


def test_heartbeats_that_could_not_arrive_do_not_count():
    assert judge(launch(ELSEWHERE, 700), None, LIMIT, server_age_s=60).lost is None


def test_limits_follow_the_heartbeat_of_fireworks(monkeypatch):
    settings = type("Settings", (), {"ping_s": 3600.0})()
    monkeypatch.setattr("superionic.launch.liveness.fireworks_settings", lambda: settings)
    assert limits(None) == Limits(600, 14400)
    assert limits(5) == Limits(5, 5)


def program(folder, name, text):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"PATH": str(folder)}


def test_squeue_is_read(tmp_path):
    environ = program(tmp_path, "squeue", 'echo "17 node17.cluster"; echo "18 n/a"')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        found = read_batch_queue(environ)
    assert found == queue("17", "18", hosts=["node17"])
    assert found.holds("17.server")
    assert found.runs_on("node17")
    assert not found.runs_on("node1")


PBS = """
                                                            Req'd  Req'd   Elap
Job ID          Username Queue    Jobname    SessID NDS TSK Memory Time  S Time
--------------- -------- -------- ---------- ------ --- --- ------ ----- - -----
123.pbs         ann      batch    fw           1234   1   1    --  01:00 R 00:10
124[1].pbs      ann      batch    fw             --   1   1    --  01:00 Q   --
125.pbs         ann      batch    fw           1235   1   1    --  01:00 C 00:10
"""


def test_qstat_is_read(tmp_path):
    environ = program(tmp_path, "qstat", f"cat <<'X'\n{PBS}\nX")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        found = read_batch_queue(environ)
        sge = read_batch_queue({**environ, "SGE_ROOT": "/sge"})
    assert (found.system, found.jobs) == (BatchSystem.PBS, {"123", "124"})
    assert sge.system is BatchSystem.SGE


def test_a_batch_system_that_does_not_answer_says_nothing(tmp_path):
    environ = program(tmp_path, "squeue", "exit 1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        assert read_batch_queue(environ) is None
    assert read_batch_queue({"PATH": "/nowhere"}) is None


def test_a_worker_knows_its_batch_job():
    assert batch_job({"SLURM_JOB_ID": "5"}) == {"system": "slurm", "job": "5"}
    assert batch_job({"PBS_JOBID": "5[3].pbs"}) == {"system": "pbs", "job": "5"}
    assert batch_job({"JOB_ID": "5"}) == {}
    assert batch_job({"JOB_ID": "5", "SGE_ROOT": "/sge"}) == {"system": "sge", "job": "5"}


def test_causes_that_are_not_the_jobs_own():
    assert loss_named_in("Traceback\n  File x\nOSError: [Errno 28] No space left on device\n") is LossCause.DISK_FULL
    assert loss_named_in("pymongo.errors.AutoReconnect: closed") is LossCause.DATABASE_AWAY
    assert loss_named_in("KeyboardInterrupt") is LossCause.INTERRUPTED
    assert loss_named_in("ValueError: [Errno 28]") is None


def test_jobs_of_newer_releases_are_left_alone(monkeypatch):
    assert code_number("0.9.12") < code_number("0.10.0") < code_number("1.0")
    monkeypatch.setattr("superionic.__version__", "0.2.1")
    assert readable_jobs("key") == {"spec.campaign": "key", "spec.superionic_code": {"$not": {"$gt": 2001}}}
