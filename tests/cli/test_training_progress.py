import pytest

from superionic.cli.campaign import show_status
from superionic.cli.progress import training_lines
from superionic.cli.training_progress import share_done, training_progress
from superionic.launch.status import CampaignStatus, StageStatus
from superionic.launch.trainings import RunningTraining
from superionic.training.progress import HeadErrors, Phase, TrainingProgress


def test_lines_where_there_is_no_terminal(capsys):
    heads = {"target": HeadErrors(0.1, 2.5, 40.0)}
    with training_progress() as show:
        for phase, epoch in ((Phase.PREPARING, -1), (Phase.TRAINING, -1), (Phase.TRAINING, 0), (Phase.FINISHED, 0)):
            show(TrainingProgress(phase, epoch, 10, heads=heads))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["training: preparing", "training: training", "training: finished"]


@pytest.mark.parametrize(("epoch", "share", "expected"), [(-1, 0.0, 0.0), (3, 0.5, 0.45), (9, 1.0, 1.0)])
def test_share_of_all_epochs(epoch, share, expected):
    assert share_done(TrainingProgress(Phase.TRAINING, epoch, 10, share)) == pytest.approx(expected)


@pytest.fixture
def running():
    progress = TrainingProgress(Phase.TRAINING, 4, 500, heads={"target": HeadErrors(0.1, 2.5, 40.0)}, best_epoch=3)
    return RunningTraining("train: multihead", "node7", "/scratch/t", progress, silent_s=1.0)


def status(running_jobs):
    stages = (StageStatus("training", running=running_jobs, waiting=1 - running_jobs),)
    return CampaignStatus("key", stages, (), None, None, finished=False)


def test_status_shows_running_trainings(running, capsys):
    show_status(status(1), trainings=[running])
    text = capsys.readouterr().out
    assert "train: multihead" in text
    assert "epoch 5/500, target 2.5 meV/atom 40 meV/A, best 4" in text


def test_trainings_are_looked_up_only_while_there_are_any(running):
    assert training_lines(status(1), lambda: [running]) == [f"train: multihead: {running.describe()}"]
    assert training_lines(status(0), lambda: 1 / 0) == []
