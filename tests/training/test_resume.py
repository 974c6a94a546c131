"""Trainings that are killed, and go on as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from superionic.potentials.registry import trust_file
from superionic.stages import TrainingSettings
from superionic.training.dataset import frames_to_extxyz
from superionic.training.schemas import DatasetDoc, ModelDoc

pytestmark = pytest.mark.integration
SETTINGS = TrainingSettings(
    max_epochs=30, patience=25, batch_size=4, dtype="float32", replay_structures=10, learning_rate=0.02,
    scheduler_patience=1,
)  # fmt: skip
WORKER = """
import sys
from pathlib import Path
from superionic.stages import TrainingSettings
from superionic.training.jobs import FineTuneMaker
from superionic.training.schemas import DatasetDoc
here, foundation, output = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
settings = TrainingSettings.model_validate_json((here / "settings.json").read_text())
dataset = DatasetDoc.model_validate_json((here / "dataset.json").read_text())
maker = FineTuneMaker(settings=settings, foundation=foundation, seed=3)
output.write_text(FineTuneMaker.make.original(maker, dataset).model_dump_json())
"""


@pytest.fixture
def workplace(frames, tiny_foundation, tmp_path):
    parts = {"train": [*frames[:6], *frames[12:18]], "valid": frames[6:9], "test": frames[18:24]}
    dataset = DatasetDoc(
        key="dataset",
        level_of_theory="teacher: Morse",
        content_hash="hash",
        counts={},
        counts_by_composition={},
        parents_by_split={},
        label_keys=[],
        requested_labels=21,
        **{f"{name}_extxyz": frames_to_extxyz(part) for name, part in parts.items()},
    )
    (tmp_path / "dataset.json").write_text(dataset.model_dump_json())
    (tmp_path / "settings.json").write_text(SETTINGS.model_dump_json())
    (tmp_path / "worker.py").write_text(WORKER)
    return Workplace(tmp_path, tiny_foundation)


class Workplace:
    """Starts workers with a cache of their own and sees how far their training is."""

    def __init__(self, folder, foundation):
        self.folder, self.foundation = folder, foundation

    def start(self, name):
        cache = self.folder / name
        environment = os.environ | {"SUPERIONIC_CACHE_DIR": str(cache)}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SUPERIONIC_CACHE_DIR", str(cache))
            trust_file(self.foundation)
        command = [sys.executable, "-W", "ignore", "worker.py", ".", str(self.foundation), f"{name}.json"]
        return subprocess.Popen(command, cwd=self.folder, env=environment, stderr=subprocess.PIPE, text=True)

    def training(self, name):
        return next((self.folder / name / "trainings").iterdir())

    def epoch(self, name):
        """Epoch that is being trained."""
        epochs = [-1]
        for file in (self.folder / name).glob("trainings/*/results/*_train.txt"):
            lines = file.read_text().splitlines()
            epochs += [json.loads(line)["epoch"] for line in lines if '"opt"' in line and line.endswith("}")]
        return max(epochs)

    def kill_at(self, name, epoch, whom):
        worker = self.start(name)
        while self.epoch(name) < epoch:
            assert worker.poll() is None, worker.stderr.read()
            time.sleep(0.01)
        for pid in [worker.pid] if whom == "worker" else _children(worker.pid):
            os.kill(pid, signal.SIGKILL)
        return worker.communicate(timeout=60)[1]

    def finish(self, worker, name):
        errors = worker.communicate(timeout=200)[1]
        assert worker.returncode == 0, errors
        return ModelDoc.model_validate_json((self.folder / f"{name}.json").read_text())


def _children(pid):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(stat.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _weights(model):
    import io

    import mace  # noqa: F401
    import torch

    return torch.load(io.BytesIO(model.model_blob.to_bytes()), weights_only=False).state_dict()


def test_killed_and_resumed_training_is_the_undisturbed_one(workplace):
    """Training process killed, a checkpoint damaged, worker killed: the same numbers and weights to the last bit."""
    undisturbed = workplace.start("undisturbed")
    errors = workplace.kill_at("killed", 4, "training process")
    assert "was ended by SIGKILL" in errors
    assert "the same command goes on after the last finished epoch" in errors
    states = sorted((workplace.training("killed") / "resume").glob("*.state"), key=lambda path: path.stat().st_mtime_ns)
    states[-1].write_bytes(states[-1].read_bytes()[:-7])
    workplace.kill_at("killed", 12, "worker")
    resumed = workplace.finish(workplace.start("killed"), "killed")
    whole = workplace.finish(undisturbed, "undisturbed")
    assert whole.resumed_at_epochs == []
    first, second = resumed.resumed_at_epochs
    assert 2 <= first < second
    assert second >= 11
    assert (resumed.history, resumed.errors) == (whole.history, whole.errors)
    assert resumed.effective["final_learning_rate"] == whole.effective["final_learning_rate"] < 0.02
    expected, found = _weights(whole), _weights(resumed)
    assert list(found) == list(expected)
    assert all(bool((found[name] == expected[name]).all()) for name in found)
    (damage, lost) = (note for note in resumed.warnings if note not in whole.warnings)
    assert "could not be used (its SHA-256 is wrong)" in damage
    assert lost.endswith(f"training went on at {first}")
