"""Monte Carlo of NaSICON through mongod, FireWorks and real workers: fit, replicas, snapshots; run twice."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Lattice, Structure

from superionic.database.stores import job_store, mongo_database, open_database
from superionic.flows import MobileSpecies, MonteCarloFlowMaker
from superionic.ordering.composition import grid_cell
from superionic.ordering.montecarlo_checkpoint import CheckpointFile
from superionic.spec import ElectrolyteSpec
from superionic.stages import MonteCarloSettings, RelaxSettings, TransportSettings
from superionic.transport.schemas import ConductivityDoc, TrajectoryDoc

pytest.importorskip("icet", reason="pip install 'superionic[montecarlo]'")
pytestmark = pytest.mark.integration
SPEC = Path(__file__).with_name("montecarlo.yaml")
SCRIPT = Path(__file__).parents[2] / "workflows" / "run_montecarlo.py"
LIMIT_S = 300


def run(folder):
    command = [sys.executable, str(SCRIPT), str(SPEC), "--at", "x=2", "--project", "."]
    environment = {**os.environ, "SUPERIONIC_MONGO_URI": "local", "SUPERIONIC_CACHE_DIR": str(folder / "cache")}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("monte carlo")
    first = run(found)
    assert first.returncode == 0, first.stdout[-2000:] + first.stderr[-3000:]
    (found / "first.txt").write_text(first.stdout)
    return found


def outputs(folder):
    with open_database(folder, "local") as choice:
        return list(mongo_database(choice)["outputs"].find({"output.key": {"$exists": True}}))


def test_every_document_is_there_once(folder):
    kinds = Counter(row["output"]["@class"] for row in outputs(folder))
    assert kinds == {
        "TrainingOrderingsDoc": 1,
        "TrainingEnergiesDoc": 2,
        "ClusterExpansionDoc": 1,
        "MonteCarloRunDoc": 2,
        "MonteCarloDoc": 1,
        "MonteCarloSnapshotDoc": 2,
    }


def test_documents_carry_their_errors_and_verdicts(folder):
    docs = {row["output"]["@class"]: row["output"] for row in outputs(folder)}
    fit = docs["ClusterExpansionDoc"]
    assert 0 < fit["cv_rmse_meV_per_atom"] < 0.3 * fit["spread_meV_per_atom"]
    assert fit["fit_rmse_meV_per_atom"] < fit["cv_rmse_meV_per_atom"]
    joined = docs["MonteCarloDoc"]
    assert joined["cv_rmse_meV_per_atom"] == fit["cv_rmse_meV_per_atom"]
    assert joined["n_atoms"] == 320
    assert joined["r_hat"] > 0.9
    assert joined["verdict"] in {"ok", "too_short", "not_equilibrated"}
    assert bool(joined["warnings"]) == (joined["verdict"] != "ok")
    assert "distilled" in joined["level_of_theory"]
    run_doc = docs["MonteCarloRunDoc"]
    assert len(run_doc["energies_eV"]) == len(run_doc["acceptances"]) == 5 * 10 + 50 + 600
    assert run_doc["steps"][0]["acceptance"] > run_doc["steps"][-1]["acceptance"] > 0


def test_expansion_predicts_the_potential_in_the_large_cell(folder):
    """The training cells have at most 84 sites; the snapshots have 336."""
    fit = next(row["output"] for row in outputs(folder) if row["output"]["@class"] == "ClusterExpansionDoc")
    for row in outputs(folder):
        if row["output"]["@class"] == "MonteCarloSnapshotDoc":
            error_eV = row["output"]["model_energy_eV"] - row["output"]["static_energy_eV"]
            assert abs(error_eV) / 320 * 1000 < max(1.0, 4 * fit["cv_rmse_meV_per_atom"])


def test_snapshots_are_written_and_go_on_to_md(folder):
    files = sorted((folder / "montecarlo").glob("snapshot_*.xyz"))
    assert len(files) == 2
    for file in files:
        counts = Counter(read(file).get_chemical_symbols())
        assert counts == {"Na": 48, "Zr": 32, "Si": 32, "P": 16, "O": 192}
    assert "replica 1" in (folder / "montecarlo" / "traces.html").read_text()

    from superionic.database.fanout import MontyDecoder
    from superionic.potentials.schemas import RelaxedSetDoc

    with open_database(folder, "local") as choice:
        store = job_store(choice)
        store.connect()
        row = store.query_one({"output.@class": "MonteCarloSnapshotDoc"}, load=True)
    document = MontyDecoder().process_decoded(row["output"])
    assert isinstance(document, RelaxedSetDoc)
    assert len(document.relaxed[0].structure * (1, 1, 1)) == 320


def test_checkpoints_of_finished_runs_are_gone(folder):
    assert not list((folder / "cache").rglob("*.npz"))


def test_a_second_run_computes_nothing(folder):
    before = sorted((row["uuid"], row["output"]["key"]) for row in outputs(folder))
    again = run(folder)
    assert again.returncode == 0
    assert sorted((row["uuid"], row["output"]["key"]) for row in outputs(folder)) == before
    assert again.stdout == (folder / "first.txt").read_text()


WORKER = """
import sys, time
from pathlib import Path
from pymatgen.core import Structure
from superionic.ordering.cell import DisorderedCell, ReferenceCell
from superionic.ordering.montecarlo import AnnealingSchedule, run_monte_carlo
from superionic.ordering.montecarlo_checkpoint import CheckpointFile
from superionic.ordering.montecarlo_energy import EwaldEnergy, WeightedSum

