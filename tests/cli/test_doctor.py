"""What `superionic doctor` says about database, queue, workers and installation."""

import json
import os
import re
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from superionic.cli import checks as module
from superionic.cli import database_checks, queue_checks
from superionic.cli.check import Check
from superionic.cli.checks import TESTED, run_checks
from superionic.cli.main import app
from superionic.cli.session import read_spec
from superionic.cli.worker_checks import needed_categories
from superionic.database.indexes import ensure_indexes
from superionic.database.stores import job_store, mongo_database, outputs_of, resolve_database
from superionic.dynamics import torchsim
from superionic.launch.inspection import served_categories
from superionic.launch.launchpad import launchpad
from superionic.launch.templates import Answers, fill, write_files
from superionic.spec import ElectrolyteSpec
from superionic.stages import LabelEngine

REPOSITORY = Path(__file__).parents[2]
QUICKSTART = REPOSITORY / "workflows" / "quickstart.yaml"


@pytest.fixture
def database(server_project):
    """An empty database; its collections stay, because their many indexes are slow to make."""
    choice = resolve_database(server_project, "local", database="test_doctor")
    yield choice
    for name in mongo_database(choice).list_collection_names():
        mongo_database(choice)[name].delete_many({})


@pytest.fixture
def own_files(database, tmp_path, monkeypatch):
    """A project that uses the filled templates, as on a cluster."""
    folder = tmp_path / "config"
    source = str(Path(__import__("superionic").__file__).parents[1])
    activate = f'export PATH="{Path(sys.executable).parent}:$PATH" PYTHONPATH="{source}"'
    write_files(folder, fill(Answers(folder, database.uri, database.database, activate, cores=1)))
    monkeypatch.setenv("FW_CONFIG_FILE", str(folder / "FW_config.yaml"))
    monkeypatch.setenv("JOBFLOW_CONFIG_FILE", str(folder / "jobflow.yaml"))
    return folder


@pytest.fixture
def choice(own_files, tmp_path):
    return resolve_database(tmp_path)


def found(tmp_path, *, categories=frozenset()):
    return {check.name: check for check in run_checks(None, tmp_path, set(categories))}


def add_job(choice, category, version=TESTED["jobflow"]):
    job = {"@version": version, "function": {"@bound": {"@version": module.version("superionic")}}}
    document = {"fw_id": 1, "state": "READY", "spec": {"_category": category, "_tasks": [{"job": job}]}, "launches": []}
    launchpad(choice).fireworks.insert_one(document)


def test_filled_templates_pass(choice, tmp_path):
    checks = found(tmp_path)
    assert [name for name, check in checks.items() if check.failed] == []
    assert {"queue", "results", "store data", "store trajectories", "store models", "clocks"} <= set(checks)
    assert (
        checks["worker files"].found == "my_fworker_cpu.yaml: cpu, my_fworker_gpu.yaml: gpu, my_fworker_vasp.yaml: vasp"
    )
    assert checks["passwords"].ok
    assert checks["code of the jobs on the queue"].found == "no jobs wait"
    # FireWorks chose its files when the tests imported it, so it would use another queue: this must be seen
    assert "FW_config.yaml here or in ~/.fireworks" in checks["FireWorks' own commands"].remedy
    for name in ("outputs", "data.files", "data.chunks", "models.files", "models.chunks"):  # nothing is left behind
        assert mongo_database(choice)[name].count_documents({}) == 0


def test_a_store_that_does_not_answer_is_named(own_files, tmp_path):
    path = own_files / "jobflow.yaml"
    path.write_text(path.read_text().replace("type: GridFSStore, collection_name: models", "type: GridFSStore, "
        "collection_name: models, uri: 'mongodb://ann:hidden@127.0.0.1:9/'"))  # fmt: skip
    check = found(tmp_path)["store models"]
    assert check.failed
    assert "store 'models'" in check.remedy
    assert "hidden" not in check.remedy


def test_ready_jobs_without_workers_are_pointed_out(choice, tmp_path):
    add_job(choice, "vasp")
    check = found(tmp_path)["workers"]
    assert (check.mark, check.found) == ("warning", "ready jobs that nobody serves: 1 of vasp")
    assert "--category vasp" in check.remedy
    pad = launchpad(choice)
    run = {"launch_id": 1, "fw_id": 9, "state": "COMPLETED", "fworker": {"category": ["vasp"]}}
    run["state_history"] = [{"state": "COMPLETED", "created_on": datetime.now(UTC).isoformat()}]
    pad.launches.insert_one(run)
    assert served_categories(pad) == {"vasp"}
    assert served_categories(pad, within_s=-1) == set()
    assert found(tmp_path)["workers"].ok


def test_jobs_made_by_other_code_are_pointed_out(choice, tmp_path):
    add_job(choice, "cpu", version="0.1.0")
    check = found(tmp_path)["code of the jobs on the queue"]
    assert check.mark == "warning"
    assert "jobflow 0.1.0" in check.remedy


