"""Label engines at the command line: --labels, --retry, and what doctor says about them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from superionic.cli.label_checks import elements_of, label_checks
from superionic.cli.main import app
from superionic.cli.session import read_spec
from superionic.errors import InputError
from superionic.launch.labels import RefusedJob, count_refusals, parse_changes
from superionic.spec import ElectrolyteSpec
from superionic.stages import LabelEngine

QUICKSTART = Path(__file__).parents[2] / "workflows" / "quickstart.yaml"


def checks(changes=None, engine=LabelEngine.VASP_SCAN):
    data = read_spec(QUICKSTART, engine).model_dump(mode="json")
    data["labelling"].update(changes or {})
    return {check.name: check for check in label_checks(ElectrolyteSpec.from_data(data))}


def test_another_engine_makes_another_campaign():
    plain, other = read_spec(QUICKSTART), read_spec(QUICKSTART, LabelEngine.VASP_SCAN)
    assert plain.labelling.engine is LabelEngine.TEACHER_CHGNET_R2SCAN
    assert other.labelling.engine is LabelEngine.VASP_SCAN
    assert other.key != plain.key
    assert "--labels vasp-scan" in other.source
    assert read_spec(QUICKSTART, plain.labelling.engine).key == plain.key
    with pytest.raises(InputError, match="the engines are vasp-scan"):
        read_spec(QUICKSTART, "vasp")


def test_doctor_names_what_vasp_lacks(monkeypatch, tmp_path):
    monkeypatch.setenv("ATOMATE2_VASP_CMD", "no-such-program")
    monkeypatch.setenv("PMG_VASP_PSP_DIR", str(tmp_path))
    found = checks()
    assert found["VASP command"].failed
    assert "ATOMATE2_VASP_CMD" in found["VASP command"].remedy
    assert not found["PMG_VASP_PSP_DIR"].failed
    assert "POTCAR.Li_sv" in found["POTCAR of Li"].remedy
    assert found["labels: vasp-scan"].found == "SCAN (VASP)"
    assert "closed shells" in found["spin"].found
    assert found["custodian"].found.startswith("corrections 3, looks every 1 s")


def test_doctor_finds_command_and_potcars(monkeypatch, tmp_path):
    from superionic.labelling.fake_vasp import write_synthetic_potcars

    program = tmp_path / "vasp_std"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    write_synthetic_potcars(tmp_path / "potcars", [])
    monkeypatch.setenv("ATOMATE2_VASP_CMD", f"{program} --some-option")
    monkeypatch.setenv("PMG_VASP_PSP_DIR", str(tmp_path / "potcars"))
    found = checks()
    assert [name for name, check in found.items() if check.failed] == []
    assert found["POTCAR of Y"].found == "PAW_PBE Y_sv 01Jan2000"
    assert checks({"rehearsal": True})["rehearsal"].mark == "warning"


def test_doctor_refuses_a_spin_that_is_not_decided():
    spec = read_spec(QUICKSTART, LabelEngine.VASP_SCAN)
    assert elements_of(spec) == ["Br", "Cl", "In", "Li", "Y"]
    found = checks({"vasp": {"potcar": {"Li": "Li"}, "incar": {"METAGGA": "TPSS"}}})
    assert found["labels: vasp-scan"].failed


def test_changes_are_read_as_yaml():
    assert parse_changes(["ALGO=Normal NELM=200", "amix=0.1", "LSCALU=false"]) == {
        "ALGO": "Normal",
        "NELM": 200,
        "AMIX": 0.1,
        "LSCALU": False,
    }
    with pytest.raises(InputError, match="TAG=value"):
        parse_changes(["ALGO"])


def test_unknown_cause_is_bad_input(tmp_path):
    result = CliRunner().invoke(app, ["submit", str(QUICKSTART), "-C", str(tmp_path), "--retry", "tired"])
    assert isinstance(result.exception, InputError)
    assert "not_converged" in str(result.exception)


def test_refusals_are_counted_with_a_folder_where_there_is_one():
    jobs = [RefusedJob("1", "a", "crashed", "m", ""), RefusedJob("2", "b", "crashed", "n", "node:/x")]
    (count,) = count_refusals([*jobs])
    assert (count.cause, count.n_labels, count.folder) == ("crashed", 2, "node:/x")
    assert json.dumps(count.__dict__)


def test_export_of_nothing_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_MONGO_URI", "local")
    result = CliRunner().invoke(app, ["export", "dataset", "-C", str(tmp_path)])
    assert isinstance(result.exception, InputError)
    assert "superionic run SPEC" in str(result.exception)
