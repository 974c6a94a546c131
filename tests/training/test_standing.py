"""Best epoch, patience and divergence, as counted from epoch to epoch."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superionic.training.standing import DivergedError, Standing, require_finite


def record(loss, force=0.1, energy=0.01):
    return {"loss": loss, "rmse_f": force, "rmse_e_per_atom": energy}


@given(losses=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=30))
def test_best_epoch_and_patience_are_those_of_mace(losses):
    standing, lowest, counter = Standing(), math.inf, 0
    standing.validated(-1, record(0.001))  # lower than anything later: never the best epoch, there are no weights of it
    for epoch, loss in enumerate(losses):
        standing.validated(epoch, record(loss))
        improved = standing.finished(epoch)
        assert improved == (loss < lowest)
        lowest, counter = min(lowest, loss), 0 if loss < lowest else counter + 1
        assert (standing.best_loss, standing.without_improvement) == (lowest, counter)
    assert standing.best_epoch == losses.index(min(losses))
    assert standing.epoch == len(losses) - 1


def test_blown_up_loss_names_epoch_values_and_errors():
    standing = Standing()
    for epoch, loss in ((-1, 0.5), (0, 0.02), (1, 1.9)):
        standing.validated(epoch, record(loss, force=3.0))
    with pytest.raises(DivergedError, match=r"in epoch 2 .* rose to 2\.1, 105 times the lowest \(0\.02, in epoch 0\)"):
        standing.validated(2, record(2.1, force=3.0))


def test_start_before_training_counts_as_lowest():
    standing = Standing()
    standing.validated(-1, record(0.02))
    with pytest.raises(DivergedError, match=r"before training.* with errors of 2000 meV/atom and 100 meV/A"):
        standing.validated(0, record(3.0, energy=2.0))


@pytest.mark.parametrize(("loss", "force", "energy"), [(1.9, 9.0, 9.0), (50.0, 0.9, 0.9)])
def test_neither_a_moderate_rise_nor_small_errors_are_divergence(loss, force, energy):
    standing = Standing()
    standing.validated(-1, record(0.02))
    standing.validated(0, record(loss, force, energy))
    assert standing.valid_loss == loss


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_loss_that_is_no_number(loss):
    with pytest.raises(DivergedError, match="the loss of batch 3 is "):
        require_finite(loss, "the loss of batch 3")
    assert all(require_finite(value, "") is None for value in itertools.chain([0.0, -1.0], [1e30]))
