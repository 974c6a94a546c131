import subprocess
import sys
from dataclasses import replace

import campaign_jobs
import pytest
from fireworks import Firework, ScriptTask
from jobflow import Flow

from superionic.database.processes import current_process
from superionic.errors import DatabaseError, InputError
from superionic.launch import submit
from superionic.launch.launchpad import initialise, launchpad
from superionic.launch.submit import CAMPAIGNS, find_campaign, is_submitted, list_campaigns, submit_flow

pytestmark = pytest.mark.integration

SUBMITTER = """
import sys
from pathlib import Path
import campaign_jobs
from jobflow import Flow
from superionic.database.stores import resolve_database
from superionic.launch.launchpad import launchpad
from superionic.launch.submit import submit_flow
pad = launchpad(resolve_database(Path(sys.argv[1]), "local", database=sys.argv[2]))
flow = Flow([campaign_jobs.note("/", str(n)) for n in range(20)])
print("ready", flush=True)
sys.stdin.readline()
print(*submit_flow(flow, pad, "key", "name"), flush=True)
"""


def _flow(n=2):
    return Flow([campaign_jobs.note("/", str(i)) for i in range(n)])


def test_a_campaign_is_marked_in_every_job_and_workflow(pad):
    ids = submit_flow(_flow(), pad, "key1", "first")
    jobs = list(pad.fireworks.find({"spec.campaign": "key1"}))
    assert sorted(job["fw_id"] for job in jobs) == ids
    assert all(job["spec"]["_tasks"][0]["job"]["metadata"]["campaign"] == "key1" for job in jobs)
    assert all(job["spec"]["_tasks"][0]["store"] is None for job in jobs)  # a store would carry the URI
    assert pad.workflows.find_one({})["metadata"] == {"campaign": "key1", "name": "first"}


def test_submitting_again_adds_nothing(pad):
    ids = submit_flow(_flow(), pad, "key", "name")
    assert submit_flow(_flow(5), pad, "key", "name") == ids
    assert pad.workflows.count_documents({}) == 1


def test_a_campaign_is_added_once_more_on_request(pad):
    first = submit_flow(_flow(), pad, "key", "name")
    assert is_submitted(pad, "key")
    ids = submit_flow(_flow(3), pad, "key", "name", again=True)
    assert len(ids) == 5
    assert set(first) < set(ids)
    assert pad.workflows.count_documents({"metadata.campaign": "key"}) == 2
    assert submit_flow(_flow(), pad, "key", "name") == ids, "without a request, nothing is added"


def test_a_request_that_fails_leaves_the_campaign_submitted(pad, monkeypatch):
    ids = submit_flow(_flow(), pad, "key", "name")
    monkeypatch.setattr(submit, "flow_to_workflow", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        submit_flow(_flow(), pad, "key", "name", again=True)
    assert submit_flow(_flow(), pad, "key", "name") == ids
    assert find_campaign(pad, "key") is not None


def test_simultaneous_submitters_add_one_workflow(database, pad, importable):
    command = [sys.executable, "-c", SUBMITTER, str(database.project), database.database]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    submitters = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for submitter in submitters:
        assert submitter.stdout.readline() == "ready\n"
    answers = {submitter.communicate("go\n", timeout=60)[0] for submitter in submitters}
    assert len(answers) == 1
    assert len(answers.pop().split()) == 20
    assert pad.workflows.count_documents({}) == 1
    assert pad.fireworks.count_documents({}) == 20


@pytest.mark.parametrize("workflow_was_added", [False, True])
def test_the_claim_of_a_dead_submitter_is_taken_over(pad, workflow_was_added):
    dead = replace(current_process(), started="1").as_dict()
    if workflow_was_added:
        submit_flow(_flow(), pad, "key", "name")
        pad.db[CAMPAIGNS].update_one({}, {"$set": {"state": "submitting", "owner": dead}})
    else:  # it died between the jobs and their workflow
        claim = {"_id": "key", "name": "name", "state": "submitting", "owner": dead, "claimed_at": "2020-01-01"}
        pad.db[CAMPAIGNS].insert_one(claim)
        pad._upsert_fws([Firework(ScriptTask.from_str("true"), spec={"campaign": "key"}, state="READY")])
    ids = submit_flow(_flow(), pad, "key", "name")
    assert len(ids) == 2
    assert pad.fireworks.count_documents({}) == 2
    assert find_campaign(pad, "key").submitted_at is not None


def test_a_living_submitter_is_waited_for_and_then_reported(pad, monkeypatch):
    owner = current_process().as_dict()
    claim = {"_id": "key", "name": "name", "state": "submitting", "owner": owner, "claimed_at": "2020-01-01"}
    pad.db[CAMPAIGNS].insert_one(claim)
    monkeypatch.setattr(submit, "WAIT_FOR_OTHER_S", 0.5)
    with pytest.raises(DatabaseError, match="submitting the campaign 'name'"):
        submit_flow(_flow(), pad, "key", "name")
    assert pad.fireworks.count_documents({}) == 0


def test_a_submission_that_fails_can_be_repeated(pad, monkeypatch):
    def broken(*_args, **_options):
        raise RuntimeError("cannot be serialised")

    with monkeypatch.context() as patch:
        patch.setattr(submit, "flow_to_workflow", broken)
        with pytest.raises(RuntimeError, match="serialised"):
            submit_flow(_flow(), pad, "key", "name")
    assert len(submit_flow(_flow(), pad, "key", "name")) == 2


def test_a_deleted_workflow_can_be_submitted_again(pad):
    ids = submit_flow(_flow(), pad, "key", "name")
    pad.delete_wf(ids[0])
    assert len(submit_flow(_flow(3), pad, "key", "name")) == 3


def test_campaigns_are_found_by_key_its_beginning_and_name(pad):
    for key, name in (("abc1", "old"), ("abd2", "twin"), ("xyz3", "twin")):
        submit_flow(_flow(1), pad, key, name)
    assert [record.key for record in list_campaigns(pad)] == ["xyz3", "abd2", "abc1"]
    assert find_campaign(pad, "abc1").name == "old"
    assert find_campaign(pad, "abc").key == "abc1"
    assert find_campaign(pad, "twin").key == "xyz3"
    assert find_campaign(pad, "nothing") is None
    assert find_campaign(pad, "") is None
    with pytest.raises(InputError, match=r"abd2 \(twin\), abc1 \(old\)"):
        find_campaign(pad, "ab")


def test_a_new_queue_is_prepared_once_and_an_old_one_is_kept(database, pad):
    pad.get_new_fw_id(quantity=5)
    initialise(pad)
    launchpad(database)
    assert pad.fw_id_assigner.count_documents({}) == 1
    assert pad.get_new_fw_id() == 6
    assert "spec.campaign_1" in pad.fireworks.index_information()


def test_a_queue_that_cannot_be_reached_is_named_without_the_password(database, tmp_path, monkeypatch):
    monkeypatch.setattr("superionic.launch.launchpad.CHECK_TIMEOUT_S", 0.3)
    file = tmp_path / "my_launchpad.yaml"
    file.write_text("host: mongodb://ann:s3cret@127.0.0.1:9/\nname: fw\nuri_mode: true\n")
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:9 \(from .*my_launchpad\.yaml") as error:
        launchpad(replace(database, launchpad_file=file, started=False))
    assert "s3cret" not in str(error.value)
