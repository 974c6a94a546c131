"""Data sets as files, and their card."""

import numpy as np
import pytest
from ase import Atoms
from ase.db import connect
from ase.io import read

from superionic.errors import InputError
from superionic.training.card import dataset_card, shortest_distance
from superionic.training.dataset import SPLITS, LabelledFrame, frames_to_extxyz
from superionic.training.export import dataset_frames, write_dataset
from superionic.training.schemas import DatasetDoc


def frame(number):
    rng = np.random.default_rng(number)
    atoms = Atoms("Li2Cl2", positions=rng.uniform(0, 5, (4, 3)), cell=np.diag([5, 5.5, 6.0]), pbc=True)
    forces, stress = rng.normal(0, 1, (4, 3)), rng.normal(0, 0.01, (3, 3))
    # keys that look like numbers: ASE's databases refuse such text as searchable values
    return LabelledFrame(f"{number}e10", f"parent{number}", "x=0.5", atoms, -10.0 - number, forces, stress + stress.T)


@pytest.fixture
def document():
    parts = {"train": [frame(i) for i in range(4)], "valid": [frame(4)], "test": [frame(5)]}
    return DatasetDoc(
        key="k" * 32,
        spec_key="s" * 32,
        level_of_theory="SCAN (VASP)",
        settings_hash="h" * 32,
        label_settings={"METAGGA": "SCAN", "GGA": None},
        potcar_titles={"Li": "PAW_PBE Li_sv 10Sep2004"},
        content_hash="c" * 32,
        counts={name: len(frames) for name, frames in parts.items()},
        counts_by_composition={"x=0.5": {name: len(frames) for name, frames in parts.items()}},
        parents_by_split={name: [f.parent_id for f in frames] for name, frames in parts.items()},
        label_keys=[],
        requested_labels=8,
        refused_by_cause={"not_converged": 2},
        **{f"{name}_extxyz": frames_to_extxyz(frames) for name, frames in parts.items()},
    )


def test_extxyz_has_maces_keys_and_loses_nothing(document, tmp_path):
    (file,) = write_dataset(document, tmp_path / "data.extxyz")
    images = read(file, index=":")
    assert [atoms.info["split"] for atoms in images] == ["train"] * 4 + ["valid", "test"]
    for number, atoms in enumerate(images):
        original = frame(number)
        assert atoms.info["REF_energy"] == original.energy_eV
        assert atoms.arrays["REF_forces"] == pytest.approx(original.forces_eV_per_A, abs=1e-7)
        assert atoms.info["REF_stress"] == pytest.approx(original.stress_eV_per_A3, abs=1e-10)
        assert atoms.info["level_of_theory"] == "SCAN (VASP)"
        assert atoms.info["settings_hash"] == "h" * 32


def test_one_file_per_part(document, tmp_path):
    files = write_dataset(document, tmp_path / "data.xyz", split=True)
    assert [file.name for file in files] == ["data.train.xyz", "data.valid.xyz", "data.test.xyz"]
    assert [len(read(file, index=":")) for file in files] == [4, 1, 1]


def test_ase_database(document, tmp_path):
    write_dataset(document, tmp_path / "data.db")
    (file,) = write_dataset(document, tmp_path / "data.db")
    with connect(file) as database:
        assert len(database) == 6, "a second export replaces the first"
        row = database.get(split="test")
        assert database.metadata["content_hash"] == "c" * 32
    assert row.data["parent_id"] == "parent5"
    assert row.energy == -15.0
    assert row.toatoms().get_stress(voigt=False) == pytest.approx(frame(5).stress_eV_per_A3)
    assert row.level_of_theory == "SCAN (VASP)"


def test_unknown_ending(document, tmp_path):
    with pytest.raises(InputError, match="use one of"):
        write_dataset(document, tmp_path / "data.csv")


def test_card_says_what_is_in_and_what_is_missing(document):
    text = dataset_card(document, dataset_frames(document), "LiCl")
    assert "# Data set: LiCl" in text
    assert "6 labelled structures (4 train, 1 valid, 1 test) of 4 to 4 atoms" in text
    assert "| x=0.5 | 6 | 100.0% | 4 | 1 | 1 |" in text
    assert "| GGA | absent |" in text
    assert "| Li | PAW_PBE Li_sv 10Sep2004 |" in text
    assert "| not_converged | 2 |" in text
    assert "| energy, eV/atom | -3.75 |" in text
    assert "surrogates" not in text
    fake = document.model_copy(update={"level_of_theory": "fake-vasp stand-in for SCAN (VASP)"})
    assert "surrogates, not density-functional results" in dataset_card(fake, dataset_frames(fake))


def test_shortest_distance_sees_images():
    atoms = Atoms("Li2", positions=[[0.1, 0, 0], [4.9, 0, 0]], cell=np.diag([5.0, 6, 7]), pbc=True)
    single = LabelledFrame("k", "p", "c", atoms, 0.0, np.zeros((2, 3)), np.zeros((3, 3)))
    assert shortest_distance(single) == pytest.approx(0.2)
    assert set(SPLITS) == {"train", "valid", "test"}
