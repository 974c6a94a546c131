import numpy as np
import pytest
from scipy.special import i0

from superionic.transport import DiffusionSettings, Verdict, analyze_trajectory

REPEATS = 40


def test_intervals_cover_the_true_diffusivity_as_often_as_they_claim(make_run):
    runs = [make_run(seed) for seed in range(REPEATS)]
    results = [analyze_trajectory(*run.arguments) for run in runs]
    true = runs[0].diffusivity_cm2_per_s
    values = np.array([r.diffusivity_cm2_per_s for r in results])
    in_68 = np.mean(
        [r.diffusivity_interval68_cm2_per_s[0] <= true <= r.diffusivity_interval68_cm2_per_s[1] for r in results]
    )
    in_95 = np.mean(
        [r.diffusivity_interval95_cm2_per_s[0] <= true <= r.diffusivity_interval95_cm2_per_s[1] for r in results]
    )
    haven = [r for r in results if r.haven_ratio is not None]
    haven_68 = np.mean([abs(r.haven_ratio - 1.0) <= r.haven_ratio_std for r in haven])
    assert sum(r.verdict is Verdict.OK for r in results) >= 0.85 * REPEATS
    assert values.mean() == pytest.approx(true, rel=3 * values.std() / true / np.sqrt(REPEATS))
    assert 0.5 <= in_68 <= 0.9
    assert in_95 >= 0.85
    assert haven_68 >= 0.5
    # about 130 hops: no honest error is below the shot noise
    ok = [r for r in results if r.verdict is Verdict.OK]
    assert all(r.diffusivity_std_cm2_per_s / r.diffusivity_cm2_per_s >= 0.99 / np.sqrt(r.n_hops) for r in ok)
    assert np.median([r.diffusivity_std_cm2_per_s for r in ok]) < 0.3 * true


def test_ions_that_move_together_get_the_error_of_their_groups(make_run):
    """Groups of three that hop together carry a third of the information; a jackknife over ions would not see it."""
    true, results = 1e-5, []
    for seed in range(25):
        run = make_run(seed, mobile=48, duration_ps=150.0)
        host = run.positions_A[:, 48:]
        paths = run.positions_A[:, :16]
        rattle = 0.3 * np.random.default_rng(seed).normal(size=(len(paths), 48, 3))
        together = np.concatenate([np.repeat(paths, 3, axis=1) + rattle, host], axis=1)
        results.append(analyze_trajectory(together, *run.arguments[1:]))
    inside = [r.diffusivity_interval95_cm2_per_s[0] <= true <= r.diffusivity_interval95_cm2_per_s[1] for r in results]
    ok = [r for r in results if r.verdict is Verdict.OK]
    ions = [r.samples.particles.trace(axis1=1, axis2=2).std() / 3 / np.sqrt(47) * 1e-4 for r in ok]
    assert sum(inside) >= 21
    assert np.median([r.diffusivity_std_cm2_per_s for r in ok] / np.array(ions)) > 1.4


def test_hops_are_counted_and_curves_have_the_plain_meaning(make_run):
    run = make_run(0, duration_ps=200.0)
    result = analyze_trajectory(*run.arguments)
    expected = 24 * 6 * 0.1 * 200.0 / 9.0
    assert result.n_hops == pytest.approx(expected, abs=4 * np.sqrt(expected))
    assert result.mobile_count == 24
    assert result.msd_time_ps[5] == pytest.approx(1.0)
    assert result.msd_tracer_A2[0] == result.msd_host_A2[0] == 0.0
    step = np.diff(run.positions_A[:, :24], axis=0)
    assert result.msd_tracer_A2[1] == pytest.approx((step**2).sum(axis=-1).mean(), rel=5e-3)
    assert result.msd_host_A2[50] == pytest.approx(6 * 0.1**2, rel=0.1)
    assert result.window_ps[0] >= 1.0
    assert result.window_ps[1] <= 0.2 * 200.0


def test_axes_and_planes_of_a_planar_conductor(make_run):
    run = make_run(2, mobile=48, duration_ps=150.0, weights=(1.0, 1.0, 0.0))
    result = analyze_trajectory(*run.arguments)
    a, b, c = result.diffusivity_axes_cm2_per_s
    ab, ac, bc = result.diffusivity_planes_cm2_per_s
    assert result.verdict is Verdict.OK
    assert result.diffusivity_cm2_per_s == pytest.approx((a + b + c) / 3)
    assert (ab, ac, bc) == pytest.approx(((a + b) / 2, (a + c) / 2, (b + c) / 2))
    assert abs(c) < 3 * result.diffusivity_axes_std_cm2_per_s[2] + 1e-7
    assert abs(ab - 1.5e-5) < 3 * result.diffusivity_planes_std_cm2_per_s[0]


