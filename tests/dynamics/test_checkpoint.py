"""Checkpoints give back exactly what they took, or nothing."""

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from superionic.durable import DamagedFileError
from superionic.dynamics.checkpoint import Checkpoint, CheckpointFolder, identity_of, require_same_run
from superionic.dynamics.guard import MDGuard
from superionic.dynamics.run import MDRun, RunState
from superionic.errors import InputError
from superionic.stages import Thermostat


@pytest.fixture
def checkpoint(crystal, springs, short_run):
    def make(thermostat=Thermostat.NOSE_HOOVER, steps=7):
        run = MDRun(crystal, springs(crystal.positions), short_run(thermostat=thermostat))
        for _ in range(steps):
            run.advance()
        return Checkpoint(run.state, identity_of(crystal, run.settings, "key"), 2, 1.5, (5,))

    return make


@pytest.mark.parametrize("thermostat", list(Thermostat))
def test_a_checkpoint_is_read_as_it_was_written(checkpoint, crystal, tmp_path, thermostat):
    written = checkpoint(thermostat)
    CheckpointFolder(tmp_path).write(written, crystal)
    found, problems = CheckpointFolder(tmp_path).newest()
    assert problems == []
    assert (found.identity, found.n_frames, found.wall_s, found.resumed_at) == (written.identity, 2, 1.5, (5,))
    assert (found.state.step, found.state.ended_early) == (7, None)
    assert found.state.random == written.state.random
    np.testing.assert_array_equal(found.state.positions_A, written.state.positions_A)
    np.testing.assert_array_equal(found.state.momenta, written.state.momenta)
    assert found.state.thermostat.keys() == written.state.thermostat.keys()
    for name, values in written.state.thermostat.items():
        np.testing.assert_array_equal(found.state.thermostat[name], values)
        assert np.any(values != 0)


def test_the_memory_of_each_thermostat_is_kept(checkpoint):
    names = {thermostat: set(checkpoint(thermostat).state.thermostat) for thermostat in Thermostat}
    assert names == {
        Thermostat.BERENDSEN: set(),
        Thermostat.LANGEVIN: set(),
        Thermostat.NOSE_HOOVER: {"eta", "p_eta"},
        Thermostat.CSVR: {"transferred_energy"},
    }


@given(place=st.floats(0, 1), cut=st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_damage_leads_back_to_the_checkpoint_before(tmp_path_factory, place, cut):
    folder = CheckpointFolder(tmp_path_factory.mktemp("run"))
    atoms, older, newer = _two_checkpoints()
    folder.write(older, atoms)
    folder.write(newer, atoms)
    file = folder.files()[0]
    raw = bytearray(file.read_bytes())
    position = min(int(place * len(raw)), len(raw) - 1)
    raw[position] ^= 1
    file.write_bytes(raw[:position] if cut else raw)
    found, problems = folder.newest()
    assert found.state.step == 5
    assert problems == ["step-10.checkpoint could not be used (its SHA-256 is wrong)"]
    assert file.with_name(f"{file.name}.unused").exists()


def _two_checkpoints():
    atoms = Atoms("Li2", positions=[[0, 0, 0], [2, 0, 0]], cell=[5.0] * 3, pbc=True)
    random = np.random.default_rng(0).bit_generator.state
    states = [RunState(step, None, atoms.get_positions(), np.ones((2, 3)), {}, random) for step in (5, 10)]
    return atoms, *(Checkpoint(state, {"seed": 0}, 1) for state in states)


def test_the_last_two_are_kept_and_none_is_no_error(checkpoint, crystal, tmp_path):
    folder = CheckpointFolder(tmp_path / "run")
    assert folder.newest() == (None, [])
    for steps in (0, 5, 10):
        folder.write(checkpoint(steps=steps), crystal)
    assert [file.name for file in folder.files()] == ["step-10.checkpoint", "step-5.checkpoint"]


def test_a_foreign_archive_is_no_checkpoint():
    with pytest.raises(DamagedFileError):
        Checkpoint.from_bytes(b"something else")


def test_what_differs_is_named(crystal, short_run, tmp_path):
    here = identity_of(crystal, short_run(), "a" * 40)
    moved = crystal.copy()
    moved.positions[0, 0] += 1e-12
    others = {
        "temperature_K (there 300.0, now 310.0)": identity_of(crystal, short_run(temperature_K=310.0), "a" * 40),
        "guard.max_move_A": identity_of(crystal, short_run(guard=MDGuard(max_move_A=0.4)), "a" * 40),
        "thermostat": identity_of(crystal, short_run(thermostat=Thermostat.CSVR), "a" * 40),
        "atoms": identity_of(moved, short_run(), "a" * 40),
        "potential (there aaaaaaaaaaaa, now bbb": identity_of(crystal, short_run(), "b" * 40),
    }
    require_same_run(here, identity_of(crystal.copy(), short_run(), "a" * 40), tmp_path)
    for words, other in others.items():
        with pytest.raises(InputError) as error:
            require_same_run(here, other, tmp_path)
        assert words in str(error.value)
        assert str(tmp_path) in str(error.value)
