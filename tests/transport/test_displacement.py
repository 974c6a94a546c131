import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superionic.errors import TransportInputError
from superionic.transport import analyze_trajectory
from superionic.transport.displacement import collective_coordinate, host_frame, msd_fft, msd_tensor

TRICLINIC = np.array([[9.0, 0.0, 0.0], [-3.0, 8.0, 0.0], [1.0, 2.0, 10.0]])


@settings(max_examples=25, deadline=None)
@given(
    particles=st.integers(1, 4),
    frames=st.integers(2, 60),
    offset=st.floats(-1e3, 1e3),
    speed=st.floats(-2.0, 2.0),
    seed=st.integers(0, 2**16),
)
def test_msd_by_fft_equals_the_direct_sum_over_origins(particles, frames, offset, speed, seed):
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.normal(size=(particles, 3, frames)), axis=-1) + offset + speed * np.arange(frames)
    direct = np.zeros((particles, frames))
    for lag in range(1, frames):
        direct[:, lag] = ((x[..., lag:] - x[..., :-lag]) ** 2).sum(axis=1).mean(axis=-1)
    scale = 1.0 + direct.max()
    np.testing.assert_allclose(msd_fft(x), direct, atol=1e-9 * scale)
    lags = np.arange(1, frames)
    np.testing.assert_allclose(np.trace(msd_tensor(x, lags), axis1=2, axis2=3), direct[:, 1:], atol=1e-9 * scale)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_wrapped_and_unwrapped_trajectories_give_the_same_coordinates(seed):
    rng = np.random.default_rng(seed)
    species = ["Li"] * 5 + ["Cl"] * 20
    unwrapped = np.cumsum(0.3 * rng.normal(size=(50, 25, 3)), axis=0) + rng.uniform(0, 9, (25, 3))
    wrapped = (unwrapped @ np.linalg.inv(TRICLINIC)) % 1.0 @ TRICLINIC
    a = host_frame(unwrapped, TRICLINIC, species, "Li", 0.1)
    b = host_frame(wrapped, TRICLINIC, species, "Li", 0.1, wrapped=True)
    np.testing.assert_allclose(a.drift_A, b.drift_A, atol=1e-9)
    for x, y in zip(a.chunks(a.mobile_index, 2), b.chunks(b.mobile_index, 2), strict=True):
        np.testing.assert_allclose(x - x[..., :1], y - y[..., :1], atol=1e-9)


def test_wrapped_analysis_equals_unwrapped_analysis(make_run):
    run = make_run(3)
    wrapped = run.positions_A % run.lattice_A[0, 0]
    a = analyze_trajectory(*run.arguments)
    b = analyze_trajectory(wrapped, *run.arguments[1:], wrapped=True)
    assert b.diffusivity_cm2_per_s == pytest.approx(a.diffusivity_cm2_per_s, rel=1e-9)
    np.testing.assert_allclose(b.msd_collective_A2, a.msd_collective_A2, atol=1e-6)


def test_wrapped_positions_passed_as_unwrapped_are_refused(make_run):
    run = make_run(3)
    with pytest.raises(TransportInputError, match="wrapped=True"):
        analyze_trajectory(run.positions_A % run.lattice_A[0, 0], *run.arguments[1:])


def test_drift_of_the_whole_crystal_is_removed_by_mass(make_run):
    run = make_run(5)
    still = analyze_trajectory(*run.arguments)
    drifting = run.positions_A + np.linspace(0, 200, len(run.positions_A))[:, None, None] * [1.0, -0.5, 0.2]
    moved = analyze_trajectory(drifting, *run.arguments[1:])
    assert moved.diffusivity_cm2_per_s == pytest.approx(still.diffusivity_cm2_per_s, rel=1e-6)
    assert moved.haven_ratio == pytest.approx(still.haven_ratio, rel=1e-6)
    frame = host_frame(*two_masses(), "Li", 1.0)
    # hydrogen moves by 1 A a frame against iodine at rest: the centre moves by its share of the mass
    np.testing.assert_allclose(frame.drift_A[:, 0], np.arange(12) * 1.008 / (1.008 + 126.90447), rtol=1e-4)


def two_masses():
    positions = np.zeros((12, 3, 3))
    positions[:, 1, 0] = np.arange(12)
    return positions, 50 * np.eye(3), ["Li", "H", "I"]


def test_collective_msd_of_ions_that_move_together_is_their_number_times_the_tracer_msd():
    rng = np.random.default_rng(0)
    path = np.cumsum(rng.normal(size=(40, 1, 3)), axis=0)
    positions = np.concatenate([np.repeat(path, 7, axis=1), np.zeros((40, 4, 3))], axis=1)
    frame = host_frame(positions, 20 * np.eye(3), ["Li"] * 7 + ["O"] * 4, "Li", 1.0)
    np.testing.assert_allclose(msd_fft(collective_coordinate(frame)), 7 * msd_fft(path.transpose(1, 2, 0)), atol=1e-9)
