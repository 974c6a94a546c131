"""A short run of benchmarks/chaos.py: workers and the server are killed, the disk fills up, nothing is lost."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LOST, WRONG, EXTRA, UNFINISHED, AT_ONCE, ON_DISK = 2, 3, 4, 5, 7, 8


@pytest.mark.integration
def test_killed_workers_a_killed_server_and_a_full_disk_lose_nothing(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import chaos

    size = ["--groups", "2", "--children", "3", "--seconds", "0.3"]
    harm = ["--kills", "3", "--server-kills", "1", "--away", "2", "3", "--minutes", "1"]
    scenarios = ["workers killed", "server killed", "disk full"]
    rows = chaos.run(chaos.parse([*size, *harm, "--only", *scenarios]))
    assert {"undisturbed", "workers killed", "server killed"} <= rows.keys(), "only the disk needs root"
    for row in rows.values():
        assert [row[column] for column in (LOST, WRONG, EXTRA, UNFINISHED, AT_ONCE, ON_DISK)] == ["0"] * 6
    sys.modules.pop("chaos")
