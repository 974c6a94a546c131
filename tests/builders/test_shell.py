import logging

import pytest
from maggma.stores import MemoryStore

from superionic.builders import RECIPES, DocumentBuilder, Recipe, build_all, query_store
from superionic.errors import DatabaseError, InputError


class Stores:
    """Job outputs and query collections in memory."""

    def __init__(self):
        self.outputs = MemoryStore("outputs", key="uuid")
        self.outputs.connect()
        self.targets = {name: MemoryStore(name, key="key") for name in RECIPES}

    def put(self, *docs):
        self.outputs.update(list(docs), key=["uuid", "index"])

    def build(self, **options):
        return build_all(self.outputs, self.targets, **options)

    def rows(self, name, criteria=None):
        return list(self.targets[name].query(criteria or {}, sort={"key": 1}))


@pytest.fixture
def stores():
    return Stores()


def test_second_run_builds_only_what_is_new(stores, documents, stored):
    stores.put(stored(documents["conductivity"]()), stored(documents["label"]()), stored(documents["model"]()))
    first = stores.build()
    assert {name: counts.built for name, counts in first.collections.items()} == {
        "conductivities": 1,
        "phase_diagrams": 0,
        "learning_curves": 0,
        "models": 1,
        "labels": 1,
    }
    assert stores.build().built == 0
    stores.put(stored(documents["refused_label"]()))
    third = stores.build().collections["labels"]
    assert (third.built, third.unchanged) == (1, 1)


def test_copies_make_one_row_and_a_new_copy_updates_it(stores, documents, stored):
    stores.put(stored(documents["conductivity"]()), stored(documents["conductivity"]()))
    stores.build()
    assert len(stores.rows("conductivities")) == 1
    stores.put(stored(documents["conductivity"](spec_key="s2"), completed_at="2030-05-05T00:00:00.123456"))
    assert stores.build().collections["conductivities"].built == 1
    (row,) = stores.rows("conductivities", {"spec_keys": "s1"})
    assert row["spec_keys"] == ["s2", "s1"]
    assert stores.build().built == 0


def test_new_code_version_rebuilds(stores, documents, stored, monkeypatch):
    stores.put(stored(documents["label"]()))
    stores.build()
    monkeypatch.setattr("superionic.__version__", "999.0")
    assert stores.build().collections["labels"].built == 1
    assert stores.rows("labels")[0]["build_version"].startswith("999.0/")


def test_a_broken_document_is_visible_and_does_not_stop_the_others(stores, documents, stored):
    broken = stored(documents["conductivity"]("c0"))
    broken["output"]["points"] = "nonsense"
    keyless = stored(documents["conductivity"](""))
    stores.put(broken, keyless, stored(documents["conductivity"]()))
    report = stores.build().collections["conductivities"]
    assert (report.built, report.failed) == (1, 2)
    assert "points" in report.errors["c0"]
    assert any("no document key" in message for message in report.errors.values())
    failed = stores.rows("conductivities", {"state": "failed"})
    assert {row["key"] for row in failed} == {"c0", f"job {keyless['uuid']}:1"}


def test_failed_rows_are_retried_on_request_only(stores, documents, stored, monkeypatch):
    raw = stored(documents["label"]())
    stores.put(raw)
    recipe = RECIPES["labels"]

    def fail(_docs):
        raise ValueError("bad day")

    monkeypatch.setitem(RECIPES, "labels", Recipe(recipe.schema, fail, recipe.row))
    assert stores.build().failed == 1
    monkeypatch.setitem(RECIPES, "labels", recipe)
    assert stores.build().failed == 1
    report = stores.build(retry_failed=True)
    assert (report.built, report.failed) == (1, 0)


def test_orphans_are_counted_and_removed_on_request(stores, documents, stored):
    raw = stored(documents["label"]())
    stores.put(raw)
    stores.build()
    stores.outputs.remove_docs({"uuid": raw["uuid"]})
    assert stores.build().collections["labels"].orphans == 1
    assert len(stores.rows("labels")) == 1
    stores.build(delete_orphans=True)
    assert stores.rows("labels") == []


def test_root_logger_is_left_alone(stores, documents, stored):
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    stores.put(stored(documents["label"]()))
    stores.build()
    assert (root.level, list(root.handlers)) == before


def test_lists_of_documents_are_not_taken_for_results(stores, documents, stored):
    raw = stored(documents["label"]())
    raw["output"] = [raw["output"]]
    stores.put(raw)
    assert stores.build().built == 0


def test_unknown_collection_is_named(stores):
    with pytest.raises(InputError, match=r"hulls.*phase_diagrams"):
        DocumentBuilder(stores.outputs, stores.outputs, "hulls")


def test_targets_need_mongodb(stores):
    with pytest.raises(DatabaseError, match="MemoryStore"):
        query_store(stores.outputs, "labels")
