"""Learning curves through the flow that a campaign uses, with models that nobody trained."""

import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from pydantic import ValidationError

from superionic.documents import Blob
from superionic.errors import InputError, TrainingCheckError
from superionic.flows import LearningCurveFlowMaker
from superionic.potentials.registry import trust_file
from superionic.potentials.schemas import PotentialRef
from superionic.stages import TrainingSettings
from superionic.training.curve_jobs import AssessModelMaker
from superionic.training.curve_schemas import AssessmentSetDoc, LearningCurveDoc
from superionic.training.dataset import SPLITS, build_dataset, frames_from_extxyz, frames_to_extxyz
from superionic.training.drift import Drift
from superionic.training.jobs import FineTuneMaker
from superionic.training.metrics import Errors
from superionic.training.schemas import DatasetDoc, ErrorRow, ModelDoc

SETTINGS = {
    "max_epochs": 2,
    "patience": 2,
    "batch_size": 4,
    "dtype": "float32",
    "valid_fraction": 0.2,
    "test_fraction": 0.2,
    "replay_structures": 30,
}


@pytest.fixture
def dataset(frames):
    built = build_dataset(frames, valid_fraction=0.2, test_fraction=0.2, batch_size=4, seed=0)
    return DatasetDoc(
        key="d" * 32,
        spec_key="spec",
        level_of_theory="teacher: Morse",
        content_hash=built.content_hash,
        counts={name: len(built.part(name)) for name in SPLITS},
        counts_by_composition=built.counts_by_composition(),
        parents_by_split=built.parents_by_split(),
        label_keys=[frame.key for name in SPLITS for frame in built.part(name)],
        requested_labels=len(frames),
        **{f"{name}_extxyz": frames_to_extxyz(built.part(name)) for name in SPLITS},
    )


def same(document):
    return document


def documents(store, schema):
    found = store.docs_store.query({"output.@class": schema.__name__})
    return [schema(**{k: v for k, v in row["output"].items() if k[0] != "@"}) for row in found]


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return JobStore(MemoryStore(), additional_stores={n: MemoryStore() for n in ("data", "models", "trajectories")})


def error_row(model, energy, split="test"):
    return ErrorRow(
        model=model,
        split=split,
        n_structures=6,
        energy_rmse_meV_per_atom=energy,
        energy_mae_meV_per_atom=0.8 * energy,
        force_rmse_meV_per_A=10 * energy,
        force_mae_meV_per_A=8 * energy,
        stress_rmse_meV_per_A3=energy / 10,
        force_slope=0.9,
        energy_shifted=model == "foundation",
    )


def synthetic_training(maker, dataset, *_):
    """A model without a training, whose error falls with the square root of its structures."""
    n = len(maker._subset(frames_from_extxyz(dataset.train_extxyz)))
    mode, seed = maker.settings.mode.value, maker.seed % 7
    if (mode, n) == ("scratch", 6):
        raise TrainingCheckError("diverged")
    errors = [error_row("tuned", (20 if mode == "scratch" else 10) * n**-0.5 * (1 + 0.01 * seed))]
    errors += [] if mode == "scratch" else [error_row("foundation", 40)]
    errors += [error_row("tuned", 1, "replay")] if mode == "multihead" else []
    ref = PotentialRef(name="", sha256="0" * 64, level_of_theory="teacher: Morse")
    return ModelDoc(
        potential=ref,
        mode=mode,
        foundation=None if mode == "scratch" else ref,
        train_fraction=n / dataset.counts["train"],
        n_train=n,
        command=[],
        requested={},
        effective={},
        epochs_run=1,
        best_epoch=0,
        stopped_early=False,
        history=[],
        errors=errors,
        elements=["Li"],
        label_level_of_theory="teacher: Morse",
        model_blob=Blob.from_bytes(b"", "none"),
    )


