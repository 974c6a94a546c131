"""Potentials at the command line: list, trust, export."""

import json
import re
import zipfile
from pathlib import Path
from shutil import copyfile

import pytest
from typer.testing import CliRunner

from superionic.cli.main import app
from superionic.errors import InputError, UntrustedModelError
from superionic.potentials.registry import DATA, file_sha256, trusted_hashes
from superionic.training.stored_models import load_model_by_key

MINI = DATA / "superionic-mini.model"


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SUPERIONIC_CONFIG_FILE", str(tmp_path / "none.yaml"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def own_model(tmp_path):
    """A model file with a hash of its own."""
    file = tmp_path / "own.model"
    copyfile(MINI, file)
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"mine"
    return file


def test_a_file_is_trusted_after_a_look_into_it(own_model):
    result = run("models", "trust", own_model, "--name", "my potential")
    assert result.exit_code == 0, result.exception
    assert trusted_hashes()[file_sha256(own_model)] == "my potential"
    assert "ScaleShiftMACE, cutoff 5 A" in result.stderr
    assert "Li" in result.stderr


def test_what_is_no_model_is_not_trusted(tmp_path):
    (tmp_path / "x.model").write_text("hello")
    result = run("models", "trust", tmp_path / "x.model")
    assert isinstance(result.exception, InputError)
    assert "no MACE model" in str(result.exception)
    assert isinstance(run("models", "trust", "absent").exception, InputError)
    assert not (tmp_path / "cache").exists()


def test_foreign_functions_in_a_file_are_named(tmp_path, own_model, monkeypatch):
    from superionic.potentials import model_file

    monkeypatch.setattr(model_file, "USUAL_PACKAGES", ("torch", "e3nn", "collections"))
    result = run("models", "trust", own_model)
    assert isinstance(result.exception, UntrustedModelError)
    assert re.search(r"mace\.modules\.models\.ScaleShiftMACE.*--anyway", str(result.exception))
    assert run("models", "trust", own_model, "--anyway").exit_code == 0


def test_list_without_a_database_starts_none(tmp_path, own_model):
    run("models", "trust", own_model)
    result = run("models", "list", "--json")
    rows = json.loads(result.stdout)
    assert [(row["name"], row["source"]) for row in rows] == [("superionic-mini", "shipped"), ("own.model", "trusted")]
    assert "CHGNet" in rows[0]["level_of_theory"]
    assert not (tmp_path / ".superionic").exists()
    assert "superionic-mini" in run("models", "list").stdout


def test_a_database_that_does_not_answer_is_a_note(monkeypatch):
    monkeypatch.setenv("SUPERIONIC_MONGO_URI", "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100")
    result = run("models", "list", "--json")
    assert result.exit_code == 0
    assert len(json.loads(result.stdout)) == 1
    assert "models of the database are not listed" in result.stderr


@pytest.fixture
def project(server_project, make_model):
    """A project whose database holds two models; one is a real one."""
    from monty.json import jsanitize

    from superionic.database.stores import job_store, mongo_database, resolve_database

    choice = resolve_database(server_project, "local")
    store = job_store(choice)
    store.connect()
    for number, content in enumerate((MINI.read_bytes(), b"not loadable")):
        key = "ab"[number] * 32
        output = jsanitize(make_model(key, content=content), strict=True, enum_values=True)
        when = f"2030-01-0{number + 1}T00:00:00.000000"
        row = {"uuid": key, "index": 1, "completed_at": when, "output": output}
        store.update([row], save={"models": ["model_blob"]})
    yield server_project
    mongo_database(choice).client.drop_database(choice.database)


@pytest.mark.integration
def test_models_of_the_database_are_listed_exported_and_loaded(tmp_path, project):
    rows = json.loads(run("models", "list", "--json", "-C", project).stdout)
    trained = [row for row in rows if row["source"] == "database"]
    assert [row["name"][0] for row in trained] == ["b", "a"]
    assert (trained[0]["test_energy_rmse_meV_per_atom"], trained[0]["n_train"]) == (6.5, 18)
    result = run("export", "model", "aaaa", "-o", tmp_path / "tuned.model", "--card", "-C", project)
    assert result.exit_code == 0, result.exception
    assert (tmp_path / "tuned.model").read_bytes() == MINI.read_bytes()
    assert "tuned.model" in (tmp_path / "tuned.md").read_text()
    assert "on another machine, once: superionic models trust tuned.model" in result.stderr
    assert file_sha256(tmp_path / "tuned.model") in trusted_hashes()
    unknown = run("export", "model", "cccc", "-C", project)
    assert isinstance(unknown.exception, InputError)
    assert "no model has the key 'cccc'" in str(unknown.exception)
    about = json.loads(run("export", "model", "bbbb", "-o", tmp_path / "b.model", "--json", "-C", project).stdout)
    assert about["key"] == "b" * 32
    assert Path(about["files"][0]).read_bytes() == b"not loadable"
    calculator = load_model_by_key("aaaa", project)
    assert calculator.head is not None
    with pytest.raises(InputError, match="no model has the key 'dddd'"):
        load_model_by_key("dddd", project)
