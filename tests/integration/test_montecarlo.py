"""Monte Carlo of NaSICON through mongod, FireWorks and real workers: fit, replicas, snapshots; run twice."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from ase.io import read

from superionic.database.stores import job_store, mongo_database, open_database

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
