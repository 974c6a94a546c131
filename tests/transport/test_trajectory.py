import h5py
import numpy as np
import pytest

from superionic.errors import TransportInputError
from superionic.transport import TrajectoryWriter, read_trajectory

LATTICE = np.diag([5.0, 6.0, 7.0])
SPECIES = ["Li", "Cl", "In"]


def positions(n):
    return np.cumsum(np.random.default_rng(0).normal(size=(n, 3, 3)), axis=0)


def write(path, n=1203, **extra):
    frames = positions(n)
    with TrajectoryWriter(path, LATTICE, SPECIES, 0.1, 800.0, seed=7, model_key="abc") as writer:
        for k, frame in enumerate(frames):
            writer.append(frame, **{name: value + k for name, value in extra.items()})
    return frames


def test_what_is_written_is_read_from_a_file_and_from_bytes(tmp_path):
    path = tmp_path / "run.h5"
    frames = write(path, energy_eV=-10.0, temperature_K=790.0)
    for source in (path, str(path), path.read_bytes()):
        run = read_trajectory(source)
        np.testing.assert_array_equal(run.positions_A, frames.astype(np.float32))
        np.testing.assert_array_equal(run.lattice_A, LATTICE)
        assert run.species == ("Li", "Cl", "In")
        assert (run.time_step_ps, run.temperature_K, run.seed, run.model_key) == (0.1, 800.0, 7, "abc")
        np.testing.assert_allclose(run.energies_eV, -10.0 + np.arange(1203))
        np.testing.assert_allclose(run.temperatures_K, 790.0 + np.arange(1203))
        assert run.complete
    with h5py.File(path) as file:
        assert file["positions_A"].chunks == (500, 3, 3)
        assert file["positions_A"].dtype == np.float32


def test_scalars_that_were_not_written_are_none(tmp_path):
    write(tmp_path / "run.h5", n=12)
    run = read_trajectory(tmp_path / "run.h5")
    assert run.energies_eV is None
    assert run.temperatures_K is None


def test_a_crash_keeps_every_flushed_frame_and_says_incomplete(tmp_path):
    path, copy = tmp_path / "run.h5", tmp_path / "crash.h5"
    frames = positions(700)
    writer = TrajectoryWriter(path, LATTICE, SPECIES, 0.1, 800.0)
    for frame in frames[:600]:
        writer.append(frame)
    writer.flush()
    for frame in frames[600:]:
        writer.append(frame)
    # what is on disk now is what a killed process leaves
    copy.write_bytes(path.read_bytes())
    writer.close()
    crashed = read_trajectory(copy)
    assert len(crashed.positions_A) == 600
    assert not crashed.complete
    assert len(read_trajectory(path).positions_A) == 700


def test_an_exception_in_the_run_leaves_an_incomplete_but_readable_file(tmp_path):
    def explode():
        with TrajectoryWriter(tmp_path / "run.h5", LATTICE, SPECIES, 0.1, 800.0) as writer:
            writer.append(positions(1)[0])
            writer.append(np.full((3, 3), np.nan))

    with pytest.raises(TransportInputError, match="frame 1"):
        explode()
    run = read_trajectory(tmp_path / "run.h5")
    assert len(run.positions_A) == 1
    assert not run.complete


def test_the_writer_holds_at_most_one_chunk(tmp_path):
    with TrajectoryWriter(tmp_path / "run.h5", LATTICE, SPECIES, 0.1, 800.0) as writer:
        for frame in positions(1100):
            writer.append(frame)
            assert len(writer._positions) < 500
        assert writer.n_frames == 1100


def test_foreign_truncated_newer_and_missing_files_are_refused(tmp_path):
    write(tmp_path / "run.h5")
    data = (tmp_path / "run.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.h5").write_text("not a trajectory")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["positions_A"] = np.zeros((3, 3, 3))
    with h5py.File(tmp_path / "run.h5", "a") as file:
        file.attrs["format_version"] = 99
    for name, words in {
        "cut.h5": "truncated",
        "text.h5": "no HDF5",
        "foreign.h5": "not one of superionic",
        "run.h5": "upgrade",
        "missing.h5": "does not exist",
    }.items():
        with pytest.raises(TransportInputError, match=words):
            read_trajectory(tmp_path / name)
    with pytest.raises(TransportInputError, match="truncated"):
        read_trajectory(data[:1000])


def test_bad_headers_and_existing_files_are_refused(tmp_path):
    write(tmp_path / "run.h5", n=2)
    for arguments, words in (
        ((tmp_path / "run.h5", LATTICE, SPECIES, 0.1, 800.0), "cannot create"),
        ((tmp_path / "a.h5", np.zeros((3, 3)), SPECIES, 0.1, 800.0), "singular"),
        ((tmp_path / "a.h5", LATTICE, ["Li", "??"], 0.1, 800.0), "symbols"),
        ((tmp_path / "a.h5", LATTICE, [], 0.1, 800.0), "mobile|symbol"),
        ((tmp_path / "a.h5", LATTICE, SPECIES, 0.0, 800.0), "time_step_ps"),
    ):
        with pytest.raises(TransportInputError, match=words):
            TrajectoryWriter(*arguments)
