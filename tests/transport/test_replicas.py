from dataclasses import replace

import numpy as np
import pytest

from superionic.errors import TransportInputError
from superionic.transport import Verdict, analyze_trajectory, combine_replicas
from superionic.transport.replicas import pool


@pytest.mark.parametrize(("between", "lowest", "highest"), [(0.0, 0.60, 0.80), (0.3, 0.58, 0.80), (2.0, 0.58, 0.78)])
def test_intervals_of_the_mean_cover_whatever_the_runs_differ_by(between, lowest, highest):
    rng = np.random.default_rng(0)
    inside68, inside95, repeats = 0, 0, 2000
    for _ in range(repeats):
        weights, stds = rng.uniform(1, 2, 5), rng.uniform(0.2, 0.4, 5)
        values = 10.0 + between * rng.normal(size=5) + stds * rng.normal(size=5)
        found = pool(values, stds, weights)
        inside68 += abs(found.value - 10.0) <= found.std
        inside95 += abs(found.value - 10.0) <= found.half_width_95
    assert lowest <= inside68 / repeats <= highest
    assert inside95 / repeats >= 0.90


def test_the_variance_between_runs_is_recovered():
    rng = np.random.default_rng(1)
    found = [pool(5 + rng.normal(size=8) + 0.5 * rng.normal(size=8), np.full(8, 0.5), np.ones(8)) for _ in range(400)]
    assert np.mean([f.between_std**2 for f in found]) == pytest.approx(1.0, rel=0.1)
    assert found[0].within_std == pytest.approx(0.5 / np.sqrt(8))
    equal = pool(np.full(4, 3.0), np.full(4, 0.2), np.ones(4))
    assert (equal.value, equal.between_std, equal.std) == pytest.approx((3.0, 0.0, 0.1), rel=1e-3)


def test_seeds_combine_into_a_smaller_error_that_still_covers(make_run):
    runs = [make_run(seed, mobile=48, duration_ps=150.0) for seed in range(5)]
    results = [analyze_trajectory(*run.arguments) for run in runs]
    found = combine_replicas(results)
    assert found.verdict is Verdict.OK
    assert found.n_used + len(found.left_out) == 5
    assert found.diffusivity_interval95_cm2_per_s[0] <= 1e-5 <= found.diffusivity_interval95_cm2_per_s[1]
    used = [r for r in results if r.verdict is Verdict.OK]
    assert found.diffusivity_std_cm2_per_s < min(r.diffusivity_std_cm2_per_s for r in used)
    assert found.conductivity_S_per_cm / found.diffusivity_cm2_per_s == pytest.approx(
        used[0].conductivity_S_per_cm / used[0].diffusivity_cm2_per_s
    )
    assert found.haven_ratio == pytest.approx(1.0, abs=4 * found.haven_ratio_std)
    np.testing.assert_allclose(found.diffusivity_axes_cm2_per_s.mean(), found.diffusivity_cm2_per_s, rtol=0.02)


def test_slow_runs_enter_and_melted_ones_do_not(make_run):
    run = make_run(0, diffusivity_A2_per_ps=0.008)
    slow = [analyze_trajectory(*make_run(seed, diffusivity_A2_per_ps=0.008).arguments) for seed in range(6)]
    assert all(result.verdict is Verdict.TOO_FEW_HOPS for result in slow)
    assert sum(result.n_hops for result in slow) >= 30
    melted = replace(slow[0], verdict=Verdict.FRAMEWORK_UNSTABLE, verdict_reason="molten", diffusivity_cm2_per_s=1.0)
    found = combine_replicas([*slow, melted])
    assert found.verdict is Verdict.OK
    assert found.n_used == 6
    assert [(item.index, item.reason) for item in found.left_out] == [(6, "molten")]
    low, high = found.diffusivity_interval95_cm2_per_s
    assert low <= run.diffusivity_cm2_per_s <= high
    few = combine_replicas(slow[:2])
    assert few.verdict is Verdict.TOO_FEW_HOPS
    assert few.diffusivity_upper_bound_cm2_per_s > run.diffusivity_cm2_per_s
    assert few.diffusivity_std_cm2_per_s >= few.diffusivity_cm2_per_s
    assert combine_replicas([melted]).verdict is Verdict.FRAMEWORK_UNSTABLE


def test_runs_that_do_not_belong_together_are_refused(make_run):
    result = analyze_trajectory(*make_run(0).arguments)
    with pytest.raises(TransportInputError, match="share mobile species"):
        combine_replicas([result, replace(result, temperature_K=900.0)])
    with pytest.raises(TransportInputError, match="no runs"):
        combine_replicas([])
