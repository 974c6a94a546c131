import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from superionic.errors import TrainingCheckError
from superionic.stages import E0Source, ReplayLabels, TrainingSettings
from superionic.training.mace_check import check_production_model, check_saved_weights, check_training
from superionic.training.mace_command import TrainingRequest
from superionic.training.mace_evidence import Evidence, ModelFacts
from superionic.training.mace_log import parse_log, parse_logs, parse_results
from superionic.training.metrics import Errors, Evaluation

FOLDER = Path("some-training")
EFFECTIVE = {
    "learning_rates": [0.01],
    "ema_decay": 0.99,
    "batch_size": 4,
    "energy_weight": 20.0,
    "forces_weight": 10.0,
    "stress_weight": 100.0,
    "huber_delta": 0.01,
    "schedule": "plateau",
    "schedule_factor": 0.8,
    "scheduler_patience": 5,
    "max_epochs": 50,
    "patience": 2,
    "n_train": {"pt_head": 9, "target": 12},
    "n_valid": {"pt_head": 1, "target": 4},
    "threads": 1,
    "device": "cpu",
}
MODEL = ModelFacts(
    heads=["pt_head", "target"],
    atomic_numbers=[3, 17],
    e0s_eV={"pt_head": {3: -1.0, 17: -2.0}, "target": {3: -3.5, 17: -7.25}},
    r_max_A=4.0,
    dtype="float32",
    n_parameters=600,
    finite=True,
)
FOUNDATION = ModelFacts(["Default"], [3, 17], {"Default": {3: -1.0, 17: -2.0}}, 4.0, "float64", 564, True)


@pytest.fixture
def request_made():
    settings = TrainingSettings(patience=2, max_epochs=50, batch_size=4, dtype="float32")
    return TrainingRequest(settings, 1, "cpu", 1, n_train=12, n_valid=4, n_replay_train=9, n_replay_valid=1)


@pytest.fixture
def evidence(mace_log_text, mace_results_text):
    return Evidence(
        effective=EFFECTIVE,
        stop_reason="patience",
        log=parse_log(mace_log_text),
        history=parse_results(mace_results_text),
        model=MODEL,
        e0s_eV={3: -3.5, 17: -7.25},
        foundation=FOUNDATION,
        foundation_head="Default",
        batches=dict.fromkeys(range(4), 5),
        first_trained=0,
        e0_source="estimated",
        replay={"labels": "foundation", "foundation_errors": {"force_rmse_meV_per_A": 0.0}},
    )


def test_result_as_asked_for_is_accepted(request_made, evidence):
    check_training(request_made, evidence, FOLDER)


LOG_FAULTS = {
    "learning rate": (
        "Param group 1: lr = 0.01",
        "Param group 1: lr = 0.0001",
        "learning rate: asked 0.01, found 0.0001",
    ),
    "EMA": ("decay: 0.99", "decay: 0.99999", r"EMA decay \(log\): asked 0.99, found 0.99999"),
    "multi-head off": ("Using multiheads finetuning mode==", "no", "multi-head mode: asked True, found False"),
    "label key wrong": (
        "Total Training set [energy: 12, stress: 12",
        "Total Training set [energy: 12, stress: 0",
        r"stress labels of head target in train \(log\): asked 12, found 0",
    ),
    "duplicated": (
        "Head 'target' training dataset size: 12",
        "Head 'target' training dataset size: 24",
        "head target .log.: asked 12, found 24",
    ),
    "E0": ("17: -7.25", "17: -7.75", "E0 of element 17 in head target .log., eV: asked -7.25, found -7.75"),
    "weights": ("energy_weight=20.000", "energy_weight=1.000", "energy_weight .log.: asked 20, found 1"),
    "batch": ("Batch size: 4", "Batch size: 8", "batch size .log.: asked 4, found 8"),
    "cut off": ("INFO: Done", "INFO: Killed", "cut off"),
    "wrong epoch": ("from epoch 1", "from epoch 3", "epoch of the saved weights .*: asked 1, found 3"),
}


@pytest.mark.parametrize("fault", LOG_FAULTS)
def test_tampered_log_is_refused(request_made, evidence, mace_log_text, fault):
    old, new, message = LOG_FAULTS[fault]
    assert old in mace_log_text
    tampered = dataclasses.replace(evidence, log=parse_log(mace_log_text.replace(old, new, 1)))
    with pytest.raises(TrainingCheckError, match=message):
        check_training(request_made, tampered, FOLDER)


