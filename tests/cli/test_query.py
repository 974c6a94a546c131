"""`superionic build` and `query` on a real server."""

import csv
import io
import json
import time
from contextlib import contextmanager

import pytest
from monty.json import jsanitize
from monty.serialization import loadfn
from pymatgen.core import Lattice, Structure
from pymongo.errors import ConnectionFailure
from typer.testing import CliRunner

from superionic.cli import query, results
from superionic.cli.main import app
from superionic.database.stores import mongo_database
from superionic.documents import CompositionInfo
from superionic.labelling.schemas import LabelDoc
from superionic.potentials.schemas import PotentialRef, RelaxedStructure
from superionic.settings import SuperionicSettings
from superionic.stability.schemas import (
    CompetitionResult,
    FreeEnergyAt,
    GroundStateDoc,
    PhaseDiagramDoc,
    PhaseEntry,
)

pytestmark = pytest.mark.integration


def _stored(key, **changes):
    structure = Structure(Lattice.cubic(5.0), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    fields = {
        "key": key,
        "spec_key": "s",
        "structure": structure,
        "energy_eV": -8.0,
        "forces_eV_per_A": [[0.1, 0.0, 0.0]] * 2,
        "stress_eV_per_A3": None,
        "level_of_theory": "teacher: synthetic",
        "accepted": True,
    }
    output = jsanitize(LabelDoc(**fields | changes), strict=True, enum_values=True, allow_bson=True)
    completed = "2030-01-01T10:00:00"
    return {"uuid": f"job {key}", "index": 1, "name": "label", "completed_at": completed, "output": output}


def _as_output(doc):
    output = jsanitize(doc, strict=True, enum_values=True, allow_bson=True)
    return {"uuid": f"job {doc.key}", "index": 1, "name": "x", "completed_at": "2030-01-01T10:00:00", "output": output}


PLACE = CompositionInfo(axes={}, label="x=1", formula="LiCl")
POTENTIAL = PotentialRef(name="m", sha256="0" * 64, level_of_theory="made up")


def _ground_state(key):
    item = {"source_index": 0, "energy_eV": -8.0, "energy_eV_per_atom": -4.0, "max_force_eV_per_A": 0.0}
    structure = Structure(Lattice.cubic(5.0), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    relaxed = [RelaxedStructure(**item, structure=structure, n_steps=1, converged=True)]
    about = {"potential": POTENTIAL, "model_key": "m", "energies_eV_per_atom": [-4.0], "n_candidates": 1}
    return GroundStateDoc(key=key, composition=PLACE, relaxed=relaxed, **about)


def _phase_diagram(*sources):
    free = FreeEnergyAt(
        temperature_K=300.0,
        n_host_cells=1,
        free_energy_eV_per_atom=-4.0,
        free_energy_bounds_eV_per_atom=None,
        entropy_eV_per_K_per_atom=0.0,
        ideal_entropy_eV_per_K_per_atom=None,
        listed_fraction=None,
        formation_free_energy_eV_per_atom=0.001,
        formation_free_energy_bounds_eV_per_atom=None,
        e_above_hull_eV_per_atom=0.001,
        e_above_hull_bounds_eV_per_atom=None,
        stable=False,
    )
    rivals = CompetitionResult(
        e_above_hull_eV_per_atom=0.0,
        e_above_hull_std_eV_per_atom=None,
        decomposition_energy_eV_per_atom=-0.5,
        decomposition_energy_std_eV_per_atom=None,
        probability_stable=None,
        reaction="LiCl -> Li + Cl",
        products={"Li": 0.5, "Cl": 0.5},
        untrained_products=[],
    )
    entries = [
        PhaseEntry(
            composition=PLACE,
            source_key=source,
            source_index=0,
            n_atoms=2,
            energy_eV=-8.0,
            formation_energy_eV_per_atom=0.0,
            e_above_hull_eV_per_atom=0.0,
            stable=True,
            lowest=True,
            degeneracy=4,
            free_energies=[free],
            competition=rivals,
        )
        for source in sources
    ]
    return PhaseDiagramDoc(key="p", model_key="m", potential=POTENTIAL, end_members=[PLACE], entries=entries)


@pytest.fixture
def ask(database, monkeypatch):
    """Function that runs a command of the package on a fresh database."""

    @contextmanager
    def opened(_project):
        yield database, SuperionicSettings()

    for module in (query, results):
        monkeypatch.setattr(module, "open_project", opened)

    def run(*arguments):
        return CliRunner().invoke(app, [str(word) for word in arguments])

    return run


def test_rows_as_csv_with_chosen_columns_and_order(ask, database):
    outputs = mongo_database(database)["outputs"]
    outputs.insert_many([_stored("a"), _stored("b", energy_eV=-9.0), _stored("c", energy_eV=None, accepted=False)])
    assert ask("build").exit_code == 0
    done = ask("query", "labels", "--sort", "energy_eV", "--csv", "--columns", "key, energy_eV,warnings")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["key"], row["energy_eV"], row["warnings"]) for row in rows] == [
        ("b", "-9.0", "[]"),
        ("a", "-8.0", "[]"),
        ("c", "", "[]"),
    ]
    everything = next(csv.reader(io.StringIO(ask("query", "labels", "--csv").stdout)))
    assert {"max_force_eV_per_A", "build_reason"} <= set(everything)


