"""Updates in place leave what FireWorks' own leave."""

import campaign_jobs
import numpy as np
import pytest
from fireworks import Firework, FWAction, FWorker, LaunchPad, Workflow

from superionic.database.stores import mongo_database, resolve_database
from superionic.launch.launchpad import initialise, launchpad, launchpad_settings
from superionic.launch.refresh import FEW

pytestmark = pytest.mark.integration


def job(name, parents=(), tolerant=False):
    spec = {"_allow_fizzled_parents": True} if tolerant else {}
    return Firework(campaign_jobs.Nothing(), spec=spec, name=name, parents=list(parents))


def random_workflow(seed, n=9):
    rng, jobs = np.random.default_rng(seed), []
    for number in range(n):
        parents = [one for one in jobs if rng.random() < 0.3]
        jobs.append(job(f"job {number}", parents, bool(rng.random() < 0.5)))
    return Workflow(jobs)


@pytest.fixture
def twins(server_project):
    """Two empty queues: superionic's and FireWorks' own."""
    pads = []
    for name, own in (("test_queue", True), ("test_twin", False)):
        choice = resolve_database(server_project, "local", database=name)
        documents = mongo_database(choice)
        for collection in documents.list_collection_names():
            documents[collection].delete_many({})
        pads.append(launchpad(choice) if own else LaunchPad.from_dict(launchpad_settings(choice)))
        initialise(pads[-1])
    return pads


def picture(pad):
    """Everything that decides what runs next, by the names of the jobs."""
    jobs = list(pad.fireworks.find({}))
    names = {one["fw_id"]: one["name"] for one in jobs}
    workflow = pad.workflows.find_one({})
    return {
        "jobs": {one["name"]: (one["state"], len(one["launches"])) for one in jobs},
        "states": {names[int(key)]: state for key, state in workflow["fw_states"].items()},
        "links": {names[int(key)]: sorted(names[n] for n in value) for key, value in workflow["links"].items()},
        "parents": {
            names[int(key)]: sorted(names[n] for n in value) for key, value in workflow["parent_links"].items()
        },
        "state": workflow["state"],
        "locked": "locked" in workflow,
    }


def take(pad, name):
    fw_id = pad.fireworks.find_one({"name": name}, {"fw_id": 1})["fw_id"]
    return pad.checkout_fw(FWorker("w"), "/", fw_id=fw_id)[1]


@pytest.mark.parametrize("seed", range(4))
def test_random_workflows_run_as_with_fireworks(twins, seed):
    rng = np.random.default_rng(seed)
    for pad in twins:
        pad.add_wf(random_workflow(seed))
    for step in range(100):
        ready = sorted(one["name"] for one in twins[0].fireworks.find({"state": "READY"}, {"name": 1}))
        if not ready:
            break
        name, chance = str(rng.choice(ready)), rng.random()
        launches = [take(pad, name) for pad in twins]
        assert picture(twins[0]) == picture(twins[1]), f"{name} begins"
        for pad, launch_id in zip(twins, launches, strict=True):
            detours = [job(f"detour {step}"), job(f"other {step}")] if chance > 0.85 else []
            pad.complete_launch(launch_id, FWAction(detours=detours), "FIZZLED" if chance < 0.2 else "COMPLETED")
        assert picture(twins[0]) == picture(twins[1]), f"{name} ends"
    assert step > 3


def test_a_job_that_completes_as_planned_does_not_rewrite_its_workflow(twins, monkeypatch):
    pad, n = twins[0], FEW + 3
    labels = [job(f"label {number}") for number in range(n)]
    pad.add_wf(Workflow([*labels, job("collect", labels, tolerant=True)]))
    monkeypatch.setattr(pad.workflows, "find_one_and_replace", lambda *_: pytest.fail("the workflow was rewritten"))
    for number in range(n):
        assert picture(pad)["jobs"]["collect"] == ("WAITING", 0)
        pad.complete_launch(take(pad, f"label {number}"), FWAction())
    assert picture(pad)["jobs"]["collect"] == ("READY", 0)
    assert picture(pad)["state"] == "RUNNING"
    pad.complete_launch(take(pad, "collect"), FWAction())
    assert picture(pad)["state"] == "COMPLETED"


def test_new_jobs_are_written_together(twins, monkeypatch):
    pad = twins[0]
    pad.add_wf(Workflow([job("fan out")]))
    launch_id = take(pad, "fan out")
    asked = []
    monkeypatch.setattr(pad, "get_new_fw_id", lambda quantity=1: asked.append(quantity) or 100)
    pad.complete_launch(launch_id, FWAction(detours=Workflow([job(f"label {number}") for number in range(20)])))
    assert asked == [20]
    assert sorted(pad.fireworks.distinct("fw_id", {"state": "READY"})) == list(range(100, 120))
