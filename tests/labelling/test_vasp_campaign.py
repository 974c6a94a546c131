"""Labels with the real custodian, the real launchpad and the VASP stand-in: faults, retries, killed workers."""

import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import vasp_campaign
from vasp_campaign import CAMPAIGN, EXPECTED

from superionic.database.stores import job_store, mongo_database
from superionic.errors import InputError
from superionic.labelling.schemas import Refusal
from superionic.launch.labels import count_refusals, parse_changes, refused_jobs, retry_labels
from superionic.launch.launchpad import launchpad
from superionic.launch.submit import submit_flow
from superionic.launch.workers import Pace, run_workers
from superionic.stages import VaspSettings

pytestmark = pytest.mark.integration
VASP = VaspSettings(poll_s=0.1, frozen_after_s=4)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    pytest.importorskip("atomate2")
    for name, value in vasp_campaign.stand_in_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SUPERIONIC_FAKE_VASP_FAULT_FILE", str(tmp_path / "faults.json"))
    return tmp_path


def submit(database, n, **options):
    flow, labels = vasp_campaign.flow(n, VASP, **options)
    submit_flow(flow, launchpad(database), CAMPAIGN, CAMPAIGN)
    return labels


def work(database, folder, n_workers=2, **options):
    return run_workers(database, n_workers, CAMPAIGN, folder / "launches", pace=Pace(poll_s=0.1), **options)


def label_documents(database):
    found = mongo_database(database)["outputs"].find({"output.@class": "LabelDoc"})
    return {row["output"]["frame_index"]: row["output"] for row in found}


def test_every_fault_ends_in_a_correct_label_or_a_named_refusal(database, stand_in):
    faults = list(EXPECTED)
    vasp_campaign.write_faults(stand_in / "faults.json", faults)
    labels = submit(database, len(faults))
    outcome = work(database, stand_in)
    assert outcome.status.succeeded, outcome.status.failures

    documents = label_documents(database)
    found = {fault: documents[number]["refusal"] for number, fault in enumerate(faults)}
    assert found == {fault: None if cause is None else cause.value for fault, cause in EXPECTED.items()}
    assert all(document["accepted"] == (document["refusal"] is None) for document in documents.values())

    store = job_store(database)
    store.connect()
    result = labels.output.resolve(store)
    assert result.level_of_theory == "fake-vasp stand-in for SCAN (VASP)"
    accepted = [documents[number] for number in sorted(documents) if documents[number]["accepted"]]
    assert result.label_keys == [document["key"] for document in accepted]
    assert len(result.unpack()) == sum(cause is None for cause in EXPECTED.values())
    assert len(result.settings_hash) == 32
    assert {item.cause for item in result.refused} == {c.value for c in EXPECTED.values() if c is not None}
    for item in result.refused:
        kept = Path(item.folder.partition(":")[2])
        assert (kept / "POTCAR").exists(), "the folder of a failure stays as it was"
    for document in accepted:
        kept = Path(document["calculation"]["folder"].partition(":")[2])
        assert (kept / "vasprun.xml.gz").exists()
        assert not list(kept.glob("POTCAR*")), "no licensed file stays with an accepted label"
    assert_same_as_model(result.unpack())

    counts = count_refusals(refused_jobs(mongo_database(database)["outputs"], CAMPAIGN))
    assert {count.cause: count.n_labels for count in counts}["not_converged"] == 2
    assert all(count.folder for count in counts)


def assert_same_as_model(labels):
    """Energy, forces in the order of the frame, and stress of every label are those of the stand-in's model."""
    for label in labels:
        direct = vasp_campaign.model_values(label.structure)
        assert label.energy_eV == pytest.approx(direct.energy_eV, abs=1e-6)
        assert label.forces_eV_per_A == pytest.approx(direct.forces_eV_per_A, abs=1e-6)
        assert label.stress_eV_per_A3 == pytest.approx(direct.stress_eV_per_A3, abs=1e-6)


