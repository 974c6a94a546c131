import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from superionic.cli.enumerate import _static_energies
from superionic.cli.main import app
from superionic.errors import InputError
from superionic.ordering import enumerate_orderings
from superionic.ordering.composition import grid_cell
from superionic.provenance import derived_seed
from superionic.spec import ElectrolyteSpec

WORKFLOWS = Path(__file__).parents[2] / "workflows"
SPEC = WORKFLOWS / "quickstart.yaml"
CIF = """data_li3inbr6
_symmetry_space_group_name_H-M 'C 2/m'
_cell_length_a 6.90
_cell_length_b 11.93
_cell_length_c 6.84
_cell_angle_alpha 90
_cell_angle_beta 109.8
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
In1 In 0 0 0 1
Li1 Li 0 0.335 0 0.754(3)
Li2 Li 0 0.163 0.5 0.746(3)
Br1 Br 0.246 0 0.763 1
Br2 Br 0.244 0.160 0.241 1
"""


def enumerate_(*arguments):
    return CliRunner().invoke(app, ["enumerate", *map(str, arguments)])


def as_json(*arguments):
    result = enumerate_(*arguments, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


@pytest.fixture
def cif(tmp_path):
    file = tmp_path / "li3inbr6.cif"
    file.write_text(CIF)
    return file


def test_orderings_are_those_of_the_campaign():
    found = as_json(SPEC, "--at", "x=0.5,y=0.5", "--max", 7)
    spec = ElectrolyteSpec.from_file(SPEC)
    cell = grid_cell(spec, spec.point({"x": 0.5, "y": 0.5}))
    seed = derived_seed(spec.seed, "ordering", cell.info.label)
    expected = enumerate_orderings(cell.structure, cell.supercells, 7, seed=seed)
    (composition,) = found["compositions"]
    assert [row["energy_eV"] for row in composition["orderings"]] == expected.energies_eV.tolist()
    assert [row["multiplicity"] for row in composition["orderings"]] == expected.multiplicities.tolist()
    assert (composition["count_distinct"], composition["count_raw"]) == (6672, 51_744)
    assert found["spec_key"] == spec.key
    assert composition["axes"] == {"x": "1/2", "y": "1/2"}


def test_whole_grid_with_files(tmp_path):
    result = enumerate_(SPEC, "--max", 2, "-o", tmp_path / "out", "--rows", 1)
    assert result.exit_code == 0, result.exception
    folders = sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir())
    assert folders == ["x=0,y=1", "x=0.5,y=0.5", "x=0.5,y=1", "x=1,y=0", "x=1,y=1"]
    assert len(list((tmp_path / "out").glob("*/000*.cif"))) == 10
    overview = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [c["formula"] for c in overview["compositions"]][:2] == ["Li3InCl6", "Li3InBr6"]
    assert "10 distinct" in result.stdout
    assert "the first 1 of 2" in result.stdout


def test_points_between_those_of_the_grid():
    found = as_json(WORKFLOWS / "lpgso.yaml", "--at", "x=1/3", "--auto", "--max", 2)
    (composition,) = found["compositions"]
    assert composition["axes"] == {"x": "1/3"}
    assert composition["orderings"][0]["n_atoms"] == 3 * (32 + 4 / 3)


def test_supercells_of_the_command_line_replace_those_of_the_spec():
    found = as_json(SPEC, "--at", "x=0.5,y=1", "--supercell", "1x1x2", "--supercell", "1,1,0;0,1,0;0,0,1", "--max", 1)
    assert found["compositions"][0]["supercells"] == ["1x1x2", "1,1,0;0,1,0;0,0,1"]


def test_settings_reach_the_enumeration():
    found = as_json(
        SPEC, "--at", "x=0.5,y=0.5", "--max", 6, "--per-pattern", 3, "--decorations", "diverse", "--seed", 4
    )
    (composition,) = found["compositions"]
    assert [row["charge_pattern_id"] for row in composition["orderings"]] == [0, 0, 0, 1, 1, 1]
    assert composition["settings"]["decorations"] == "diverse"
    assert composition["settings"]["seed"] == derived_seed(4, "ordering", "x=0.5,y=0.5")
    per_orbit = as_json(SPEC, "--at", "x=1,y=1", "--per-orbit")["compositions"][0]
    assert per_orbit["count_raw"] == 16


