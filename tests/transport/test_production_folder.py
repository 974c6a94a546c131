"""The account of a run over all processes that worked at it."""

import time

import pytest

from superionic.errors import RunBusyError
from superionic.settings import SuperionicSettings
from superionic.transport.production_folder import CostMeter, ProductionFolder, total_cost
from superionic.work_folder import KEEP_FINISHED_S


def test_cost_adds_up_over_processes_and_is_shared_by_runs_side_by_side(tmp_path):
    folders = [ProductionFolder(tmp_path / name) for name in "ab"]
    alone, both = CostMeter(folders[:1], "cpu"), CostMeter(folders, "cuda")
    alone._wall -= 100.0
    alone._cpu -= 90.0
    both._wall -= 40.0
    alone.note()
    alone.note()  # a moment later: not worth a write
    both.note(last=True)
    first, second = (folder.processes for folder in folders)
    assert [note.together for note in first] == [1, 2]
    assert total_cost(first).wall_time_s == pytest.approx(100 + 20, abs=1)
    assert total_cost(first).cpu_time_s == pytest.approx(90, abs=1)
    assert total_cost(second).wall_time_s == pytest.approx(20, abs=1)
    assert total_cost(second).device == "cuda"


def test_finished_runs_cost_nothing_to_find_and_go_after_some_days(tmp_path):
    folder = ProductionFolder(tmp_path / "key")
    CostMeter([], "cpu").note(last=True)
    assert folder.processes == []
    assert not folder.finished
    folder.end()
    (tmp_path / "interrupted" / "run").mkdir(parents=True)
    assert folder.finished
    later = time.time() + KEEP_FINISHED_S + 1
    with folder.locked(None), pytest.raises(RunBusyError, match=r"the MD run in .* is being run by process"):
        ProductionFolder(tmp_path / "key").locked(None).__enter__()
    assert ProductionFolder.remove_old(tmp_path) == []
    assert ProductionFolder.remove_old(tmp_path, now=later) == [tmp_path / "key"]
    assert (tmp_path / "interrupted").exists()


def test_folders_of_runs_are_below_the_cache_unless_told_otherwise(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path))
    assert SuperionicSettings().md_root == tmp_path / "md"
    monkeypatch.setenv("SUPERIONIC_MD_DIR", str(tmp_path / "scratch"))
    assert SuperionicSettings().md_root == tmp_path / "scratch"
