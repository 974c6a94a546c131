import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from superionic.errors import InputError, InsufficientDataError
from superionic.training.replay import make_replay, shipped_replay_file


@pytest.fixture
def replay_file(tmp_path):
    images = [bulk("NaCl", "rocksalt", a=5.0 + 0.01 * i) for i in range(30)]
    path = tmp_path / "set.xyz"
    write(path, images, format="extxyz")
    return path


def volumes(replay):
    return [round(atoms.get_volume(), 6) for atoms in (*replay.train, *replay.valid)]


def test_file_is_sampled_without_repetition(replay_file):
    replay = make_replay(replay_file, [], 20, seed=4)
    assert (len(replay.train), len(replay.valid)) == (18, 2)
    assert len(set(volumes(replay))) == 20
    assert volumes(replay) == volumes(make_replay(replay_file, [], 20, seed=4))
    assert volumes(replay) != volumes(make_replay(replay_file, [], 20, seed=5))
    assert not replay.derived


def test_small_file_is_used_whole(replay_file):
    replay = make_replay(replay_file, [], 1000, seed=4)
    assert len(replay.train) + len(replay.valid) == 30


def test_derived_set_distorts_training_structures():
    training = [bulk("NaCl", "rocksalt", a=5.6, cubic=True), bulk("KCl", "rocksalt", a=6.3, cubic=True)]
    replay = make_replay(None, training, 10, seed=1)
    made = [*replay.train, *replay.valid]
    assert len(made) == 10
    assert replay.derived
    assert {atoms.get_chemical_formula() for atoms in made} == {"Cl4Na4", "Cl4K4"}
    strains = [np.asarray(a.cell) / (5.6 if "Na" in a.symbols else 6.3) - np.eye(3) for a in made]
    assert 0.01 < np.abs(strains).max() <= 0.05
    assert np.allclose(strains, np.swapaxes(strains, 1, 2))


def test_unreadable_and_empty_sets_are_refused(tmp_path):
    broken = tmp_path / "broken.xyz"
    broken.write_text("no structures here")
    with pytest.raises(InputError, match=r"broken\.xyz"):
        make_replay(broken, [], 10, seed=0)
    with pytest.raises(InsufficientDataError, match="derive"):
        make_replay(None, [], 10, seed=0)


def test_only_the_shipped_foundation_has_a_set():
    assert shipped_replay_file("mace-mp-0a-medium") is None
