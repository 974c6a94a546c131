"""The builders on a real server, fed by a real jobflow store."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from jobflow import Flow, JobStore, run_locally
from monty.serialization import dumpfn

from superionic.builders import RECIPES, build_all, query_store
from superionic.builders.shell import DocumentBuilder
from superionic.database.indexes import ensure_indexes
from superionic.database.jobs import stage_job
from superionic.database.stores import job_store, mongo_database
from superionic.training.schemas import ModelDoc

pytestmark = pytest.mark.integration


@pytest.fixture
def store(database) -> JobStore:
    found = job_store(database)
    ensure_indexes(found)
    return found


def _rows(database, name):
    return list(mongo_database(database)[name].find({}, sort=[("key", 1)]))


def test_from_jobs_to_rows_and_only_what_changed(database, store, documents, stored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    @stage_job(models=["model_blob"], output_schema=ModelDoc)
    def train():
        return documents["model"]()

    jobs = [train(), train()]
    run_locally(Flow(jobs), store=store, log=False)
    store.connect()
    store.docs_store.update([stored(documents["label"]()), stored(documents["refused_label"]())], key=["uuid", "index"])

    first = build_all(store.docs_store)
    assert {name: (c.built, c.failed) for name, c in first.collections.items()} == {
        "conductivities": (0, 0),
        "phase_diagrams": (0, 0),
        "learning_curves": (0, 0),
        "models": (1, 0),
        "labels": (2, 0),
    }
    (model,) = _rows(database, "models")
    assert len(model["raw_ids"]) == 2
    assert model["test_force_rmse_meV_per_A"] == 60.0
    assert [row["accepted"] for row in _rows(database, "labels")] == [True, False]

    # the caller's store stays usable, and nothing is built twice
    assert build_all(store.docs_store).built == 0
    store.docs_store.update([stored(documents["conductivity"]())], key=["uuid", "index"])
    assert build_all(store.docs_store).built == 1


def test_simultaneous_builders_do_not_double_rows(database, store, documents, stored):
    store.connect()
    docs = [stored(documents["label"](f"l{n}")) for n in range(40)]
    store.docs_store.update(docs, key=["uuid", "index"])
    errors = []

    def build():
        own = job_store(database).docs_store
        try:
            build_all(own)
        except Exception as error:  # noqa: BLE001 (reported below)
            errors.append(error)

    threads = [threading.Thread(target=build) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(_rows(database, "labels")) == 40


def test_indexes_exist_and_the_key_is_unique(database, store):
    build_all(store.docs_store)
    for name in RECIPES:
        indexes = mongo_database(database)[name].index_information()
        assert indexes["key_1"]["unique"]
        assert "spec_keys_1" in indexes
    # both parts of the package may make their indexes in any order
    ensure_indexes(store)


def test_builder_runs_under_maggma(database, store, documents, stored):
    store.connect()
    store.docs_store.update([stored(documents["label"]())], key=["uuid", "index"])
    builder = DocumentBuilder(store.docs_store, query_store(store.docs_store, "labels"), "labels")
    again = DocumentBuilder.from_dict(builder.as_dict())
    again.run()
    assert len(_rows(database, "labels")) == 1


def test_mrun_builds_in_parallel(database, store, documents, stored, tmp_path):
    store.connect()
    store.docs_store.update([stored(documents["label"](f"l{n}")) for n in range(30)], key=["uuid", "index"])
    builder = DocumentBuilder(store.docs_store, query_store(store.docs_store, "labels"), "labels", chunk_size=10)
    dumpfn(builder, tmp_path / "labels.json")
    command = [Path(sys.executable).with_name("mrun"), "--no_bars", "-n", "2", tmp_path / "labels.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = _rows(database, "labels")
    assert len(rows) == 30
    assert {row["state"] for row in rows} == {"successful"}


def test_the_page_on_collections_lists_all_indexes(database, store):
    build_all(store.docs_store)
    documents = mongo_database(database)
    made = {
        (name, ", ".join(field for field, _ in index["key"]))
        for name in ("outputs", *RECIPES)
        for index in documents[name].index_information().values()
        if "_id" not in dict(index["key"])
    }
    page = (Path(__file__).parents[2] / "docs/reference/collections.md").read_text()
    rows = re.findall(r"^\| (`\w+`|all query collections) \| `([^`]+)`(?: \(unique\))? \|$", page, re.MULTILINE)
    named = {(name.strip("`"), index) for name, index in rows}
    shared = {(name, index) for group, index in named if group == "all query collections" for name in RECIPES}
    assert {entry for entry in named if entry[0] != "all query collections"} | shared == made
