"""The smallest campaign with VASP labels: atomate2, custodian and the gate run for real, the stand-in is VASP."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
SPEC = Path(__file__).with_name("small.yaml")
LEVEL = "fake-vasp stand-in for SCAN (VASP)"


def superionic(folder, *arguments, **variables):
    command = [sys.executable, "-m", "superionic", *map(str, arguments)]
    environment = {**os.environ, "SUPERIONIC_MONGO_URI": "local", **variables}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=520, check=False
    )


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    pytest.importorskip("atomate2")
    from superionic.labelling.fake_vasp import write_synthetic_potcars

    folder = tmp_path_factory.mktemp("rehearsal")
    shutil.copy(SPEC, folder / "small.yaml")
    write_synthetic_potcars(folder / "potcars", [])
    program = folder / "fake_vasp.sh"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m superionic.labelling.fake_vasp "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (folder / "faults.json").write_text(json.dumps({"fractions": {"unconverged": 0.2, "edddav": 0.2}}))
    variables = {
        "ATOMATE2_VASP_CMD": str(program),
        "ATOMATE2_VASP_GAMMA_CMD": str(program),
        "PMG_VASP_PSP_DIR": str(folder / "potcars"),
        "SUPERIONIC_REHEARSAL": "1",
        "SUPERIONIC_FAKE_VASP_FAULT_FILE": str(folder / "faults.json"),
    }
    done = superionic(folder, "run", "small.yaml", "--labels", "vasp-scan", "-o", "report.html", "--json", **variables)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, json.loads(done.stdout)


def test_the_whole_campaign_runs_on_labels_that_carry_the_name_of_the_stand_in(rehearsal):
    folder, result = rehearsal
    labels = json.loads(superionic(folder, "query", "labels", "--json").stdout)
    assert len(labels) == 15
    assert {label["level_of_theory"] for label in labels} == {LEVEL}
    assert all(label["accepted"] for label in labels)
    (model,) = json.loads(superionic(folder, "query", "models", "-w", "train_fraction=1", "--json").stdout)
    assert model["level_of_theory"] == LEVEL
    assert {row["formula"] for row in result["results"]} == {"Li3InCl6", "Li3InBr6", "Li3YBr6"}
    assert LEVEL in (folder / "report.html").read_text()


def test_no_potcar_stays_and_none_is_in_the_report(rehearsal):
    folder, _ = rehearsal
    assert list((folder / ".superionic").rglob("POTCAR*")) == []
    assert "END of PSCTR" not in (folder / "report.html").read_text()
    assert superionic(folder, "db", "stop").returncode == 0
