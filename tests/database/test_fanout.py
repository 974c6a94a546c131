"""Documents that jobs are given by key."""

import pytest
from jobflow import CURRENT_JOB, Flow, JobStore, OutputReference, run_locally
from maggma.stores import MemoryStore

from superionic.database.fanout import fetch_and_keep, fetch_fields, fetch_kin, fetch_outputs, key_if_stored
from superionic.database.jobs import stage_job
from superionic.documents import BaseDoc
from superionic.errors import DatabaseError


class ShapeDoc(BaseDoc):
    corners: int


class SquareDoc(ShapeDoc):
    side: float


SQUARE = SquareDoc(key="square", corners=4, side=2.0)


@stage_job()
def keep(doc):
    return doc


@stage_job()
def corners(shape):
    return fetch_kin(shape, ShapeDoc).corners


@stage_job()
def some_fields(key):
    return fetch_fields("SquareDoc", key, ["side"])


@stage_job()
def names(docs):
    return [key_if_stored(doc) for doc in docs]


@stage_job(resolve=False, on_missing_none=True)
def sides(shapes):
    return [None if doc is None else doc.side for doc in fetch_outputs(shapes, SquareDoc)]


@stage_job()
def kept(keys):
    store = CURRENT_JOB.store
    asked, ask = [], store.query_one
    store.query_one = lambda *args, **options: asked.append(1) or ask(*args, **options)
    found = [fetch_and_keep(key, SquareDoc).side for key in keys]
    del store.query_one
    return [found, len(asked)]


@pytest.fixture
def run():
    store = JobStore(MemoryStore())

    def work(job):
        return run_locally(job, store=store, raise_immediately=True)[job.uuid][1].output

    work(keep(SQUARE))
    return work


def test_a_document_is_found_by_its_key_through_the_class_it_derives_from(run):
    assert run(corners("square")) == 4
    assert run(corners(ShapeDoc(corners=3))) == 3
    with pytest.raises(DatabaseError, match="no document with key circle"):
        run(corners("circle"))


def test_a_document_of_another_family_is_refused(run):
    run(keep(BaseDoc(key="other")))
    with pytest.raises(DatabaseError, match="other is a BaseDoc, not a ShapeDoc"):
        run(corners("other"))


def test_only_what_the_store_has_is_passed_on_by_key(run):
    unknown = ShapeDoc(key="unknown", corners=5)
    assert run(names([SQUARE, unknown])) == ["square", unknown]


def test_outputs_of_many_jobs_come_in_order_by_one_query():
    store = JobStore(MemoryStore())
    squares = [keep(SquareDoc(key=f"s{side}", corners=4, side=side)) for side in (3.0, 1.0, 2.0)]
    other = keep(ShapeDoc(key="triangle", corners=3))
    nothing = OutputReference("no such job")
    job = sides([*(square.output for square in squares), other.output, nothing, None, SQUARE])
    flow = Flow([*squares, other, job])
    answers = run_locally(flow, store=store, allow_external_references=True)
    assert answers[job.uuid][1].output == [3.0, 1.0, 2.0, None, None, None, 2.0]


def test_documents_that_are_kept_are_fetched_once(run):
    run(keep(SquareDoc(key="other", corners=4, side=3.0)))
    assert run(kept(["square", "other", "square", "square", "other"])) == [[2.0, 3.0, 2.0, 2.0, 3.0], 2]


def test_some_fields_come_without_the_rest(run):
    assert run(some_fields("square")) == {"side": 2.0}
    assert run(some_fields("circle")) is None
    assert fetch_fields("SquareDoc", "square", ["side"]) is None, "outside of a job there is no store"
