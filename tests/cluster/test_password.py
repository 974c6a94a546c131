"""The password of the database is in two private files of the configuration and nowhere else."""

import stat
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import bson
import campaign_jobs
import pytest
from guarded_mongod import PASSWORD
from jobflow import Flow

from superionic.database.stores import resolve_database
from superionic.flows.stages import Category, Stage, mark
from superionic.launch.launchpad import launchpad
from superionic.launch.submit import submit_flow

pytestmark = pytest.mark.integration
QUICKSTART = Path(__file__).parents[2] / "workflows" / "quickstart.yaml"
SBATCH = """#!/bin/bash
bash "$1" > slurm.out 2>&1
echo Submitted batch job 7
"""
FORMS = tuple(text.encode() for text in (PASSWORD, quote(PASSWORD, safe=""), b64encode(PASSWORD.encode()).decode()))


@pytest.fixture(scope="module")
def site(guarded, make_site, tmp_path_factory):
    """A project where real jobs have run through `superionic worker`, `rlaunch` and `qlaunch`, and one has failed."""
    folder = tmp_path_factory.mktemp("site")
    commands = folder / "commands"
    commands.mkdir()
    (commands / "sbatch").write_text(SBATCH)
    (commands / "sbatch").chmod(0o755)
    site = make_site(guarded, folder, "--partition", "normal", path=commands)
    site.edit("my_qadapter_cpu.yaml", "--idle 300", "--idle 1")
    site.superionic("submit", QUICKSTART)
    choice = resolve_database(site.project, environ=site.variables, user_home=folder)
    failing = mark(campaign_jobs.fail("on purpose"), Stage.LABELLING, Category.VASP, "other")
    submit_flow(Flow([failing]), launchpad(choice), "other", "a failure")
    site.run("rlaunch", "-c", site.config, "-w", site.config / "my_fworker_cpu.yaml", "singleshot")
    site.qlaunch("vasp", reserve=True)
    site.qlaunch("cpu")
    for command in (("status",), ("doctor", "--json"), ("build",)):
        site.superionic(*command, check=False)
    site.edit("jobflow.yaml", guarded.host, "127.0.0.1:9")  # what is said when a server is away
    site.superionic("status", check=False)
    site.edit("jobflow.yaml", "127.0.0.1:9", guarded.host)
    return site


def test_jobs_ran_and_one_failed(site, guarded):
    with guarded.client() as client:
        jobs = client["superionic"]["fireworks"]
        assert jobs.count_documents({"spec._category": "cpu", "state": "COMPLETED"}) == 5
        assert jobs.count_documents({"spec._category": "vasp", "state": "FIZZLED"}) == 1
        assert client["superionic"]["outputs"].count_documents({"output.key": {"$exists": True}}) == 5


def test_nothing_in_the_database_holds_the_password(site, guarded):
    seen = 0
    with guarded.client() as client:
        for database in set(client.list_database_names()) - {"admin", "local", "config"}:
            for name in client[database].list_collection_names():
                for document in client[database][name].find():
                    seen += 1
                    assert not [form for form in FORMS if form in bson.encode(document)], (name, document["_id"])
    assert seen > 50


def test_no_log_and_no_file_of_a_run_holds_the_password(site, guarded):
    files = [path for path in site.project.rglob("*") if path.is_file()]
    assert len(files) > 15
    for path in [*files, guarded.folder / "mongod.log"]:
        assert not [form for form in FORMS if form in path.read_bytes()], path


def test_the_files_that_hold_it_are_private(site):
    holders = {path.name: path for path in site.config.iterdir() if any(form in path.read_bytes() for form in FORMS)}
    assert set(holders) == {"my_launchpad.yaml", "jobflow.yaml"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in holders.values()} == {0o600}
    assert stat.S_IMODE(site.config.stat().st_mode) == 0o700
