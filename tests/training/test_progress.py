"""Progress of a training, read from the files that it writes."""

import json

import pytest

from superionic.stages import TrainingSettings
from superionic.training import progress
from superionic.training.mace_command import TrainingRequest
from superionic.training.mace_run import Display
from superionic.training.progress import Phase, ProgressReader, TrainingProgress


@pytest.fixture
def request_made():
    settings = TrainingSettings(max_epochs=10, patience=5, batch_size=4)
    return TrainingRequest(settings, 7, "cpu", 1, n_train=12, n_valid=4, n_replay_train=4, n_replay_valid=1)


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


class Training:
    """Writes what a training process writes."""

    def __init__(self, folder):
        self.file = folder / "results" / "model_run-7_train.txt"
        self.file.parent.mkdir()
        self.phase = folder / "phase"

    def write(self, *rows):
        with self.file.open("a") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows)

    def epoch(self, number, loss, batches=4):
        self.write(*({"mode": "opt", "epoch": number, "loss": loss + b} for b in range(batches)))
        for head in ("pt_head", "target"):
            errors = {"rmse_e_per_atom": loss / 100, "rmse_f": 0.0}
            self.write({"mode": "eval", "epoch": number, "head": head, "loss": loss} | errors)


def test_progress_from_the_first_file_to_the_end(tmp_path, request_made, clock):
    reader = ProgressReader(tmp_path, request_made)
    assert reader.read().phase is Phase.PREPARING
    training = Training(tmp_path)
    training.phase.write_text("train")
    assert (reader.read().epoch, reader.read().seconds_left_at_most) == (-1, None)
    for epoch, loss in enumerate((0.5, 0.3, 0.4)):
        clock.now += 20
        training.epoch(epoch, loss)
        found = reader.read()
    assert (found.epoch, found.best_epoch, found.without_improvement, found.max_epochs) == (2, 1, 1, 10)
    assert found.train_loss == pytest.approx(0.4 + 1.5)
    assert found.heads["target"].energy_rmse_meV_per_atom == pytest.approx(4.0)
    assert found.heads["target"].force_rmse_meV_per_A == 0.0
    assert found.seconds_left_at_most == pytest.approx(7 * 20)
    training.write({"mode": "opt", "epoch": 3, "loss": 1.0})
    clock.now += 5
    later = reader.read()
    assert later.share_of_epoch == 0.25
    assert later.seconds_left_at_most == pytest.approx(7 * 20 - 5)
    assert later.describe().startswith("epoch 3/10, target 4 meV/atom 0 meV/A, pt_head 4 meV/atom")
    assert json.loads(json.dumps(later.as_dict()))["phase"] == "training"
    training.phase.write_text("after")
    assert reader.read().phase is Phase.EVALUATING


def test_resumed_training_is_timed_from_where_it_goes_on(tmp_path, request_made, clock):
    training = Training(tmp_path)
    training.epoch(0, 0.5)
    training.epoch(1, 0.4)
    training.phase.write_text("train")
    reader = ProgressReader(tmp_path, request_made)
    assert (reader.read().epoch, reader.read().first_epoch) == (1, 2)
    clock.now += 30
    training.epoch(2, 0.3)
    assert reader.read().seconds_left_at_most == pytest.approx(7 * 30)


def test_lines_that_are_cut_off_by_a_resumption_are_forgotten(tmp_path, request_made, clock):
    training = Training(tmp_path)
    training.epoch(0, 0.5)
    kept = training.file.read_text()
    training.epoch(1, 0.1)
    reader = ProgressReader(tmp_path, request_made)
    assert reader.read().best_epoch == 1
    training.file.write_text(kept)
    assert (reader.read().epoch, reader.read().best_epoch) == (0, 0)


def test_time_left_survives_going_back(tmp_path, request_made, clock):
    training = Training(tmp_path)
    training.phase.write_text("train")
    for epoch in range(3):
        training.epoch(epoch, 0.5)
    kept = training.file.read_text()
    training.epoch(3, 0.5)
    reader = ProgressReader(tmp_path, request_made)
    assert reader.read().epoch == 3
    training.file.write_text(kept)
    assert reader.read().epoch == 2
    clock.now += 10
    training.epoch(3, 0.5)
    assert reader.read().seconds_left_at_most == pytest.approx(6 * 10)


def test_display_that_fails_does_not_harm_the_training():
    shown = []

    def show(found):
        shown.append(found)
        raise ValueError("no terminal")

    display = Display(show)
    display(lambda: TrainingProgress(Phase.TRAINING))
    display(lambda: TrainingProgress(Phase.TRAINING))
    assert len(shown) == 1
    Display(shown.append)(lambda: 1 / 0)


def test_half_a_line_waits_for_its_rest(tmp_path, request_made):
    training = Training(tmp_path)
    training.epoch(0, 0.5)
    text = training.file.read_text()
    training.file.write_text(text[:-9])
    reader = ProgressReader(tmp_path, request_made)
    assert reader.read().epoch == -1  # the line of the last head is not complete
    training.file.write_text(text)
    assert reader.read().epoch == 0
