import json
import os
from contextlib import contextmanager
from dataclasses import replace

import pytest
from jobflow import JobStore, job, run_locally
from pymongo import MongoClient

from superionic.database import stores
from superionic.database.configuration import store_definition
from superionic.database.local import LocalServer, server_status
from superionic.database.mongod import socket_uri
from superionic.database.stores import (
    DatabaseKind,
    collection,
    environment,
    job_store,
    mongo_database,
    open_database,
    resolve_database,
    result_store,
    server_home,
)
from superionic.errors import DatabaseError, NotConfiguredError


@pytest.fixture
def no_server(monkeypatch, tmp_path):
    """Decide without starting anything; records what would have been started."""
    started = []

    def start(home, **_options):
        started.append(home)
        return LocalServer(socket_uri(tmp_path / "s.sock"), 1, tmp_path / "s.sock")

    @contextmanager
    def hold(home, **options):
        yield start(home, **options)

    monkeypatch.setattr(stores, "ensure_server", start)
    monkeypatch.setattr(stores, "lease", hold)
    return started


def _user_files(folder, jobflow_text=None, uri="mongodb://127.0.0.1:9/"):
    folder.mkdir()
    (folder / "my_launchpad.yaml").write_text(f"host: {uri}\nname: fw\nuri_mode: true\n")
    (folder / "FW_config.yaml").write_text(f"CONFIG_FILE_DIR: {folder}\n")
    text = jobflow_text or json.dumps({"JOB_STORE": store_definition(uri, "mine")})
    (folder / "jobflow.yaml").write_text(text)
    return {
        "FW_CONFIG_FILE": str(folder / "FW_config.yaml"),
        "JOBFLOW_CONFIG_FILE": str(folder / "jobflow.yaml"),
    }


def test_without_configuration_it_is_the_private_server(tmp_path, no_server):
    with open_database(tmp_path, environ={}, user_home=tmp_path) as choice:
        assert choice.kind is DatabaseKind.LOCAL
    assert no_server == [server_home(tmp_path)]
    assert choice.started
    assert choice.home == server_home(tmp_path)
    assert environment(choice) == {
        "FW_CONFIG_FILE": str(choice.config_dir / "FW_config.yaml"),
        "JOBFLOW_CONFIG_FILE": str(choice.config_dir / "jobflow.yaml"),
    }
    other = resolve_database(tmp_path, "local", database="other")
    assert other.config_dir != choice.config_dir


def test_local_overrides_the_users_files(tmp_path, no_server):
    variables = _user_files(tmp_path / "etc")
    assert resolve_database(tmp_path, "local", environ=variables, user_home=tmp_path).kind is DatabaseKind.LOCAL


def test_incomplete_user_files_are_explained(tmp_path, no_server):
    variables = _user_files(tmp_path / "etc")
    fireworks_only = {"FW_CONFIG_FILE": variables["FW_CONFIG_FILE"]}
    with pytest.raises(NotConfiguredError, match="JOBFLOW_CONFIG_FILE") as error:
        resolve_database(tmp_path, environ=fireworks_only, user_home=tmp_path)
    assert "trajectories" in str(error.value)
    jobflow_only = {"JOBFLOW_CONFIG_FILE": variables["JOBFLOW_CONFIG_FILE"]}
    with pytest.raises(NotConfiguredError, match=r"my_launchpad\.yaml") as error:
        resolve_database(tmp_path, environ=jobflow_only, user_home=tmp_path)
    assert "SUPERIONIC_MONGO_URI" in str(error.value)
    assert no_server == []


def test_a_missing_additional_store_is_shown_with_the_lines_to_add(tmp_path, no_server):
    text = """
JOB_STORE:
  docs_store: {type: MongoStore, database: mine, collection_name: outputs}
  additional_stores:
    data: {type: GridFSStore, database: mine, collection_name: blobs}
"""
    variables = _user_files(tmp_path / "etc", text)
    with pytest.raises(NotConfiguredError, match="lacks the additional stores trajectories, models") as error:
        resolve_database(tmp_path, environ=variables, user_home=tmp_path)
    assert "collection_name: models" in str(error.value)


def test_outputs_of_several_workers_need_a_server(tmp_path, no_server):
    stores_text = "".join(f"    {name}: {{type: MemoryStore}}\n" for name in ("data", "trajectories", "models"))
    text = f"JOB_STORE:\n  docs_store: {{type: MemoryStore}}\n  additional_stores:\n{stores_text}"
    variables = _user_files(tmp_path / "etc", text)
    with pytest.raises(NotConfiguredError, match="MongoStore"):
        resolve_database(tmp_path, environ=variables, user_home=tmp_path)


