"""Production MD as survivable jobs: real queue, real workers, real model, nothing lost."""

import importlib.util
import os
import signal

import numpy as np
import pytest
from jobflow import Flow
from monty.json import MontyDecoder, jsanitize
from pymatgen.core import Lattice, Structure

from superionic.database.live import MD_RUNS
from superionic.database.stores import collection, job_store
from superionic.documents import CompositionInfo
from superionic.dynamics import RunRequest, run_md
from superionic.dynamics.torchsim import run_in_torchsim, torchsim_model
from superionic.flows.production import grouped_runs
from superionic.flows.stages import Category, Stage, mark
from superionic.launch.launchpad import launchpad
from superionic.launch.submit import submit_flow
from superionic.launch.workers import Pace, run_workers
from superionic.potentials.registry import foundation_ref, load_calculator, load_network
from superionic.potentials.schemas import RelaxedStructure
from superionic.stability.schemas import GroundStateDoc
from superionic.stages import TransportSettings
from superionic.transport.group_jobs import MDGroupMaker
from superionic.transport.jobs import DiffusionMaker, ProductionMDMaker
from superionic.transport.schemas import TrajectoryDoc
from superionic.transport.trajectory import read_trajectory

pytestmark = pytest.mark.integration

POTENTIAL = foundation_ref("superionic-mini")
SETTINGS = TransportSettings(
    supercell=(1, 1, 1), time_ps=0.3, discard_ps=0.02, time_step_fs=2, stride_fs=20, dtype="float64"
)


def structure():
    host = Structure.from_spacegroup(
        "C2/m",
        Lattice.monoclinic(6.90, 11.93, 6.84, 109.8),
        ["In", "Li", "Li", "Br", "Br"],
        [[0, 0, 0], [0, 0.335, 0], [0, 0.163, 0.5], [0.246, 0, 0.763], [0.244, 0.160, 0.241]],
    )
    host.remove_sites([i for i, site in enumerate(host) if site.specie.symbol == "Li"][:2])
    return host


def state_doc():
    relaxed = [
        RelaxedStructure(
            source_index=0,
            structure=structure(),
            energy_eV=0.0,
            energy_eV_per_atom=0.0,
            max_force_eV_per_A=0.0,
            n_steps=0,
            converged=True,
        )
    ]
    return GroundStateDoc(
        key="state",
        spec_key="spec",
        composition=CompositionInfo(axes={}, label="x=1", formula="Li3InBr6"),
        potential=POTENTIAL,
        model_key="model",
        relaxed=relaxed,
        energies_eV_per_atom=[0.0],
        n_candidates=1,
    )


@pytest.fixture
def campaign(database, mini_model, tmp_path, monkeypatch):
    """Puts a run and its analysis on the queue; the documents that they need are in the store."""
    monkeypatch.setenv("SUPERIONIC_MD_DIR", str(tmp_path / "md"))
    store = job_store(database)
    store.connect()
    for number, doc in enumerate([mini_model, state_doc()]):
        output = jsanitize(doc, strict=True, enum_values=True, allow_bson=True)
        row = {"uuid": f"u{number}", "index": 1, "output": output, "completed_at": "2030"}
        store.docs_store.update(row, key=["uuid", "index"])

    def submit(*makers):
        jobs = []
        for maker in makers:
            run = mark(maker.make("model", "state"), Stage.TRANSPORT, Category.GPU, "spec")
            jobs += [run, mark(DiffusionMaker().make(run.output), Stage.TRANSPORT, Category.CPU, "spec")]
        submit_flow(Flow(jobs), launchpad(database), "campaign", "test")
        return jobs

    submit.store, submit.pad = store, launchpad(database)
    submit.work = lambda campaign="campaign", **options: run_workers(
        database, 1, campaign, tmp_path / "launches", **options
    )
    return submit


def output(store, job):
    return MontyDecoder().process_decoded(store.get_output(job.uuid, which="last", load=True))


def uncut(maker):
    """Positions of the run in one piece, in memory."""
    from pymatgen.io.ase import AseAtomsAdaptor

    calculator = load_calculator(POTENTIAL.model_copy(update={"dtype": "float64"}))
    frames = []
    names = ("time_ps", "time_step_fs", "thermostat", "damping_fs", "stride_fs")
    run_md(
        AseAtomsAdaptor.get_atoms(structure() * SETTINGS.supercell),
        calculator,
        temperature_K=maker.temperature_K,
        seed=maker.seed,
        on_frame=lambda frame: frames.append(frame.positions_A),
        **{name: getattr(maker.settings, name) for name in names},
    )
    return np.array(frames, dtype=np.float32)


NO_TIME = str(1e-6)
"""Hours per job: each job stops at the first rest, after 50 steps."""


