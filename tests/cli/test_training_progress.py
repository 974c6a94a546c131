import platform
from dataclasses import replace

import pytest

from superionic.cli.campaign import show_status
from superionic.cli.progress import MOST_LINES, running_lines, worker_progress
from superionic.cli.training_progress import share_done, training_progress
from superionic.launch.running import RunningWork
from superionic.launch.status import CampaignStatus, StageStatus
from superionic.training.progress import HeadErrors, Phase, TrainingProgress
from superionic.transport.progress import MDPhase, MDProgress


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
    return RunningWork("train: multihead", "node7", "/scratch/t", progress, silent_s=1.0)


def status(running_jobs):
    stages = (StageStatus("training", running=running_jobs, waiting=1 - running_jobs),)
    return CampaignStatus("key", stages, (), None, None, finished=False)


def test_status_shows_running_trainings(running, capsys):
    show_status(status(1), running={"trainings": [running], "production MD": []})
    text = capsys.readouterr().out
    assert "train: multihead" in text
    assert "epoch 5/500, target 2.5 meV/atom 40 meV/A, best 4" in text
    assert "production MD" not in text


def test_trainings_are_looked_up_only_while_there_are_any(running):
    assert running_lines(status(1), lambda: [running]) == [f"train: multihead: {running.describe()}"]
    assert running_lines(status(0), lambda: 1 / 0) == []


@pytest.fixture
def md():
    progress = MDProgress(MDPhase.RUNNING, 800.0, 500.0, 8, 123400, 123.4, 812.3, 1.234, 26500.0)
    return RunningWork("md: Li3InCl6 800 K", platform.node(), "/scratch/md", progress, silent_s=1.0)


def test_a_production_run_says_how_far_how_fast_and_how_long_still(md):
    assert md.describe() == "123.4/500 ps, 812 K, 1.23 ns/day (1 of 8 side by side), about 7 h left"
    waiting = replace(md, progress=MDProgress(MDPhase.WAITING, 800.0, 500.0), silent_s=300.0)
    assert waiting.describe().startswith("waiting (no news for 5 min")


def test_many_runs_do_not_flood_the_screen(md):
    lines = running_lines(status(1), lambda: [md] * 20)
    assert len(lines) == MOST_LINES + 1
    assert lines[-1] == "and 12 more: see `superionic status`"


def test_a_worker_tells_of_its_own_machine(md, capsys):
    show = worker_progress(lambda: [md, replace(md, hostname="elsewhere", name="md: other")])
    show(status(0))
    assert capsys.readouterr().err == ""
    show(status(1))
    assert capsys.readouterr().err == f"{md.name}: {md.describe()}\n"
