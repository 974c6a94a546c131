"""Folder of a training: one process at a time, one training per folder, tidied up in the end."""

import os
import subprocess
import sys
import time

import pytest

from superionic import work_folder
from superionic.errors import InputError, TrainingBusyError
from superionic.settings import SuperionicSettings
from superionic.stages import TrainingSettings
from superionic.training.mace_command import TrainingRequest
from superionic.training.mace_run import TrainingInput, training_identity
from superionic.training.training_folder import TrainingFolder
from superionic.work_folder import KEEP_FINISHED_S

HOLD = """
import sys, time
from pathlib import Path
from superionic.training.training_folder import TrainingFolder
with TrainingFolder(Path(sys.argv[1])).locked(None) as lock:
    if len(sys.argv) > 2:  # a child that outlives its parent, as a training does for a second
        import subprocess
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1.5)"], pass_fds=(lock,))
    print("locked", flush=True)
    time.sleep(60)
"""


def holder(folder, *more):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder), *more], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    return process


def test_second_process_is_told_who_runs_the_training(tmp_path):
    process = holder(tmp_path / "t")
    try:
        with pytest.raises(TrainingBusyError, match=f"being run by process {process.pid} on "):
            TrainingFolder(tmp_path / "t").locked(None).__enter__()
    finally:
        process.kill()
        process.wait()
    with TrainingFolder(tmp_path / "t").locked(None):  # the lock died with the process
        assert (tmp_path / "t" / "lock").read_text().startswith(f"process {os.getpid()} on ")


def test_training_process_holds_the_lock_when_its_worker_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(work_folder, "WAIT_INTERVAL_S", 0.1)
    process = holder(tmp_path / "t", "with a child")
    process.kill()
    process.wait()
    waited = []
    with TrainingFolder(tmp_path / "t").locked(waited.append):
        assert len(waited) >= 3
        assert str(process.pid) in waited[0]


def test_folder_of_another_training_is_refused(tmp_path):
    folder = TrainingFolder(tmp_path)
    assert not folder.belongs_to("a" * 32)
    folder.sign("a" * 32)
    assert folder.belongs_to("a" * 32)
    with pytest.raises(InputError, match=r"holds another training .aaaaaaaa, not bbbbbbbb."):
        folder.belongs_to("b" * 32)


def test_only_old_finished_trainings_are_removed(tmp_path):
    for name in ("finished", "interrupted", "being read"):
        (tmp_path / name).mkdir()
    for name in ("finished", "being read"):
        (tmp_path / name / "outcome.json").write_text("{}")
    with TrainingFolder(tmp_path / "being read").locked(None):
        assert TrainingFolder.remove_old(tmp_path) == []
        assert TrainingFolder.remove_old(tmp_path, now=time.time() + KEEP_FINISHED_S + 1) == [tmp_path / "finished"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["being read", "interrupted"]


def test_lock_of_a_removed_folder_is_not_mistaken_for_the_new_ones(tmp_path, monkeypatch):
    folder = TrainingFolder(tmp_path / "t")
    real, calls = work_folder._is_file, []

    def removed_once(stream, path):
        if not calls:
            path.unlink()
        calls.append(path)
        return real(stream, path)

    monkeypatch.setattr(work_folder, "_is_file", removed_once)
    with folder.locked(None):
        assert (folder.path / "lock").exists()
    assert len(calls) == 2


def test_light_folder_keeps_what_is_read(tmp_path):
    for name in ("resume", "checkpoints", "logs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    for name in ("foundation.model", "model.model", "production.model", "outcome.json"):
        (tmp_path / name).write_text("")
    TrainingFolder(tmp_path).lighten()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "outcome.json", "production.model"]
    TrainingFolder(tmp_path).lighten()


def test_trainings_are_below_the_cache_unless_told_otherwise(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path))
    assert SuperionicSettings().training_root == tmp_path / "trainings"
    monkeypatch.setenv("SUPERIONIC_TRAINING_DIR", str(tmp_path / "scratch"))
    assert SuperionicSettings().training_root == tmp_path / "scratch"


def test_identity_is_that_of_the_numbers_not_of_the_machine(frames):
    def identity(train=slice(0, 6), device="cpu", threads=1, e0s_eV=None, **settings):
        wanted = TrainingSettings(mode="scratch", **settings)
        request = TrainingRequest(wanted, 7, device, threads, n_train=6, n_valid=3)
        return training_identity(TrainingInput(request, frames[train], frames[6:9], [], e0s_eV=e0s_eV))

    same = identity()
    assert identity(device="cuda:1", threads=4) == same
    assert identity(learning_curve=[0.5]) == same  # says which trainings there are, nothing about this one
    others = [identity(train=slice(0, 5)), identity(learning_rate=0.02), identity(e0s_eV={"Li": -1.0})]
    assert len({same, *others}) == 4