MODEL_FAULTS = {
    "one head": (
        {"heads": ["target"], "e0s_eV": {"target": MODEL.e0s_eV["target"]}},
        r"heads of the saved model: asked \['pt_head', 'target'\], found \['target'\]",
    ),
    "foundation E0s": (
        {"e0s_eV": {"pt_head": {3: -1.0, 17: -2.0}, "target": {3: -1.0, 17: -2.0}}},
        "E0 of element 3 in head target of the saved model, eV: asked -3.5, found -1",
    ),
    "replay E0s": (
        {"e0s_eV": {"pt_head": {3: -1.5, 17: -2.0}, "target": MODEL.e0s_eV["target"]}},
        "E0 of element 3 in head pt_head",
    ),
    "cutoff": ({"r_max_A": 6.0}, "cutoff of the saved model, A: asked 4, found 6"),
    "precision": ({"dtype": "float64"}, "precision of the saved model: asked float32, found float64"),
    "elements": ({"atomic_numbers": [3]}, "elements of the saved model"),
    "weights": ({"finite": False}, "not finite"),
}


@pytest.mark.parametrize("fault", MODEL_FAULTS)
def test_tampered_model_is_refused(request_made, evidence, fault):
    change, message = MODEL_FAULTS[fault]
    with pytest.raises(TrainingCheckError, match=message):
        check_training(request_made, dataclasses.replace(evidence, model=dataclasses.replace(MODEL, **change)), FOLDER)


LOOP_FAULTS = {
    "learning_rates": ([0.01, 0.02], "learning rate: asked 0.01, found 0.02"),
    "ema_decay": (None, "EMA decay .training loop.: asked 0.99, found nothing"),
    "scheduler_patience": (50, "scheduler_patience: asked 5, found 50"),
    "schedule": ("exponential", "schedule: asked plateau, found exponential"),
    "schedule_factor": (0.5, "schedule_factor: asked 0.8, found 0.5"),
    "max_epochs": (500, "max_epochs: asked 50, found 500"),
    "patience": (20, "patience: asked 2, found 20"),
    "n_train": ({"pt_head": 8, "target": 12}, "training replay structures of head pt_head .*: asked 9, found 8"),
    "threads": (2, "threads: asked 1, found 2"),
}


@pytest.mark.parametrize("name", LOOP_FAULTS)
def test_other_training_loop_is_refused(request_made, evidence, name):
    value, message = LOOP_FAULTS[name]
    with pytest.raises(TrainingCheckError, match=message):
        check_training(request_made, dataclasses.replace(evidence, effective=EFFECTIVE | {name: value}), FOLDER)


def replaced(history, epoch, head, **values):
    return [dataclasses.replace(r, **values) if (r.epoch, r.head) == (epoch, head) else r for r in history]


def test_run_that_trained_on_after_patience_is_refused(request_made, evidence):
    longer = [*evidence.history, dataclasses.replace(evidence.history[-1], epoch=4)]
    with pytest.raises(TrainingCheckError, match="epochs without improvement at the early stop: asked 2, found 3"):
        check_training(
            request_made, dataclasses.replace(evidence, history=longer, batches=dict.fromkeys(range(5), 5)), FOLDER
        )
    with pytest.raises(TrainingCheckError, match="not stopped early: asked 50, found 4"):
        check_training(request_made, dataclasses.replace(evidence, stop_reason="max_epochs"), FOLDER)


def test_replay_labels_of_another_model_are_refused(request_made, evidence):
    history = replaced(evidence.history, -1, "pt_head", force_rmse_meV_per_A=166.0)
    with pytest.raises(TrainingCheckError, match=r"replay labels \(foundation\): .* 166 meV/A, the foundation by 0"):
        check_training(request_made, dataclasses.replace(evidence, history=history), FOLDER)


def test_e0s_of_another_level_of_theory_are_refused(request_made, evidence):
    history = replaced(evidence.history, -1, "target", energy_rmse_meV_per_atom=6500.0)
    with pytest.raises(TrainingCheckError, match="starts 6500 meV/atom off"):
        check_training(request_made, dataclasses.replace(evidence, history=history), FOLDER)


def test_nan_loss_is_refused(request_made, evidence):
    history = replaced(evidence.history, 2, "target", loss=math.nan)
    with pytest.raises(TrainingCheckError, match="diverged"):
        check_training(request_made, dataclasses.replace(evidence, history=history), FOLDER)


def test_message_names_every_difference_and_the_folder(request_made, evidence):
    model = dataclasses.replace(MODEL, r_max_A=6.0, dtype="float64")
    with pytest.raises(TrainingCheckError) as caught:
        check_training(request_made, dataclasses.replace(evidence, model=model), FOLDER)
    assert "cutoff" in str(caught.value)
    assert "precision" in str(caught.value)
    assert "some-training" in str(caught.value)


def test_saved_weights_must_reproduce_the_best_epoch(evidence):
    as_reported = Errors(4, 5.05, 1.0, 50.2, 1.0, 0.5)
    check_saved_weights(evidence.history, 1, as_reported, FOLDER)
    with pytest.raises(TrainingCheckError, match="MACE reported 50, the file gives 60"):
        check_saved_weights(evidence.history, 1, dataclasses.replace(as_reported, force_rmse_meV_per_A=60.0), FOLDER)


