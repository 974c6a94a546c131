import time

import pytest

from superionic.database.indexes import ensure_indexes, ensure_result_indexes
from superionic.database.stores import collection, job_store

pytestmark = pytest.mark.integration


def _is_indexed(documents, query):
    plan = documents.find(query).explain()["queryPlanner"]["winningPlan"]
    stages = set()
    while plan:
        stages.add(plan["stage"])
        plan = plan.get("inputStage")
    return "IXSCAN" in stages and "COLLSCAN" not in stages


@pytest.mark.parametrize(
    "query",
    [
        {"uuid": "u"},
        {"uuid": "u", "index": 1},
        {"output.key": "k"},
        {"output.spec_key": "k"},
        {"name": "n"},
        {"metadata.campaign": "c"},
        {"metadata.campaign": "c", "metadata.stage": "s"},
    ],
    ids=str,
)
def test_queries_on_outputs_use_an_index(database, query):
    ensure_indexes(job_store(database))
    assert _is_indexed(collection(database, "outputs"), query)


def test_blobs_are_found_by_index_and_repetition_is_cheap(database):
    store = job_store(database)
    first = ensure_indexes(store)
    assert _is_indexed(collection(database, "trajectories.files"), {"metadata.blob_uuid": "b"})
    started = time.monotonic()
    assert ensure_indexes(store) == first
    assert time.monotonic() - started < 0.5


def test_result_collections(database):
    results = collection(database, "hulls")
    names = ensure_result_indexes(results, "key", ["verdict"])
    assert ensure_result_indexes(results, "key", ["verdict"]) == names
    for query in ({"key": "k"}, {"spec_key": "k"}, {"verdict": "ok"}, {"composition.formula": "LiCl"}):
        assert _is_indexed(results, query)