def test_a_run_that_is_cut_twice_and_killed_is_the_run_in_one_piece(campaign, database, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_MAX_HOURS_PER_JOB", NO_TIME)
    maker = ProductionMDMaker("md: x", SETTINGS, 900.0, seed=3)
    run, analysis = campaign(maker)
    killed = []

    def kill_once(_status):
        begun = collection(database, MD_RUNS).find_one({"phase": "preparing"})
        launch = launchpad(database).launches.find_one({"state": "RUNNING"})
        if begun and launch and not killed:
            killed.append(launch["fworker"]["env"]["superionic_worker"]["pid"])
            os.kill(killed[0], signal.SIGKILL)

    outcome = campaign.work(on_progress=kill_once, pace=Pace(poll_s=0.05, progress_s=0.05))
    assert outcome.status.succeeded
    assert (len(killed), outcome.n_restarts) == (1, 1)
    rows = list(campaign.store.docs_store.query({"uuid": run.uuid}, sort={"index": 1}))
    assert [row["output"] is None for row in rows] == [True, True, False], "nothing is stored half"
    fireworks = list(launchpad(database).fireworks.find({"name": "md: x"}))
    assert len(fireworks) == 3
    assert {(job["spec"]["_category"], job["spec"]["stage"]) for job in fireworks} == {("gpu", "transport")}
    doc = output(campaign.store, run)
    assert isinstance(doc, TrajectoryDoc)
    assert doc.resumed_at_ps[-2:] == [0.1, 0.2]
    assert doc.segments == 4
    assert np.array_equal(read_trajectory(doc.trajectory_blob.to_bytes()).positions_A, uncut(maker))
    assert output(campaign.store, analysis).parents == [doc.key], "the analysis sees the whole run"
    (live,) = collection(database, MD_RUNS).find({})
    assert (live["phase"], live["time_ps"]) == ("finished", pytest.approx(0.3))
    assert doc.ns_per_day > 0


def test_runs_side_by_side_are_stored_each_for_itself_and_only_missing_ones_are_run(campaign, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_MAX_HOURS_PER_JOB", str(2e-4))
    makers = [
        ProductionMDMaker(f"md: {temperature:g} K", SETTINGS, temperature, seed=5) for temperature in (800.0, 900.0)
    ]
    (job, *_), groups = grouped_runs("x", makers, 4, "model", "state", "spec")
    runs = [mark(maker.make("model", "state", groups[0]), Stage.TRANSPORT, Category.GPU, "spec") for maker in makers]
    submit_flow(Flow([job, *runs]), campaign.pad, "campaign", "test")
    assert campaign.work().status.succeeded
    docs = [output(campaign.store, run) for run in runs]
    group = output(campaign.store, job)
    assert group.run_keys == group.advanced == [doc.key for doc in docs]
    assert [(doc.temperature_K, doc.together) for doc in docs] == [(800.0, 2), (900.0, 2)]
    assert all(doc.n_frames == 16 and doc.ended_early is None for doc in docs)
    cost = sum(doc.resources.wall_time_s for doc in docs)
    assert docs[0].resources.wall_time_s == pytest.approx(0.5 * cost), "each bears its share"
    third = ProductionMDMaker("md: 1000 K", SETTINGS, 1000.0, seed=5)
    again = MDGroupMaker("md group", [*makers, third]).make("model", "state")
    submit_flow(Flow([again]), campaign.pad, "another", "test")
    assert campaign.work(campaign="another").status.succeeded
    assert len(output(campaign.store, again).advanced) == 1


@pytest.mark.skipif(importlib.util.find_spec("torch_sim") is None, reason="torch-sim is not installed")
def test_torchsim_advances_a_group_that_is_cut_as_if_it_were_in_one_piece(campaign, mini_model, tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_MAX_HOURS_PER_JOB", NO_TIME)
    settings = TransportSettings(
        **SETTINGS.model_dump() | {"thermostat": "langevin", "group_engine": "torch-sim", "runs_per_job": 2}
    )
    makers = [ProductionMDMaker(f"md: {kelvin:g} K", settings, kelvin, seed=5) for kelvin in (800.0, 900.0)]
    (job,), groups = grouped_runs("x", makers, settings.runs_per_job, "model", "state", "spec")
    runs = [mark(maker.make("model", "state", groups[0]), Stage.TRANSPORT, Category.GPU, "spec") for maker in makers]
    submit_flow(Flow([job, *runs]), campaign.pad, "campaign", "test")
    assert campaign.work().status.succeeded
    docs = [output(campaign.store, run) for run in runs]
    assert [(doc.engine, doc.together, doc.n_frames) for doc in docs] == [("torch-sim", 2, 16)] * 2
    assert [doc.resumed_at_ps for doc in docs] == [[0.1, 0.2]] * 2
    planned = [maker.planned(mini_model, state_doc()) for maker in makers]
    requests = [RunRequest(run.atoms, run.settings, tmp_path / run.key) for run in planned]
    outcomes = run_in_torchsim(requests, torchsim_model(load_network(POTENTIAL)))
    for doc, outcome in zip(docs, outcomes, strict=True):
        whole = read_trajectory(outcome.trajectory).positions_A
        assert np.array_equal(read_trajectory(doc.trajectory_blob.to_bytes()).positions_A, whole)
        assert np.ptp(whole, axis=0).max() > 0.1


def test_the_timeout_of_a_worker_stops_its_run_and_leaves_the_rest_ready(campaign):
    long = ProductionMDMaker("md: x", SETTINGS.model_copy(update={"time_ps": 200.0}), 900.0, seed=6)
    run, _ = campaign(long)
    outcome = campaign.work(timeout_s=2.0)
    assert outcome.timed_out
    assert (outcome.status.total.failed, outcome.status.total.ready, outcome.status.total.waiting) == (0, 1, 1)
    (row,) = campaign.store.docs_store.query({"uuid": run.uuid})
    assert row["output"] is None
