"""Training from files: how they become parts, and that everything wrong is said before anything is computed."""

from dataclasses import replace

import pytest
from ase import Atoms

from superionic.errors import InputError, InsufficientDataError
from superionic.stages import E0Source, TrainingSettings
from superionic.training.dataset import frames_from_extxyz, frames_to_extxyz, structures_to_extxyz
from superionic.training.export_model import write_trained
from superionic.training.jobs import FineTuneMaker
from superionic.training.labelled_file import LabelKeys
from superionic.training.standalone import LabelSource, prepare, train_into

SETTINGS = TrainingSettings(batch_size=4, valid_fraction=0.2, test_fraction=0.2, replay_structures=10)


@pytest.fixture
def file(tmp_path):
    def write(frames, name="data.extxyz", more=None, extra=""):
        path = tmp_path / name
        path.write_text(extra + frames_to_extxyz(frames, more))
        return path

    return write


@pytest.fixture
def maker():
    return FineTuneMaker(settings=SETTINGS, foundation="superionic-mini")


def parents(dataset):
    return {name: set(found) for name, found in dataset.parents_by_split.items()}


def test_parts_are_drawn_by_parent_and_reproducibly(frames, file, maker):
    source = LabelSource(file(frames, more={"level_of_theory": "SCAN"}))
    prepared = prepare(source, maker)
    found = parents(prepared.dataset)
    assert prepared.dataset.counts == {"train": 12, "valid": 6, "test": 6}
    assert not found["train"] & found["valid"]
    assert not (found["train"] | found["valid"]) & found["test"]
    assert prepared.dataset.level_of_theory == "SCAN"
    assert prepared.notes == ()
    assert maker.key(prepare(source, maker).dataset) == maker.key(prepared.dataset)
    other = prepare(source, replace(maker, seed=7))
    assert other.dataset.content_hash != prepared.dataset.content_hash


def test_frames_for_training_only_stay_with_their_parents_and_out_of_the_tests(frames, file, maker):
    marked = []
    for frame in frames[::3]:
        atoms = frame.atoms.copy()
        atoms.positions[0] += 0.3
        marked.append(replace(frame, key=f"{frame.key}-pair", parent_id=f"{frame.parent_id}#train-only", atoms=atoms))
    plain = prepare(LabelSource(file(frames)), maker).dataset
    more = prepare(LabelSource(file([*frames, *marked], "more.extxyz")), maker).dataset
    assert parents(more) == parents(plain)
    assert more.counts == plain.counts | {"train": plain.counts["train"] + len(parents(plain)["train"])}


def test_given_parts_are_used_as_they_are(frames, file, maker):
    train, valid, test = (file(frames[a:b], f"{a}.extxyz") for a, b in ((0, 15), (15, 18), (18, 24)))
    dataset = prepare(LabelSource(train, valid, test), maker).dataset
    assert dataset.counts == {"train": 15, "valid": 3, "test": 6}
    drawn = prepare(LabelSource(train, test=test), maker).dataset
    assert drawn.counts == {"train": 12, "valid": 3, "test": 6}
    assert [frame.key for frame in frames_from_extxyz(drawn.test_extxyz)] == [frame.key for frame in frames[18:]]


def test_files_that_share_parents_are_refused(frames, file, maker):
    test = [replace(frame, key="x") for frame in frames[1:2]]
    with pytest.raises(InputError) as caught:
        prepare(LabelSource(file(frames[:18]), test=file(test, "test.extxyz")), maker)
    assert "1 parents of --test are in the data (first: chloride-0)" in str(caught.value)
    assert "same structure as label" in str(caught.value)


def test_groups_without_names_do_not_meet_across_files(frames, file, maker):
    nameless = [replace(frame, parent_id="") for frame in frames]
    text = frames_to_extxyz(nameless).replace('parent_id="" ', "")
    files = []
    for number, part in enumerate((text, frames_to_extxyz(frames[:3]), frames_to_extxyz(frames[12:15]))):
        path = file([], f"{number}/same.extxyz".replace("/", "-"))
        path.write_text(part)
        files.append(path)
    with pytest.raises(InputError, match="is the same structure as"):
        prepare(LabelSource(files[0], files[1], files[2], group_by="consecutive"), maker)


def test_too_few_groups_name_the_ways_out(frames, file, maker):
    with pytest.raises(InsufficientDataError, match=r"2 groups .* --group-by KEY.*--valid FILE.*--group-by structure"):
        prepare(LabelSource(file(frames), group_by="consecutive"), maker)
    prepared = prepare(LabelSource(file(frames), group_by="structure"), maker)
    assert "too good" in prepared.notes[0]
    assert prepared.dataset.warnings == list(prepared.notes)


def test_levels_of_theory(frames, file, maker):
    one, other = file(frames[:18], more={"level_of_theory": "SCAN"}), frames[18:]
    test = file(other, "test.extxyz", more={"level_of_theory": "PBE"})
    with pytest.raises(InputError, match=r"several levels of theory \(PBE; SCAN\)"):
        prepare(LabelSource(one, test=test), maker)
    with pytest.raises(InputError, match="'SCAN', but --level-of-theory says 'HSE'"):
        prepare(LabelSource(one, level_of_theory="HSE"), maker)
    plain = file(frames, "plain.extxyz")
    assert prepare(LabelSource(plain, level_of_theory="HSE"), maker).dataset.level_of_theory == "HSE"
    assert prepare(LabelSource(plain), maker).dataset.level_of_theory == "unknown (file plain.extxyz)"