host = Structure.from_file(sys.argv[1])
cell = DisorderedCell.of(ReferenceCell.of(host, merge_equal_orbits=True, symprec_A=0.01), (2, 2, 2))
checkpoint = CheckpointFile(Path(sys.argv[2]), "fingerprint", interval_s=0.0)

def keep(state):
    checkpoint.keep(state)
    time.sleep(float(sys.argv[3]))

run_monte_carlo(
    cell,
    WeightedSum([(0.02, EwaldEnergy(cell))]),
    AnnealingSchedule(3000, 900, 5, 20, 100, 400),
    seed=3,
    resume=checkpoint.load(),
    on_checkpoint=keep,
)
"""


def test_a_run_killed_with_signal_9_ends_like_one_that_was_not(tmp_path):
    host = grid_cell(ElectrolyteSpec.from_file(SPEC), ElectrolyteSpec.from_file(SPEC).point({"x": 2})).structure
    host.to(str(tmp_path / "host.json"))

    def command(name, pause_s):
        return [sys.executable, "-c", WORKER, str(tmp_path / "host.json"), str(tmp_path / name), str(pause_s)]

    subprocess.run(command("whole.npz", 0), check=True)
    whole = CheckpointFile(tmp_path / "whole.npz", "fingerprint").load()
    broken = CheckpointFile(tmp_path / "broken.npz", "fingerprint")
    for least in (60, 200):
        process = subprocess.Popen(command("broken.npz", 0.3))
        while (state := broken.load()) is None or state.n_done < least:
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
        process.wait()
    assert broken.load().n_done < 600
    subprocess.run(command("broken.npz", 0), check=True)
    ended = broken.load()
    assert ended.n_done == whole.n_done == 600
    for name in ("energies_eV", "accepted", "labels", "kept_labels"):
        assert np.array_equal(getattr(ended, name), getattr(whole, name)), name


def test_snapshots_run_md_and_give_a_conductivity(mini_model, tmp_path, monkeypatch):
    """The whole branch of a campaign behind its model; the model is superionic-mini under another name."""
    monkeypatch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    host = Structure.from_spacegroup(
        "C2/m",
        Lattice.monoclinic(6.90, 11.93, 6.84, 109.8),
        ["In3+", {"Li+": 0.75}, {"Li+": 0.75}, "Br-", "Br-"],
        [[0, 0, 0], [0, 0.335, 0], [0, 0.163, 0.5], [0.246, 0, 0.763], [0.244, 0.160, 0.241]],
    )
    settings = MonteCarloSettings(
        supercell=(1, 1, 2),
        energy="potential",
        temperatures=1,
        equilibration_sweeps=5,
        production_sweeps=40,
        replicas=2,
        snapshots_per_replica=1,
        snapshot_relax=RelaxSettings(max_steps=3),
    )
    transport = TransportSettings(temperatures_K=[900.0], time_ps=0.3, discard_ps=0.1, time_step_fs=2, stride_fs=10)
    flow = MonteCarloFlowMaker(
        settings=settings, foundation="superionic-mini", transport=transport, mobile=MobileSpecies("Li", 1.0)
    ).make(host, mini_model)
    store = JobStore(MemoryStore(), additional_stores={name: MemoryStore() for name in ("data", "trajectories")})
    found = [out[max(out)].output for out in run_locally(flow, store=store, ensure_success=True).values()]
    kinds = Counter(type(document).__name__ for document in found)
    assert kinds["MonteCarloRunDoc"] == kinds["MonteCarloSnapshotDoc"] == 2
    assert kinds["TrajectoryDoc"] == kinds["DiffusionDoc"] == 2
    runs = [document for document in found if isinstance(document, TrajectoryDoc)]
    assert {document.n_atoms for document in runs} == {20}
    assert {document.replica for document in runs} == {0, 1}
    (fit,) = [document for document in found if isinstance(document, ConductivityDoc)]
    assert fit.composition.label.endswith("(Monte Carlo, 900 K)")
    (point,) = fit.points  # the snapshots are replicas of one temperature
    assert point.n_runs == len(fit.runs) == 2
    assert all("ok" not in point.verdict for point in fit.points)
