"""The loop of trainings, scores and labels: its logic with models of known quality, and once with real trainings."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from monty.json import jsanitize
from pymatgen.core import Structure

from superionic.database.stores import job_store, mongo_database, resolve_database
from superionic.documents import Blob, CompositionInfo
from superionic.errors import InsufficientDataError
from superionic.flows.active import ActiveLearningFlowMaker
from superionic.labelling.jobs import LabelSetMaker
from superionic.labelling.results import SinglePoint
from superionic.labelling.schemas import LabelSetDoc
from superionic.labelling.static_jobs import StaticMaker
from superionic.potentials.registry import trust_file
from superionic.potentials.schemas import PotentialRef
from superionic.sampling.schemas import FrameChoice, SamplingDoc, SamplingSetDoc
from superionic.stages import ActiveSettings, TrainingSettings
from superionic.training import scoring
from superionic.training.active_jobs import ScoreMaker
from superionic.training.active_schemas import ActiveLearningDoc
from superionic.training.jobs import BuildDatasetMaker, FineTuneMaker
from superionic.training.schemas import DatasetDoc, ModelDoc

SYMBOLS = {"chloride": "LiClClLiClLiLiCl", "mixed": "LiClBrLiClLiBrCl"}
PARENTS, FRAMES, FIRST = 5, 10, 4
TRAINING = TrainingSettings(
    max_epochs=2, patience=2, batch_size=4, dtype="float32", valid_fraction=0.2, test_fraction=0.2, replay_structures=10
)
REF = PotentialRef(name="test", sha256="0" * 64, level_of_theory="none")


def from_site(positions):
    return positions - 2.6 * np.round(positions / 2.6)


@dataclass
class SpringStaticMaker(StaticMaker):
    """Labels by springs that hold every atom to its site."""

    @property
    def level_of_theory(self):
        return "teacher: springs"

    def single_point(self, structure):
        moved = from_site(structure.cart_coords)
        return SinglePoint(np.sum(moved**2) - 40.0, -2.0 * moved, np.zeros((3, 3)))


def sampling_set(name):
    """Runs of five parents with ten frames, of which the first four are labelled."""
    corners = 2.6 * np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    symbols = [site.symbol for site in Atoms(SYMBOLS[name])]
    runs = []
    for parent in range(PARENTS):
        rng = np.random.default_rng([len(name), parent])
        moved = corners + rng.normal(0, 0.05, (8, 3)) + rng.normal(0, 0.1, (FRAMES, 8, 3))
        frames = [Structure(np.eye(3) * 5.2, symbols, positions, coords_are_cartesian=True) for positions in moved]
        run = SamplingDoc(
            key=f"run-{name}-{parent}",
            spec_key="spec",
            potential=REF,
            parent_index=parent,
            parent_id=f"{name}-{parent}",
            seed=0,
            temperature_K=800,
            mean_temperature_K=800,
            time_ps=1,
            frame_times_ps=[0.1] * FRAMES,
            frames=frames,
            strains=[np.zeros((3, 3)).tolist()] * FRAMES,
            rejected_strains=0,
            descriptors=(moved - corners).reshape(FRAMES, -1).tolist(),
        )
        runs.append(run)
    choice = FrameChoice(positions=[list(range(FIRST))] * PARENTS, method="random", seed=0)
    composition = CompositionInfo(axes={"x": 1.0}, label=name, formula=name)
    runs = [run.model_copy(update={"composition": composition}) for run in runs]
    return SamplingSetDoc(
        key=f"set-{name}", spec_key="spec", runs=runs, requested=PARENTS, composition=composition, frame_choice=choice
    )


@pytest.fixture
def samplings():
    return [sampling_set(name) for name in SYMBOLS]


@pytest.fixture
def store(samplings):
    names = ("data", "models", "trajectories")
    memory = JobStore(MemoryStore(), additional_stores={name: MemoryStore() for name in names})
    memory.connect()
    put_samplings(memory, samplings)
    return memory


def put_samplings(store, samplings):
    for document in [*samplings, *(run for sampling in samplings for run in sampling.runs)]:
        output = jsanitize(document, strict=True, enum_values=True)
        record = {"uuid": document.key, "index": 1, "output": output, "completed_at": "2026", "metadata": {}}
        store.update(record, key=["uuid", "index"])


def rounds_flow(samplings, active, foundation="superionic-mini"):
    labels = [LabelSetMaker(f"label {s.key}", label_maker=SpringStaticMaker("")).make(s) for s in samplings]
    dataset = BuildDatasetMaker(settings=TRAINING, seed=1).make([job.output for job in labels])
    flow = ActiveLearningFlowMaker(
        settings=active, training=TRAINING, foundation=foundation, seed=1, label_maker=SpringStaticMaker("")
    ).make(dataset.output, [job.output for job in labels], samplings, "spec")
    return Flow([*labels, dataset, flow], output=flow.output)


def run_rounds(store, samplings, active, foundation="superionic-mini"):
    flow = rounds_flow(samplings, active, foundation)
    run_locally(flow, store=store, ensure_success=True, log=False)
    return flow.output.resolve(store), newest(store, ActiveLearningDoc)


def newest(store, schema):
    found = store.query_one({"output.@class": schema.__name__}, sort={"completed_at": -1}, load=True)["output"]
    return schema.model_validate({key: value for key, value in found.items() if not key.startswith("@")})


def documents(store, schema):
    rows = store.query({"output.@class": schema.__name__}, load=True)
    return {row["output"]["key"]: row["output"] for row in rows}


@pytest.fixture
def known_models(monkeypatch):
    """No training: errors of 150 meV/A at 24 structures, falling with their number; no evaluation by MACE."""

    def train(self, dataset, *_):
        n_train = dataset.counts["train"]
        blob = Blob.from_bytes(json.dumps({"n": n_train, "seed": self.seed}).encode(), "test")
        return ModelDoc(
            potential=REF.model_copy(update={"sha256": blob.sha256}),
            mode="naive",
            foundation=None,
            n_train=n_train,
            command=[],
            requested={},
            effective={},
            epochs_run=1,
            best_epoch=0,
            stopped_early=False,
            history=[],
            errors=[],
            elements=["Br", "Cl", "Li"],
            label_level_of_theory="teacher: springs",
            model_blob=blob,
        )

    class Known(Calculator):
        implemented_properties = ("energy", "forces", "stress")

        def __init__(self, _ref, blob, _device):
            super().__init__()
            content = json.loads(blob.to_bytes())
            self.size, self.seed = 0.1 * (24 / content["n"]) ** 2, content["seed"]

        def calculate(self, atoms=None, properties=(), system_changes=()):
            super().calculate(atoms, properties, system_changes)
            moved = from_site(atoms.positions)
            rng = np.random.default_rng([self.seed, *(np.abs(moved.ravel()) * 1e6).astype(int)])
            hard = 1 + 5 * moved.std()  # frames that are far from their sites are harder
            forces = -2.0 * moved + self.size * hard * rng.normal(size=moved.shape)
            self.results = {"energy": np.sum(moved**2) - 40.0, "forces": forces, "stress": np.zeros(6)}

    def features(frames, _model):
        return [from_site(atoms.positions) for atoms in frames]

    monkeypatch.setattr(FineTuneMaker, "_train", train)
    monkeypatch.setattr(scoring, "load_calculator", Known)
    monkeypatch.setattr(
        scoring, "features_many", lambda frames, _model: [from_site(atoms.positions) for atoms in frames]
    )


@pytest.mark.usefixtures("known_models")
def test_rounds_until_the_models_are_trusted(store, samplings):
    active = ActiveSettings(rounds=9, labels_per_round=10, committee=4, tolerance_meV_per_A=60)
    model, document = run_rounds(store, samplings, active)
    assert document.stop_reason == "calibrated and below the tolerance"
    assert 1 < len(document.rounds) < 10
    sizes = [done.counts["train"] for done in document.rounds]
    assert sizes == [24 + 10 * number for number in range(len(sizes))]
    assert {(done.counts["valid"], done.counts["test"]) for done in document.rounds} == {(8, 8)}
    last = document.rounds[-1]
    assert last.pool_95_meV_per_A <= 60 < document.rounds[0].pool_95_meV_per_A
    assert [done.n_pool for done in document.rounds] == [36 - 10 * number for number in range(len(sizes))]
    # independent errors: the mean of four errs by half of what one member does
    assert last.calibration.scale == pytest.approx(0.5, rel=0.2)
    assert last.calibration.raw_verdict == "under-confident"
    tuned, mean = last.errors
    assert mean.force_rmse_meV_per_A < 0.7 * tuned.force_rmse_meV_per_A
    assert model.calibration == last.calibration
    assert model.key != last.model_keys[0]
    assert model.potential.name == model.key
    assert model.parents == [document.key, last.model_keys[0]]
    assert set(document.label_set_keys) == set(documents(store, LabelSetDoc))


@pytest.mark.usefixtures("known_models")
def test_nothing_leaks_between_the_rounds(store, samplings):
    active = ActiveSettings(rounds=2, labels_per_round=6, committee=2, tolerance_meV_per_A=0.01)
    _, document = run_rounds(store, samplings, active)
    assert document.stop_reason == "all rounds used"
    datasets = documents(store, DatasetDoc)
    found = [datasets[done.dataset_key] for done in document.rounds]
    for part in ("valid", "test"):
        assert len({data[f"{part}_extxyz"] for data in found}) == 1
    apart = {parent for part in ("valid", "test") for parent in found[0]["parents_by_split"][part]}
    chosen = [(item.run_key, item.frame) for done in document.rounds[:-1] for item in done.chosen]
    assert len(chosen) == len(set(chosen)) == 12
    assert not {key.removeprefix("run-") for key, _ in chosen} & apart
    assert all(frame >= FIRST for _, frame in chosen)
    assert [len(data["label_keys"]) for data in found] == [40, 46, 52]


def test_too_few_models_are_an_error_that_says_where_to_look():
    maker = ScoreMaker(settings=ActiveSettings(committee=3))
    for dataset, models in ((None, []), (sampling_set("mixed"), [None, None])):
        with pytest.raises(InsufficientDataError, match=r"0 of \d trainings of this round finished, 2 are needed"):
            maker.make.original(maker, dataset, models, [], [])
    flow = ActiveLearningFlowMaker()
    with pytest.raises(InsufficientDataError, match="could not be scored"):
        flow.decide.original(flow, None, [], [], [])


@pytest.mark.integration
@pytest.mark.usefixtures("known_models")
def test_pool_ends_and_the_latent_distance_needs_one_model(store, samplings):
    active = ActiveSettings(
        rounds=9, labels_per_round=20, committee=1, measure="latent-distance", tolerance_meV_per_A=0.01
    )
    model, document = run_rounds(store, samplings, active)
    assert document.stop_reason == "no frame left in the pool"
    assert [done.counts["train"] for done in document.rounds] == [24, 44, 60]
    assert document.rounds[-1].pool_95_meV_per_A is None
    assert model.calibration.measure == "latent-distance"
    assert len(document.rounds[0].errors) == 1


@pytest.mark.integration
@pytest.mark.usefixtures("known_models")
def test_finished_rounds_are_not_repeated(store, samplings):
    active = ActiveSettings(rounds=1, labels_per_round=6, committee=2, tolerance_meV_per_A=0.01)
    _, first = run_rounds(store, samplings, active)
    longer = active.model_copy(update={"rounds": 2, "tolerance_meV_per_A": 0.02})
    _, second = run_rounds(store, samplings, longer)
    assert [done.key for done in second.rounds[:2]] == [done.key for done in first.rounds]
    assert len(second.rounds) == 3


@pytest.fixture
def queue(server_project, tmp_path, monkeypatch, samplings):
    """An empty queue and store on the private server."""
    from jobflow import SETTINGS

    from superionic.launch.launchpad import launchpad

    choice = resolve_database(server_project, "local", database="test_queue")
    monkeypatch.setenv("JOBFLOW_CONFIG_FILE", str(choice.jobflow_file))
    monkeypatch.chdir(tmp_path)
    store = job_store(choice)
    store.connect()
    put_samplings(store, samplings)
    monkeypatch.setattr(SETTINGS, "JOB_STORE", store)
    yield launchpad(choice), store
    documents = mongo_database(choice)
    for name in documents.list_collection_names():
        documents[name].delete_many({})


@pytest.mark.integration
@pytest.mark.usefixtures("known_models")
def test_rounds_on_the_launchpad(queue, samplings):
    """Jobs of later rounds are made while the queue runs; each has its own category, stage and queue settings."""
    from fireworks import FWorker
    from fireworks.core.rocket_launcher import rapidfire
    from jobflow.managers.fireworks import flow_to_workflow

    pad, store = queue
    flow = rounds_flow(samplings, ActiveSettings(rounds=2, labels_per_round=3, committee=2, tolerance_meV_per_A=0.01))
    flow.update_metadata({"campaign": "test"})
    flow.update_config({"_set": {"manager_config->_queueadapter": {"walltime": "1"}}}, dict_mod=True, dynamic=False)
    pad.add_wf(flow_to_workflow(flow))
    rapidfire(pad, FWorker(), nlaunches=0, sleep_time=0, local_redirect=False, strm_lvl="CRITICAL")
    jobs = {fw["name"]: fw for fw in pad.fireworks.find({})}
    assert {fw["state"] for fw in jobs.values()} == {"COMPLETED"}
    assert newest(store, ActiveLearningDoc).stop_reason == "all rounds used"
    assert flow.output.resolve(store).n_train == 24 + 2 * 3
    later = {name: fw["spec"] for name, fw in jobs.items() if "round 2" in name}
    assert len(later) == 3 + 1 + 1 + 2 + 1  # labels, collect, dataset, trainings, score
    assert {spec["campaign"] for spec in later.values()} == {"test"}
    marks = {name.split(":")[0]: (spec["_category"], spec["stage"]) for name, spec in later.items()}
    assert marks["label"] == ("vasp", "labelling")
    assert marks["train"] == marks["score"] == ("gpu", "training")
    assert marks["dataset"] == ("cpu", "training")
    assert all(spec["_queueadapter"] == {"walltime": "1"} for spec in later.values())
    assert max(len(str(spec["_tasks"])) for spec in later.values()) < 12000, "structures do not travel in jobs"


@pytest.mark.integration
def test_with_real_trainings(store, samplings, tiny_foundation, tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    trust_file(tiny_foundation)
    settings = {"rounds": 1, "labels_per_round": 6, "tolerance_meV_per_A": 0.01}
    active = ActiveSettings(committee=1, measure="latent-distance", **settings)  # two trainings instead of four
    model, document = run_rounds(store, samplings, active, foundation=str(tiny_foundation))
    assert [done.counts["train"] for done in document.rounds] == [24, 30]
    calibration = document.rounds[-1].calibration
    assert calibration.scale > 0
    assert model.calibration == calibration
    assert model.n_train == 30
    row = next(row for row in model.errors if (row.model, row.split, row.group) == ("tuned", "test", "all"))
    scored = document.rounds[-1].errors[0]
    assert scored.force_rmse_meV_per_A == pytest.approx(row.force_rmse_meV_per_A, rel=1e-3)
