"""``superionic train``: options, messages, and a real training of a tiny foundation from a file."""

import json

import pytest
from typer.testing import CliRunner

from superionic.cli.main import app
from superionic.cli.train_options import training_settings
from superionic.errors import InputError, SpecError
from superionic.potentials.registry import trust_file
from superionic.stages import TrainingMode
from superionic.training.dataset import frames_to_extxyz
from superionic.training.export_model import read_trained

QUICK = ["--epochs", 3, "--patience", 2, "--batch-size", 4, "--dtype", "float32", "--replay-structures", 10]


def train(*arguments):
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SUPERIONIC_CONFIG_FILE", str(tmp_path / "none.yaml"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(tmp_path, frames):
    file = tmp_path / "labels.extxyz"
    file.write_text(frames_to_extxyz(frames, {"level_of_theory": "teacher: Morse"}))
    return file


def test_settings_of_a_file_and_options(tmp_path):
    file = tmp_path / "training.yaml"
    file.write_text("max_epochs: 7\nweights: {energy: 2}\n")
    settings = training_settings(file, {"learning_rate": 0.002, "mode": "naive", "patience": None})
    assert (settings.max_epochs, settings.learning_rate, settings.mode) == (7, 0.002, TrainingMode.NAIVE)
    assert settings.weights.energy == 2.0
    file.write_text("name: a campaign\ntraining:\n  max_epochs: 8\n")
    assert training_settings(file, {"max_epochs": 9}).max_epochs == 9
    assert training_settings(None, {}).max_epochs == 500


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max_epoch: 7\n", r"training.yaml:1: max_epoch: unknown key; did you mean 'max_epochs'"),
        ("training:\n  mode: multi\n", r"training.yaml:2: mode: 'multi' is not usable"),
        ("- a\n", "no mapping"),
    ],
)
def test_bad_settings_are_explained(tmp_path, text, words):
    (tmp_path / "training.yaml").write_text(text)
    with pytest.raises(SpecError, match=words):
        training_settings(tmp_path / "training.yaml", {})


def test_bad_options_are_explained():
    with pytest.raises(InputError, match=r"options: learning_rate: -1.0 is not usable"):
        training_settings(None, {"learning_rate": -1.0})


def test_all_problems_come_at_once_and_nothing_is_written(data, tmp_path):
    result = train(data, "--foundation", tmp_path / "absent.model", "--batch-size", 100, "--energy-key", "TotEnergy")
    assert isinstance(result.exception, InputError)
    assert result.exception.exit_code == 2
    text = str(result.exception)
    assert "2 things are wrong" in text
    assert "no structure has its energy under TotEnergy; there is REF_energy" in text
    assert "absent.model' is neither superionic-mini" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.extxyz"]


@pytest.mark.integration
def test_training_from_a_file_and_again(data, tmp_path, tiny_foundation):
    refused = train(data, "--foundation", tiny_foundation, *QUICK)
    assert f"superionic models trust '{tiny_foundation}'" in str(refused.exception)
    assert CliRunner().invoke(app, ["models", "trust", str(tiny_foundation)]).exit_code == 0
    options = [data, "--foundation", tiny_foundation, *QUICK, "--valid-fraction", 0.2, "--test-fraction", 0.2]
    result = train(*options, "-o", "tuned")
    assert result.exit_code == 0, result.exception
    assert "foundation*" in result.stdout
    assert "12 structures to train, 6 to validate, 6 to test; teacher: Morse" in result.stderr
    names = {"model.model", "model.json", "model.md", "errors.json", "errors.csv", "data.extxyz"}
    assert {path.name for path in (tmp_path / "tuned").iterdir()} == names
    model = read_trained(tmp_path / "tuned")
    assert model.effective["heads"] == ["pt_head", "target"]
    _predicts_what_it_reports(tmp_path / "tuned")

    before = (tmp_path / "tuned" / "model.json").stat().st_mtime_ns
    again = json.loads(train(*options, "-o", "tuned", "--json").stdout)
    assert (again["reused"], again["key"]) == (True, model.key)
    assert (tmp_path / "tuned" / "model.json").stat().st_mtime_ns == before
    other = train(*options, "--seed", 1, "-o", "tuned")
    assert "--overwrite" in str(other.exception)


def _predicts_what_it_reports(folder):
    """The written file, loaded as the card says, has the test error that was reported."""
    import numpy as np
    from ase.io import read

    from superionic.potentials import foundation_ref, load_calculator

    calculator = load_calculator(foundation_ref(str(folder / "model.model"), dtype="float32"))
    misses = []
    for atoms in read(folder / "data.extxyz", index=":"):
        if atoms.info["split"] == "test":
            reference = atoms.info["REF_energy"]
            atoms.calc = calculator
            misses.append(1000 * (atoms.get_potential_energy() - reference) / len(atoms))
    rows = json.loads((folder / "errors.json").read_text())
    reported = next(row for row in rows if (row["model"], row["split"], row["group"]) == ("tuned", "test", "all"))
    assert np.sqrt(np.mean(np.square(misses))) == pytest.approx(reported["energy_rmse_meV_per_atom"], rel=1e-3)


@pytest.mark.integration
def test_training_without_stress(data, tmp_path, tiny_foundation):
    trust_file(tiny_foundation)
    options = ["--foundation", tiny_foundation, *QUICK, "--epochs", 1, "--no-stress", "-o", "tuned"]
    result = train(data, *options)
    assert result.exit_code == 0, result.exception
    model = read_trained(tmp_path / "tuned")
    assert model.effective["label_counts"]["target"]["train"]["stress"] == 0
    assert model.effective["label_counts"]["pt_head"]["train"]["stress"] > 0
    assert all(row.stress_rmse_meV_per_A3 is None for row in model.errors if row.split != "replay")
