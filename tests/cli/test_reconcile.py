"""``superionic reconcile``: a plan for people and scripts, and its execution."""

import json
from contextlib import nullcontext
from dataclasses import fields, replace

import pytest
from fireworks import FWorker
from jobflow import Flow, job
from typer.testing import CliRunner

from superionic.cli.main import app
from superionic.cli.reconcile import show_findings
from superionic.database.processes import current_process
from superionic.launch.findings import Action, Finding, Problem
from superionic.launch.launchpad import launchpad
from superionic.launch.queue_entries import WORKER_ENV
from superionic.launch.reconcile import RepairReport
from superionic.launch.submit import submit_flow

NOTHING = [field.name for field in fields(RepairReport)]


@job
def note(text):
    return text


def test_failed_jobs_with_one_cause_share_a_row(capsys):
    failed = [Finding(Problem.FAILED, Action.NOTHING, i, "label", "OSError: no", place=f"/f{i}") for i in (1, 2, 3)]
    lost = [Finding(Problem.LOST_RUN, Action.PUT_BACK, i, "label", "process 7 on here has ended") for i in (4, 5)]
    show_findings([*failed, *lost])
    text = " ".join(capsys.readouterr().out.split())
    assert "1 and 2 more" in text
    assert text.count("put back") == 2


def test_nothing_wrong_is_said(capsys):
    show_findings([])
    assert "nothing is wrong" in capsys.readouterr().err


@pytest.mark.integration
def test_the_plan_changes_nothing_and_apply_does_it_once(database, monkeypatch):
    monkeypatch.setattr("superionic.cli.reconcile.open_project", lambda _: nullcontext((database, None)))
    pad = launchpad(database)
    submit_flow(Flow([note("x")]), pad, "key", "name")
    dead = replace(current_process(), started="1")
    pad.checkout_fw(FWorker("w", env={WORKER_ENV: dead.as_dict()}), "/")

    def reconcile(*options):
        done = CliRunner().invoke(app, ["reconcile", "--json", *options], catch_exceptions=False)
        return json.loads(done.stdout)

    plan = reconcile()
    assert [(found["problem"], found["action"]) for found in plan["findings"]] == [("lost run", "put back")]
    assert plan["done"] is None
    assert pad.fireworks.find_one({})["state"] == "RUNNING"
    assert reconcile("name", "--apply")["done"]["put_back"] == [1]
    assert pad.fireworks.find_one({})["state"] == "READY"
    assert reconcile("--apply") == {"findings": [], "done": {name: [] for name in NOTHING}}
