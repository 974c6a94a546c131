"""The real `mace_run_train`, on the smallest input that exercises it, through the Makers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Structure

from superionic.database.live import TRAININGS
from superionic.documents import CompositionInfo
from superionic.errors import InputError, TrainingCheckError, UntrustedModelError
from superionic.labelling.isolated_atom import IsolatedAtomDoc
from superionic.labelling.schemas import CalculationInfo, LabelDoc, LabelSetDoc, RefusedLabel
from superionic.potentials.registry import DATA, load_calculator, trust_file
from superionic.stages import TrainingSettings
from superionic.training.assemble import labels_of
from superionic.training.curve_jobs import AssessModelMaker, LearningCurveMaker
from superionic.training.curve_schemas import LearningCurveDoc
from superionic.training.dataset import LabelledFrame, frames_from_extxyz, frames_to_extxyz
from superionic.training.jobs import BuildDatasetMaker, FineTuneMaker
from superionic.training.mace_model import evaluate, load_model, read_facts
from superionic.training.schemas import DatasetDoc, ModelDoc

LEVEL = "teacher: Morse"
SETTINGS = TrainingSettings(
    max_epochs=3, patience=2, batch_size=4, dtype="float32", valid_fraction=0.2, test_fraction=0.2, replay_structures=10
)


def label_set(frames, level=LEVEL):
    labels = [
        LabelDoc(
            key=frame.key,
            structure=Structure(frame.atoms.cell, frame.atoms.symbols, frame.atoms.get_scaled_positions()),
            energy_eV=frame.energy_eV,
            forces_eV_per_A=frame.forces_eV_per_A.tolist(),
            stress_eV_per_A3=frame.stress_eV_per_A3.tolist(),
            level_of_theory=level,
            accepted=True,
            parent_id=frame.parent_id,
            composition=CompositionInfo(axes={"x": 0.5}, label=f"x=0.5 {frame.composition}", formula=frame.composition),
        )
        for frame in frames
    ]
    refused = [RefusedLabel(item="label-99", cause="force_too_large: 44 eV/A")]
    return LabelSetDoc(
        key=f"set-{frames[0].composition}-{level}",
        spec_key="spec",
        labels=labels,
        label_keys=[label.key for label in labels],
        requested=len(labels) + 1,
        level_of_theory=level,
        refused=refused,
    )


@pytest.fixture
def label_sets(frames):
    return [label_set(frames[:12]), label_set(frames[12:])]


@pytest.fixture
def store():
    return JobStore(
        MemoryStore(), additional_stores={name: MemoryStore() for name in ("data", "models", "trajectories")}
    )


@pytest.fixture
def foundation(tiny_foundation, tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    trust_file(tiny_foundation)
    return str(tiny_foundation)


def run(flow, store):
    return run_locally(flow, store=store, ensure_success=True)


def output(job, store, schema):
    found = store.get_output(job.uuid, load=True)
    return (
        found if isinstance(found, schema) else schema.model_validate({k: v for k, v in found.items() if k[0] != "@"})
    )


def dataset_of(label_sets, settings=SETTINGS):
    return BuildDatasetMaker(settings=settings).make.original(BuildDatasetMaker(settings=settings), label_sets)


def test_dataset_document_accounts_for_every_label(label_sets):
    doc = dataset_of([*label_sets, None])
    assert doc.counts == {"train": 12, "valid": 6, "test": 6}
    assert (doc.requested_labels, doc.refused_by_cause) == (26, {"force_too_large": 2})
    assert doc.parents == [labels.key for labels in label_sets]
    assert len(doc.label_keys) == 24
    assert "1 compositions failed" in doc.warnings[0]
    assert labels_of(frames_from_extxyz(doc.test_extxyz)).n_atoms.tolist() == [8] * 6
    assert doc.key == dataset_of([*label_sets, None]).key


def test_mixed_levels_of_theory_are_refused(frames):
    with pytest.raises(InputError, match=r"several levels of theory .*SCAN; teacher: Morse"):
        dataset_of([label_set(frames[:12]), label_set(frames[12:], level="SCAN")])


def test_untrusted_foundation_is_not_loaded(label_sets, tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.chdir(tmp_path)
    stranger = tmp_path / "stranger.model"
    stranger.write_bytes((DATA / "superionic-mini.model").read_bytes() + b"\0")
    maker = FineTuneMaker(settings=SETTINGS, foundation=str(stranger))
    with pytest.raises(UntrustedModelError, match="superionic models trust"):
        FineTuneMaker.make.original(maker, dataset_of(label_sets))


@pytest.mark.integration
def test_saved_file_is_read_back_as_it_is(tiny_foundation, tmp_path):
    import torch

    model = torch.load(tiny_foundation, weights_only=False)
    model.atomic_energies_fn.atomic_energies[..., 1] = -9.5
    next(model.parameters()).data[0] = float("nan")
    torch.save(model, tmp_path / "tampered.model")
    before, after = read_facts(tiny_foundation), read_facts(tmp_path / "tampered.model")
    assert before.e0s_eV == {"Default": {3: -1.0, 17: -2.0, 35: -3.0, 39: -4.0}}
    assert after.e0s_eV["Default"][17] == -9.5
    assert (before.finite, after.finite) == (True, False)
    assert (before.heads, before.r_max_A, before.dtype) == (["Default"], 4.0, "float64")


@pytest.mark.integration
def test_campaign_part_from_labels_to_learning_curve(label_sets, store, foundation, tmp_path):
    """Multi-head through jobflow: data set, a full and a half training, learning curve, reuse, production file."""
    dataset = BuildDatasetMaker(settings=SETTINGS, seed=3).make(label_sets)
    part, full = (
        FineTuneMaker(settings=SETTINGS, foundation=foundation, seed=3, train_fraction=f).make(dataset.output)
        for f in (0.5, 1.0)
    )
    again = FineTuneMaker(settings=SETTINGS, foundation=foundation, seed=3).make(dataset.output)
    assessed = [AssessModelMaker(drift=False).make(job.output, dataset.output) for job in (part, full)]
    curve = LearningCurveMaker().make([job.output for job in assessed])
    run(Flow([dataset, part, full, *assessed, curve, again]), store)
    model, points = output(full, store, ModelDoc), output(curve, store, LearningCurveDoc)
    assert [point.n_train for point in points.points] == [6, 12]
    assert points.points[1].model_key == model.key == model.potential.name
    _check_multihead_document(model)
    _check_production_file(model, output(dataset, store, DatasetDoc))
    assert output(again, store, ModelDoc).reused_from == full.uuid
    shown = list(store.docs_store._collection.database[TRAININGS].find())
    assert [(row["phase"], row["epoch"], row["name"]) for row in shown] == [("finished", 2, "fine-tune")] * 2
    left = {path.name for folder in (tmp_path / "cache" / "trainings").iterdir() for path in folder.iterdir()}
    assert not left & {"resume", "checkpoints", "foundation.model", "model.model"}  # nothing bulky is left behind


def _check_multihead_document(model):
    effective = model.effective
    assert effective["heads"] == ["pt_head", "target"]
    assert effective["learning_rate"] == model.requested["learning_rate"] == 0.01
    assert effective["ema_decay"] == model.requested["ema_decay"]
    assert effective["n_train"] == {"pt_head": 9, "target": 12}
    assert effective["e0s_rank"] == 2  # three elements, two compositions
    assert effective["e0s_eV"]["pt_head"] == {"Li": -1.0, "Cl": -2.0, "Br": -3.0, "Y": -4.0}
    assert any("2 of 3 E0s" in warning for warning in model.warnings)
    assert any("rattled and strained" in warning for warning in model.warnings)
    start = [record for record in model.history if record.epoch == -1]
    assert {record.head for record in start} == {"pt_head", "target"}
    assert next(r for r in start if r.head == "pt_head").force_rmse_meV_per_A < 0.01
    assert {(row.model, row.split) for row in model.errors} >= {
        ("foundation", "test"),
        ("tuned", "test"),
        ("tuned", "replay"),
    }
    assert all(row.energy_shifted == (row.model == "foundation") for row in model.errors)
    assert len(model.parity_tuned.force_reference_eV_per_A) == 6 * 8 * 3
    test = {row.element: row for row in model.element_errors if (row.model, row.split) == ("tuned", "test")}
    assert list(test) == ["Li", "Cl", "Br"]
    tested = next(row for row in model.errors if (row.model, row.split, row.group) == ("tuned", "test", "all"))
    squares = sum(row.n_atoms * row.force_rmse_meV_per_A**2 for row in test.values()) / (6 * 8)
    assert tested.force_rmse_meV_per_A == pytest.approx(np.sqrt(squares))
    assert tested.force_slope_std > 0
    assert model.elements == ["Br", "Cl", "Li"]
    assert not any("/" in argument for argument in model.command)


def _check_production_file(model, dataset):
    test = frames_from_extxyz(dataset.test_extxyz)
    calculator = load_calculator(model.potential, model.model_blob)
    errors = []
    for frame in test:
        atoms = frame.atoms.copy()
        atoms.calc = calculator
        errors.append(1000 * (atoms.get_potential_energy() - frame.energy_eV) / len(atoms))
    reported = next(r for r in model.errors if (r.model, r.split, r.group) == ("tuned", "test", "all"))
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(reported.energy_rmse_meV_per_atom, rel=1e-3)


@pytest.mark.integration
def test_labels_of_a_replay_file_and_isolated_atoms_are_used(label_sets, frames, free_atoms, foundation, tmp_path):
    """Each head is held to what was asked for: 100 meV/A from the foundation, and free atoms at the labels' level."""
    replay = tmp_path / "labelled.xyz"
    replay.write_text(_labelled_near_the_foundation(foundation, [frame.atoms for frame in frames[12:22]]))
    asked = {"replay_file": str(replay), "replay_labels": "file", "e0s": "isolated"}
    settings = TrainingSettings(**SETTINGS.model_dump() | asked)
    level = {"level_of_theory": "SCAN (VASP)", "settings_hash": "hash"}
    dataset = dataset_of(label_sets).model_copy(update=level)
    info = CalculationInfo(code="vasp 6.4.2")
    atoms = [IsolatedAtomDoc(symbol=s, energy_eV=e, calculation=info, **level) for s, e in free_atoms.items()]
    maker = FineTuneMaker(settings=settings, foundation=foundation)
    model = FineTuneMaker.make.original(maker, dataset, atoms)
    assert model.effective["replay_labels"] == "file"
    assert model.effective["replay_source"] == "labelled.xyz (10 structures)"
    start = next(record for record in model.history if (record.epoch, record.head) == (-1, "pt_head"))
    assert start.force_rmse_meV_per_A == pytest.approx(100, rel=0.02)
    assert model.effective["e0s_source"] == "isolated"
    assert model.effective["e0s_eV"]["target"] == pytest.approx(free_atoms | {"Y": -4.0})
    assert not any("E0s" in warning for warning in model.warnings)
    assert model.architecture["hidden_irreps"] == "4x0e"
    assert (model.architecture["channels"], model.architecture["layers"], model.architecture["r_max_A"]) == (4, 2, 4.0)
    assert (model.elements, model.elements_known) == (["Br", "Cl", "Li"], ["Li", "Cl", "Br", "Y"])