def test_missing_indexes_are_pointed_out_once_there_are_results(choice, tmp_path):
    outputs_of(choice).insert_one({"uuid": "1", "index": 1})
    outputs_of(choice).drop_indexes()
    check = found(tmp_path)["indexes"]
    assert check.mark == "warning"
    assert "no index on uuid + index, name" in check.remedy
    ensure_indexes(job_store(choice))
    assert found(tmp_path)["indexes"].found == "complete"


def test_clocks_that_differ_and_slow_servers_are_pointed_out(own_files, tmp_path, monkeypatch):
    monkeypatch.setattr(database_checks, "MAX_SKEW_S", -1.0)
    monkeypatch.setattr(database_checks, "TIMEOUT_S", 1e-9)
    checks = found(tmp_path)
    assert "ntpd" in checks["clocks"].remedy
    assert checks["queue"].mark == "warning"
    assert "slow network" in checks["queue"].remedy


def test_a_worker_for_everything_and_a_missing_one_are_pointed_out(own_files, tmp_path):
    (own_files / "my_fworker_cpu.yaml").unlink()
    assert "takes cpu" in found(tmp_path)["worker files"].remedy
    worker = own_files / "my_fworker_gpu.yaml"
    worker.write_text(worker.read_text().replace("category: [gpu]", "category: ''"))
    assert "my_fworker_gpu.yaml takes the jobs of all" in found(tmp_path)["worker files"].remedy


def test_files_with_a_password_must_be_private(own_files, tmp_path):
    path = own_files / "my_launchpad.yaml"
    path.write_text(f'{path.read_text()}# "mongodb://ann:secret@host/"\n')
    path.chmod(0o644)
    check = found(tmp_path)["passwords"]
    assert (check.mark, check.remedy) == ("warning", f"chmod 600 {path}")


