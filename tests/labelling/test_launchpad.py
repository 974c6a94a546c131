"""Fan-out and fan-in on a real launchpad, where jobs travel as documents and failed ones fizzle."""

from dataclasses import dataclass

import numpy as np
import pytest

from superionic.database.stores import job_store, mongo_database, resolve_database
from superionic.documents import CompositionInfo
from superionic.errors import CalculationError
from superionic.labelling.jobs import LabelSetMaker, StaticMaker
from superionic.labelling.results import SinglePoint
from superionic.potentials.schemas import PotentialRef, RelaxedStructure, ScreeningDoc
from superionic.sampling.jobs import SampleMaker, SampleSetMaker
from superionic.sampling.schemas import SamplingDoc
from superionic.stages import LabellingSettings, SamplingSettings

pytestmark = pytest.mark.integration
SAMPLING = SamplingSettings(parents_per_composition=3, frames=2)


@dataclass
class QuickSampleMaker(SampleMaker):
    """Frames without MD; the run of parent 1 explodes."""

    def _sample(self, screening, parent_index, potential):
        if parent_index == 1:
            raise CalculationError("exploded")
        return SamplingDoc(
            potential=potential,
            parent_index=parent_index,
            parent_id=f"{screening.key}:{parent_index}",
            seed=0,
            temperature_K=800,
            mean_temperature_K=800,
            time_ps=1,
            frame_times_ps=[0.5, 0.6],
            frames=[screening.relaxed[parent_index].structure] * 2,
            strains=[np.zeros((3, 3)).tolist()] * 2,
            rejected_strains=0,
        )


@dataclass
class QuickLabelMaker(StaticMaker):
    """Labels without physics; that of run 0 frame 1 crashes."""

    @property
    def level_of_theory(self):
        return "none"

    def single_point(self, structure):
        if self.name.endswith("run 0 frame 1"):
            raise RuntimeError("the machine failed")
        return SinglePoint(-1.0, np.zeros((len(structure), 3)), np.zeros((3, 3)))


def screening(structure):
    relaxed = [
        RelaxedStructure(
            source_index=index,
            structure=structure,
            energy_eV=-8.0,
            energy_eV_per_atom=-1.0 + index,
            max_force_eV_per_A=0.01,
            n_steps=5,
            converged=True,
        )
        for index in range(3)
    ]
    return ScreeningDoc(
        key="screening",
        spec_key="spec",
        composition=CompositionInfo(axes={"x": 1.0}, label="x=1", formula="LiCl"),
        potential=PotentialRef(name="test", sha256="0" * 64, level_of_theory="none"),
        relaxed=relaxed,
        descriptors=[[float(index)] for index in range(3)],
        energies_eV_per_atom=[item.energy_eV_per_atom for item in relaxed],
    )


@pytest.fixture
def queue(server_project, tmp_path, monkeypatch):
    """An empty queue and store on the private server."""
    from superionic.launch.launchpad import launchpad

    choice = resolve_database(server_project, "local", database="test_queue")
    monkeypatch.setenv("JOBFLOW_CONFIG_FILE", str(choice.jobflow_file))
    monkeypatch.chdir(tmp_path)
    store = job_store(choice)
    store.connect()
    yield launchpad(choice), store
    documents = mongo_database(choice)
    for name in documents.list_collection_names():
        documents[name].delete_many({})


def test_failures_in_every_stage_are_survived(queue, rock_salt, monkeypatch):
    from fireworks import FWorker
    from fireworks.core.rocket_launcher import rapidfire
    from jobflow import SETTINGS, Flow, job
    from jobflow.managers.fireworks import flow_to_workflow

    pad, store = queue
    monkeypatch.setattr(SETTINGS, "JOB_STORE", store)

    seed = job(screening, data=["relaxed", "descriptors"], output_schema=ScreeningDoc)(rock_salt)
    sampler = QuickSampleMaker("", SAMPLING, "superionic-mini")
    sample = SampleSetMaker("sample: x=1", SAMPLING, "superionic-mini", sample_maker=sampler).make(seed.output)
    settings = LabellingSettings(min_success_fraction=0.7)
    label = LabelSetMaker("label: x=1", settings, label_maker=QuickLabelMaker("", settings)).make(sample.output)
    flow = Flow([seed, sample, label])
    flow.update_metadata({"stage": "test"})
    pad.add_wf(flow_to_workflow(flow))
    rapidfire(pad, FWorker(), nlaunches=0, sleep_time=0, local_redirect=False, strm_lvl="CRITICAL")

    states = {fw["name"]: fw["state"] for fw in pad.fireworks.find({}, {"name": 1, "state": 1, "spec.stage": 1})}
    assert {name for name, state in states.items() if state != "COMPLETED"} == {
        "sample: x=1 run 1",
        "label: x=1 run 0 frame 1",
    }
    assert {state for state in states.values() if state != "COMPLETED"} == {"FIZZLED"}
    assert pad.fireworks.count_documents({"spec.stage": "test"}) == len(states) == 12
    labels = label.output.resolve(store)
    assert len(sample.output.resolve(store).runs) == 2
    assert (labels.requested, len(labels.unpack())) == (4, 3)
    assert [item.item for item in labels.refused] == ["run 0 frame 1"]
    arguments = [str(fw["spec"]["_tasks"]) for fw in pad.fireworks.find({"name": {"$regex": "run"}})]
    assert max(map(len, arguments)) < 6000, "structures do not travel through the launchpad"
