"""One small campaign on the real parts: mongod, FireWorks workers, CHGNet, mace_run_train. It is interrupted once."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from superionic.database.stores import mongo_database, open_database

pytestmark = pytest.mark.integration
SPEC = Path(__file__).with_name("small.yaml")
LIMIT_S = 480


def command(*arguments):
    return [sys.executable, "-m", "superionic", *map(str, arguments)]


def superionic(folder, *arguments):
    return subprocess.run(command(*arguments), cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def outputs(folder):
    with open_database(folder, "local") as choice:
        rows = mongo_database(choice)["outputs"].find({"output.key": {"$exists": True}})
        found = [(row["uuid"], row["output"]) for row in rows]
        # the start of the computation: it stays when a finished result is only stored again
        return [(uuid, doc["key"], doc["@class"], doc["resources"]["started_at"]) for uuid, doc in found]


def wait_for(path_pattern, folder, process):
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        if len(list(folder.rglob(path_pattern))) >= 12:  # some jobs are done, many are not
            return
        time.sleep(0.2)
    raise AssertionError(f"the campaign never started: exit code {process.poll()}")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Folder of a campaign that lost a worker to kill -9, was stopped with Ctrl-C and then finished."""
    folder = tmp_path_factory.mktemp("a campaign") / "folder with spaces"
    folder.mkdir()
    shutil.copy(SPEC, folder / "small.yaml")
    environment = {**os.environ, "SUPERIONIC_MONGO_URI": "local"}
    first = subprocess.Popen(
        command("run", "small.yaml"),
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for("launcher_*", folder, first)
    children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    workers = [int(pid) for pid in children if b"worker_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(workers[0], signal.SIGKILL)
    time.sleep(2)
    first.send_signal(signal.SIGINT)
    assert first.wait(timeout=60) == 130
    before = outputs(folder)
    second = superionic(folder, "run", "small.yaml", "-o", "report.html", "--json")
    assert second.returncode == 0, second.stderr[-3000:]
    return folder, before, json.loads(second.stdout)


def test_nothing_finished_is_recomputed_lost_or_doubled(campaign):
    folder, before, _ = campaign
    after = outputs(folder)
    assert before
    assert set(before) <= set(after)
    doubled = [key for key, count in Counter(key for _, key, _, _ in after).items() if count > 1]
    assert doubled == []


def test_every_document_of_the_data_flow_exists(campaign):
    folder, _, _ = campaign
    kinds = Counter(kind for _, _, kind, _ in outputs(folder))
    assert kinds["OrderingSetDoc"] == kinds["ScreeningDoc"] == kinds["SamplingSetDoc"] == kinds["GroundStateDoc"] == 3
    assert kinds["SamplingDoc"] == 6
    assert kinds["LabelDoc"] == 3 * 2 * 2 + 3
    assert kinds["LabelSetDoc"] == 6
    assert kinds["ModelDoc"] == 2
    assert kinds["TrajectoryDoc"] == kinds["DiffusionDoc"] == 2
    singles = ("DatasetDoc", "LearningCurveDoc", "PhaseDiagramDoc", "ConductivityDoc", "PathwayDoc")
    assert [kinds[name] for name in singles] == [1] * len(singles)


def test_summary_is_honest_about_a_run_that_is_far_too_short(campaign):
    _, _, result = campaign
    rows = {row["formula"]: row for row in result["results"]}
    assert set(rows) == {"Li3InCl6", "Li3InBr6", "Li3YBr6"}
    assert rows["Li3InCl6"]["e_above_hull_eV_per_atom"] == 0
    assert rows["Li3InCl6"]["activation_energy_eV"] is None
    assert "ok" not in rows["Li3InCl6"]["verdicts"]
    assert rows["Li3YBr6"]["verdicts"] is None
    assert result["rests_on"][0] == "labels: teacher: CHGNet r2SCAN"
    assert "superionic-mini, distilled from CHGNet 0.3.0" in result["rests_on"][1]


def test_lineage_walks_from_a_conductivity_to_the_labels(campaign):
    folder, _, _ = campaign
    (row,) = json.loads(superionic(folder, "query", "conductivities", "--json").stdout)
    nodes = json.loads(superionic(folder, "query", "lineage", row["key"], "--json").stdout)
    kinds = Counter(node["document"] for node in nodes)
    assert nodes[0]["key"] == row["key"]
    assert kinds["LabelDoc"] == 12
    assert kinds["OrderingSetDoc"] == 3
    assert {n["level_of_theory"] for n in nodes if n["document"] == "LabelDoc"} == {"teacher: CHGNet r2SCAN"}
    keys = {node["key"] for node in nodes}
    assert all(parent in keys for node in nodes for parent in node["parents"])


def test_queries_filter(campaign):
    folder, _, _ = campaign
    accepted = json.loads(superionic(folder, "query", "labels", "-w", "accepted=true", "--json").stdout)
    assert len(accepted) == 15
    hulls = json.loads(superionic(folder, "query", "hulls", "--json").stdout)
    assert {row["formula"] for row in hulls} == {"Li3InCl6", "Li3InBr6", "Li3YBr6"}
    assert {row["probability_stable"] for row in hulls} == {1.0}  # end members
    full = json.loads(superionic(folder, "query", "models", "-w", "train_fraction=1", "--json").stdout)
    assert len(full) == 1


def test_a_second_run_and_build_have_nothing_to_do(campaign):
    folder, _, _ = campaign
    before = sorted(outputs(folder))
    assert superionic(folder, "run", "small.yaml").returncode == 0
    built = json.loads(superionic(folder, "build", "--json").stdout)
    assert sorted(outputs(folder)) == before
    assert all(counts["built"] == 0 and counts["failed"] == 0 for counts in built.values())


def test_status_counts_everything_as_done(campaign):
    folder, _, _ = campaign
    status = json.loads(superionic(folder, "status", "--json").stdout)
    assert status["succeeded"]
    assert status["failures"] == []


def test_report_is_one_file_that_names_the_surrogates(campaign):
    folder, _, _ = campaign
    text = (folder / "report.html").read_text()
    assert "teacher: CHGNet r2SCAN" in text
    assert "superionic-mini" in text
    assert not re.search(r'(?:src|rel="stylesheet" href)="https?:', text)


def test_figures_are_written_as_images_and_numbers(campaign):
    folder, _, _ = campaign
    done = superionic(folder, "report", "-o", "again.html", "--figures", "figures", "--temperature", "800")
    assert done.returncode == 0, done.stderr
    written = {path.name for path in (folder / "figures").iterdir()}
    assert {"workflow.svg", "parity-force.png", "arrhenius.csv", "captions.md"} <= written


def test_no_server_is_left(campaign):
    folder, _, _ = campaign
    assert superionic(folder, "db", "stop").returncode == 0
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(folder) not in running
