"""Outputs survive a database that is away, a disk that is full, and workers that die in between."""

import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from pymongo.errors import AutoReconnect

from superionic.database import outages
from superionic.database.jobs import stage_job
from superionic.database.outages import persistently
from superionic.database.saved_outputs import Arrival, arrival, deliver, find_outputs, read_output, save_output
from superionic.errors import DatabaseError

OUTPUT = {
    "uuid": "u",
    "index": 1,
    "output": {"a": 1.5, "values": [1, 2, 3]},
    "completed_at": "2026-01-01T00:00:00",
    "metadata": {},
    "hosts": [],
    "name": "x",
}
SAVE = {"data": ["values"]}


@stage_job(data=["values"])
def compute(number):
    return {"number": number, "values": [number] * 3}


@pytest.fixture
def store():
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    store.connect()
    return store


@pytest.fixture(autouse=True)
def _quick(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(outages.time, "sleep", lambda _: None)


def failing(store, monkeypatch, times, error=None):
    """Let the database refuse some updates, and note what lay on disk then."""
    seen, update = [], store.docs_store.update

    def refuse(*args, **options):
        seen.append([read_output(path).document["output"] for path in find_outputs(store.folder)])
        if len(seen) <= times:
            raise error or AutoReconnect("away")
        update(*args, **options)

    monkeypatch.setattr(store.docs_store, "update", refuse)
    return seen


def test_the_output_is_on_disk_whole_before_the_database_is_asked_and_gone_after(store, monkeypatch, tmp_path):
    store.folder = tmp_path
    seen = failing(store, monkeypatch, times=3)
    job = compute(7)
    run_locally(job, store=store, ensure_success=True)
    assert seen == [[{"number": 7, "values": [7, 7, 7]}]] * 4
    assert store.get_output(job.uuid, load=True) == {"number": 7, "values": [7, 7, 7]}
    assert find_outputs(tmp_path) == []


def test_what_the_database_never_took_is_adopted_from_disk_later(store, monkeypatch, tmp_path):
    store.folder = tmp_path
    with monkeypatch.context() as patch:
        failing(store, patch, times=1, error=ValueError("broken"))
        job = compute(7)
        run_locally(job, store=store)
    (path,) = find_outputs(tmp_path)
    saved = read_output(path)
    assert arrival(store, saved) is Arrival.MISSING
    assert deliver(store, saved)
    assert store.get_output(job.uuid, load=True) == {"number": 7, "values": [7, 7, 7]}
    assert not path.exists()
    assert not deliver(store, saved), "a second time there is nothing to do"
    assert store.count() == 1


def test_a_document_without_its_arrays_is_completed(store, tmp_path):
    saved = read_output(save_output(tmp_path, OUTPUT, SAVE))
    store.update(dict(OUTPUT), key=["uuid", "index"], save=SAVE)
    store.additional_stores["data"].remove_docs({})
    assert arrival(store, saved) is Arrival.PARTLY
    assert deliver(store, saved)
    assert arrival(store, saved) is Arrival.ARRIVED
    assert store.get_output("u", load=True) == OUTPUT["output"]


def test_a_newer_output_of_the_same_job_is_kept(store, tmp_path):
    newer = {**OUTPUT, "output": {"a": 2}, "completed_at": "2026-01-02T00:00:00"}
    store.update(newer, key=["uuid", "index"])
    assert not deliver(store, read_output(save_output(tmp_path, OUTPUT, SAVE)))
    assert store.get_output("u") == {"a": 2}


def test_a_disk_that_refuses_does_not_fail_the_job(store, monkeypatch, tmp_path):
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    job = compute(7)
    run_locally(job, store=store, ensure_success=True)
    assert store.get_output(job.uuid, load=True)["values"] == [7, 7, 7]
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_named(tmp_path):
    path = save_output(tmp_path, OUTPUT, SAVE)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DatabaseError, match="damaged"):
        read_output(path)


def test_patience_ends_and_other_errors_end_it_at_once(monkeypatch):
    now = iter(range(0, 10000, 100))
    monkeypatch.setattr(outages.time, "monotonic", lambda: next(now))
    calls = []

    def away():
        calls.append(1)
        raise AutoReconnect

    with pytest.raises(AutoReconnect):
        persistently(away, "test", patience_s=550)
    assert len(calls) == 4
    with pytest.raises(AutoReconnect):
        persistently(away, "test", stop=lambda: True)
    assert len(calls) == 5
    with pytest.raises(ZeroDivisionError):
        persistently(lambda: 1 // 0, "test")
