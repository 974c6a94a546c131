"""A real Slurm runs the campaign's stages through `qlaunch` and the filled templates; jobs and the node are lost."""

import json
import os
import shutil
import stat
import sys
import time
from pathlib import Path

import campaign_jobs
import pytest
from campaign_jobs import traces
from jobflow import Flow
from slurm_cluster import installed, slurm

from superionic.database.files import wait_until
from superionic.database.stores import resolve_database
from superionic.flows.stages import Category, Stage, mark
from superionic.launch.launchpad import launchpad
from superionic.launch.reconcile import repair
from superionic.launch.submit import submit_flow

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(3600)]
SPEC = Path(__file__).parents[1] / "integration" / "small.yaml"
CAMPAIGN_LIMIT_S = 3000


@pytest.fixture(scope="module")
def cluster(request, tmp_path_factory):
    if "slurm" not in request.config.option.markexpr:
        pytest.skip("installs packages: run it with `make test-slurm`")
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("needs root on Debian or Ubuntu")
    with installed(), slurm(tmp_path_factory.mktemp("slurm")) as running:
        yield running


def write_vasp(folder):
    """The stand-in for VASP, which lets the category `vasp` run without a licence."""
    from superionic.labelling.fake_vasp import write_synthetic_potcars

    write_synthetic_potcars(folder / "potcars", [])
    program = folder / "fake_vasp.sh"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m superionic.labelling.fake_vasp "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return ["--vasp", str(program), "--vasp-gamma", str(program), "--potcars", str(folder / "potcars")]


@pytest.fixture(scope="module")
def site(cluster, guarded, make_site, tmp_path_factory):
    pytest.importorskip("atomate2")
    folder = tmp_path_factory.mktemp("site")
    partitions = [word for name in Category for word in (f"--partition-{name}", name)]
    site = make_site(guarded, folder, *partitions, "--device", "cpu", "--walltime", "1h", *write_vasp(folder))
    site.variables.update(cluster.variables)
    for name in ("gpu", "cpu"):  # so that a finished batch job makes room
        site.edit(f"my_qadapter_{name}.yaml", "--idle 300", "--idle 5")
    site.edit("my_qadapter_gpu.yaml", "cpus_per_task: 4", "cpus_per_task: 1")
    site.edit("FW_config.yaml", "QUEUE_UPDATE_INTERVAL: 5", "QUEUE_UPDATE_INTERVAL: 1")
    site.edit("env.sh", "export OMP_NUM_THREADS", "export SUPERIONIC_REHEARSAL=1\nexport OMP_NUM_THREADS")
    site.variables["SUPERIONIC_REHEARSAL"] = "1"
    return site


@pytest.fixture
def pad(site, cluster):
    yield launchpad(resolve_database(site.project, environ=site.variables, user_home=site.project))
    cluster.cancel_all()
    cluster.wait_empty()


def add(pad, key, category, job):
    """Put one job on the launchpad; its FireWorks id."""
    (fw_id,) = submit_flow(Flow([mark(job, Stage.LABELLING, category, key)]), pad, key, key)
    return fw_id


def state(pad, fw_id):
    return pad.fireworks.find_one({"fw_id": fw_id}, {"state": 1})["state"]


def wait_for_trace(folder, beginning, n=1, limit_s=180):
    assert wait_until(lambda: sum(line.startswith(beginning) for line in traces(folder)) >= n, limit_s, 0.5)


def test_doctor_sees_the_same_database_from_the_compute_node(site, pad):
    done = site.superionic("doctor", SPEC, "--labels", "vasp-scan", "--via-queue", "--wait", "10m", "--json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    for category in Category:
        assert rows[f"{category}: results"]["found"] == rows["results"]["found"]
        assert rows[f"{category}: machine"]["ok"]
    assert rows["vasp: VASP command"]["ok"]


@pytest.mark.parametrize("category", [Category.CPU, Category.VASP])
def test_a_job_beyond_its_wall_time_is_continued(site, cluster, pad, category, tmp_path):
    name, reserve = f"my_qadapter_{category}.yaml", category is Category.VASP
    site.edit(name, '"01:00:00"', '"00:03:00"')  # Slurm signals up to a minute early
    site.edit(name, "B:INT@300", "B:INT@60")
    fw_id = add(pad, f"long {category}", category, campaign_jobs.slow_once(str(tmp_path), "long", 900))
    site.qlaunch(category, "rapidfire", "--nlaunches", "1", reserve=reserve)
    wait_for_trace(tmp_path, "begin long")
    assert wait_until(lambda: state(pad, fw_id) not in {"RUNNING", "RESERVED"}, 300, 0.5), state(pad, fw_id)
    cluster.wait_empty()
    if reserve:  # rlaunch marks an interrupted job as failed; any worker of superionic puts it back
        assert state(pad, fw_id) == "FIZZLED"
        assert repair(pad, None).rerun == (fw_id,)
    assert state(pad, fw_id) == "READY"
    site.qlaunch(category, "rapidfire", "--nlaunches", "1", reserve=reserve)
    assert wait_until(lambda: state(pad, fw_id) == "COMPLETED", 180, 0.5), state(pad, fw_id)
    assert [line.split()[0] for line in traces(tmp_path)] == ["begin", "begin", "end"]
    site.edit(name, '"00:03:00"', '"01:00:00"')
    site.edit(name, "B:INT@60", "B:INT@300")


def test_a_lost_node_costs_only_the_run_on_it(site, cluster, pad, tmp_path):
    fw_id = add(pad, "lost node", Category.CPU, campaign_jobs.slow_once(str(tmp_path), "node", 900))
    site.qlaunch(Category.CPU, "rapidfire", "--nlaunches", "1")
    wait_for_trace(tmp_path, "begin node")
    cluster.lose_node()
    assert wait_until(lambda: cluster.states() != ["mixed"], 120, 0.5), cluster.states()
    assert state(pad, fw_id) == "RUNNING"  # nobody has told the launchpad
    cluster.start("slurmd")
    # Slurm runs the batch job again; its worker finds that the old one is dead and puts the job back
    assert wait_until(lambda: state(pad, fw_id) == "COMPLETED", 300, 0.5), (state(pad, fw_id), cluster.jobs())
    assert [line.split()[0] for line in traces(tmp_path)] == ["begin", "begin", "end"]


def test_a_campaign_with_three_categories_runs_through_qlaunch(site, cluster, pad):
    site.superionic("submit", SPEC, "--labels", "vasp-scan")
    deadline = time.monotonic() + CAMPAIGN_LIMIT_S
    while time.monotonic() < deadline:
        for category in Category:
            site.qlaunch(category, "rapidfire", "--nlaunches", "0", "-m", "2", reserve=category is Category.VASP)
        total = json.loads(site.superionic("status", "--json").stdout)
        if total["finished"]:
            break
        time.sleep(3)
    assert total["finished"], total
    site.superionic("build")
    labels = json.loads(site.superionic("query", "labels", "--json").stdout)
    assert len(labels) == 15
    runs = pad.launches.distinct("fworker.name", {"state": "COMPLETED"})
    assert "vasp" in runs  # by rlaunch in reserved batch jobs; the others ran in workers named after their process
    scripts = [path.read_text() for path in site.project.rglob("FW_submit.script")]
    assert all(any(f"--partition={name}" in script for script in scripts) for name in Category)