def test_retry_with_other_settings_heals_the_refused_labels(database, stand_in):
    faults = ["ok", "crash@ALGO=All", "ok", "crash"]
    vasp_campaign.write_faults(stand_in / "faults.json", faults)
    submit(database, len(faults), min_success_fraction=0.7)
    pad, outputs = launchpad(database), mongo_database(database)["outputs"]
    first = work(database, stand_in)
    assert [failure.cause for failure in first.status.failures] == ["InsufficientDataError"]
    before = label_documents(database)
    assert [before[i]["accepted"] for i in range(4)] == [True, False, True, False]

    with pytest.raises(InputError, match="ENCUT would change what the labels mean"):
        retry_labels(pad, outputs, CAMPAIGN, changes={"ENCUT": 520})
    report = retry_labels(pad, outputs, CAMPAIGN, changes=parse_changes(["ALGO=Normal NELM=200"]))
    assert (len(report.refused), report.changes) == (2, {"ALGO": "Normal", "NELM": 200})
    assert work(database, stand_in).status.succeeded
    after = label_documents(database)
    assert [after[i]["accepted"] for i in range(4)] == [True, True, True, False], "the other crash has another cause"
    assert after[0] == before[0], "accepted labels are left alone"
    assert after[1]["settings_hash"] == before[0]["settings_hash"]

    with pytest.raises(InputError, match="not_a_tag"):
        parse_changes(["not_a_tag"])


def kill_workers(stop, launches, kills, rng):
    """Kill a worker with SIGKILL at random moments; between two kills some labels get done, so none is hit often."""
    begun = 0
    while not stop.is_set() and kills["left"]:
        begun += rng.randint(2, 5)
        while len(list(launches.rglob("vasp-*"))) < begun and not stop.is_set():
            time.sleep(0.05)
        time.sleep(rng.uniform(0.0, 1.5))
        victims = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and is_worker(p, launches)]
        if victims:
            os.kill(rng.choice(victims), signal.SIGKILL)
            kills["left"] -= 1


def is_worker(process, launches):
    try:
        command = (process / "cmdline").read_bytes().decode()
    except OSError:
        return False
    return "superionic.launch.worker_main" in command and str(launches) in command


def test_killed_workers_lose_at_most_the_running_label_and_double_none(database, stand_in, monkeypatch):
    n_kills = int(os.environ.get("SUPERIONIC_TEST_KILLS", "3"))
    n_labels, stop, kills = 6 * n_kills, threading.Event(), {"left": n_kills}
    monkeypatch.setenv("SUPERIONIC_FAKE_VASP_SECONDS", "0.05")
    vasp_campaign.write_faults(stand_in / "faults.json", [])
    labels = submit(database, n_labels)
    rng = random.Random(1)  # noqa: S311 (moments of kills, no secrets)
    killer = threading.Thread(target=kill_workers, args=(stop, stand_in / "launches", kills, rng))
    killer.start()
    try:
        outcome = work(database, stand_in, n_workers=1, max_restarts=4 * n_kills)
    finally:
        stop.set()
        killer.join()
    assert outcome.status.succeeded, (outcome.status.failures, outcome.problem)
    assert kills["left"] == 0
    rows = list(mongo_database(database)["outputs"].find({"output.@class": "LabelDoc"}))
    assert Counter(row["output"]["frame_index"] for row in rows) == dict.fromkeys(range(n_labels), 1)
    assert all(row["output"]["accepted"] for row in rows)
    assert len({row["output"]["key"] for row in rows}) == n_labels
    store = job_store(database)
    store.connect()
    assert len(labels.output.resolve(store).unpack()) == n_labels
    runs = len(list((stand_in / "launches").rglob("vasp-*")))
    assert n_labels <= runs <= n_labels + n_kills, "each kill costs one calculation at most"
    assert orphans(stand_in) == [], "no VASP outlives its worker"
    print(f"{n_kills} kills, {n_labels} labels, {runs} calculations begun")  # noqa: T201 (shown with -s)


def orphans(folder):
    """Stand-ins that still run below a folder."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if "superionic.labelling.fake_vasp" in (process / "cmdline").read_bytes().decode():
                    found += [process.name] if str(folder) in os.readlink(process / "cwd") else []  # noqa: PTH115
            except OSError:
                continue
    return found


def test_refusals_are_named_in_the_closed_list():
    assert {cause for cause in EXPECTED.values() if cause is not None} <= set(Refusal)
