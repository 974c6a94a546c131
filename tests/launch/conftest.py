import os
import sys
from pathlib import Path

import pytest

from superionic.database.stores import mongo_database, resolve_database

HERE = str(Path(__file__).parent)
if HERE not in sys.path:  # workers import the jobs by the same name
    sys.path.insert(0, HERE)


@pytest.fixture
def database(server_project):
    """An empty database; its collections stay, because their many indexes are slow to make."""
    choice = resolve_database(server_project, "local", database="test_queue")
    yield choice
    documents = mongo_database(choice)
    for name in documents.list_collection_names():
        documents[name].delete_many({})


@pytest.fixture
def pad(database):
    from superionic.launch.launchpad import launchpad

    return launchpad(database)


@pytest.fixture
def importable(monkeypatch):
    """Let worker processes import the test jobs."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")]))
