"""The real custodian around the stand-in: every fault ends as the table of the documentation says."""

import json
import os
import sys
import warnings

import pytest

from superionic.labelling.fake_vasp import write_synthetic_potcars
from superionic.labelling.fake_vasp.faults import Fault

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]
custodian = pytest.importorskip("custodian.custodian")

OK, NO_CURE, WORN_OUT, INVALID, EXIT = (
    "completed",
    "NonRecoverableError",
    "MaxCorrectionsPerJobError",
    "ValidationError",
    "ReturnCodeError",
)
COMMAND = [sys.executable, "-m", "superionic.labelling.fake_vasp"]


def standard_handlers(subset=None):
    from custodian.vasp.handlers import FrozenJobErrorHandler, StdErrHandler, UnconvergedErrorHandler, VaspErrorHandler

    return [
        VaspErrorHandler(errors_subset_to_catch=subset),
        UnconvergedErrorHandler(),
        StdErrHandler(),
        FrozenJobErrorHandler(timeout=1),
    ]


def run_custodian(folder, monkeypatch, faults, handlers=None, **environment):
    """Name of the end, and the changes that custodian made."""
    from custodian.vasp.jobs import VaspJob
    from custodian.vasp.validators import VaspFilesValidator, VasprunXMLValidator

    for name, value in {"FAULTS": faults, "LIMIT_SECONDS": "20", **environment}.items():
        monkeypatch.setenv(f"SUPERIONIC_FAKE_VASP_{name}", str(value))
    monkeypatch.chdir(folder)
    boss = custodian.Custodian(
        standard_handlers() if handlers is None else handlers,
        [VaspJob(COMMAND, auto_npar=False)],
        validators=[VasprunXMLValidator(), VaspFilesValidator()],
        max_errors=5,
        polling_time_step=0.2,
        monitor_freq=1,
    )
    end = OK
    try:
        boss.run()
    except custodian.CustodianError as error:
        end = type(error).__name__
    log = json.loads((folder / "custodian.json").read_text())
    changes = {}
    for entry in log[-1]["corrections"]:
        for action in entry["actions"] or []:
            changes |= action["action"].get("_set", {"deleted": action.get("file")})
    return end, changes


TABLE = {
    "ok": (OK, {}),
    "unconverged": (OK, {"ISTART": 1, "ALGO": "Normal", "NELMDL": -6}),
    "unconverged_always": (WORN_OUT, {"ALGO": "Normal", "ISEARCH": 1}),
    "subspace": (NO_CURE, {}),
    "edddav": (OK, {"deleted": "CHGCAR"}),
    "zbrent": (OK, {"EDIFF": 1e-6, "NELMIN": 8}),
    "brmix": (OK, {"IMIX": 1}),
    "eddrmm": (OK, {"POTIM": 0.25}),
    "grad_not_orth": (OK, {"ALGO": "Normal"}),
    "algo_tet": (NO_CURE, {}),
    "zpotrf": (OK, {"ISYM": 0}),
    "real_optlay": (NO_CURE, {}),
    "too_few_bands": (NO_CURE, {}),
    "ibzkpt": (OK, {"ISYM": 0}),
    "metal": (OK, {}),
    "truncated": (INVALID, {}),
    "crash": (INVALID, {}),
    "frozen": (NO_CURE, {}),
    "hang": (NO_CURE, {}),
    "slow": (OK, {}),
    "soft_stop": (OK, {}),
    "hard_stop": (OK, {}),
    "no_forces": (OK, {}),
    "no_stress": (OK, {}),
    "nan_forces": (OK, {}),
}


@pytest.mark.parametrize("fault", sorted(TABLE))
def test_fault_ends_as_documented(folder, monkeypatch, fault):
    handlers = None
    if fault == "slow":  # one second per step would count as frozen here
        handlers = standard_handlers()[:3]
    end, changes = run_custodian(folder, monkeypatch, fault, handlers)
    wanted_end, wanted = TABLE[fault]
    assert end == wanted_end
    assert {tag: changes.get(tag) for tag in wanted} == wanted
    assert bool(changes) == bool(wanted)


def test_table_covers_every_fault():
    assert set(Fault) == {*TABLE, "wall_time"}  # that one needs a handler of its own, below


def test_faults_survive_the_files_that_custodian_saves(folder, monkeypatch):
    end, changes = run_custodian(folder, monkeypatch, "edddav,brmix,unconverged,ok")
    assert end == OK
    assert {"deleted", "IMIX", "NELMDL"} <= set(changes)
    assert json.loads((folder / "superionic-fake-vasp.json").read_text()) == ["edddav", "brmix", "unconverged", "ok"]


@pytest.mark.parametrize(("by_step", "steps", "stopped"), [(False, 15, True), (True, 3, False)])
def test_wall_time_handler_stops_the_run(folder, monkeypatch, by_step, steps, stopped):
    from custodian.vasp.handlers import WalltimeHandler
    from pymatgen.io.vasp import Outcar, Vasprun

    monkeypatch.delenv("CUSTODIAN_WALLTIME_START", raising=False)
    handler = WalltimeHandler(wall_time=301, buffer_time=300, electronic_step_stop=by_step)
    end, _ = run_custodian(folder, monkeypatch, "wall_time", [handler])
    os.environ.pop("CUSTODIAN_WALLTIME_START", None)
    assert end == OK
    run = Vasprun(folder / "vasprun.xml", parse_potcar_file=False)
    assert run.converged
    assert len(run.ionic_steps[-1]["electronic_steps"]) == steps
    assert Outcar(folder / "OUTCAR").is_stopped is stopped


def test_wall_time_without_a_handler_ends_as_a_killed_run(folder, monkeypatch):
    assert run_custodian(folder, monkeypatch, "wall_time", [], LIMIT_SECONDS=1)[0] in {EXIT, INVALID}


def test_real_input_set_and_task_document(tmp_path, rock_salt, monkeypatch):
    """Input by atomate2 from sorted and unsorted structures, output by emmet."""
    import subprocess

    from atomate2.vasp.sets.core import StaticSetGenerator
    from emmet.core.tasks import TaskDoc

    write_synthetic_potcars(tmp_path / "potcars", ["Li_sv", "Cl"])
    monkeypatch.setattr("pymatgen.io.vasp.inputs.SETTINGS", {"PMG_VASP_PSP_DIR": str(tmp_path / "potcars")})
    tags = {"METAGGA": "SCAN", "GGA": None, "ALGO": "All", "ISMEAR": 0, "SIGMA": 0.05, "KSPACING": 0.4, "ISPIN": 1}
    tags |= {"NSW": 0, "IBRION": -1, "LASPH": True}
    for potcars in ("PBE_54", "PBE_64"):
        folder = tmp_path / potcars
        generator = StaticSetGenerator(user_incar_settings=tags, user_potcar_functional=potcars, auto_ismear=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            generator.get_input_set(rock_salt, potcar_spec=False).write_input(folder)
            subprocess.run(COMMAND, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            document = TaskDoc.from_directory(folder)
        calculation = document.calcs_reversed[0]
        assert document.state == "successful"
        assert document.run_type == "SCAN"
        assert document.task_type == "Static"
        assert calculation.vasp_version == "0.0.fake"
        assert calculation.output.bandgap == pytest.approx(5.0)
        assert calculation.output.outcar["is_stopped"] is False
        assert [spec.titel.split()[1] for spec in calculation.input.potcar_spec] == ["Li_sv", "Cl"]
        step = calculation.output.ionic_steps[-1]
        assert document.output.energy - step.e_fr_energy == pytest.approx(0.004, abs=1e-6)
        assert len(step.forces) == 8
