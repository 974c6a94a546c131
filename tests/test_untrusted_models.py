"""A model file that nobody has trusted is loaded through no entrance: the one here would write a file if it were."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from superionic.cli.main import app
from superionic.documents import Blob
from superionic.errors import InputError, SuperionicError, UntrustedModelError
from superionic.potentials import foundation_ref, load_calculator
from superionic.potentials.model_file import inspect_model_file
from superionic.potentials.registry import DATA, trust_file
from superionic.stages import TrainingSettings
from superionic.training.jobs import FineTuneMaker
from superionic.training.mace_command import FOUNDATION_FILE
from superionic.training.mace_main import EXIT_BAD_INPUT, FAILURE_FILE, JOB_FILE, ChildJob
from superionic.training.preflight import Problems, check_plan

MINI = DATA / "superionic-mini.model"
QUICKSTART = Path(__file__).parents[1] / "workflows" / "quickstart.yaml"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SUPERIONIC_CONFIG_FILE", str(tmp_path / "none.yaml"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trace(tmp_path):
    """The file that appears if the model is loaded."""
    return tmp_path / "loaded"


@pytest.fixture
def bomb(tmp_path, trace):
    """The shipped model, and in front of it in its pickle a call that writes a file."""
    path = tmp_path / "bomb.model"
    call = b"cbuiltins\nopen\n(X" + len(str(trace)).to_bytes(4, "little") + str(trace).encode() + b"X\1\0\0\0wtR0"
    with zipfile.ZipFile(MINI) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content[:2] + call + content[2:] if name.endswith("data.pkl") else content)
    return path


def test_the_bomb_would_go_off(bomb, trace):
    """What the other tests prove means something: following the pickle does write the file."""

    class Naive(pickle.Unpickler):
        def find_class(self, module, name):
            assert module == "builtins"  # the rest of the file is of no interest here
            return super().find_class(module, name)

    with zipfile.ZipFile(bomb) as archive, pytest.raises(AssertionError):
        Naive(archive.open("superionic-mini/data.pkl")).load()
    assert trace.exists()


def test_looking_into_it_is_harmless(bomb, trace):
    assert inspect_model_file(bomb).foreign_names == ("builtins.open",)
    assert not trace.exists()


def test_calculators_refuse_it(bomb, trace):
    reference = foundation_ref(str(bomb))
    with pytest.raises(UntrustedModelError, match="superionic models trust"):
        load_calculator(reference)
    blob = Blob.from_bytes(bomb.read_bytes(), "application/x-mace-model")
    with pytest.raises(UntrustedModelError, match="should have SHA-256"):
        load_calculator(foundation_ref("superionic-mini"), blob)
    assert not trace.exists()


def test_training_refuses_it(bomb, trace):
    settings = TrainingSettings(batch_size=1, replay_structures=4)
    maker, problems = FineTuneMaker(settings=settings, foundation=str(bomb)), Problems()
    plan = maker.plan({"train": (), "valid": (), "test": ()}, problems)
    with pytest.raises(SuperionicError, match="is not trusted"):
        check_plan(plan, problems)
    assert not trace.exists()


@pytest.mark.parametrize(
    "command",
    [
        ["train", "labels.extxyz", "--foundation", "{bomb}"],
        ["models", "trust", "{bomb}"],
        ["enumerate", "{spec}", "--max", "2", "--at", "x=0.5,y=0.5", "--rank", "{bomb}"],
        ["models", "list"],
        pytest.param(["doctor", "{spec}", "--json"], marks=pytest.mark.integration),
    ],
)
def test_no_command_loads_it(bomb, trace, command, tmp_path):
    spec = tmp_path / "campaign.yaml"
    spec.write_text(QUICKSTART.read_text().replace("foundation: superionic-mini", f"foundation: {bomb}"))
    assert str(bomb) in spec.read_text()
    (tmp_path / "labels.extxyz").write_text("1\nno labels\nLi 0 0 0\n")
    result = CliRunner().invoke(app, [part.format(bomb=bomb, spec=spec) for part in command])
    assert not trace.exists()
    if command[0] == "doctor":
        assert "is not trusted" in result.stdout
    if command[0] in {"train", "models", "enumerate"} and command[1] != "list":
        assert isinstance(result.exception, InputError | UntrustedModelError)


@pytest.mark.integration
def test_the_training_process_refuses_a_file_that_was_exchanged(bomb, trace, tmp_path):
    """Trust is asked for again where the file is loaded, not only where the training is prepared."""
    folder = tmp_path / "training"
    folder.mkdir()
    (folder / FOUNDATION_FILE).write_bytes(bomb.read_bytes())
    job = ChildJob(
        argv=[],
        dtype="float32",
        device="cpu",
        threads=1,
        parent_pid=os.getpid(),
        head="target",
        foundation_head=None,
        e0s_eV=None,
    )
    (folder / JOB_FILE).write_text(json.dumps(asdict(job)))
    command = [sys.executable, "-W", "ignore", "-m", "superionic.training.mace_main"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == EXIT_BAD_INPUT, result.stderr
    assert "superionic models trust" in json.loads((folder / FAILURE_FILE).read_text())["message"]
    assert not trace.exists()


@pytest.mark.integration
def test_a_model_that_is_trusted_is_loaded(tmp_path):
    """The other side: trust is all that was missing."""
    pytest.importorskip("mace")
    own = tmp_path / "own.model"
    own.write_bytes(MINI.read_bytes() + b"\0")
    trust_file(own)
    assert load_calculator(foundation_ref(str(own))).head is not None
