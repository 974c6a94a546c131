"""One private MongoDB server for all tests that need one, and a fresh database for each of them."""

import uuid

import pytest

from superionic.database.local import lease
from superionic.database.stores import DatabaseChoice, mongo_database, resolve_database, server_home


@pytest.fixture(autouse=True)
def _no_configuration_of_this_machine(monkeypatch):
    """Tests neither use nor touch the user's own databases and settings."""
    for variable in ("SUPERIONIC_MONGO_URI", "FW_CONFIG_FILE", "JOBFLOW_CONFIG_FILE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="session")
def server_project(tmp_path_factory):
    """Project folder whose private server runs while the tests run."""
    project = tmp_path_factory.mktemp("private server")
    with lease(server_home(project)):
        yield project


@pytest.fixture
def database(server_project) -> DatabaseChoice:
    """A fresh, empty database on the private server."""
    choice = resolve_database(server_project, "local", database=f"test_{uuid.uuid4().hex[:12]}")
    yield choice
    mongo_database(choice).client.drop_database(choice.database)