def test_axes_and_planes_do_not_depend_on_how_the_crystal_is_turned(make_run):
    run = make_run(2, weights=(1.0, 2.0, 0.5))
    oblique = np.array([[12.0, 0.0, 0.0], [-6.0, 10.4, 0.0], [0.0, 3.0, 12.0]])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    plain = analyze_trajectory(run.positions_A, oblique, *run.arguments[2:])
    turned = analyze_trajectory(run.positions_A @ turn, oblique @ turn, *run.arguments[2:])
    np.testing.assert_allclose(turned.diffusivity_axes_cm2_per_s, plain.diffusivity_axes_cm2_per_s, rtol=1e-6)
    np.testing.assert_allclose(turned.diffusivity_planes_cm2_per_s, plain.diffusivity_planes_cm2_per_s, rtol=1e-6)


@pytest.mark.parametrize("vibration", [0.0, 0.3])
def test_ions_that_do_not_move_get_a_bound_and_no_small_error(make_run, vibration):
    run = make_run(0, diffusivity_A2_per_ps=0.0)
    rest = run.positions_A[:, :24].mean(axis=0)
    run.positions_A[:, :24] = rest + vibration / 0.3 * (run.positions_A[:, :24] - rest)
    result = analyze_trajectory(*run.arguments)
    assert result.verdict is Verdict.TOO_FEW_HOPS
    assert result.n_hops == 0
    bound = result.diffusivity_upper_bound_cm2_per_s
    # rule of three: no event in N t, so fewer than three per N t at 95 %
    assert bound == pytest.approx(3.0 * 9.0 / (6 * 24 * 100.0) * 1e-4, rel=0.01)
    assert result.diffusivity_cm2_per_s + result.diffusivity_std_cm2_per_s >= 0.99 * bound
    assert result.haven_ratio is None


@pytest.mark.parametrize("seed", range(6))
def test_bounds_of_slow_runs_hold(make_run, seed):
    run = make_run(seed, diffusivity_A2_per_ps=0.01)
    result = analyze_trajectory(*run.arguments)
    assert result.verdict is Verdict.TOO_FEW_HOPS
    assert result.diffusivity_upper_bound_cm2_per_s > run.diffusivity_cm2_per_s
    assert result.diffusivity_std_cm2_per_s >= result.diffusivity_cm2_per_s


def test_ions_that_fly_are_not_diffusive_and_have_no_bound(make_run):
    run = make_run(0, diffusivity_A2_per_ps=0.0)
    velocity = np.random.default_rng(1).normal(size=(24, 3))
    run.positions_A[:, :24] += velocity * run.time_step_ps * np.arange(len(run.positions_A))[:, None, None]
    result = analyze_trajectory(*run.arguments)
    assert result.verdict is Verdict.NOT_DIFFUSIVE
    assert result.loglog_slope == pytest.approx(2.0, abs=0.1)
    assert result.diffusivity_upper_bound_cm2_per_s is None
    assert result.diffusivity_std_cm2_per_s >= result.diffusivity_cm2_per_s


def test_ions_that_only_rattle_between_two_sites_are_not_diffusive(make_run):
    run = make_run(0, diffusivity_A2_per_ps=0.0)
    rng = np.random.default_rng(1)
    side = np.cumsum(rng.random((len(run.positions_A), 24)) < 0.02, axis=0) % 2
    run.positions_A[:, :24, 0] += 3.0 * side
    result = analyze_trajectory(*run.arguments)
    assert result.n_hops > 100
    assert result.verdict is Verdict.NOT_DIFFUSIVE
    assert result.diffusivity_std_cm2_per_s >= result.diffusivity_cm2_per_s
    assert result.diffusivity_upper_bound_cm2_per_s > 0


@pytest.mark.parametrize("duration_ps", [2.0, 5.0, 10.0])
def test_short_runs_never_claim_a_small_error(make_run, duration_ps):
    for seed in range(5):
        run = make_run(seed, duration_ps=duration_ps)
        result = analyze_trajectory(*run.arguments)
        assert result.verdict is not Verdict.OK
        assert result.diffusivity_std_cm2_per_s >= result.diffusivity_cm2_per_s
        assert result.diffusivity_upper_bound_cm2_per_s > run.diffusivity_cm2_per_s


@pytest.mark.parametrize("frames", [10, 12, 20, 25])
def test_runs_shorter_than_the_coarse_time_give_a_bound(frames):
    rng = np.random.default_rng(frames)
    positions = 6 * rng.random((1, 20, 3)) + rng.normal(0, 0.1, (frames, 20, 3))
    result = analyze_trajectory(positions, 8 * np.eye(3), ["Li"] * 6 + ["Cl"] * 14, "Li", 0.02, 800)
    assert result.verdict is Verdict.TOO_FEW_HOPS
    assert result.diffusivity_upper_bound_cm2_per_s >= result.diffusivity_cm2_per_s


