from datetime import UTC, datetime

import pytest
from jobflow import JobStore
from maggma.stores import MemoryStore
from monty.json import jsanitize
from pymatgen.core import Lattice, Structure

from superionic.database.stores import job_store
from superionic.documents import Resources
from superionic.errors import InputError
from superionic.labelling.schemas import LabelDoc
from superionic.report import load_campaign, write_report
from superionic.report.data import is_of_frames, timeline_of
from superionic.report.records import DocumentRecord, ancestors


@pytest.fixture
def store():
    found = JobStore(MemoryStore(), additional_stores={"data": MemoryStore(), "models": MemoryStore()})
    found.connect()
    return found


def put(store, doc, number, save=None, **changes):
    filled = doc.model_copy(update={"spec_key": "s", **changes})
    raw = {
        "uuid": f"job-{number}",
        "index": 1,
        "name": f"job {number}",
        "metadata": {},
        "completed_at": f"2030-01-01T08:{number:02d}:00",
        "output": jsanitize(filled, strict=True, enum_values=True, allow_bson=True),
    }
    store.update(raw, save=save)


def test_documents_come_back_without_heavy_parts_but_with_parity(store, campaign):
    models = {"models": ["model_blob", "parity_foundation", "parity_tuned"]}
    put(store, campaign.model, 1, save=models)
    put(store, campaign.orderings[0], 2, save={"data": ["structures"]})
    put(store, campaign.pathways[0], 3, save={"data": ["density_ions_per_A3"]})
    data = load_campaign(store, "s", spec=campaign.spec)
    assert data.model.parity_tuned == campaign.model.parity_tuned
    assert data.model.model_blob.n_bytes == 0
    assert data.orderings[0].structures == []
    assert data.pathways[0].density_ions_per_A3 == campaign.pathways[0].density_ions_per_A3
    assert data.phase_diagram is None
    assert data.name == campaign.spec.name


def test_newest_document_of_a_place_counts(store, campaign):
    first, second = campaign.conductivities
    put(store, first, 1)
    put(store, first, 2, key="newer", mobile="Na")
    put(store, second, 3)
    put(store, campaign.diffusions[0], 4)
    put(store, campaign.diffusions[0], 5, replica=1, key="r1")
    data = load_campaign(store, "s")
    assert {doc.key for doc in data.conductivities} == {"newer", second.key}
    assert len(data.diffusions) == 2


def test_documents_of_another_release_are_listed_and_the_rest_is_shown(store, campaign):
    put(store, campaign.model, 1)
    put(store, campaign.pathways[0], 2, software={"superionic": "0.0.9"})
    store.docs_store._collection.update_one({"uuid": "job-2"}, {"$unset": {"output.rates": 1}})
    data = load_campaign(store, "s")
    assert data.model.key == campaign.model.key
    assert data.pathways == ()
    (failure,) = data.failures
    assert failure.stage == "transport"
    assert "superionic 0.0.9 in another form (rates)" in failure.cause


def test_other_campaigns_are_left_out(store, campaign):
    put(store, campaign.conductivities[0], 1, spec_key="other")
    with pytest.raises(InputError, match="no results of campaign s"):
        load_campaign(store, "s")


def test_model_in_use_is_the_one_behind_the_results(store, campaign):
    put(store, campaign.model, 1, key="small", train_fraction=0.5)
    put(store, campaign.model, 2, key="used", train_fraction=0.25)
    put(store, campaign.model, 3, key="whole")
    assert load_campaign(store, "s").model.key == "whole"
    put(store, campaign.conductivities[0], 4, model_key="used")
    assert load_campaign(store, "s").model.key == "used"


def test_frames_and_ground_states_of_a_composition_are_two_label_sets(store, campaign):
    labels, state, sampling = campaign.label_sets[0], campaign.ground_states[0], campaign.samplings[0]
    structure = Structure(Lattice.cubic(3), ["Li"], [[0, 0, 0]])
    label = LabelDoc(
        structure=structure,
        energy_eV=-1.0,
        forces_eV_per_A=[[0, 0, 0]],
        stress_eV_per_A3=[[0, 0, 0]] * 3,
        level_of_theory="synthetic",
        accepted=True,
        spec_key="s",
    )
    put(store, sampling, 1)
    put(store, state, 2)
    put(store, label, 3, key="of a frame", parents=[sampling.key])
    put(store, label, 4, key="of a ground state", parents=[state.key])
    put(store, labels, 5, parents=["of a frame"])
    put(store, labels, 6, key="relaxed", parents=["of a ground state"])
    put(store, labels, 7, key="again", parents=["of a frame"])
    data = load_campaign(store, "s")
    assert {doc.key: is_of_frames(doc, data.documents) for doc in data.label_sets} == {"relaxed": False, "again": True}


def test_timeline_cost_and_failures_come_from_the_documents(store, campaign):
    cost = Resources(wall_time_s=60, cpu_time_s=50, started_at=datetime(2030, 1, 1, 9, 0, tzinfo=UTC))
    put(store, campaign.label_sets[0], 1, resources=cost)
    put(store, campaign.orderings[0], 2, resources=cost, reused_from="job-0")
    data = load_campaign(store, "s")
    done = {job.stage: job for job in data.jobs}
    assert done["labelling"].started == cost.started_at
    assert (done["labelling"].wall_s, done["labelling"].cpu_s) == (60, 50)
    assert (done["ordering"].state, done["ordering"].wall_s) == ("reused", 0.0)
    assert data.wall_time_s == 60
    (failure,) = data.failures
    assert (failure.stage, failure.cause) == ("labelling", "force_too_large")


def test_ancestors_are_counted_once():
    records = {
        "c": DocumentRecord("c", "ConductivityDoc", parents=("d1", "d2", "gone")),
        "d1": DocumentRecord("d1", "DiffusionDoc", parents=("m",)),
        "d2": DocumentRecord("d2", "DiffusionDoc", parents=("m",)),
        "m": DocumentRecord("m", "ModelDoc"),
    }
    assert ancestors(records, "c") == {"DiffusionDoc": 2, "ModelDoc": 1, "unknown": 1}
    assert ancestors(records, "nowhere") == {}
    assert timeline_of([DocumentRecord("x", "LabelDoc")])[0].started is None


@pytest.mark.integration
def test_a_campaign_on_a_real_server_becomes_a_page(database, campaign, tmp_path):
    real = job_store(database)
    real.connect()
    put(real, campaign.model, 1, save={"models": ["model_blob", "parity_foundation", "parity_tuned"]})
    put(real, campaign.pathways[0], 2, save={"data": ["density_ions_per_A3"]})
    put(real, campaign.phase_diagram, 3)
    for number, doc in enumerate((*campaign.diffusions, *campaign.conductivities), start=4):
        put(real, doc, number, resources=Resources(wall_time_s=1, cpu_time_s=1))
    data = load_campaign(real, "s", spec=campaign.spec)
    assert data.model.parity_foundation == campaign.model.parity_foundation
    assert sum(data.pathways[0].density_ions_per_A3) == pytest.approx(sum(campaign.pathways[0].density_ions_per_A3))
    assert data.wall_time_s < 60
    text = write_report(data, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "0.31 ± 0.04" in text
