"""A user who may only read can look results up and write reports, and changes nothing."""

import json
from pathlib import Path
from urllib.parse import quote

import bson
import pytest
from guarded_mongod import PASSWORD, READER, READER_PASSWORD, USER
from monty.json import jsanitize
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner

from superionic.cli.main import app
from superionic.database.stores import job_store, resolve_database
from superionic.documents import Resources
from superionic.labelling.schemas import LabelDoc
from superionic.launch.campaigns import submit_campaign
from superionic.spec import ElectrolyteSpec

pytestmark = pytest.mark.integration


QUICKSTART = Path(__file__).parents[2] / "workflows" / "quickstart.yaml"


def _label(campaign):
    structure = Structure(Lattice.cubic(5.0), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    document = LabelDoc(
        key="1234",
        spec_key=campaign,
        structure=structure,
        energy_eV=-8.0,
        forces_eV_per_A=[[0.0] * 3] * 2,
        stress_eV_per_A3=[[0.0] * 3] * 3,
        level_of_theory="teacher: synthetic",
        accepted=True,
        resources=Resources(wall_time_s=2.0, cpu_time_s=1.0),
    )
    output = jsanitize(document, strict=True, enum_values=True, allow_bson=True)
    place = {"campaign": campaign, "stage": "labelling"}
    completed = "2030-01-01T10:00:00"
    return {"uuid": "j", "index": 1, "name": "label", "metadata": place, "completed_at": completed, "output": output}


def _uri(server, user, password):
    return f"mongodb://{user}:{quote(password, safe='')}@{server.host}/?authSource=admin"


def _contents(server):
    with server.client() as client:
        documents = client["superionic"]
        found = {name: list(documents[name].find(sort=[("_id", 1)])) for name in documents.list_collection_names()}
        indexes = {name: sorted(documents[name].index_information()) for name in found}
    return bson.encode({"found": found, "indexes": indexes})


def _run(*arguments):
    return CliRunner().invoke(app, [str(word) for word in arguments], catch_exceptions=True)


def test_reading_suffices_for_queries_and_reports(guarded, tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_MONGO_URI", _uri(guarded, USER, PASSWORD))
    spec = ElectrolyteSpec.from_file(QUICKSTART)
    choice = resolve_database(tmp_path / "writer", _uri(guarded, USER, PASSWORD))
    submit_campaign(choice, spec)
    store = job_store(choice)
    store.connect()
    store.docs_store.update([_label(spec.key)], key=["uuid", "index"])
    assert _run("build", "-C", tmp_path / "writer").exit_code == 0
    before = _contents(guarded)

    monkeypatch.setenv("SUPERIONIC_MONGO_URI", _uri(guarded, READER, READER_PASSWORD))
    place = ("-C", tmp_path / "reader")
    (label,) = json.loads(_run("query", "labels", "--json", *place).stdout)
    for command in (
        ("conductivities",),
        ("hulls", "--csv"),
        ("models",),
        ("curves",),
        ("best", "-w", "verdict=ok"),
        ("refusals",),
        ("cost",),
        ("lineage", label["key"]),
        ("dependents", label["key"]),
        ("why", label["key"]),
    ):
        done = _run("query", *command, *place)
        assert done.exit_code == 0, (command, done.output, done.exception)
    page = tmp_path / "report.html"
    done = _run("report", "-o", page, *place)
    assert done.exit_code == 0, (done.output, done.exception)
    assert spec.name in page.read_text()
    assert _run("build", *place).exit_code == 0  # nothing to do
    assert _contents(guarded) == before
    store.docs_store.update([_label(spec.key) | {"uuid": "k"}], key=["uuid", "index"])
    before = _contents(guarded)
    refused = _run("build", *place)
    assert refused.exit_code != 0
    assert "readWrite" in str(refused.exception)
    assert READER_PASSWORD not in str(refused.exception)
    assert _contents(guarded) == before
