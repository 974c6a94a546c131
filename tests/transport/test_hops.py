import numpy as np
import pytest

from superionic.transport.displacement import host_frame
from superionic.transport.hops import find_hops

DT_PS = 0.1


def hops_of(run):
    return find_hops(host_frame(run.positions_A, run.lattice_A, run.species, "Li", run.time_step_ps), 3.0, 0.5)


def recrossing(seed, *, share, after_ps, wait_ps=30.0, ions=40, duration_ps=400.0):
    """Ions that jump every 30 ps along x, y or z; a share of the jumps is undone a fixed time later."""
    rng = np.random.default_rng(seed)
    frames = round(duration_ps / DT_PS)
    steps = np.zeros((frames, ions, 3))
    for ion in range(ions):
        time = rng.exponential(wait_ps)
        while time + after_ps < duration_ps - 1.0:
            step = 3.0 * rng.choice([-1.0, 1.0]) * np.eye(3)[rng.integers(3)]
            steps[int(time / DT_PS), ion] += step
            if rng.random() < share:
                steps[int((time + after_ps) / DT_PS), ion] -= step
            time += after_ps + rng.exponential(wait_ps)
    path = np.cumsum(steps, axis=0) + 0.2 * rng.normal(size=steps.shape)
    host = 4.0 * np.argwhere(np.ones((3, 3, 3))) + 0.1 * rng.normal(size=(frames, 27, 3))
    symbols = ["Li"] * ions + ["Cl"] * 27
    return find_hops(host_frame(np.concatenate([path, host], axis=1), 12.0 * np.eye(3), symbols, "Li", DT_PS), 3.0, 0.5)


@pytest.mark.parametrize("seed", range(3))
def test_the_memory_of_forced_jumps_back_lasts_as_long_as_jumps_are_apart(make_run, seed):
    run = make_run(seed, back=0.4, duration_ps=400.0)
    hops = hops_of(run)
    between_ps = 24 * 400.0 / hops.n_hops
    assert hops.reversal == pytest.approx(-0.4, abs=0.12)
    # exp(-t / between) of the pairs are further apart, and twice 0.4 of these are 5 % of D at 2.8 times that
    assert 2.0 * between_ps < hops.memory_frames * run.time_step_ps < 4.0 * between_ps


@pytest.mark.parametrize("seed", range(3))
def test_ions_that_recross_at_once_forget_at_once(seed):
    hops = recrossing(seed, share=0.6, after_ps=2.0)
    between_ps = 40 * 400.0 / hops.n_hops
    assert hops.reversal < -0.25
    assert between_ps > 15.0
    assert 2.0 <= hops.memory_frames * DT_PS <= 0.5 * between_ps


def test_a_random_walk_has_no_memory(make_run):
    assert hops_of(make_run(0)).memory_frames == 0.0
    assert recrossing(0, share=0.0, after_ps=2.0).memory_frames == 0.0
