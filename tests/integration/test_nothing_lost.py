"""A short run of benchmarks/chaos.py: workers and the server are killed, the disk fills up, nothing is lost."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LOST, WRONG, EXTRA, UNFINISHED, AGAIN, AT_ONCE, ON_DISK = 2, 3, 4, 5, 6, 7, 8
SIZE = ("--groups", "1", "--children", "4", "--seconds", "0.5")


@pytest.fixture
def run_chaos(monkeypatch):
    """Function that runs scenarios in a small size; rows of the table by scenario."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import chaos

    def run(*scenarios, options=()):
        rows = chaos.run(chaos.parse([*SIZE, *options, "--only", *scenarios]))
        for row in rows.values():
            assert [row[column] for column in (LOST, WRONG, EXTRA, UNFINISHED, AT_ONCE, ON_DISK)] == ["0"] * 6
        return rows

    yield run
    sys.modules.pop("chaos")


@pytest.mark.integration
def test_killed_workers_a_killed_server_and_a_full_disk_lose_nothing(run_chaos, capsys):
    at_work = ["--after", "0.3", "--pause", "0", "0.3"]  # before a fast machine is through with the campaign
    harm = ["--kills", "2", "--server-kills", "1", "--away", "2", "3", "--disk", "80", *at_work]
    rows = run_chaos("workers killed", "server killed", "disk full", options=harm)
    done = capsys.readouterr().out
    assert "2 kills of workers" in done, "the harm was done"
    assert "1 kills of mongod" in done
    assert {"undisturbed", "workers killed", "server killed"} <= rows.keys(), "only the disk needs root"
    assert "disk of 80 kB full" in done or "disk full" not in rows


@pytest.mark.integration
def test_racing_workers_and_such_with_other_code_do_nothing_twice(run_chaos):
    rows = run_chaos("race", "other code")
    assert [rows[name][AGAIN] for name in ("race", "other code")] == ["0", "0"]
