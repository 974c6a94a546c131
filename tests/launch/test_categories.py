"""Categories, priorities and requests of a campaign reach every job on the launchpad, and workers keep to them."""

import threading
from collections import Counter

import campaign_jobs
import pytest
from campaign_jobs import traces
from jobflow import Flow

from superionic.database.files import wait_until
from superionic.flows.stages import Category, Stage, mark, mark_fan_out, set_queue
from superionic.launch.submit import submit_flow
from superionic.launch.workers import run_workers

pytestmark = pytest.mark.integration
TABLE = {"labelling": {"priority": 5, "category": "vasp", "adapter": {"nodes": 2}}}


def campaign(folder):
    labels = mark_fan_out(campaign_jobs.label_set(folder, 2, 1.0), Stage.LABELLING, Category.VASP, "key")
    hull = mark(campaign_jobs.note(folder, "hull"), Stage.STABILITY, Category.CPU, "key")
    last = mark(campaign_jobs.gather(folder, [labels.output, hull.output]), Stage.STABILITY, Category.CPU, "key")
    flow = Flow([labels, hull, last])
    set_queue(flow, TABLE)
    return flow


def test_workers_of_two_categories_share_a_campaign_and_none_leaves_early(database, pad, tmp_path, importable):
    submit_flow(campaign(str(tmp_path)), pad, "key", "name")
    outcomes = {}

    def work(category):
        launches = tmp_path / category
        outcomes[category] = run_workers(database, 1, "key", launches, categories=(category,), idle_s=120)

    threads = {name: threading.Thread(target=work, args=(name,)) for name in ("cpu", "vasp")}
    threads["cpu"].start()
    assert wait_until(lambda: "hull" in traces(tmp_path), 120)  # from here on, nothing is ready for this worker
    threads["vasp"].start()
    for thread in threads.values():
        thread.join(240)

    assert all(outcome.status.succeeded and outcome.n_restarts == 0 for outcome in outcomes.values())
    asked = [job["spec"] for job in pad.fireworks.find({}, {"spec": 1})]
    of_labels = [(spec["_category"], spec.get("_priority"), spec.get("_queueadapter")) for spec in asked]
    assert Counter(map(str, of_labels)) == {
        "('vasp', 5, {'nodes': 2})": 3,  # the fan-out and its labels
        "('cpu', None, None)": 3,  # their join and the rest
    }
    for launch in pad.launches.find({"state": "COMPLETED"}, {"fw_id": 1, "fworker.category": 1}):
        job = pad.fireworks.find_one({"fw_id": launch["fw_id"]}, {"spec._category": 1})
        assert launch["fworker"]["category"] == [job["spec"]["_category"]]
