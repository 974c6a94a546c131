import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
if HERE not in sys.path:  # workers import the jobs by the same name
    sys.path.insert(0, HERE)


@pytest.fixture
def pad(database):
    from superionic.launch.launchpad import launchpad

    return launchpad(database)


@pytest.fixture
def importable(monkeypatch):
    """Let worker processes import the test jobs."""
    monkeypatch.setenv("PYTHONPATH", HERE)