def test_two_configurations_at_once_are_pointed_out(own_files, database, tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_MONGO_URI", database.uri)
    assert "unset one of them" in found(tmp_path)["database"].remedy


def test_an_unreachable_database_is_one_failed_line(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_MONGO_URI", "mongodb://ann:hidden@127.0.0.1:9/")
    checks = found(tmp_path)
    assert checks["database"].failed
    assert "does not answer within" in checks["database"].remedy
    assert "hidden" not in str(checks)


def test_the_tested_versions_are_those_of_the_constraints(monkeypatch):
    pins = dict(re.findall(r"(?m)^([\w.-]+)==([\w.]+)$", (REPOSITORY / "constraints.txt").read_text()))
    assert {name: pins[name] for name in TESTED} == TESTED

    def other(name):
        if name in {"chgnet", "mace-torch"}:
            raise module.PackageNotFoundError
        return "0.0.1"

    monkeypatch.setattr(module, "version", other)
    rows = {check.name: check for check in module._versions({"mace"})}
    assert rows["mace-torch"].failed
    assert "superionic[mace]" in rows["mace-torch"].remedy
    assert "chgnet" not in rows
    assert (rows["jobflow"].mark, rows["jobflow"].remedy) == (
        "warning",
        "tested with 0.4.0: pip install 'jobflow==0.4.0'",
    )


def test_a_full_disk_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MIN_FREE_GB", 1e9)
    assert all(check.failed and "free at least" in check.remedy for check in module._disks(tmp_path))


def test_a_spec_needs_its_label_workers_and_replay_structures(tmp_path):
    spec = read_spec(QUICKSTART)
    assert needed_categories(None) == needed_categories(spec) == {"cpu", "gpu"}
    assert needed_categories(read_spec(QUICKSTART, LabelEngine.VASP_SCAN)) == {"cpu", "gpu", "vasp"}
    assert module._look_at_replay(spec).endswith("superionic-mini-replay.xyz")
    training = spec.training.model_copy(update={"replay_file": str(tmp_path / "no.xyz")})
    with pytest.raises(Exception, match="does not exist"):
        module._look_at_replay(spec.model_copy(update={"training": training}))
    names = [check.name for check in run_checks(spec, tmp_path, {"cpu"}, database=False)]
    assert not {"device", "replay structures"} & set(names)


def test_optional_packages_that_a_spec_needs_are_asked_for(tmp_path, monkeypatch):
    spec = read_spec(QUICKSTART)
    assert module._needed_extras(spec, {"cpu", "gpu"}) == {"mace", "chgnet"}
    changes = {"sampling": {"frame_selection": "entropy"}, "montecarlo": {}}
    changes["transport"] = {"group_engine": "torch-sim", "runs_per_job": 2}
    data = spec.model_dump(mode="json")
    data |= {block: (data[block] or {}) | values for block, values in changes.items()}
    demanding = ElectrolyteSpec.from_data(data)
    assert module._needed_extras(demanding, {"gpu"}) == {"mace", "chgnet", "selection"}
    assert module._needed_extras(demanding, {"cpu"}) == {"montecarlo"}
    monkeypatch.setattr(torchsim, "version", lambda _: "0.1.0")
    checks = {check.name: check for check in run_checks(demanding, tmp_path, {"gpu"}, database=False)}
    assert checks["torch-sim"].failed
    assert "group_engine: lockstep" in checks["torch-sim"].remedy


def test_whatever_fails_says_how_to_mend_it(tmp_path, monkeypatch):
    """Everything is wrong here: database, disk, versions, device, VASP, POTCARs, foundation, replay structures."""
    monkeypatch.setenv("SUPERIONIC_MONGO_URI", "mongodb://ann:hidden@127.0.0.1:9/")
    monkeypatch.setenv("SUPERIONIC_DEVICE", "cuda:7")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PMG_VASP_PSP_DIR", raising=False)
    monkeypatch.setattr(module, "MIN_FREE_GB", 1e9)
    monkeypatch.setattr(module, "version", lambda _: "0.0.1")
    spec = read_spec(QUICKSTART, LabelEngine.VASP_SCAN)
    training = spec.training.model_copy(update={"replay_file": str(tmp_path / "no.xyz")})
    spec = spec.model_copy(update={"training": training, "foundation": str(tmp_path / "no.model")})
    failed = [check for check in run_checks(spec, tmp_path) if not check.ok]
    names = {check.name for check in failed if check.failed}
    assert {"database", "disk of the project", "device", "VASP command", "replay structures"} <= names
    assert {"POTCAR of Li", f"foundation {spec.foundation}"} <= names
    assert [check.name for check in failed if len(check.remedy.split()) < 3] == []


def test_an_unknown_category_is_bad_input(tmp_path):
    done = CliRunner().invoke(app, ["doctor", "--category", "tpu", "-C", str(tmp_path)])
    assert "there are cpu, gpu, vasp" in str(done.exception)


SBATCH = """#!/bin/bash
bash "$1" > slurm.out 2>&1
echo Submitted batch job 7
"""


@pytest.mark.integration
def test_the_compute_node_is_asked_through_the_queue(own_files, database, tmp_path, monkeypatch):
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "sbatch").write_text(SBATCH)
    (commands / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    done = CliRunner().invoke(app, ["doctor", "--via-queue", "--category", "cpu", "--json", "-C", str(tmp_path)])
    rows = {row["name"]: Check(**row) for row in json.loads(done.stdout)}
    assert done.exit_code == 0, done.stdout
    assert rows["cpu: machine"].ok
    assert rows["cpu: results"].found == rows["results"].found
    other = own_files / "env.sh"  # the compute node is led to another database
    elsewhere = own_files / "elsewhere.yaml"
    elsewhere.write_text((own_files / "jobflow.yaml").read_text().replace(database.database, f"{database.database}_b"))
    other.write_text(other.read_text().replace("/jobflow.yaml", "/elsewhere.yaml"))
    done = CliRunner().invoke(app, ["doctor", "--via-queue", "--category", "cpu", "--json", "-C", str(tmp_path)])
    rows = {row["name"]: Check(**row) for row in json.loads(done.stdout)}
    assert done.exit_code == 1
    assert rows["cpu: results"].failed
    assert "use the same FW_CONFIG_FILE" in rows["cpu: results"].remedy
    assert rows["cpu: store data"].failed, "additional stores are part of it"


@pytest.mark.parametrize(
    ("machine", "found", "words"),
    [
        ("node7, Python 3.11", "superionic.outputs on mongo.example.org:27017", ""),
        ("login, Python 3.11", "superionic.outputs on localhost:27017", ""),
        ("node7, Python 3.11", "superionic.outputs on localhost:27017", "another machine there"),
        ("node7, Python 3.11", "superionic.outputs on 127.0.0.1:27017", "another machine there"),
    ],
)
def test_a_server_that_each_machine_takes_for_itself_is_not_the_same(tmp_path, machine, found, words):
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps([asdict(Check("machine", True, machine)), asdict(Check("results", True, found))]))
    here = [Check("machine", True, "login, Python 3.11"), Check("results", True, found)]
    rows = {row.name: row for row in queue_checks._answer(queue_checks._Asked("cpu", "7", tmp_path, answer), here)}
    assert rows["cpu: results"].ok == (not words)
    assert words in rows["cpu: results"].remedy


def test_a_batch_system_that_refuses_is_named(own_files, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(app, ["doctor", "--via-queue", "--json", "-C", str(tmp_path)])
    failed = [row for row in json.loads(done.stdout) if not row["ok"] and row["required"]]
    assert done.exit_code == 1
    assert {row["name"] for row in failed} == {"cpu: batch job", "gpu: batch job"}
    assert "sbatch" in failed[0]["remedy"]
