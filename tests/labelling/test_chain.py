"""Screening, sampling and labelling of one composition with the real potentials."""

import numpy as np
import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Lattice, Structure

from superionic.documents import CompositionInfo
from superionic.labelling.jobs import LabelSetMaker, TeacherStaticMaker
from superionic.ordering.schemas import OrderingRecord, OrderingSetDoc
from superionic.potentials.jobs import ScreenMaker
from superionic.sampling.jobs import SampleSetMaker
from superionic.stages import (
    LabelEngine,
    LabellingSettings,
    RelaxSettings,
    SamplingSettings,
    ScreeningSettings,
    SelectionMethod,
)

pytestmark = pytest.mark.integration

COMPOSITION = CompositionInfo(axes={"x": 1.0}, label="x=1", formula="Li3InCl6")
SAMPLING = SamplingSettings(
    parents_per_composition=2,
    selection=SelectionMethod.KMEDOIDS,
    temperature_K=600.0,
    time_ps=0.06,
    discard_ps=0.02,
    frames=3,
    time_step_fs=2.0,
)


class FragileTeacher(TeacherStaticMaker):
    """The real teacher, whose calculation of the first frame of the first run crashes."""

    def single_point(self, structure):
        if self.name.endswith("run 0 frame 0"):
            raise RuntimeError("killed by the queue")
        return super().single_point(structure)


@pytest.fixture
def orderings():
    """Three orderings of Li3InCl6 and one wreck."""
    host = Structure.from_spacegroup(
        "C2/m",
        Lattice.monoclinic(6.43, 11.09, 6.40, 109.8),
        ["In3+", "Li+", "Li+", "Cl-", "Cl-"],
        [[0, 0, 0], [0, 1 / 3, 0], [0, 1 / 6, 0.5], [0.25, 0.16, 0.24], [0.25, 0, 0.76]],
    )
    lithium = [index for index, site in enumerate(host) if site.specie.symbol == "Li"]
    structures = []
    for pair in ((0, 1), (0, 2), (4, 5), (4, 6)):
        structure = host.copy()
        structure.remove_sites([lithium[index] for index in pair])
        structures.append(structure)
    wreck = structures[3]
    wreck.translate_sites([5], wreck.frac_coords[6] - wreck.frac_coords[5])
    record = OrderingRecord(energy_eV=0, charge_pattern_id=0, multiplicity=1, supercell=np.eye(3, dtype=int).tolist())
    return OrderingSetDoc(
        key="orderings",
        spec_key="spec",
        composition=COMPOSITION,
        structures=structures,
        records=[record] * 4,
        exact=True,
        count_distinct=4,
        mode="by hand",
        tie_rule="none",
    )


@pytest.fixture
def store():
    extra = {name: MemoryStore() for name in ("data", "models", "trajectories")}
    job_store = JobStore(MemoryStore(), additional_stores=extra)
    job_store.connect()
    return job_store


def run_chain(store, orderings):
    pytest.importorskip("mace")
    pytest.importorskip("chgnet")
    relax = RelaxSettings(fmax_eV_per_A=0.1, max_steps=60)
    labelling = LabellingSettings(engine=LabelEngine.TEACHER_CHGNET_R2SCAN, min_success_fraction=0.8)
    screen = ScreenMaker("screen: x=1", ScreeningSettings(relax=relax), "superionic-mini").make(orderings)
    sample = SampleSetMaker("sample: x=1", SAMPLING, "superionic-mini", seed=7).make(screen.output)
    label = LabelSetMaker("label: x=1", labelling, label_maker=FragileTeacher("", labelling)).make(sample.output)
    run_locally([screen, sample, label], store=store, log=False)
    return [job.output.resolve(store) for job in (screen, sample, label)]


def test_chain(store, orderings):
    screening, sampling, labels = run_chain(store, orderings)

    assert len(screening.relaxed) + len(screening.failures) == 4
    assert len(screening.failures) == 1, "the wreck is counted, the others go on"
    assert screening.energies_eV_per_atom == sorted(screening.energies_eV_per_atom)
    assert screening.relaxed[0].structure.lattice.volume == pytest.approx(430, rel=0.1)
    assert len(screening.descriptors) == len(screening.relaxed)
    assert "CHGNet" in screening.potential.level_of_theory

    assert sampling.choice.indices[0] == 0, "the ordering of lowest energy is a parent"
    assert [run.parent_id for run in sampling.runs] == [f"{screening.key}:{i}" for i in sampling.choice.indices]
    for run in sampling.runs:
        assert run.parents == [screening.key]
        assert len(run.frames) == len(run.strains) == 3
        assert np.abs(run.strains).max() <= SAMPLING.max_strain
        assert run.potential.dtype == "float32"

    assert labels.requested == 6
    assert len(labels.unpack()) == 5
    assert [item.item for item in labels.refused] == ["run 0 frame 0"]
    assert labels.level_of_theory == "teacher: CHGNet r2SCAN"
    keys = {run.parent_id: run.key for run in sampling.runs}
    for label in labels.unpack():
        document = store.query_one({"output.key": label.key})["output"]
        assert document["accepted"]
        assert document["parents"] == [keys[label.parent_id]]
        assert label.composition == COMPOSITION
        assert document["resources"]["wall_time_s"] > 0
        assert label.forces_eV_per_A.shape == (20, 3)
    stored = store.query_one({"output.@class": "SamplingDoc"})
    assert "blob_uuid" in str(stored["output"]["frames"]), "frames live in the additional store"

    again = run_chain(store, orderings)
    assert [document.key for document in again] == [document.key for document in (screening, sampling, labels)]
    assert all(document.reused_from for document in again), "nothing is computed twice"
