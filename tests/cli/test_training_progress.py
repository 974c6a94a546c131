import pytest

from superionic.cli.training_progress import share_done, training_progress
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
