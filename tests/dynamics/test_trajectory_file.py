"""Frames lie where HDF5 looks for them, the file is sound at all times, and it is no larger than it must be."""

import h5py
import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from superionic.dynamics import MDFrame, MDSettings
from superionic.dynamics.trajectory_file import TrajectoryFile, chunk_length, read_scalars, shorten
from superionic.transport import read_trajectory


def frames_of(n_frames, n_atoms):
    rng = np.random.default_rng(n_frames)
    return [MDFrame(k, 0.1 * k, rng.normal(size=(n_atoms, 3)), 300.0 + k, -1.0 * k) for k in range(n_frames)]


def created(path, n_frames, n_atoms):
    atoms = Atoms("Li" * n_atoms, positions=np.zeros((n_atoms, 3)), cell=[5.0, 6.0, 7.0], pbc=True)
    run = MDSettings(temperature_K=700.0, time_ps=0.1 * max(n_frames - 1, 0.01), seed=9)
    return TrajectoryFile.create(path, atoms, run, "key")


@given(n_frames=st.integers(1, 1100), n_atoms=st.integers(1, 140), back=st.floats(0, 1))
@settings(max_examples=15, deadline=None)
def test_frames_are_read_as_they_were_put(tmp_path_factory, n_frames, n_atoms, back):
    path = tmp_path_factory.mktemp("run") / "trajectory.h5"
    frames = frames_of(n_frames, n_atoms)
    file = created(path, n_frames, n_atoms)
    for index in range(int(0.7 * n_frames)):
        file.put(frames[index], index)
    file.flush()
    for index in range(int(back * 0.7 * n_frames), n_frames):  # go back, as a resumed run does
        file.put(frames[index], index)
    file.make_durable()
    file.mark(n_frames, complete=True)
    file.close()
    run = read_trajectory(path)
    np.testing.assert_array_equal(run.positions_A, np.array([f.positions_A for f in frames], dtype=np.float32))
    np.testing.assert_array_equal(run.energies_eV, [f.potential_energy_eV for f in frames])
    np.testing.assert_array_equal(run.temperatures_K, [f.temperature_K for f in frames])
    assert (run.temperature_K, run.seed, run.model_key, run.complete) == (700.0, 9, "key", True)
    assert run.time_step_ps == pytest.approx(0.1)
    np.testing.assert_array_equal(run.lattice_A, np.diag([5.0, 6.0, 7.0]))


def test_the_file_can_be_read_while_it_is_written(tmp_path):
    frames = frames_of(300, 5)
    file = created(tmp_path / "trajectory.h5", 300, 5)
    for index, frame in enumerate(frames[:200]):
        file.put(frame, index)
    run = read_trajectory(tmp_path / "trajectory.h5")
    assert len(run.positions_A) == 192  # whole buffers of 64
    assert not run.complete
    np.testing.assert_array_equal(run.positions_A, np.array([f.positions_A for f in frames[:192]], dtype=np.float32))
    with h5py.File(tmp_path / "trajectory.h5") as plain:  # other programs see that the rest is not there yet
        assert np.isnan(plain["positions_A"][192:]).all()
    file.close()


@pytest.mark.parametrize("n_atoms", [640, 648])
def test_five_thousand_frames_of_640_atoms_take_40_mb(tmp_path, n_atoms):
    path = tmp_path / "trajectory.h5"
    file = created(path, 5001, n_atoms)
    file.close()
    size = path.stat().st_size
    assert size <= 40e6 * n_atoms / 640
    assert path.stat().st_blocks * 512 >= size  # the room is taken, a full disk shows at once


@given(length=st.integers(1, 5000), most=st.integers(1, 600))
def test_chunks_waste_little(length, most):
    chunk = chunk_length(length, most)
    chunks = -(-length // chunk)
    assert 1 <= chunk <= most
    assert chunks * chunk - length < chunks


def test_a_shortened_file_keeps_its_frames_and_says_why(tmp_path):
    path = tmp_path / "trajectory.h5"
    frames = frames_of(700, 3)
    file = created(path, 2000, 3)
    for index, frame in enumerate(frames):
        file.put(frame, index)
    file.flush()
    file.close()
    before = path.stat().st_size
    for _ in range(2):  # doing it again changes nothing
        shorten(path, 600, "exploded")
        run = read_trajectory(path)
        assert (len(run.positions_A), run.ended_early, run.seed) == (600, "exploded", 9)
        np.testing.assert_array_equal(run.positions_A[-1], frames[599].positions_A.astype(np.float32))
    assert path.stat().st_size < before / 2
    temperatures, energies = read_scalars(path, 600)
    np.testing.assert_array_equal(temperatures, 300.0 + np.arange(600))
    np.testing.assert_array_equal(energies, -1.0 * np.arange(600))
    assert [item.name for item in tmp_path.iterdir()] == ["trajectory.h5"]