@pytest.mark.integration
def test_a_potential_ranks_the_decorations():
    options = ("--at", "x=0.5,y=1", "--per-orbit", "--seed", 1)
    (ranked,) = as_json(SPEC, *options, "--max", 2, "--per-pattern", 1, "--rank", "superionic-mini")["compositions"]
    cell = grid_cell(ElectrolyteSpec.from_file(SPEC), ElectrolyteSpec.from_file(SPEC).point({"x": 0.5, "y": 1}))
    seed = derived_seed(1, "ordering", "x=0.5,y=1")
    energies = _static_energies("superionic-mini")
    call = {"max_orderings": 2, "per_pattern": 1, "merge_equal_orbits": False, "seed": seed}
    found = enumerate_orderings(cell.structure, **call, decorations="ranked", energy_function=energies)
    others = enumerate_orderings(cell.structure, **(call | {"per_pattern": 20, "max_orderings": 20}))
    assert [row["multiplicity"] for row in ranked["orderings"]] == found.multiplicities.tolist()
    assert energies(found.structures[:1])[0] < min(energies(others.structures)) + 1e-9
    assert "the given energy function" in ranked["tie_rule"]


def test_a_cif_needs_charges_and_realisable_occupancies(cif):
    for arguments, words in [
        ([], ["no formal charge", "--charges Li=1,In=3,Br=-1"]),
        (["--charges", "Li=1,In=3,Br=-1"], ["Li+ 0.754 -> 0.75 (3/4)", "--nearest"]),
    ]:
        result = enumerate_(cif, *arguments)
        assert isinstance(result.exception, InputError)
        assert all(word in str(result.exception) for word in words)


def test_the_nearest_composition_is_adopted_loudly(cif, tmp_path):
    result = enumerate_(cif, "--charges", "Li=1,In=3,Br=-1", "--nearest", "-o", tmp_path / "out", "--format", "extxyz")
    assert result.exit_code == 0, result.exception
    assert "CHANGED" in result.stderr
    assert "complete: nothing is left out" in result.stdout
    overview = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert "0.754 -> 0.75" in overview["occupancies_changed"]
    (composition,) = overview["compositions"]
    assert composition["count_distinct"] == len(composition["orderings"]) == 10
    assert composition["orderings"][0]["energy_eV"] == pytest.approx(-143.591769, abs=1e-6)
    assert (tmp_path / "out" / "Li3InBr6" / "orderings.extxyz").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([SPEC, "--at", "x=0.5"], "axes x, y"),
        ([SPEC, "--at", "x=0.5,y=q"], "--at x=0.5,y=q: 'q' is not a number"),
        ([SPEC, "--at", "x=0.5;y=1"], "not readable; write e.g. --at x=0.5,y=1/3"),
        ([SPEC, "--at", "x=0.1,y=0.1"], "violates the constraint"),
        ([SPEC, "--at", "x=1/3,y=1"], "2/3 In on M"),
        ([SPEC, "--auto", "--up-to", 2], "only one of"),
        ([SPEC, "--supercell", "1x2"], "three integers"),
        ([SPEC, "--charges", "Li=1"], "--charges means nothing for a spec"),
        (["my.cif", "--at", "x=1"], "--at means nothing for a CIF"),
        (["my.cif", "--charges", "Li=1"], "cannot be read"),
        (["my.cif", "--charges", "Li=one"], "could not convert"),
    ],
)
def test_mistakes_are_named(arguments, words):
    result = enumerate_(*arguments)
    assert isinstance(result.exception, InputError)
    assert words in str(result.exception)


def test_bad_input_ends_with_exit_code_2_and_no_traceback():
    command = [sys.executable, "-m", "superionic", "enumerate", str(SPEC), "--at", "x=2,y=1"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("superionic: --at x=2,y=1: ")
    assert "Traceback" not in result.stderr