def test_production_file_must_agree_with_the_trained_model():
    tuned = Evaluation(np.zeros(2), np.zeros((8, 3)), np.zeros((2, 3, 3)), np.array([4, 4]))
    facts = dataclasses.replace(MODEL, heads=["target"])
    check_production_model(tuned, tuned, facts, "float32", FOLDER)
    moved = Evaluation(np.full(2, 0.01), np.zeros((8, 3)), np.zeros((2, 3, 3)), np.array([4, 4]))
    with pytest.raises(TrainingCheckError, match=r"differs from the trained one by 2\.5"):
        check_production_model(tuned, moved, facts, "float32", FOLDER)
    with pytest.raises(TrainingCheckError, match="heads of the production file"):
        check_production_model(tuned, tuned, MODEL, "float32", FOLDER)


def test_an_epoch_with_missing_or_repeated_batches_is_refused(request_made, evidence):
    with pytest.raises(TrainingCheckError, match=r"batches per epoch: asked .* found .*2: 9"):
        check_training(request_made, dataclasses.replace(evidence, batches={0: 5, 1: 5, 2: 9, 3: 5}), FOLDER)


def test_resumed_training_is_held_to_the_same_checks(request_made, evidence, mace_log_text):
    first, last = parse_logs(mace_log_text.replace("INFO: Done", "INFO: killed") + mace_log_text)
    resumed = dataclasses.replace(evidence, log=last, earlier_logs=[first], start_epochs=[0, 2], first_trained=2)
    check_training(request_made, resumed, FOLDER)
    with pytest.raises(TrainingCheckError, match="first epoch of the last process: asked 2, found 0"):
        check_training(request_made, dataclasses.replace(resumed, first_trained=0), FOLDER)
    other = parse_logs(mace_log_text.replace("Param group 1: lr = 0.01", "Param group 1: lr = 0.0001"))
    with pytest.raises(TrainingCheckError, match=r"learning rate: asked 0\.01, found 0\.0001"):
        check_training(request_made, dataclasses.replace(resumed, earlier_logs=other), FOLDER)


def test_process_that_had_nothing_left_to_train_is_accepted(request_made, evidence):
    late = dataclasses.replace(evidence, start_epochs=[0, 4], first_trained=None)
    check_training(request_made, late, FOLDER)
    history = [record for record in evidence.history if record.epoch < 3]
    shorter = dataclasses.replace(late, history=history, batches=dict.fromkeys(range(3), 5))
    with pytest.raises(TrainingCheckError, match="found finished: asked 4, found 3"):
        check_training(request_made, shorter, FOLDER)


def test_other_architecture_is_refused(request_made, evidence):
    model = dataclasses.replace(MODEL, architecture={"channels": 64})
    foundation = dataclasses.replace(FOUNDATION, architecture={"channels": 128})
    with pytest.raises(TrainingCheckError, match="channels of the saved model: asked 128, found 64"):
        check_training(request_made, dataclasses.replace(evidence, model=model, foundation=foundation), FOLDER)


FILE_ERRORS = {"energy_rmse_meV_per_atom": 12.0, "force_rmse_meV_per_A": 166.0, "stress_rmse_meV_per_A3": 3.0}


def with_file_labels(request_made, evidence, found, labels="file", errors=FILE_ERRORS):
    settings = request_made.settings.model_copy(
        update={"replay_labels": ReplayLabels.FILE, "replay_file": "/some/file.xyz"}
    )
    history = replaced(evidence.history, -1, "pt_head", **found)
    replay = {"labels": labels, "foundation_errors": errors}
    changed = dataclasses.replace(evidence, history=history, replay=replay)
    check_training(dataclasses.replace(request_made, settings=settings), changed, FOLDER)


def test_labels_of_a_file_must_be_missed_by_as_much_as_the_foundation_misses_them(request_made, evidence):
    with_file_labels(request_made, evidence, FILE_ERRORS)
    with pytest.raises(TrainingCheckError, match=r"replay labels \(file\): .* misses them by 0 meV/A, .* by 166"):
        with_file_labels(request_made, evidence, FILE_ERRORS | {"force_rmse_meV_per_A": 0.0})
    with pytest.raises(TrainingCheckError, match="labels of the replay structures: asked file, found foundation"):
        with_file_labels(request_made, evidence, FILE_ERRORS, labels="foundation")


def test_replay_labels_of_another_level_of_theory_are_refused(request_made, evidence):
    errors = FILE_ERRORS | {"energy_rmse_meV_per_atom": 6700.0}
    with pytest.raises(TrainingCheckError, match="they lie 6700 meV/atom off the foundation"):
        with_file_labels(request_made, evidence, errors, errors=errors)


def test_estimated_e0s_do_not_pass_for_isolated_atoms(request_made, evidence):
    settings = request_made.settings.model_copy(update={"e0s": E0Source.ISOLATED})
    with pytest.raises(TrainingCheckError, match="source of the E0s: asked isolated, found estimated"):
        check_training(dataclasses.replace(request_made, settings=settings), evidence, FOLDER)
