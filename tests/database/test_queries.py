"""Questions to a real server, with rows as the builders make them."""

import pytest

from superionic.database.filters import find_rows, parse_conditions
from superionic.database.indexes import ensure_indexes
from superionic.database.queries import (
    best_conductors,
    conductivities_of,
    cost_by_stage,
    dependents,
    explain,
    lineage,
    refusals,
    to_frame,
)
from superionic.database.stores import job_store, mongo_database
from superionic.errors import InputError


def test_conditions_become_filters():
    found = parse_conditions(["verdict=ok", "x >= 0.5", "x<1", "accepted=true", "formula~In(", "composition=x=0.5"])
    assert found == {
        "verdict": {"$eq": "ok"},
        "x": {"$gte": 0.5, "$lt": 1.0},
        "accepted": {"$eq": True},
        "formula": {"$regex": r"In\("},
        "composition": {"$eq": "x=0.5"},
    }


def test_keys_and_quoted_values_stay_text():
    found = parse_conditions(["model_key=12e4", "spec_keys=none1", 'message="7"'])
    assert [rule["$eq"] for rule in found.values()] == ["12e4", "none1", "7"]


def test_times_are_times():
    (rule,) = parse_conditions(["last_updated>2026-11-28T12:00+02:00"]).values()
    assert rule["$gt"].isoformat() == "2026-11-28T10:00:00"


@pytest.mark.parametrize(
    ("text", "message"),
    [("verdict", "not understood"), ("verdikt=ok", "verdict"), ("built_at>soon", "no time")],
)
def test_bad_conditions_are_explained(text, message):
    with pytest.raises(InputError, match=message):
        parse_conditions([text], ["verdict", "built_at"])


def _conductivity(key, formula, model, sigma, **changes):
    row = {
        "key": key,
        "state": "successful",
        "formula": formula,
        "composition": formula,
        "model_key": model,
        "level_of_theory": "SCAN",
        "conductivity_at_reference_S_per_cm": sigma,
        "conductivity_at_reference_95_low_S_per_cm": None,
        "conductivity_at_reference_95_high_S_per_cm": None,
        "reference_temperature_K": 300.0,
        "activation_energy_eV": 0.3,
        "activation_energy_std_eV": 0.01,
        "verdict": "ok",
    }
    return row | changes


@pytest.fixture
def results(database):
    """Two models and four compositions; the second model has no phase diagram."""
    documents = mongo_database(database)
    documents["conductivities"].insert_many(
        [
            _conductivity("a", "Li3InCl6", "m1", 1e-3),
            _conductivity("b", "Li3YCl6", "m1", 5e-3),
            _conductivity("c", "Li3YBr6", "m1", 9e-3),  # best of all, and unstable
            _conductivity("d", "Li3InBr6", "m1", None, verdict="too_few_hops"),
            _conductivity("e", "Li3YCl6", "m2", 7e-3, level_of_theory="PBE"),
            {"key": "f", "state": "failed", "error": "broken"},
        ]
    )
    hulls = {"Li3InCl6": 0.0, "Li3YCl6": 0.02, "Li3YBr6": 0.2, "Li3InBr6": 0.0}
    phases = [{"formula": formula, "e_above_hull_eV_per_atom": energy} for formula, energy in hulls.items()]
    documents["phase_diagrams"].insert_one({"key": "p", "model_key": "m1", "phases": phases})
    return documents


@pytest.mark.integration
def test_best_conductors_are_stable_by_the_same_model(results):
    best = best_conductors(results["conductivities"], results["phase_diagrams"], 0.05)
    assert [(row.key, row.e_above_hull_eV_per_atom) for row in best] == [("b", 0.02), ("a", 0.0)]
    assert {row.phase_diagram_key for row in best} == {"p"}
    wider = best_conductors(
        results["conductivities"], results["phase_diagrams"], 0.5, ["conductivity_at_reference_S_per_cm>0.002"]
    )
    assert [row.key for row in wider] == ["c", "b"]
    assert list(to_frame(best)["formula"]) == ["Li3YCl6", "Li3InCl6"]


@pytest.mark.integration
def test_polymorphs_have_their_own_place_above_the_hull(results):
    twin = _conductivity("g", "Li3YCl6", "m1", 8e-3, polymorph="trigonal", composition="Li3YCl6 (trigonal)")
    results["conductivities"].insert_one(twin)
    phase = {"formula": "Li3YCl6", "polymorph": "trigonal", "e_above_hull_eV_per_atom": 0.03}
    results["phase_diagrams"].update_one({"key": "p"}, {"$push": {"phases": phase}})
    found = best_conductors(results["conductivities"], results["phase_diagrams"], 0.05)
    assert [(row.key, row.polymorph, row.e_above_hull_eV_per_atom) for row in found[:2]] == [
        ("g", "trigonal", 0.03),
        ("b", None, 0.02),
    ]
    both = conductivities_of(results["conductivities"], results["phase_diagrams"], "Li3YCl6", ["model_key=m1"])
    assert {row.polymorph for row in both} == {None, "trigonal"}