def _labelled_near_the_foundation(foundation, structures):
    values = evaluate(load_model(Path(foundation), "float64", "cpu"), structures, "Default", "float64")
    frames = [
        LabelledFrame(
            key=str(number),
            parent_id=str(number),
            composition="near the foundation",
            atoms=atoms,
            energy_eV=values.energies_eV[number],
            forces_eV_per_A=values.subset([number]).forces_eV_per_A + 0.1,
            stress_eV_per_A3=values.stresses_eV_per_A3[number],
        )
        for number, atoms in enumerate(structures)
    ]
    return frames_to_extxyz(frames)


@pytest.mark.integration
@pytest.mark.parametrize("mode", ["naive", "scratch"])
def test_other_modes_pass_their_checks(label_sets, foundation, mode):
    tiny = {"channels": 4, "max_L": 1, "max_ell": 1, "correlation": 2, "r_max_A": 4.5}
    settings = TrainingSettings(**SETTINGS.model_dump() | {"mode": mode, "scratch": tiny})
    maker = FineTuneMaker(settings=settings, foundation=foundation)
    model = FineTuneMaker.make.original(maker, dataset_of(label_sets))
    assert model.effective["heads"] == ["target"]
    assert model.mode == mode
    start = next(record for record in model.history if record.epoch == -1)
    assert (
        start.energy_rmse_meV_per_atom < 300
    )  # E0s belong to the labels, which lie 5 eV/atom away from the foundation
    assert (model.foundation is None) is (mode == "scratch")
    assert (model.parity_foundation is None) is (mode == "scratch")
    assert (model.effective["replay_labels"], model.effective["replay_source"]) == (None, None)
    if mode == "scratch":
        assert {name: model.architecture[name] for name in tiny} == tiny
    # another worker finds the finished training in its folder, if the first died before the document was stored
    again = FineTuneMaker.make.original(maker, dataset_of(label_sets))
    assert again.effective["seconds"] == model.effective["seconds"]
    assert again.errors == model.errors


