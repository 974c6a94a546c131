"""Autocorrelation times of series whose answer is known."""

import numpy as np
import pytest
from scipy.signal import lfilter

from superionic.errors import InputError
from superionic.ordering.autocorrelation import (
    SeriesVerdict,
    autocorrelation_time,
    judge_series,
    potential_scale_reduction,
)


def ar1(phi, n, seed):
    """x(t) = phi x(t-1) + noise, started in its stationary state; rho(t) = phi^t."""
    noise = np.random.default_rng(seed).normal(size=n + 2000)
    return lfilter([1.0], [1.0, -phi], noise)[2000:]


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, 0.98])
def test_ar1_has_its_known_time(phi):
    exact = (1 + phi) / (2 * (1 - phi))
    found = autocorrelation_time(ar1(phi, 400_000, seed=3))
    assert abs(found.tau - exact) < 4 * found.tau_std + 0.01
    assert found.tau == pytest.approx(exact, rel=0.08)


def test_error_of_the_mean_is_the_spread_of_means():
    phi, n = 0.9, 5000
    found = [autocorrelation_time(ar1(phi, n, seed)) for seed in range(300)]
    spread = np.std([item.mean for item in found])
    assert np.mean([item.mean_std for item in found]) == pytest.approx(spread, rel=0.15)


def test_drift_statistic_is_of_order_one_for_stationary_and_large_for_drifting_series():
    stationary = [autocorrelation_time(ar1(0.8, 5000, seed)).drift for seed in range(200)]
    assert np.mean(np.square(stationary)) == pytest.approx(1.0, abs=0.35)
    ramp = ar1(0.8, 5000, 1) + np.linspace(0, 40, 5000)
    assert judge_series(autocorrelation_time(ramp), 0.5) in {SeriesVerdict.NOT_EQUILIBRATED, SeriesVerdict.TOO_SHORT}
    step = ar1(0.1, 5000, 1) + np.where(np.arange(5000) < 2500, 0.0, 0.5)
    assert judge_series(autocorrelation_time(step), 0.5) is not SeriesVerdict.OK


def test_verdicts():
    good = autocorrelation_time(ar1(0.5, 5000, 1))
    assert judge_series(good, 0.2) is SeriesVerdict.OK
    assert judge_series(good, 0.0) is SeriesVerdict.FROZEN
    assert judge_series(autocorrelation_time(ar1(0.97, 300, 4)), 0.2) is not SeriesVerdict.OK


def test_a_constant_series_has_no_errors():
    found = autocorrelation_time(np.full(100, -3.7))
    assert (found.tau, found.mean_std, found.drift) == (0.5, 0.0, 0.0)


@pytest.mark.parametrize("series", [[1.0] * 5, [1.0, np.nan] * 10, np.ones((20, 2))])
def test_unusable_series_are_refused(series):
    with pytest.raises(InputError, match="at least 10 finite numbers"):
        autocorrelation_time(series)


def test_replicas_that_agree_and_that_do_not():
    same = [ar1(0.5, 4000, seed) for seed in range(4)]
    assert potential_scale_reduction(same) == pytest.approx(1.0, abs=0.01)
    assert potential_scale_reduction([series + 2 * k for k, series in enumerate(same)]) > 1.5
    assert potential_scale_reduction(same[:1]) is None
    assert potential_scale_reduction([np.zeros(9), np.ones(9)]) == float("inf")