def test_unreachable_servers_are_named_with_their_source(tmp_path, no_server, monkeypatch):
    monkeypatch.setattr("superionic.database.uris.CHECK_TIMEOUT_S", 0.3)
    monkeypatch.setattr(stores, "CHECK_TIMEOUT_S", 0.3)
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:9 \(from SUPERIONIC_MONGO_URI") as error:
        resolve_database(tmp_path, "mongodb://ann:s3cret@127.0.0.1:9/")
    assert "s3cret" not in str(error.value)
    variables = _user_files(tmp_path / "etc", uri="mongodb://ann:s3cret@127.0.0.1:9/")
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:9 \(from .*jobflow\.yaml") as error:
        resolve_database(tmp_path, environ=variables, user_home=tmp_path)
    assert "s3cret" not in str(error.value)


def big(name):
    return {"key": "k1", "payload": {"for": name}}


@pytest.mark.integration
@pytest.mark.parametrize("name", ["data", "trajectories", "models"])
def test_outputs_go_to_the_stores_with_journaled_writes(database, name):
    store = job_store(database)
    task = job(big, **{name: "payload"})(name)  # one additional store per job: jobflow nests the references of two
    run_locally(task, store=store, ensure_success=True, log=False)
    again = JobStore.from_dict(store.as_dict())  # what FireWorks does to stores
    again.connect()
    assert again.get_output(task.uuid, load=True)["payload"] == {"for": name}
    document = collection(database, "outputs").find_one({"uuid": task.uuid})
    assert document["output"]["payload"]["store"] == name
    assert mongo_database(database)[f"{name}.files"].count_documents({}) == 1
    assert again.docs_store._collection.write_concern.document == {"j": True}


@pytest.mark.integration
def test_result_stores_can_be_closed_and_connected_again(database):
    store = result_store(database, "hulls")
    store.connect()
    store.update([{"key": "a", "n": 1}])
    store.update([{"key": "a", "n": 2}])
    store.close()
    store.connect(force_reset=True)
    assert [document["n"] for document in store.query()] == [2]
    assert collection(database, "hulls").count_documents({}) == 1
    assert job_store(database).docs_store.collection_name == "outputs"


@pytest.mark.integration
def test_a_uri_with_a_password_is_used_and_never_shown(database, tmp_path):
    admin = mongo_database(database).client.admin
    admin.command({"createUser": "ann", "pwd": "s3cret", "roles": ["readWriteAnyDatabase"]})
    try:
        uri = database.uri.replace("mongodb://", "mongodb://ann:s3cret@")
        choice = resolve_database(tmp_path, uri, database=database.database)
        assert choice.kind is DatabaseKind.URI
        assert not choice.started
        assert "s3cret" not in repr(choice) + choice.describe() + str(environment(choice)) + str(choice.config_dir)
        assert (choice.config_dir / "jobflow.yaml").stat().st_mode & 0o777 == 0o600
        assert "serverSelectionTimeoutMS=600000" in choice.uri
        store = job_store(choice)
        store.connect()
        assert store.count() == 0
        with pytest.raises(DatabaseError, match="does not let this user") as error:
            resolve_database(tmp_path, uri.replace("s3cret", "wr0ng"))
        assert "wr0ng" not in str(error.value)
        assert server_status(server_home(tmp_path)).server is None
    finally:
        admin.command("dropUser", "ann")


@pytest.mark.integration
def test_the_users_files_are_used_and_not_touched(database, tmp_path):
    variables = _user_files(tmp_path / "etc", uri=database.uri)
    before = {path: path.read_bytes() for path in (tmp_path / "etc").iterdir()}
    with open_database(tmp_path, environ=variables, user_home=tmp_path) as choice:
        assert choice.kind is DatabaseKind.USER_FILES
        assert choice.database == "mine"
        assert environment(choice) == variables
        assert choice.home is None
        assert mongo_database(choice).name == "mine"
        assert result_store(choice, "hulls").collection_name == "hulls"
    assert {path: path.read_bytes() for path in (tmp_path / "etc").iterdir()} == before
    assert not (tmp_path / ".superionic").exists()


@pytest.mark.integration
def test_the_private_server_of_a_project_lives_as_long_as_it_is_open(tmp_path):
    project = tmp_path / "my project"
    with open_database(project, environ={}, user_home=tmp_path) as choice:
        mongo_database(choice).marks.insert_one({"a": 1})
        assert server_status(choice.home).answers
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "environ", {**os.environ, **environment(choice)})
            assert resolve_database(project) == choice  # its own files are not the user's
    assert server_status(choice.home).server is None
    with open_database(project, environ={}, user_home=tmp_path) as again:
        assert replace(again, uri=choice.uri) == choice
        with MongoClient(again.uri) as client:
            assert client[again.database].marks.count_documents({}) == 1