@pytest.mark.integration
def test_early_stop_really_stops(label_sets, foundation):
    settings = TrainingSettings(**SETTINGS.model_dump() | {"max_epochs": 50, "learning_rate": 0.2, "ema_decay": 0.5})
    maker = FineTuneMaker(settings=settings, foundation=foundation)
    model = FineTuneMaker.make.original(maker, dataset_of(label_sets))
    assert model.stopped_early
    assert model.epochs_run < 50
    assert model.epochs_run - 1 - model.best_epoch == settings.patience
    assert model.effective["stop_reason"] == "patience"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (1e15, r"in epoch 0 the loss of batch \d is (nan|inf).*learning_rate \(now 1e\+15\)"),
        (20.0, r"in epoch 0 the validation loss rose to .* times the lowest .*, before training\).*\(now 20\)"),
    ],
)
def test_divergence_ends_the_training_and_is_explained(label_sets, foundation, tmp_path, rate, words):
    settings = TrainingSettings(**SETTINGS.model_dump() | {"learning_rate": rate, "ema_decay": 0.1})
    maker = FineTuneMaker(settings=settings, foundation=foundation)
    with pytest.raises(TrainingCheckError, match="the training diverged: " + words):
        FineTuneMaker.make.original(maker, dataset_of(label_sets))
    (folder,) = (tmp_path / "cache" / "trainings").iterdir()  # kept for a look
    assert not (folder / "outcome.json").exists()


