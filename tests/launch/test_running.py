"""The live document of a training: written by its job, read by `superionic status`."""

import time
from datetime import UTC, datetime, timedelta

import pymongo
import pytest
from jobflow import JobStore
from maggma.stores import MemoryStore, MongoStore

from superionic.database import live
from superionic.database.live import MD_RUNS, TRAININGS, LiveDocument
from superionic.database.stores import collection, job_store
from superionic.launch.running import running_md, running_trainings
from superionic.training.progress import HeadErrors, Phase, TrainingProgress
from superionic.transport.progress import MDPhase, MDProgress

FIXED = {
    "name": "train: multihead",
    "spec_key": "spec",
    "hostname": "node7",
    "folder": "/scratch/t",
    "train_fraction": 1,
}
TARGET = HeadErrors(loss=0.1, energy_rmse_meV_per_atom=2.5, force_rmse_meV_per_A=40.0)


def progress(phase=Phase.TRAINING, epoch=4):
    return TrainingProgress(phase, epoch, 500, heads={"target": TARGET}, best_epoch=3, seconds_left_at_most=120.0)


@pytest.mark.integration
def test_running_training_is_shown_until_it_ends(database):
    store = job_store(database)
    store.connect()
    document = LiveDocument(store, TRAININGS, "key", FIXED)
    document.show(progress().as_dict())
    document.show(progress(epoch=5).as_dict())  # a moment later: not worth a write
    (found,) = running_trainings(database, "spec")
    assert (found.name, found.hostname, found.progress) == ("train: multihead", "node7", progress())
    assert not found.silent
    assert found.describe() == "epoch 5/500, target 2.5 meV/atom 40 meV/A, best 4, at most 2 min left"
    assert found.as_dict()["progress"]["heads"]["target"]["loss"] == 0.1
    assert running_trainings(database, "another") == []
    old = datetime.now(UTC) - timedelta(minutes=7)
    collection(database, TRAININGS).update_one({}, {"$set": {"updated_at": old}})
    assert "no news for 7 min" in running_trainings(database, None)[0].describe()
    document.show(progress(Phase.FINISHED).as_dict(), last=True)
    assert running_trainings(database, "spec") == []
    assert collection(database, TRAININGS).count_documents({}) == 1


@pytest.mark.integration
def test_running_md_is_shown_until_it_is_left(database):
    store = job_store(database)
    store.connect()
    found = MDProgress(MDPhase.RUNNING, 800.0, 500.0, 1, 1000, 1.0, 790.0, 2.0, 60.0)
    LiveDocument(store, MD_RUNS, "a", FIXED).show(found.as_dict())
    LiveDocument(store, MD_RUNS, "b", FIXED).show(MDProgress(MDPhase.PAUSED, 800.0, 500.0).as_dict())
    assert [work.progress for work in running_md(database, "spec")] == [found]
    assert running_trainings(database, "spec") == []


@pytest.mark.parametrize("store", [None, JobStore(MemoryStore())])
def test_without_a_database_nothing_is_written(store):
    document = LiveDocument(store, TRAININGS, "key", FIXED)
    document.show(progress().as_dict(), last=True)
    assert document._collection is None


def test_unreachable_database_costs_a_moment_and_no_more(monkeypatch, caplog):
    monkeypatch.setattr(live, "TIMEOUT_S", 0.2)
    store = JobStore(MongoStore("db", "outputs", host="127.0.0.1", port=9))
    store.docs_store._coll = pymongo.MongoClient("127.0.0.1", 9)["db"]["outputs"]
    document = LiveDocument(store, TRAININGS, "key", FIXED)
    started = time.monotonic()
    for _ in range(5):
        document.show(progress().as_dict())
    assert time.monotonic() - started < 1.5
    assert len(caplog.records) == 1
    assert "could not be written" in caplog.text
