"""A campaign with a polymorph on the real parts: one model for both structures, both on the hull, MD of both."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from superionic.database.stores import mongo_database, open_database
from superionic.spec_io import read_yaml

pytestmark = pytest.mark.integration
SMALL = Path(__file__).with_name("small.yaml")
LABELS = ("x=1,y=0", "x=1,y=1", "x=0,y=1", "x=1,y=0 (ordered)")
# Li3InCl6 as published: Li on 4h and 2d, where the host has 4g and 4h
ORDERED = {
    "at": {"x": 1, "y": 0},
    "host": {
        "space_group": "C2/m",
        "formula_units": 2,
        "cell": {"a": 6.43, "b": 11.09, "c": 6.40, "beta": 109.8},
        "sites": [
            {"sublattice": "In", "position": [0, 0, 0]},
            {"sublattice": "Li", "position": [0, "1/6", "1/2"], "label": "4h"},
            {"sublattice": "Li", "position": [0, "1/2", "1/2"], "label": "2d"},
            {"sublattice": "Cl", "position": [0.25, 0.16, 0.24]},
            {"sublattice": "Cl", "position": [0.25, 0, 0.76]},
        ],
    },
    "sublattices": {"In": {"In": 1}, "Li": {"Li": 1}, "Cl": {"Cl": 1}},
    "transport": True,
}


def superionic(folder, *arguments):
    command = [sys.executable, "-m", "superionic", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("polymorphs")
    data, _ = read_yaml(SMALL)
    data["polymorphs"], data["training"]["learning_curve"] = {"ordered": ORDERED}, []
    data["transport"]["temperatures_K"] = [800]
    with (folder / "campaign.yaml").open("w") as file:
        YAML().dump(data, file)
    done = superionic(folder, "run", "campaign.yaml", "-o", "report.html", "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    yield folder, json.loads(done.stdout)
    superionic(folder, "db", "stop")


def test_the_polymorph_goes_through_every_stage_beside_its_grid_point(campaign):
    folder, _ = campaign
    with open_database(folder, "local") as choice:
        found = [row["output"] for row in mongo_database(choice)["outputs"].find({"output.key": {"$exists": True}})]
    kinds = Counter((doc["@class"], (doc.get("composition") or {}).get("label")) for doc in found)
    for kind in ("OrderingSetDoc", "ScreeningDoc", "SamplingSetDoc", "GroundStateDoc"):
        assert [kinds[kind, label] for label in LABELS] == [1, 1, 1, 1]
    for kind in ("TrajectoryDoc", "DiffusionDoc", "ConductivityDoc", "PathwayDoc"):
        assert [kinds[kind, label] for label in LABELS] == [1, 0, 0, 1]
    (dataset,) = (doc for doc in found if doc["@class"] == "DatasetDoc")
    assert set(dataset["counts_by_composition"]) == set(LABELS)
    assert kinds["ModelDoc", None] == 1


def test_energies_differ_and_the_lower_structure_is_the_reference(campaign):
    folder, _ = campaign
    rows = json.loads(superionic(folder, "query", "hulls", "--json").stdout)
    of = {row["polymorph"]: row for row in rows if row["formula"] == "Li3InCl6"}
    difference = of["ordered"]["energy_difference_eV_per_atom"]
    assert difference == pytest.approx(
        of["ordered"]["formation_energy_eV_per_atom"] - of[None]["formation_energy_eV_per_atom"]
    )
    assert of["ordered"]["reference_energy_difference_eV_per_atom"] is not None
    assert min(row["e_above_hull_eV_per_atom"] for row in of.values()) == 0
    assert abs(difference) == pytest.approx(max(row["e_above_hull_eV_per_atom"] for row in of.values()))


def test_conductivities_are_told_apart(campaign):
    folder, result = campaign
    table = superionic(folder, "query", "conductivities", "--columns", "formula,polymorph").stdout
    assert "ordered" in table
    rows = json.loads(superionic(folder, "query", "composition", "Li3InCl6", "--json").stdout)
    assert {row["polymorph"] for row in rows} == {None, "ordered"}
    assert len({row["key"] for row in rows}) == 2
    assert None not in {row["e_above_hull_eV_per_atom"] for row in result["results"]}
    assert [(row["formula"], row["polymorph"]) for row in result["results"]] == [
        ("Li3InCl6", None),
        ("Li3InBr6", None),
        ("Li3YBr6", None),
        ("Li3InCl6", "ordered"),
    ]


def test_the_report_names_the_polymorph_and_the_difference(campaign):
    folder, _ = campaign
    page = (folder / "report.html").read_text()
    assert "Li<sub>3</sub>InCl<sub>6</sub> (ordered)" in page
    assert "Polymorphs" in page
