"""Models in the job store, found by key or campaign and handed out only if they are what was trained."""

import pytest
from jobflow import JobStore
from maggma.stores import MemoryStore
from monty.json import jsanitize

from superionic.errors import DatabaseError, InputError
from superionic.training.export_model import (
    DOCUMENT_FILE,
    MODEL_FILE,
    document_without_blobs,
    errors_csv,
    read_trained,
    write_model,
    write_trained,
)
from superionic.training.model_card import model_card
from superionic.training.stored_models import find_model, find_model_of_campaign, list_models


@pytest.fixture
def store():
    store = JobStore(MemoryStore(), additional_stores={"models": MemoryStore()})
    store.connect()
    return store


def put(store, document, uuid, when="2030-01-01", campaign="one"):
    output = jsanitize(document, strict=True, enum_values=True)
    row = {"uuid": uuid, "index": 1, "completed_at": when, "metadata": {"campaign": campaign}, "output": output}
    store.update([row], save={"models": ["model_blob"]} if "model_blob" in output else None)


def test_models_are_listed_without_their_files(store, make_model):
    put(store, make_model("a" * 32), "1", "2030-01-01")
    put(store, make_model("b" * 32, mode="naive"), "2", "2030-01-02")
    put(store, make_model("b" * 32, mode="naive"), "3", "2030-01-03")
    found = list_models(store)
    assert [(model["key"][0], model["mode"], model["n_train"]) for model in found] == [
        ("b", "naive", 18),
        ("a", "multihead", 18),
    ]
    assert found[0]["sha256"] == make_model().potential.sha256
    assert found[0]["errors"][1]["energy_rmse_meV_per_atom"] == 6.5


def test_the_beginning_of_a_key_is_enough(store, make_model):
    put(store, make_model("ab1" + "0" * 29), "1")
    put(store, make_model("ab2" + "0" * 29, content=b"others"), "2")
    assert find_model(store, "ab2").model_blob.to_bytes() == b"others"
    with pytest.raises(InputError, match="2 models have keys beginning with 'ab'"):
        find_model(store, "ab")
    with pytest.raises(InputError, match=r"no model has the key '\.\*'.*models list"):
        find_model(store, ".*")


def test_a_campaign_hands_out_the_model_in_use(store, make_model):
    with pytest.raises(InputError, match="has no model yet"):
        find_model_of_campaign(store, "one")
    put(store, make_model("a" * 32, content=b"whole"), "1", "2030-01-01")
    put(store, make_model("b" * 32, content=b"part", train_fraction=0.5), "2", "2030-01-02")
    put(store, make_model("c" * 32, content=b"other"), "3", "2030-01-03", campaign="two")
    put(store, make_model("d" * 32, content=b"control"), "4", "2030-01-04")
    assert find_model_of_campaign(store, "one").model_blob.to_bytes() == b"control"
    put(store, {"@class": "PhaseDiagramDoc", "model_key": "a" * 32}, "5")
    assert find_model_of_campaign(store, "one").model_blob.to_bytes() == b"whole"


def test_a_file_that_was_exchanged_is_not_handed_out(store, make_model):
    put(store, make_model("a" * 32, potential=make_model(content=b"trained").potential), "1")
    with pytest.raises(DatabaseError, match="is stored with SHA-256"):
        find_model(store, "a")
    damaged = make_model()
    damaged.model_blob.data_base64 = "AAAA"
    with pytest.raises(DatabaseError, match="damaged"):
        write_model(damaged, None)


def test_a_folder_holds_all_about_a_model_and_is_read_back(tmp_path, make_model):
    model = make_model()
    files = write_trained(model, tmp_path / "out")
    assert [file.name for file in files] == ["model.model", "errors.json", "errors.csv", "model.md", "model.json"]
    assert (tmp_path / "out" / MODEL_FILE).read_bytes() == b"weights"
    assert "data_base64" not in (tmp_path / "out" / DOCUMENT_FILE).read_text()
    assert read_trained(tmp_path / "out") == model
    (tmp_path / "out" / MODEL_FILE).write_bytes(b"exchanged")
    with pytest.raises(InputError, match="is not the model that"):
        read_trained(tmp_path / "out")
    with pytest.raises(InputError, match="no complete trained model"):
        read_trained(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path, make_model):
    with pytest.raises(InputError, match=r"absent/x.model cannot be written: No such file"):
        write_model(make_model(), tmp_path / "absent" / "x.model")


def test_errors_as_a_table(make_model):
    lines = errors_csv(make_model()).splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("model,split,group,n_structures,energy_rmse_meV_per_atom")
    assert lines[2].split(",")[8] == ""  # no stress labels
    assert document_without_blobs(make_model())["model_blob"].keys() == {"sha256", "n_bytes", "media_type"}


def test_card(make_model):
    text = model_card(make_model(), "tuned.model")
    assert "trained from superionic-mini on 18 structures of Cl, Li" in text
    assert "| foundation* | test | all | 4 | 2346 | 23457 | 1.5 | - |" in text
    assert "| tuned | test | all | 4 | 6.5 | 65 | - | 0.912 |" in text
    assert "| learning_rate | 0.01 | 0.01 |" in text
    assert "surrogates, not density-functional results" in text
    assert "superionic models trust tuned.model" in text
    assert "- something to know" in text
    scratch = model_card(make_model(foundation=None, mode="scratch", label_level_of_theory="SCAN", warnings=[]), "x")
    assert "trained from scratch" in scratch
    assert "surrogates" not in scratch
    assert "What to know" not in scratch
