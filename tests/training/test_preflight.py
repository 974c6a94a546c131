"""What is wrong with a training is told before it starts, and all at once."""

import re
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from superionic.errors import InputError, InsufficientDataError, UntrustedModelError
from superionic.potentials.registry import DATA, file_sha256
from superionic.stages import TrainingSettings
from superionic.training.preflight import Problems, TrainingPlan, check_plan, label_problems, label_warnings

MINI = DATA / "superionic-mini.model"
SETTINGS = TrainingSettings(batch_size=4)


@pytest.fixture
def plan(frames):
    """Function that makes a plan which is in order, but for the changes."""

    def make(**changes):
        parts = {"train": frames[:6] + frames[12:18], "valid": frames[6:9], "test": frames[9:12]}
        good = TrainingPlan(SETTINGS, parts, foundation=MINI, foundation_sha256=file_sha256(MINI))
        return replace(good, **changes)

    return make


def scaled(frame, size, energy_eV):
    return replace(frame, atoms=frame.atoms.repeat((size, 1, 1)), energy_eV=energy_eV)


def test_a_sound_plan_passes_in_silence(plan):
    assert check_plan(plan()) == []


def test_elements_outside_the_foundation(plan, frames):
    strange = replace(frames[0], atoms=Atoms("Og8", positions=frames[0].atoms.positions, cell=[5.2] * 3, pbc=True))
    parts = plan().parts | {"test": [strange]}
    with pytest.raises(InputError, match=r"superionic-mini.model does not know Og, which occur in 1 of 16 structures"):
        check_plan(plan(parts=parts))
    with pytest.raises(InputError, match=r"does not know Og, which occur in 1 of 2 replay structures"):
        check_plan(plan(replay=[strange.atoms, frames[0].atoms]))


def test_duplicates_across_parts_are_counted(plan, frames):
    parts = plan().parts
    copied = [replace(frame, key=f"copy-{frame.key}", parent_id="other") for frame in frames[:2]]
    with pytest.raises(InputError, match=r"copy-label-chloride-0 .* \(2 structures are in two parts\)"):
        check_plan(plan(parts=parts | {"test": copied}))


def test_fewer_structures_than_a_batch(plan):
    with pytest.raises(InsufficientDataError, match="12 training structures do not fill one batch of 13"):
        check_plan(plan(settings=TrainingSettings(batch_size=13)))


def test_no_model_is_told_before_any_question_of_trust(plan, tmp_path):
    file = tmp_path / "data.model"
    file.write_text("weights")
    with pytest.raises(InputError, match="is no MACE model"):
        check_plan(plan(foundation=file, foundation_sha256=file_sha256(file)))


def test_unknown_hash_comes_with_the_command(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path / "cache"))
    file = tmp_path / "own.model"
    file.write_bytes(MINI.read_bytes() + b"\0")
    with pytest.raises(UntrustedModelError, match=f"superionic models trust '{file}'"):
        check_plan(plan(foundation=file, foundation_sha256=file_sha256(file)))


def test_several_heads_need_a_choice(plan, tmp_path, monkeypatch):
    from superionic.potentials.model_file import ModelFileInfo
    from superionic.training import preflight

    info = ModelFileInfo("ScaleShiftMACE", (3, 17, 35), 5.0, ("pt_head", "scan"), ())
    monkeypatch.setattr(preflight, "inspect_model_file", lambda _: info)
    with pytest.raises(InputError, match=r"several heads \(pt_head, scan\).*mace_select_head"):
        check_plan(plan())
    with pytest.raises(InputError, match="pbe is none of them"):
        check_plan(plan(foundation_head="pbe"))
    assert check_plan(plan(foundation_head="scan")) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"energy_eV": float("nan")}, "1 structure .* not finite"),
        ({"forces_eV_per_A": np.full((8, 3), np.inf)}, "not finite"),
        ({"stress_eV_per_A3": np.full((3, 3), np.nan)}, "not finite"),
        ({"forces_eV_per_A": np.diag([400.0] * 8)[:, :3]}, "forces above 300 eV/A"),
        ({"stress_eV_per_A3": np.eye(3) * 12.0}, "kbar by 1602.2"),
        ({"energy_eV": 900.0}, "failed calculations, mixed methods or mixed units"),
    ],
)
def test_absurd_labels(frames, change, words):
    assert label_problems(frames) == []
    (problem,) = label_problems([replace(frames[0], **change), *frames[1:]])
    assert re.search(words, problem)
    assert frames[0].key in problem


def test_isolated_atoms_must_cover_the_data(plan):
    with pytest.raises(InputError, match="isolated atoms for Cl, Li, but not for Br"):
        check_plan(plan(settings=TrainingSettings(batch_size=4, e0s_eV={"Li": -1.0, "Cl": -2.0})))
    with pytest.raises(InputError, match="names Lithium, which is no element"):
        check_plan(plan(settings=TrainingSettings(batch_size=4, e0s_eV={"Li": 0, "Cl": 0, "Br": 0, "Lithium": -1.0})))


def test_everything_is_told_at_once(plan, frames, tmp_path):
    rubbish = tmp_path / "x.model"
    rubbish.write_text("")
    parts = plan().parts | {"valid": [replace(frames[0], key="copy"), replace(frames[6], energy_eV=float("inf"))]}
    problems = Problems()
    problems.add("data.extxyz: something")
    with pytest.raises(InputError) as caught:
        check_plan(plan(parts=parts, foundation=rubbish, settings=TrainingSettings(batch_size=99)), problems)
    text = str(caught.value)
    assert "5 things are wrong" in text
    for words in ("data.extxyz: something", "one batch of 99", "label copy", "not finite", "no MACE model"):
        assert words in text


def test_forces_that_do_not_add_up_and_zeros_are_pointed_out(frames):
    assert label_warnings(frames) == []
    pulled = replace(frames[0], forces_eV_per_A=frames[0].forces_eV_per_A + np.array([0.0, 0.0, 0.2]))
    (note,) = label_warnings([pulled, *frames[1:]])
    assert "1 structures whose forces do not add up to zero (up to 0.2 eV/A per atom)" in note
    (note,) = label_warnings([replace(frame, forces_eV_per_A=np.zeros((8, 3))) for frame in frames])
    assert "all forces of 24 structures are exactly zero" in note


@pytest.mark.parametrize("per_atom", [False, True])
def test_energies_per_atom_are_recognised_where_sizes_differ(frames, per_atom):
    cells = []
    for number, frame in enumerate(frames):
        size = 1 + number % 3
        energy = frame.energy_eV / len(frame.atoms) if per_atom else frame.energy_eV * size
        cells.append(scaled(frame, size, energy))
    notes = [note for note in label_warnings(cells) if "per atom, but" in note]
    assert len(notes) == per_atom
