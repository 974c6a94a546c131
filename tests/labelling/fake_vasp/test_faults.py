"""Faults come in the order of the list, one per run, or to the structures that the fault file names."""

import json

import pytest

from superionic.labelling.fake_vasp.faults import Fault, next_fault, parse_faults, planned_faults
from superionic.labelling.fake_vasp.inputs import InputFileError, Inputs, Poscar, read_inputs, read_poscar


def sequence(folder, text, n, incar=None):
    return [next_fault(folder, parse_faults(text), incar or {}).value for _ in range(n)]


def test_one_fault_per_run_then_ok(tmp_path):
    assert sequence(tmp_path, "edddav, ok,crash", 5) == ["edddav", "ok", "crash", "ok", "ok"]


def test_unconverged_always_stays(tmp_path):
    assert sequence(tmp_path, "ok,unconverged_always,ok", 4) == [
        "ok",
        "unconverged_always",
        "unconverged_always",
        "unconverged_always",
    ]


def test_condition_on_a_tag(tmp_path):
    planned = parse_faults("unconverged_always@ALGO=All")
    tags = [{"ALGO": "All"}, {"ALGO": "Normal"}, {"ALGO": "all"}]
    assert [next_fault(tmp_path, planned, incar).value for incar in tags] == [
        "unconverged_always",
        "ok",
        "unconverged_always",
    ]


def test_unknown_fault_names_the_known_ones():
    with pytest.raises(InputFileError, match=r"'edav'.*choose from ok, unconverged"):
        parse_faults("ok,edav")


def test_fault_file_by_hash_of_the_structure(folder, tmp_path, fill, rock_salt_arrays):
    inputs = read_inputs(folder)
    file = tmp_path / "faults.json"
    file.write_text(json.dumps({"structures": {inputs.poscar.content_hash[:10]: "zbrent,ok"}}))
    environment = {"SUPERIONIC_FAKE_VASP_FAULT_FILE": str(file)}
    assert [item.fault for item in planned_faults(environment, inputs)] == [Fault.ZBRENT, Fault.OK]
    cell, runs, fractions = rock_salt_arrays
    other = read_inputs(fill(tmp_path / "other", cell, runs, fractions + 0.01))
    assert planned_faults(environment, other) == []
    environment["SUPERIONIC_FAKE_VASP_FAULTS"] = "crash"
    assert [item.fault for item in planned_faults(environment, inputs)] == [Fault.CRASH]


def test_hash_ignores_comment_and_lattice_translations(folder):
    text = (folder / "POSCAR").read_text()
    lines = text.splitlines()
    first = [float(word) for word in lines[8].split()[:3]]
    lines[0], lines[8] = "another comment", f"{first[0] + 1:.12f} {first[1] - 2:.12f} {first[2]:.12f}"
    assert read_poscar("\n".join(lines)).content_hash == read_poscar(text).content_hash
    lines[8] = f"{first[0] + 0.001:.12f} {first[1]:.12f} {first[2]:.12f}"
    assert read_poscar("\n".join(lines)).content_hash != read_poscar(text).content_hash


def test_fractions_are_kept_and_repeatable(tmp_path, rock_salt_arrays):
    file = tmp_path / "faults.json"
    environment = {"SUPERIONIC_FAKE_VASP_FAULT_FILE": str(file)}
    cell, runs, fractions = rock_salt_arrays

    def drawn(seed):
        file.write_text(json.dumps({"seed": seed, "fractions": {"unconverged,ok": 0.3, "crash": 0.1}}))
        crystals = (Poscar(cell, fractions + number * 1e-4, runs) for number in range(400))
        planned = (planned_faults(environment, Inputs({}, crystal, [], (1, 1, 1))) for crystal in crystals)
        return [tuple(item.fault for item in faults) for faults in planned]

    first = drawn(1)
    assert 90 < first.count((Fault.UNCONVERGED, Fault.OK)) < 150
    assert 22 < first.count((Fault.CRASH,)) < 60
    assert first.count(()) > 200
    assert drawn(1) == first
    assert drawn(2) != first


def test_unreadable_fault_file_is_named(folder):
    environment = {"SUPERIONIC_FAKE_VASP_FAULT_FILE": str(folder / "POSCAR")}
    with pytest.raises(InputFileError, match="POSCAR"):
        planned_faults(environment, read_inputs(folder))
