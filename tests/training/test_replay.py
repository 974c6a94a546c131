import inspect

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

from superionic.errors import InputError, InsufficientDataError, NotConfiguredError
from superionic.stages import ReplaySetName
from superionic.training.replay import MACE_SETS, RELEASES, mace_replay_file, make_replay, shipped_replay_file

FILES_OF_MACE = {
    ReplaySetName.MP: "mp_traj_combinedxyz",
    ReplaySetName.MATPES_PBE: "matpespbereplaydataxyz",
    ReplaySetName.MATPES_R2SCAN: "matpesr2scanreplaydataextxyz",
    ReplaySetName.OMAT: "mp_traj_combined_omatxyz",
}


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


def test_large_extxyz_is_read_like_a_small_one(replay_file, tmp_path):
    """Only the drawn structures are parsed; the draw is that of a file which is read as a whole."""
    copy = tmp_path / "set.traj"
    write(copy, read(replay_file, index=":"))
    by_offset, as_whole = (make_replay(file, [], 12, seed=9) for file in (replay_file, copy))
    assert volumes(by_offset) == volumes(as_whole)
    spaced = tmp_path / "spaced.xyz"
    spaced.write_text(replay_file.read_text() + "\n\n")
    assert volumes(make_replay(spaced, [], 12, seed=9)) == volumes(by_offset)


@pytest.fixture
def labelled_file(tmp_path):
    images = [bulk("NaCl", "rocksalt", a=5.0 + 0.01 * i) for i in range(6)]
    for number, atoms in enumerate(images):
        stress = np.array([1.0, 2, 3, 4, 5, 6]) / 1000
        atoms.calc = SinglePointCalculator(atoms, energy=-number, forces=np.full((2, 3), 0.1 * number), stress=stress)
    path = tmp_path / "labelled.xyz"
    write(path, images, format="extxyz")
    return path


def test_labels_of_a_file_are_kept_with_their_structures(labelled_file):
    replay = make_replay(labelled_file, [], 6, seed=1, labelled=True)
    for atoms in (*replay.train, *replay.valid):
        number = round((atoms.get_volume() * 4) ** (1 / 3) * 100) - 500
        assert atoms.info["REF_energy"] == -number
        assert atoms.arrays["REF_forces"] == pytest.approx(np.full((2, 3), 0.1 * number))
        assert atoms.info["REF_stress"][0] == pytest.approx([0.001, 0.006, 0.005])
        assert atoms.calc is None
    without = make_replay(labelled_file, [], 6, seed=1)
    assert not without.train[0].info


def test_ref_keys_come_before_what_ase_reads(labelled_file):
    images = read(labelled_file, index=":")
    for atoms in images:
        atoms.info["REF_energy"] = 7.0
    write(labelled_file, images, format="extxyz")
    replay = make_replay(labelled_file, [], 6, seed=1, labelled=True)
    assert {atoms.info["REF_energy"] for atoms in replay.train} == {7.0}


def test_file_without_forces_is_refused_before_training(replay_file, labelled_file):
    with pytest.raises(InputError, match=r"replay_labels: file, but ClNa in .*set\.xyz has no energy, forces, stress"):
        make_replay(replay_file, [], 6, seed=1, labelled=True)
    images = read(labelled_file, index=":")
    for atoms in images:
        atoms.calc.results.pop("forces")
    write(labelled_file, images, format="extxyz")
    with pytest.raises(InputError, match=r"has no forces .*use replay_labels: foundation"):
        make_replay(labelled_file, [], 6, seed=1, labelled=True)


@pytest.mark.parametrize("name", list(ReplaySetName))
def test_replay_sets_are_looked_for_where_mace_puts_them(name, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(NotConfiguredError, match=f"replay set {name.value} is not in MACE's cache.*curl -L"):
        mace_replay_file(name)
    file = tmp_path / "mace" / FILES_OF_MACE[name]
    file.parent.mkdir()
    file.write_text("")
    assert mace_replay_file(name) == file


@pytest.mark.integration
def test_names_of_the_replay_sets_are_those_of_mace():
    pytest.importorskip("mace")
    from mace.tools import multihead_tools

    source = inspect.getsource(multihead_tools.assemble_replay_data)
    for name, part in MACE_SETS.items():
        assert f'"{name.value}"' in source
        assert f"{RELEASES}/{part}" in source
