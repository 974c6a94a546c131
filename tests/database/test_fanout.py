"""Documents that jobs are given by key."""

import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore

from superionic.database.fanout import fetch_kin, key_if_stored
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
def names(docs):
    return [key_if_stored(doc) for doc in docs]


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