def test_flow_fans_out_over_sizes_seeds_and_modes_and_survives_a_failure(dataset, store, monkeypatch):
    monkeypatch.setattr(FineTuneMaker, "_train", synthetic_training)
    monkeypatch.setattr(AssessModelMaker, "_drift", lambda *_: Drift(Errors(3, 2.0, 1.0, 30.0, 20.0, 1.0), 1))
    settings = TrainingSettings(
        **SETTINGS, learning_curve=[2, 4, 6, 9, 500], curve_modes=["naive", "scratch"], curve_seeds=2
    )
    made = LearningCurveFlowMaker(settings=settings, foundation="superionic-mini", seed=3).jobs(dataset)
    run_locally(made.flow, store=store, allow_external_references=True)
    (curve,), (parts,) = documents(store, LearningCurveDoc), documents(store, AssessmentSetDoc)
    assert [(p.n_train, p.mode, p.seed) for p in curve.points] == [
        (n, mode, seed)
        for n in (4, 6, 9, 12)
        for mode in ("multihead", "naive", "scratch")
        for seed in (0, 1)
        if (n, mode) != (6, "scratch")
    ]
    assert parts.left_out == [
        "2 structures do not fill one batch of 4",
        "500 structures are more than the 12 of the training set",
    ]
    assert sum("scratch on 6" in warning for warning in curve.warnings) == 2
    assert sum(warning.startswith("left out:") for warning in curve.warnings) == 2
    assert curve.model_key == store.get_output(made.flow.output.uuid)["key"]
    _check_fits(curve)
    _check_comparison(curve)


def _check_fits(curve):
    assert {(fit.mode, fit.quantity) for fit in curve.fits} == {
        (mode, quantity) for mode in ("multihead", "naive", "scratch") for quantity in ("energy", "force", "stress")
    }
    fit = next(fit for fit in curve.fits if (fit.mode, fit.quantity) == ("naive", "force"))
    assert (fit.n_sizes, fit.n_models, fit.next_n_train) == (4, 8, 24)
    assert fit.exponent_low < 0.5 < fit.exponent_high
    assert fit.next_low < fit.next_error < fit.next_high
    assert fit.advice == "more_labels"


def _check_comparison(curve):
    rows = {row.model: row for row in curve.comparison}
    assert list(rows) == ["foundation", "multihead", "naive", "scratch"]
    assert (rows["foundation"].energy_rmse_meV_per_atom, rows["foundation"].n_train) == (40, None)
    assert rows["foundation"].drift_force_meV_per_A is None
    assert {row.n_train for name, row in rows.items() if name != "foundation"} == {12}
    assert rows["scratch"].energy_rmse_meV_per_atom == pytest.approx(2 * rows["naive"].energy_rmse_meV_per_atom)
    assert rows["naive"].force_rmse_std_meV_per_A > 0
    assert (rows["naive"].drift_force_meV_per_A, rows["naive"].drift_left_out) == (30, 1)
    assert (rows["multihead"].replay_head_force_meV_per_A, rows["naive"].replay_head_force_meV_per_A) == (10, None)


def test_two_sizes_make_a_curve_without_a_fit(dataset, store, monkeypatch):
    """The demo's setting: one more model on half of the training set, nothing evaluated besides."""
    monkeypatch.setattr(FineTuneMaker, "_train", synthetic_training)
    monkeypatch.delattr(AssessModelMaker, "_drift")
    settings = TrainingSettings(**SETTINGS, learning_curve=[0.5])
    flow = LearningCurveFlowMaker(settings=settings, foundation="superionic-mini").make(dataset)
    run_locally(flow, store=store, ensure_success=True, allow_external_references=True)
    (curve,) = documents(store, LearningCurveDoc)
    assert [point.n_train for point in curve.points] == [6, 12]
    assert {fit.advice for fit in curve.fits} == {"too_few_points"}
    assert curve.warnings == []