def test_mistakes_are_named(ask):
    for arguments, message in (
        (("labels", "-w", "acepted=true"), "accepted"),
        (("labels", "--sort", "energy"), "energy_eV"),
        (("lineage",), "needs a KEY"),
        (("cost", "-w", "a=b"), "no filters"),
        (("why", "nothing"), "no document has the key"),
    ):
        done = ask("query", *arguments)
        assert message in str(done.exception), arguments


def test_hulls_show_temperatures_and_competitors_and_write_entries(ask, database, tmp_path):
    outputs = mongo_database(database)["outputs"]
    outputs.insert_many([_as_output(doc) for doc in (_ground_state("a"), _ground_state("b"), _phase_diagram("a", "b"))])
    assert ask("build").exit_code == 0
    rows = json.loads(ask("query", "hulls", "--json").stdout)
    assert {row["source_key"]: row["e_above_hull_300K_eV_per_atom"] for row in rows} == {"a": 0.001, "b": 0.001}
    table = ask("query", "hulls", "--csv", "--columns", "formula,degeneracy,decomposition").stdout
    assert next(csv.DictReader(io.StringIO(table))) == {
        "formula": "LiCl",
        "degeneracy": "4",
        "decomposition": "LiCl -> Li + Cl",
    }
    file = tmp_path / "entries.json"
    done = ask("query", "hulls", "-w", "source_key=b", "--entries", file)
    assert done.exit_code == 0, done.exception
    assert "1 ground states" in done.stderr
    (entry,) = loadfn(file)
    assert (entry.entry_id, entry.energy, entry.data["e_above_hull_eV_per_atom"]) == ("b:0", -8.0, 0.0)
    assert entry.structure.composition.reduced_formula == "LiCl"
    assert "no entries" in str(ask("query", "models", "--entries", file).exception)
    assert "no hull matches" in str(ask("query", "hulls", "-w", "source_key=c", "--entries", file).exception)


def test_failed_rows_and_orphans_are_shown_and_dealt_with(ask, database):
    outputs = mongo_database(database)["outputs"]
    broken = _stored("a")
    broken["output"]["energy_eV"] = "nonsense"
    outputs.insert_many([broken, _stored("b")])
    done = ask("build")
    assert "labels a: ValidationError" in done.stderr
    assert "--retry-failed" in done.stderr
    outputs.update_one({"uuid": "job a"}, {"$set": {"output.energy_eV": -1.0}})
    outputs.delete_one({"uuid": "job b"})
    counts = json.loads(ask("build", "--retry-failed", "--json").stdout)["labels"]
    assert (counts["built"], counts["failed"], counts["orphans"]) == (1, 0, 1)
    assert mongo_database(database)["labels"].find_one({"key": "a"})["build_reason"] == "failed before"
    ask("build", "--delete-orphans")
    assert mongo_database(database)["labels"].distinct("key") == ["a"]


def test_watching_builds_what_arrives_and_survives_an_outage(ask, database, monkeypatch):
    outputs, real = mongo_database(database)["outputs"], results.build_collections
    events = iter(["document", "outage", "document", "end"])
    pauses, sleep = [], time.sleep

    def away(*_arguments, **_options):
        monkeypatch.setattr(results, "build_collections", real)
        raise ConnectionFailure("no server")

    def pause(duration):
        if duration != 90:  # the driver's
            return sleep(duration)
        pauses.append(duration)
        match next(events):
            case "document":
                outputs.insert_one(_stored(str(len(pauses))))
            case "outage":
                monkeypatch.setattr(results, "build_collections", away)
            case "end":
                raise KeyboardInterrupt
        return None

    monkeypatch.setattr(results.time, "sleep", pause)
    done = ask("build", "--watch", "1.5m")
    assert pauses == [90.0] * 4
    assert "trying again" in done.stderr
    assert mongo_database(database)["labels"].distinct("key") == ["1", "3"]