@pytest.mark.integration
def test_a_composition_is_found_however_it_is_written(results):
    rows = conductivities_of(results["conductivities"], results["phase_diagrams"], "Y2Li6Cl12")
    assert [(row.level_of_theory, row.model_key) for row in rows] == [("PBE", "m2"), ("SCAN", "m1")]
    assert rows[0].e_above_hull_eV_per_atom is None
    with pytest.raises(InputError, match="Li3InBr6, Li3InCl6"):
        conductivities_of(results["conductivities"], results["phase_diagrams"], "NaCl")


@pytest.mark.integration
def test_rows_without_a_number_come_last_in_either_order(results):
    field = "conductivity_at_reference_S_per_cm"
    for sort, first in ((field, "a"), (f"-{field}", "c")):
        rows = find_rows(results["conductivities"], sort=sort)
        assert rows[0]["key"] == first
        assert {row["key"] for row in rows[-2:]} == {"d", "f"}
        assert "_lacks" not in rows[0]


@pytest.mark.integration
def test_refusals_count_by_cause_and_level(database):
    labels = mongo_database(database)["labels"]
    causes = [None, None, None, "not_converged", "not_converged", "wrong_spin"]
    shared = {"state": "successful", "level_of_theory": "SCAN", "message": "why", "folder": "/f"}
    labels.insert_many([shared | {"key": str(n), "refusal": cause} for n, cause in enumerate(causes)])
    counts = refusals(labels)
    assert [(c.refusal, c.n_labels, round(c.share, 3)) for c in counts] == [
        ("not_converged", 2, 0.333),
        ("wrong_spin", 1, 0.167),
    ]
    assert (counts[1].example_key, counts[1].example_message) == ("5", "why")


def _output(key, kind, parents=(), *, day=1, stage="md", reused=None, software="1"):
    return {
        "uuid": f"{key}-{day}",
        "index": 1,
        "name": kind,
        "completed_at": f"2030-01-0{day}T00:00:00",
        "metadata": {"campaign": "camp", "stage": stage},
        "output": {
            "@class": kind,
            "key": key,
            "parents": list(parents),
            "schema_version": 1,
            "composition": {"label": "x=1", "formula": "Li3InCl6"},
            "software": {"torch": software},
            "resources": {"wall_time_s": 10.0, "cpu_time_s": 4.0},
            "reused_from": reused,
        },
    }


@pytest.fixture
def outputs(database):
    """A label, two models of it, an MD run of each; the first run was taken over once."""
    ensure_indexes(job_store(database))
    collection = mongo_database(database)["outputs"]
    collection.insert_many(
        [
            _output("label", "LabelDoc", stage="labelling"),
            _output("label2", "LabelDoc", stage="labelling", day=2),
            _output("model1", "ModelDoc", ["label"], stage="training"),
            _output("model2", "ModelDoc", ["label", "label2"], stage="training", day=3),
            _output("run1", "TrajectoryDoc", ["model1"]),
            _output("run1", "TrajectoryDoc", ["model1"], day=2, reused="run1-1"),
            _output("run2", "TrajectoryDoc", ["model2"], day=4, software="2"),
            _output("run3", "TrajectoryDoc", ["model2"], day=5, software="2"),
        ]
    )
    return collection


@pytest.mark.integration
def test_lineage_goes_both_ways(outputs):
    assert [(node.key, node.depth) for node in lineage(outputs, "run1")] == [("run1", 0), ("model1", 1), ("label", 2)]
    down = dependents(outputs, "label")
    assert down[0].key == "label"
    assert {(node.key, node.depth) for node in down[1:]} == {
        ("model1", 1),
        ("model2", 1),
        ("run1", 2),
        ("run2", 2),
        ("run3", 2),
    }
    with pytest.raises(InputError, match="2 documents"):
        dependents(outputs, "mod")


@pytest.mark.integration
def test_why_names_what_differs(outputs):
    changed = explain(outputs, "run2")
    assert changed.earlier_key == "run1"
    assert "ModelDoc model1 became ModelDoc model2" in changed.reasons[0]
    assert "torch 1 to 2" in changed.reasons[1]
    assert "same, so its settings" in explain(outputs, "run3").reasons[0]
    first = explain(outputs, "run1")
    assert "first of its class" in first.reasons[0]
    assert "1 later jobs took it over" in first.reasons[1]
    assert [copy.reused_from for copy in first.copies] == ["", "run1-1"]


@pytest.mark.integration
def test_cost_counts_reused_results_once(outputs):
    costs = {cost.stage: cost for cost in cost_by_stage(outputs, "cam")}
    assert (costs["md"].n_computed, costs["md"].n_reused, costs["md"].wall_time_s) == (3, 1, 30.0)
    assert costs["labelling"].cpu_time_s == 8.0
    assert cost_by_stage(outputs, "other") == []


@pytest.mark.integration
def test_walks_use_indexes(outputs):
    for query in ({"output.parents": {"$in": ["label"]}}, {"metadata.campaign": {"$regex": "^camp"}}):
        plan = outputs.find(query).explain()["queryPlanner"]["winningPlan"]
        assert "COLLSCAN" not in str(plan)