@pytest.mark.integration
def test_unknown_element_is_named(label_sets, foundation, tmp_path):
    strange = tmp_path / "strange.xyz"
    strange.write_text('1\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3 pbc="T T T"\nU 0 0 0\n' * 4)
    settings = TrainingSettings(**SETTINGS.model_dump() | {"replay_file": str(strange)})
    maker = FineTuneMaker(settings=settings, foundation=foundation)
    with pytest.raises(InputError, match=r"does not know U, which occur in 4 of 4 replay structures"):
        FineTuneMaker.make.original(maker, dataset_of(label_sets))


@pytest.mark.integration
def test_training_does_not_outlive_a_killed_worker(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, os, pathlib, subprocess, sys, time\n"
        "job = dict(argv=[], dtype='float32', device='cpu', threads=1, parent_pid=os.getpid(), head='h',"
        " foundation_head=None, e0s_eV=None)\n"
        "pathlib.Path('job.json').write_text(json.dumps(job))\n"
        "code = 'import superionic.training.mace_main as m, time; '\n"
        "code += 'm.Workplace = lambda job: time.sleep(600); m.main()'\n"
        "child = subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        "pathlib.Path('pid').write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], cwd=tmp_path) as worker:
        child = _wait_for(lambda: int((tmp_path / "pid").read_text() or 0))
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    assert _wait_for(lambda: not _alive(child))


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except (FileNotFoundError, ValueError):
            pass
        time.sleep(0.1)
    raise AssertionError("waited in vain")