def test_subsets_nest_within_a_seed_and_differ_between_seeds(frames):
    def keys(seed, count):
        maker = FineTuneMaker(seed=seed, train_count=count)
        return {frame.key for frame in maker._subset(frames)}

    for seed in (0, 1):
        assert keys(seed, 4) < keys(seed, 9) < keys(seed, 24)
    assert keys(0, 9) != keys(1, 9)
    with pytest.raises(InputError, match="has 24 structures"):
        keys(0, 25)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_curve": [0.5, 100]}, "mixes fractions and numbers"),
        ({"learning_curve": [0]}, "above 0"),
        ({"learning_curve": [10.5]}, "whole numbers"),
        ({"curve_seeds": 3}, "belong to a learning curve"),
        ({"curve_modes": ["naive"]}, "belong to a learning curve"),
        ({"learning_curve": [0.5], "curve_seeds": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        TrainingSettings(**settings)


@pytest.mark.integration
def test_on_the_launchpad_a_failed_training_does_not_keep_the_curve_waiting(
    dataset, server_project, tmp_path, monkeypatch
):
    from fireworks import FWorker
    from fireworks.core.rocket_launcher import rapidfire
    from jobflow import SETTINGS as JOBFLOW
    from jobflow import Flow, job
    from jobflow.managers.fireworks import flow_to_workflow

    from superionic.database.stores import job_store, mongo_database, resolve_database
    from superionic.launch.launchpad import launchpad

    choice = resolve_database(server_project, "local", database="test_queue")
    store, pad = job_store(choice), launchpad(choice)
    store.connect()
    monkeypatch.setenv("JOBFLOW_CONFIG_FILE", str(choice.jobflow_file))
    monkeypatch.setattr(JOBFLOW, "JOB_STORE", store)
    monkeypatch.setattr(FineTuneMaker, "_train", synthetic_training)
    monkeypatch.chdir(tmp_path)
    settings = TrainingSettings(**SETTINGS, learning_curve=[6], curve_modes=["scratch"], curve_seeds=2)
    texts = [f"{name}_extxyz" for name in SPLITS]
    seed = job(same, data=texts, output_schema=DatasetDoc)(dataset)
    monkeypatch.setattr(AssessModelMaker, "_drift", lambda *_: Drift(None, 3))
    made = LearningCurveFlowMaker(settings=settings, foundation="superionic-mini", seed=3).jobs(seed.output)
    pad.add_wf(flow_to_workflow(Flow([seed, made.flow])))
    rapidfire(pad, FWorker(), nlaunches=0, sleep_time=0, local_redirect=False, strm_lvl="CRITICAL")
    states = {fw["name"]: fw["state"] for fw in pad.fireworks.find({}, {"name": 1, "state": 1})}
    failed = {f"{step}: scratch on 6{seed}" for step in ("train", "assess") for seed in ("", ", seed 1")}
    assert {name for name, state in states.items() if state != "COMPLETED"} == failed
    curve = made.curve.output.resolve(store)
    assert len(curve.points) == 6
    assert curve.comparison[-1].drift_force_meV_per_A is None
    arguments = [str(fw["spec"]["_tasks"]) for fw in pad.fireworks.find({"name": {"$regex": "train:"}})]
    assert max(map(len, arguments)) < 6000, "structures do not travel through the launchpad"
    documents_of = mongo_database(choice)
    for name in documents_of.list_collection_names():
        documents_of[name].delete_many({})


@pytest.mark.integration
def test_real_trainings_of_two_sizes_seeds_and_modes(dataset, tiny_foundation, store):
    trust_file(tiny_foundation)
    settings = TrainingSettings(
        **{**SETTINGS, "max_epochs": 1}, learning_curve=[6], curve_modes=["naive"], curve_seeds=2
    )
    flow = LearningCurveFlowMaker(settings=settings, foundation=str(tiny_foundation), seed=3).make(dataset)
    run_locally(flow, store=store, ensure_success=True, allow_external_references=True)
    (curve,) = documents(store, LearningCurveDoc)
    assert [(p.n_train, p.mode, p.seed) for p in curve.points] == [
        (n, mode, seed) for n in (6, 12) for mode in ("multihead", "naive") for seed in (0, 1)
    ]
    assert len({point.force_rmse_meV_per_A for point in curve.points}) == 8
    foundation, multihead, naive = curve.comparison
    assert foundation.energy_shifted
    assert multihead.replay_head_force_meV_per_A > 0
    assert naive.drift_force_meV_per_A > 0
    assert naive.drift_structures == multihead.drift_structures == 3
    assert naive.force_slope is not None
