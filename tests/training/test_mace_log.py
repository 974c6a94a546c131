import math

import pytest

from superionic.training.mace_log import parse_log, parse_results


def test_log_gives_what_was_used(mace_log_text):
    log = parse_log(mace_log_text)
    assert log.heads == ["target", "pt_head"]
    assert log.label_counts["target"]["train"] == {"energy": 12, "forces": 12, "stress": 12}
    assert log.label_counts["pt_head"]["valid"] == {"energy": 1, "forces": 1, "stress": 1}
    assert log.sizes == {"target": 12, "pt_head": 9}
    assert log.e0s_eV["target"] == {3: -3.5, 17: -7.25}
    assert log.learning_rates == [0.01, 0.01, 0.01]  # not the 0.0001 of the misleading line
    assert (log.ema_decay, log.batch_size, log.best_epoch) == (0.99, 4, 1)
    assert log.loss_weights == {"energy_weight": 20.0, "forces_weight": 10.0, "stress_weight": 100.0}
    assert log.multihead
    assert log.finished
    assert log.complaints == ["Validation batch size (32) is larger than the number of validation data (5)"]


def test_truncated_log_says_so(mace_log_text):
    log = parse_log(mace_log_text[: len(mace_log_text) // 2])
    assert not log.finished
    assert log.best_epoch is None


def test_results_are_one_record_per_head_and_epoch(mace_results_text):
    history = parse_results(mace_results_text)
    assert [(r.epoch, r.head) for r in history[:3]] == [(-1, "pt_head"), (-1, "target"), (0, "pt_head")]
    assert history[1].energy_rmse_meV_per_atom == pytest.approx(20.0)
    assert len(history) == 10


def test_missing_stress_is_nan():
    row = '{"mode": "eval", "epoch": 0, "head": "a", "loss": 1, "rmse_e_per_atom": 1, "rmse_f": 1, "rmse_stress": null}'
    assert math.isnan(parse_results(row)[0].stress_rmse_meV_per_A3)
