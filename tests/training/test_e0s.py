"""E0s of the new head: only energies that are on the scale of the labels."""

import pytest
from pydantic import ValidationError

from superionic.errors import InputError
from superionic.labelling.isolated_atom import IsolatedAtomDoc
from superionic.labelling.schemas import CalculationInfo
from superionic.stages import E0Source, TrainingSettings
from superionic.training.e0s import by_number, chosen_e0s
from superionic.training.schemas import DatasetDoc

ISOLATED = TrainingSettings(e0s="isolated")
TITLES = {"Li": "PAW_PBE Li_sv 10Sep2004", "Cl": "PAW_PBE Cl 06Sep2000"}


def dataset(**changes):
    values = {
        "level_of_theory": "SCAN (VASP)",
        "settings_hash": "hash",
        "potcar_titles": TITLES,
        "content_hash": "",
        "counts": {},
        "counts_by_composition": {},
        "parents_by_split": {},
        "label_keys": [],
        "requested_labels": 0,
        "train_extxyz": "",
        "valid_extxyz": "",
        "test_extxyz": "",
    }
    return DatasetDoc(**values | changes)


def atom(symbol, energy_eV, **changes):
    calculation = CalculationInfo(code="vasp 6.4.2", potcar_titles={symbol: changes.pop("title", TITLES[symbol])})
    values = {"level_of_theory": "SCAN (VASP)", "settings_hash": "hash", "calculation": calculation}
    return IsolatedAtomDoc(symbol=symbol, energy_eV=energy_eV, **values | changes)


ATOMS = [atom("Li", -0.3), atom("Cl", -0.7)]


def test_isolated_atoms_of_the_labels_level_are_taken():
    assert chosen_e0s(ISOLATED, dataset(), ATOMS) == {"Li": -0.3, "Cl": -0.7}


def test_other_sources_ignore_the_documents():
    assert chosen_e0s(TrainingSettings(), dataset(), ATOMS) is None
    given = TrainingSettings(e0s_eV={"Li": -1.0})
    assert given.e0_source is E0Source.GIVEN
    assert chosen_e0s(given, dataset(), ATOMS) == {"Li": -1.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"level_of_theory": "PBE (VASP)"}, r"Cl atom .*level of theory PBE \(VASP\), labels SCAN \(VASP\)"),
        ({"settings_hash": "other"}, "Cl atom .*hash of the settings other, labels hash"),
        ({"title": "PAW_PBE Cl_h 08Apr2002"}, "Cl atom .*POTCAR PAW_PBE Cl_h 08Apr2002, labels PAW_PBE Cl 06Sep2000"),
    ],
)
def test_atom_on_another_scale_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        chosen_e0s(ISOLATED, dataset(), [ATOMS[0], atom("Cl", -0.7, **changes)])


def test_teacher_has_no_isolated_atoms():
    with pytest.raises(InputError, match=r"teacher: CHGNet r2SCAN: a potential has never seen a single atom"):
        chosen_e0s(ISOLATED, dataset(level_of_theory="teacher: CHGNet r2SCAN"), ATOMS)


def test_missing_documents_are_asked_for():
    with pytest.raises(InputError, match="pass those of IsolatedAtomMaker to FineTuneMaker"):
        chosen_e0s(ISOLATED, dataset(), None)


def test_e0s_by_number_cover_the_training_set(frames):
    energies = {"Li": -0.3, "Cl": -0.7, "Br": -0.5, "Y": -2.0}
    assert by_number(None, frames) is None
    assert by_number(energies, frames) == {"3": -0.3, "17": -0.7, "35": -0.5, "39": -2.0}
    with pytest.raises(InputError, match="lacks Br;"):
        by_number({"Li": -0.3, "Cl": -0.7}, frames)
    with pytest.raises(InputError, match="names Xx, which is no element"):
        by_number({"Xx": 1.0}, frames)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"e0s": "given"}, "needs the energies: add e0s_eV"),
        ({"e0s": "isolated", "e0s_eV": {"Li": 1.0}}, "contradict each other"),
        ({"replay_set": "mp", "replay_file": "/a.xyz"}, "exclude each other"),
        ({"replay_labels": "file"}, "needs labelled structures in replay_file or replay_set"),
    ],
)
def test_contradicting_settings_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        TrainingSettings(**settings)