def test_jumps_back_are_waited_for(make_run):
    """Of all hops 40 % undo the one before: the slope before the memory is gone is up to 2.3 times the true one."""
    results = []
    for seed in range(12):
        run = make_run(seed, mobile=48, duration_ps=300.0, back=0.4)
        results.append(analyze_trajectory(*run.arguments))
    true = run.diffusivity_cm2_per_s
    covered = [r.diffusivity_interval95_cm2_per_s[0] <= true <= r.diffusivity_interval95_cm2_per_s[1] for r in results]
    good = [r.diffusivity_cm2_per_s for r in results if r.verdict is Verdict.OK]
    early = results[0].msd_tracer_A2[10] - results[0].msd_tracer_A2[1]
    assert sum(covered) >= 10
    assert len(good) >= 8
    assert np.mean(good) == pytest.approx(true, rel=0.1)
    assert early / (6 * 9 * run.time_step_ps) * 1e-4 > 1.5 * true


@pytest.mark.parametrize("seed", range(5))
def test_jumps_back_that_are_slower_than_the_run_is_long_are_noticed(make_run, seed):
    run = make_run(seed, mobile=48, duration_ps=300.0, diffusivity_A2_per_ps=0.01, back=0.4)
    result = analyze_trajectory(*run.arguments)
    assert result.n_hops > 100
    assert result.verdict is Verdict.NOT_DIFFUSIVE
    assert "jump back" in result.verdict_reason


def test_a_melt_is_flagged_whatever_the_mobile_ions_do(make_run):
    run = make_run(0)
    rng = np.random.default_rng(7)
    run.positions_A[:, 24:] += np.cumsum(0.1 * rng.normal(size=run.positions_A[:, 24:].shape), axis=0)
    result = analyze_trajectory(*run.arguments)
    assert result.verdict is Verdict.FRAMEWORK_UNSTABLE
    assert "Cl" in result.verdict_reason


def test_a_trajectory_without_host_says_that_the_framework_was_not_checked(make_run):
    run = make_run(0)
    result = analyze_trajectory(run.positions_A[:, :24], run.lattice_A, ["Li"] * 24, "Li", 0.2, 800.0)
    assert result.verdict is Verdict.OK
    assert not result.integrity.checked
    assert "not checked" in result.verdict_reason
    assert np.isnan(result.msd_host_A2).all()


def test_discarding_equals_cutting_by_hand(make_run):
    run = make_run(0)
    cut = analyze_trajectory(run.positions_A[100:], *run.arguments[1:])
    discarded = analyze_trajectory(*run.arguments, discard_ps=20.0)
    assert discarded.diffusivity_cm2_per_s == cut.diffusivity_cm2_per_s
    assert discarded.duration_ps == pytest.approx(cut.duration_ps)


def test_the_least_number_of_hops_is_a_setting(make_run):
    run = make_run(0)
    assert (
        analyze_trajectory(*run.arguments, settings=DiffusionSettings(min_hops=10_000)).verdict is Verdict.TOO_FEW_HOPS
    )


def test_one_ion_and_ten_frames_are_answered_without_a_crash():
    rng = np.random.default_rng(0)
    positions = np.cumsum(rng.normal(size=(10, 2, 3)), axis=0)
    result = analyze_trajectory(positions, 30 * np.eye(3), ["Li", "Cl"], "Li", 0.1, 300.0)
    assert result.verdict is not Verdict.OK
    assert np.isfinite(result.diffusivity_std_cm2_per_s)


def test_overdamped_ions_in_a_periodic_potential_have_the_exact_diffusivity():
    """D = mu kT / (<exp(V/kT)> <exp(-V/kT)>) = mu kT / I0(B / 2 kT)^2, Lifson and Jackson, JCP 36, 2410 (1962)."""
    runs, ions, frames, substeps, step, barrier = 10, 48, 700, 10, 0.02, 3.0
    rng, wave = np.random.default_rng(0), 2 * np.pi / 3.0
    x, kept = np.zeros((runs, ions, 3)), np.empty((frames, runs, ions, 3))
    for k in range(-50, frames):
        for _ in range(substeps):
            x += -0.5 * barrier * wave * np.sin(wave * x) * step + np.sqrt(2 * step) * rng.normal(size=x.shape)
        kept[max(k, 0)] = x
    true = 1e-4 / i0(0.5 * barrier) ** 2
    found = [
        analyze_trajectory(kept[:, r], 12.0 * np.eye(3), ["Li"] * ions, "Li", substeps * step, 800.0)
        for r in range(runs)
    ]
    values = np.array([r.diffusivity_cm2_per_s for r in found])
    inside = [r.diffusivity_interval95_cm2_per_s[0] <= true <= r.diffusivity_interval95_cm2_per_s[1] for r in found]
    assert sum(inside) >= 8
    # 2 % for the finite time step
    assert values.mean() == pytest.approx(true, rel=0.02 + 3 * values.std() / true / np.sqrt(runs))