LONE = (
    '1\nLattice="20 0 0 0 20 0 0 0 20" Properties=species:S:1:pos:R:3 config_type=IsolatedAtom REF_energy={}\n'
    "{} 0 0 0\n"
)


def test_isolated_atoms_become_e0s(frames, file, maker):
    lone = "".join(LONE.format(energy, symbol) for symbol, energy in {"Li": -3.0, "Cl": -7.0, "Br": -5.0}.items())
    prepared = prepare(LabelSource(file(frames, extra=lone)), maker)
    assert prepared.maker.settings.e0s_eV == {"Li": -3.0, "Cl": -7.0, "Br": -5.0}
    assert sum(prepared.dataset.counts.values()) == 24
    with pytest.raises(InputError, match="isolated atoms for Li, but not for Br, Cl"):
        prepare(LabelSource(file(frames, extra=LONE.format(-3.0, "Li"))), maker)
    estimated = replace(maker, settings=SETTINGS.model_copy(update={"e0s": E0Source.ESTIMATED}))
    assert prepare(LabelSource(file(frames, extra=lone)), estimated).maker.settings.e0s_eV is None
    given = replace(maker, settings=SETTINGS.model_copy(update={"e0s_eV": {"Li": -1.0, "Cl": -1.0, "Br": -1.0}}))
    with pytest.raises(InputError, match="settings have e0s_eV with other values"):
        prepare(LabelSource(file(frames, extra=lone)), given)


def test_labels_without_stress(frames, file, maker):
    dataset = prepare(LabelSource(file(frames), keys=LabelKeys(needs_stress=False)), maker).dataset
    assert all(frame.stress_eV_per_A3 is None for frame in frames_from_extxyz(dataset.train_extxyz))
    assert dataset.content_hash != prepare(LabelSource(file(frames)), maker).dataset.content_hash


def test_all_that_is_wrong_is_told_at_once(frames, file, tmp_path):
    strange = Atoms("Og8", positions=frames[0].atoms.positions, cell=[5.2] * 3, pbc=True)
    wrong = [replace(frames[0], atoms=strange), replace(frames[3], energy_eV=float("nan")), *frames[6:9], *frames[12:]]
    replay = tmp_path / "replay.xyz"
    replay.write_text("rubbish")
    maker = FineTuneMaker(
        settings=SETTINGS.model_copy(update={"replay_file": str(replay)}), foundation="superionic-mini"
    )
    with pytest.raises(InputError) as caught:
        prepare(LabelSource(file(wrong), test=tmp_path / "absent.xyz"), maker)
    text = str(caught.value)
    assert "4 things are wrong" in text
    for words in ("absent.xyz cannot be read", "does not know Og", "not finite", "replay.xyz cannot be read"):
        assert words in text
    with pytest.raises(InputError, match=r"neither superionic-mini.*\n.*replay_file /absent does not exist"):
        prepare(
            LabelSource(file(frames)),
            FineTuneMaker(settings=SETTINGS.model_copy(update={"replay_file": "/absent"}), foundation="nothing"),
        )


def test_replay_labels_of_a_file_that_has_none(frames, file, tmp_path):
    bare = tmp_path / "replay.extxyz"
    bare.write_text(structures_to_extxyz([frame.atoms for frame in frames]))
    settings = TrainingSettings(**SETTINGS.model_dump() | {"replay_file": str(bare), "replay_labels": "file"})
    with pytest.raises(InputError, match=r"replay\.extxyz has no energy, forces, stress"):
        prepare(LabelSource(file(frames)), FineTuneMaker(settings=settings, foundation="superionic-mini"))


def test_a_finished_training_is_not_repeated_and_another_not_overwritten(
    frames, file, maker, tmp_path, monkeypatch, make_model
):
    prepared = prepare(LabelSource(file(frames)), maker)
    model = make_model(maker.key(prepared.dataset))
    write_trained(model, tmp_path / "out")
    monkeypatch.setattr(FineTuneMaker, "train", None)
    result = train_into(prepared, tmp_path / "out")
    assert (result.reused, result.model) == (True, model)
    other = prepare(LabelSource(file(frames[:21])), maker)
    with pytest.raises(InputError, match=r"holds another model .*--overwrite"):
        train_into(other, tmp_path / "out")
    (tmp_path / "out" / "model.model").write_bytes(b"damaged")
    with pytest.raises(InputError, match="is not the model"):
        train_into(prepared, tmp_path / "out")


def test_nothing_is_written_before_the_checks(frames, file, tmp_path):
    maker = FineTuneMaker(settings=SETTINGS.model_copy(update={"batch_size": 99}), foundation="superionic-mini")
    with pytest.raises(InsufficientDataError, match="batch of 99"):
        prepare(LabelSource(file(frames)), maker)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.extxyz"]
