"""Label jobs: one per structure, judged, collected with a ledger, never more lost than one label."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore

from superionic.documents import CompositionInfo
from superionic.errors import InputError, InsufficientDataError, NotConfiguredError
from superionic.labelling.jobs import LabelSetMaker, ScanStaticMaker, StaticMaker, TeacherStaticMaker
from superionic.labelling.results import LabelFailure, SinglePoint
from superionic.labelling.schemas import CalculationInfo, LabelDoc, LabelSetDoc, Refusal
from superionic.potentials.schemas import PotentialRef, RelaxedStructure, ScreeningDoc
from superionic.sampling.schemas import SamplingDoc, SamplingSetDoc
from superionic.stages import LabelEngine, LabellingSettings

COMPOSITION = CompositionInfo(axes={"x": 1.0}, label="x=1", formula="LiCl")
REFERENCE = PotentialRef(name="test", sha256="0" * 64, level_of_theory="none")


@dataclass
class ArithmeticMaker(StaticMaker):
    """Labels from the coordinates; frames whose first atom is shifted fail or give a force that the gate refuses."""

    @property
    def level_of_theory(self):
        return "arithmetic"

    def single_point(self, structure):
        shift = structure.frac_coords[0, 0]
        if shift > 0.45:
            raise RuntimeError("the machine failed")
        if shift > 0.4:
            raise LabelFailure(Refusal.FROZEN, "no word from the run", folder="node1:/scratch/vasp-1")
        forces = np.zeros((len(structure), 3))
        forces[0, 0] = 100.0 if shift > 0.2 else 0.1
        return SinglePoint(-float(len(structure)), forces, np.zeros((3, 3)))


@pytest.fixture
def store():
    job_store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore(), "models": MemoryStore()})
    job_store.connect()
    return job_store


def frame(rock_salt, shift):
    structure = rock_salt.copy()
    structure.translate_sites([0], [shift, 0, 0])
    return structure


def sampling_doc(structures, key="run-a"):
    n = len(structures)
    return SamplingDoc(
        key=key,
        spec_key="spec",
        composition=COMPOSITION,
        potential=REFERENCE,
        parent_index=0,
        parent_id=f"screening:{key}",
        seed=1,
        temperature_K=800,
        mean_temperature_K=790,
        time_ps=1,
        frame_times_ps=[0.5] * n,
        frames=structures,
        strains=[np.zeros((3, 3)).tolist()] * n,
        rejected_strains=0,
    )


def put(store, document, uuid):
    from monty.json import jsanitize

    output = jsanitize(document, strict=True, enum_values=True)
    record = {"uuid": uuid, "index": 1, "output": output, "completed_at": "2026-01-01T00:00:00", "metadata": {}}
    store.update(record, key=["uuid", "index"], save={"data": ["frames", "relaxed"]})


def outputs(store, schema):
    found = store.query({"output.@class": schema.__name__}, load=True)
    return [schema(**{k: v for k, v in doc["output"].items() if not k.startswith("@")}) for doc in found]


def run_set(store, shifts, rock_salt, **settings):
    runs = [
        sampling_doc([frame(rock_salt, shift) for shift in part], f"run-{name}")
        for name, part in zip("ab", (shifts[:3], shifts[3:]), strict=True)
    ]
    for run in runs:
        put(store, run, run.key)
    sampling = SamplingSetDoc(runs=runs, requested=2, key="set", spec_key="spec", composition=COMPOSITION)
    maker = LabelSetMaker("label: x=1", LabellingSettings(**settings), label_maker=ArithmeticMaker())
    job = maker.make(sampling)
    run_locally(job, store=store, log=False)
    return job


def test_a_failed_and_a_refused_label_are_tolerated_and_listed(store, rock_salt):
    job = run_set(store, [0.0, 0.5, 0.01, 0.02, 0.3], rock_salt, min_success_fraction=0.6)
    result = job.output.resolve(store)
    assert isinstance(result, LabelSetDoc)
    assert (result.requested, len(result.unpack()), result.level_of_theory) == (5, 3, "arithmetic")
    assert result.label_keys == [label.key for label in result.unpack()] == result.parents
    assert {item.cause for item in result.refused} == {
        "force_too_large",
        "the job failed; its traceback is in the launchpad or log",
    }
    assert "run 0 frame 1" in {item.item for item in result.refused}
    assert [(label.parent_id, label.frame_index) for label in result.unpack()] == [
        ("screening:run-a", 0),
        ("screening:run-a", 2),
        ("screening:run-b", 0),
    ]
    assert result.composition == COMPOSITION
    assert result.spec_key == "spec"
    refused = [label for label in outputs(store, LabelDoc) if not label.accepted]
    assert [label.refusal.value for label in refused] == ["force_too_large"], "a refused label is kept, with its cause"
    assert refused[0].parents == ["run-b"]


def test_too_few_labels_stop_the_composition(store, rock_salt):
    job = run_set(store, [0.0, 0.5, 0.3, 0.3, 0.3], rock_salt, min_success_fraction=0.6)
    assert job.output.resolve(store) is None, "the fan-out itself has no output"
    maker = LabelSetMaker(settings=LabellingSettings(min_success_fraction=0.6))
    labels = [*outputs(store, LabelDoc), None]
    with pytest.raises(InsufficientDataError, match=r"only 1 of 5 labels of x=1 .*force_too_large: 3, the job failed"):
        type(maker).collect.original(maker, labels, ["item"] * 5, "arithmetic", "spec", COMPOSITION)


def test_a_failed_calculation_is_a_label_with_cause_and_folder_and_is_tried_again(store, rock_salt):
    job = run_set(store, [0.0, 0.42, 0.01, 0.02, 0.3], rock_salt, min_success_fraction=0.6)
    ledger = {item.cause: item for item in job.output.resolve(store).refused}
    assert set(ledger) == {"frozen", "force_too_large"}
    assert (ledger["frozen"].folder, ledger["frozen"].message) == ("node1:/scratch/vasp-1", "no word from the run")
    run_set(store, [0.0, 0.42, 0.01, 0.02, 0.3], rock_salt, min_success_fraction=0.6)
    again = [label for label in outputs(store, LabelDoc) if label.refusal is not None]
    reused = {label.refusal: label.reused_from is not None for label in again if label.reused_from is not None}
    assert reused == {Refusal.FORCE_TOO_LARGE: True}, "a run that froze says nothing about the structure"
    assert [label.refusal for label in again].count(Refusal.FROZEN) == 2


@dataclass
class DetailedMaker(ArithmeticMaker):
    """Labels with the task document of their calculation."""

    def single_point(self, structure):
        info = CalculationInfo(code="vasp 6.4.2", task_document={"calcs_reversed": [1, 2, 3]})
        return replace(super().single_point(structure), calculation=info)


def test_task_documents_live_in_the_additional_store_alone(store, rock_salt):
    put(store, sampling_doc([frame(rock_salt, 0.0)]), "run-a")
    sampling = SamplingSetDoc(runs=[sampling_doc([frame(rock_salt, 0.0)])], requested=1, key="set")
    job = LabelSetMaker("label: x=1", label_maker=DetailedMaker()).make(sampling)
    run_locally(job, store=store, log=False)
    stored = store.docs_store.query_one({"output.@class": "LabelDoc"})
    assert "blob_uuid" in stored["output"]["calculation"]["task_document"]
    (label,) = outputs(store, LabelDoc)
    assert label.calculation.task_document == {"calcs_reversed": [1, 2, 3]}
    (joined,) = job.output.resolve(store).unpack()
    assert joined.key == label.key


def test_labels_of_two_methods_are_not_collected(store, rock_salt, good_label):
    labels = [good_label, good_label.model_copy(update={"level_of_theory": "fake-vasp stand-in for SCAN (VASP)"})]
    with pytest.raises(InputError, match="more than one level of theory"):
        LabelSetMaker.collect.original(LabelSetMaker(), labels, ["a", "b"], "SCAN (VASP)", "spec", COMPOSITION)
    labels[1] = good_label.model_copy(update={"settings_hash": "other"})
    with pytest.raises(InputError, match="more than one hash of the settings"):
        LabelSetMaker.collect.original(LabelSetMaker(), labels, ["a", "b"], "SCAN (VASP)", "spec", COMPOSITION)


def test_labels_are_not_computed_twice(store, rock_salt):
    shifts = [0.0, 0.01, 0.02, 0.03, 0.04]
    first = run_set(store, shifts, rock_salt).output.resolve(store)
    second = run_set(store, shifts, rock_salt).output.resolve(store)
    assert first.key == second.key
    assert first.reused_from is None
    assert second.reused_from is not None
    assert sum(label.reused_from is None for label in outputs(store, LabelDoc)) == 5


def test_relaxed_structures(store, rock_salt):
    relaxed = [
        RelaxedStructure(
            source_index=index,
            structure=frame(rock_salt, 0.01 * index),
            energy_eV=-1,
            energy_eV_per_atom=-0.1,
            max_force_eV_per_A=0.01,
            n_steps=3,
            converged=True,
        )
        for index in range(3)
    ]
    document = ScreeningDoc(
        key="states",
        spec_key="spec",
        composition=COMPOSITION,
        potential=REFERENCE,
        relaxed=relaxed,
        descriptors=[[0.0]] * 3,
        energies_eV_per_atom=[-0.1] * 3,
    )
    put(store, document, "uuid-states")
    job = LabelSetMaker(label_maker=ArithmeticMaker()).make_relaxed(document)
    run_locally(job, store=store, log=False)
    result = job.output.resolve(store)
    assert [label.parent_id for label in result.unpack()] == ["states:0", "states:1", "states:2"]
    assert {tuple(label.parents) for label in outputs(store, LabelDoc)} == {("states",)}


def test_a_label_without_a_campaign(store, rock_salt):
    job = ArithmeticMaker().make(rock_salt)
    run_locally(job, store=store, log=False)
    label = job.output.resolve(store)
    assert label.accepted
    assert label.refusal is None
    assert (label.energy_eV, label.level_of_theory, label.parents) == (-8.0, "arithmetic", [])
    other = ArithmeticMaker().make(frame(rock_salt, 0.05))
    run_locally(other, store=store, log=False)
    assert other.output.resolve(store).key != label.key


def test_scan_engine_without_vasp_says_what_else_there_is(store, rock_salt, monkeypatch, tmp_path):
    monkeypatch.setenv("ATOMATE2_VASP_CMD", "srun-of-no-machine vasp_std")
    monkeypatch.chdir(tmp_path)
    call = type(ScanStaticMaker()).make.original
    with pytest.raises(NotConfiguredError, match="teacher-chgnet-r2scan"):
        call(ScanStaticMaker(), rock_salt)
    sampling = SamplingSetDoc(runs=[sampling_doc([rock_salt])], requested=1)
    with pytest.raises(NotConfiguredError, match="ATOMATE2_VASP_CMD"):
        LabelSetMaker.make.original(LabelSetMaker(), sampling)
    assert list(tmp_path.iterdir()) == [], "no folder is left of what never ran"
    assert LabelSetMaker().settings.engine is LabelEngine.VASP_SCAN


def test_teacher_is_named_in_its_documents():
    assert TeacherStaticMaker().level_of_theory == "teacher: CHGNet r2SCAN"
