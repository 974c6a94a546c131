"""The server is asked how it answers every query of a small campaign: none may read a whole collection that grows."""

from contextlib import contextmanager

import campaign_jobs
import pytest
from fireworks import FWorker
from fireworks.core.rocket_launcher import rapidfire
from jobflow import SETTINGS, Flow

from superionic.database.indexes import ensure_indexes, ensure_progress_indexes
from superionic.database.live import MD_RUNS, TRAININGS
from superionic.database.queries import lineage
from superionic.database.stores import job_store, mongo_database
from superionic.errors import InputError
from superionic.launch.inspection import ready_jobs, served_categories
from superionic.launch.labels import refused_jobs, retry_labels
from superionic.launch.launchpad import campaign_is_finished
from superionic.launch.queue_entries import readable_jobs, worker_environment
from superionic.launch.reconcile import repair
from superionic.launch.running import running_md, running_trainings
from superionic.launch.status import campaign_status
from superionic.launch.submit import list_campaigns, submit_flow
from superionic.launch.worker_pad import WorkerLaunchPad

pytestmark = pytest.mark.integration
DO_NOT_GROW = {"fw_id_assigner", "superionic_campaigns", "specs", "system.profile"}


@contextmanager
def profiled(documents):
    """Let the server keep every operation on a database."""
    documents.command("profile", 0)
    documents["system.profile"].drop()
    documents.create_collection("system.profile", capped=True, size=20_000_000)
    documents.command("profile", 2)
    try:
        yield documents["system.profile"]
    finally:
        documents.command("profile", 0)
        documents["system.profile"].drop()


def whole_reads(profile):
    """Operations that read a whole collection that grows."""
    found = profile.find({"planSummary": {"$regex": "COLLSCAN"}}, {"ns": 1, "command": 1})
    names = [(entry["ns"].partition(".")[2], entry.get("command")) for entry in found]
    return [f"{name}: {str(command)[:300]}" for name, command in names if name not in DO_NOT_GROW]


def test_no_query_reads_a_whole_collection(database, pad, tmp_path, monkeypatch):
    store, documents = job_store(database), mongo_database(database)
    ensure_indexes(store)
    ensure_progress_indexes(documents)
    store.connect()
    monkeypatch.setattr(SETTINGS, "JOB_STORE", store)
    monkeypatch.chdir(tmp_path)
    notes = campaign_jobs.spread(str(tmp_path), 3)
    flow = Flow([notes, campaign_jobs.fail("broken"), campaign_jobs.gather(str(tmp_path), [notes.output])])
    flow.update_config({"_set": {"manager_config->_category": "cpu"}}, dict_mod=True)
    for name in (TRAININGS, MD_RUNS):
        documents[name].insert_one({"_id": "x", "phase": "ended", "spec_key": "other"})
    with profiled(documents) as profile:
        submit_flow(flow, pad, "key", "name")
        worker = WorkerLaunchPad(**pad.to_dict())
        fworker = FWorker("w", ["cpu", "gpu"], readable_jobs("key"), worker_environment())
        rapidfire(worker, fworker, nlaunches=0, sleep_time=0, strm_lvl="CRITICAL")
        assert campaign_is_finished(pad, "key")
        assert campaign_status(pad, "key").total.completed >= 4
        repair(pad, "key", settling_s=0)
        outputs = documents["outputs"]
        assert refused_jobs(outputs, "key") == []
        retry_labels(pad, outputs, "key")
        with pytest.raises(InputError):
            lineage(outputs, "no such key")
        assert running_md(database, "key") == running_trainings(database, "key") == []
        assert len(list_campaigns(pad)) == 1
        ready_jobs(pad), served_categories(pad)
        assert profile.count_documents({"planSummary": {"$regex": "IXSCAN"}}) > 50, (
            "the profile is that of the campaign"
        )
        assert whole_reads(profile) == []
