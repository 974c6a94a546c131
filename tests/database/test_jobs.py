from dataclasses import replace

import pytest
from jobflow import JobStore, OnMissing, run_locally
from maggma.stores import MemoryStore

from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.documents import BaseDoc
from superionic.provenance import stopwatch

CALLS = []


class NumberDoc(BaseDoc):
    number: int
    numbers: list[int]


@stage_job(data=["numbers"], output_schema=NumberDoc)
def compute(number, parents=()):
    def work():
        CALLS.append(number)
        return NumberDoc(number=number, numbers=[number] * 3)

    return produce(NumberDoc, work, parents=list(parents), settings={"number": number}, spec_key="campaign")


@pytest.fixture
def store():
    CALLS.clear()
    return JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})


def output(job, store):
    responses = run_locally(job, store=store, ensure_success=True)
    return responses[job.uuid][1].output


def test_a_finished_document_is_reused(store):
    first, second = compute(3), compute(3)
    one, two = output(first, store), output(second, store)
    assert CALLS == [3]
    assert two.key == one.key
    assert (one.reused_from, two.reused_from) == (None, first.uuid)
    assert two.numbers == [3, 3, 3], "fields of the additional store come back too"


def test_a_document_of_an_older_release_that_does_not_fit_is_kept_and_computed_anew(store, caplog):
    old = compute(3)
    output(old, store)
    store.docs_store._collection.update_many({}, {"$unset": {"output.number": 1}})
    new = output(compute(3), store)
    assert CALLS == [3, 3]
    assert (new.number, new.reused_from) == (3, None)
    assert store.docs_store.count({"uuid": old.uuid}) == 1
    assert f"NumberDoc of job {old.uuid} is of another form" in caplog.text


def test_other_settings_or_parents_are_computed_anew(store):
    parent = output(compute(1), store)
    keys = {parent.key, output(compute(2), store).key, output(compute(1, [parent]), store).key}
    assert CALLS == [1, 2, 1]
    assert len(keys) == 3


def test_documents_carry_provenance_and_cost(store):
    parent = output(compute(1), store)
    child = output(compute(2, [parent]), store)
    assert child.parents == [parent.key]
    assert child.spec_key == "campaign"
    assert child.resources.wall_time_s >= 0
    assert "superionic" in child.software


def test_a_document_whose_arrays_were_never_written_is_computed_again(store):
    complete, broken = compute(3), compute(3)
    output(complete, store)
    store.additional_stores["data"].remove_docs({})
    again = output(broken, store)
    assert CALLS == [3, 3]
    assert again.reused_from is None
    assert output(compute(3), store).reused_from == broken.uuid


def test_outside_of_a_job_nothing_is_looked_up():
    document = produce(NumberDoc, lambda: NumberDoc(number=1, numbers=[]), parents=[], settings={})
    assert document.key
    assert document.reused_from is None


def test_work_before_the_key_was_known_is_part_of_the_cost():
    with stopwatch() as watch:
        pass
    earlier = replace(watch, wall_time_s=100.0, cpu_time_s=50.0)
    document = produce(BaseDoc, BaseDoc, parents=[], settings={}, before=earlier)
    assert 100.0 <= document.resources.wall_time_s < 101.0
    assert 50.0 <= document.resources.cpu_time_s < 51.0
    assert document.resources.started_at == earlier.started_at


def test_loss_tolerant_jobs_get_none_for_missing_parents():
    job = stage_job(on_missing_none=True)(lambda x: x)(1)
    assert job.config.on_missing_references is OnMissing.NONE
    assert job.config.expose_store


def test_two_additional_stores_are_refused():
    with pytest.raises(ValueError, match="one additional store only"):
        stage_job(data=["a"], models=["b"])


def test_a_job_that_runs_again_keeps_its_own_result(store):
    job, again = compute(3), compute(3)
    again.set_uuid(job.uuid)
    first, second = output(job, store), output(again, store)
    assert CALLS == [3]
    assert second.reused_from is None
    assert second.resources.wall_time_s == first.resources.wall_time_s
