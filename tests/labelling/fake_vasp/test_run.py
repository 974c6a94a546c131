"""What a run leaves behind, read back by pymatgen."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from pymatgen.io.vasp import Oszicar, Outcar, Poscar, Vasprun

from superionic.labelling.fake_vasp.faults import MESSAGES, WARNINGS, Fault
from superionic.labelling.fake_vasp.inputs import InputFileError
from superionic.labelling.fake_vasp.outcar import HARD_STOP, KBAR_PER_EV_PER_A3
from superionic.labelling.fake_vasp.pair_model import evaluate
from superionic.labelling.fake_vasp.run import run_folder

pytestmark = pytest.mark.filterwarnings("ignore")


def read(folder):
    return Vasprun(folder / "vasprun.xml", parse_potcar_file=False)


def model(arrays):
    cell, runs, fractions = arrays
    return evaluate(cell, fractions @ cell, [symbol for symbol, count in runs for _ in range(count)])


def test_output_holds_the_model_and_names_the_program(folder, rock_salt_arrays, execute):
    code, said = execute(folder)
    assert code == 0
    assert "NOT VASP" in said
    run, wanted = read(folder), model(rock_salt_arrays)
    assert run.generator["program"].lower() == "fake-vasp"  # pymatgen changes the case
    assert run.vasp_version == "0.0.fake"
    assert run.run_type == "SCAN"
    assert run.converged
    step = run.ionic_steps[-1]
    assert step["e_fr_energy"] == pytest.approx(wanted.energy_eV, abs=1e-7)
    assert np.allclose(step["forces"], wanted.forces_eV_per_A, atol=1e-7)
    assert np.allclose(-np.array(step["stress"]) / KBAR_PER_EV_PER_A3, wanted.stress_eV_per_A3, atol=1e-9)
    assert run.eigenvalue_band_properties[0] == pytest.approx(5.0)
    assert np.allclose(Poscar.from_file(folder / "CONTCAR").structure.frac_coords, rock_salt_arrays[2], atol=1e-11)
    outcar = Outcar(folder / "OUTCAR")
    assert not outcar.is_stopped
    assert outcar.final_fr_energy == pytest.approx(wanted.energy_eV, abs=1e-7)
    assert "NOT VASP" in (folder / "OUTCAR").read_text()
    energies = [scf["E"] for scf in Oszicar(folder / "OSZICAR").electronic_steps[0]]
    assert abs(energies[-1] - energies[-2]) < 1e-5 < abs(energies[-2] - energies[-3])


def test_three_energies_differ_by_the_stated_entropy(folder, execute):
    execute(folder)
    step = read(folder).ionic_steps[-1]
    assert step["e_wo_entrp"] - step["e_fr_energy"] == pytest.approx(0.02 * 0.05 * 8, abs=1e-7)
    assert step["e_0_energy"] - step["e_fr_energy"] == pytest.approx(0.02 * 0.05 * 4, abs=1e-7)


def test_spin_is_written_for_both_channels(folder, execute):
    with (folder / "INCAR").open("a") as incar:
        incar.write("ISPIN = 2\nMAGMOM = 4*0.5 4*0.0\n")
    execute(folder)
    run = read(folder)
    assert len(run.eigenvalues) == 2
    assert run.incar["MAGMOM"] == [0.5] * 4 + [0.0] * 4
    assert Outcar(folder / "OUTCAR").total_mag == pytest.approx(2.0)


@pytest.mark.parametrize("fault", sorted(set(MESSAGES) - WARNINGS))
def test_fatal_messages_leave_no_output(folder, execute, fault):
    code, said = execute(folder, faults=fault)
    assert code == 1
    assert MESSAGES[fault] in said
    assert (folder / "OUTCAR").read_text() == ""
    assert execute(folder, faults=fault)[0] == 0  # the second run in the folder is beyond the list
    assert read(folder).converged


@pytest.mark.parametrize("fault", sorted(WARNINGS))
def test_warnings_do_not_spoil_the_result(folder, rock_salt_arrays, execute, fault):
    code, said = execute(folder, faults=fault)
    assert code == 0
    assert MESSAGES[fault] in said
    assert read(folder).ionic_steps[-1]["e_fr_energy"] == pytest.approx(model(rock_salt_arrays).energy_eV, abs=1e-7)


def test_unconverged_run_uses_all_steps_and_is_visibly_off(folder, rock_salt_arrays, execute):
    execute(folder, faults="unconverged")
    run = read(folder)
    steps = [step["e_fr_energy"] for step in run.ionic_steps[-1]["electronic_steps"]]
    assert len(steps) == 100
    assert not run.converged
    assert abs(steps[-1] - steps[-2]) > 0.01
    assert not np.allclose(run.ionic_steps[-1]["forces"], model(rock_salt_arrays).forces_eV_per_A, atol=1e-3)


@pytest.mark.parametrize(("fault", "pymatgen_sees_it"), [("soft_stop", True), ("hard_stop", False)])
def test_stopped_cycle_looks_converged_to_pymatgen(folder, execute, fault, pymatgen_sees_it):
    assert execute(folder, faults=fault)[0] == 0
    run = read(folder)
    assert run.converged  # this is the trap that the gate is for
    steps = [step["e_fr_energy"] for step in run.ionic_steps[-1]["electronic_steps"]]
    assert len(steps) == 3
    assert abs(steps[-1] - steps[-2]) > 1.0
    assert HARD_STOP in (folder / "OUTCAR").read_text()
    assert Outcar(folder / "OUTCAR").is_stopped is pymatgen_sees_it


@pytest.mark.parametrize(("request_", "steps"), [("LABORT = .TRUE.", 1), ("LSTOP = .TRUE.", 15)])
def test_stopcar_is_honoured_and_removed(folder, execute, request_, steps):
    (folder / "STOPCAR").write_text(request_)
    execute(folder)
    assert len(read(folder).ionic_steps[-1]["electronic_steps"]) == steps
    assert not (folder / "STOPCAR").exists()


def test_files_grow_while_the_run_goes_on(folder):
    environment = {"SUPERIONIC_FAKE_VASP_SECONDS": "0.05"}
    with Path(os.devnull).open("w") as nowhere:
        thread = threading.Thread(target=run_folder, args=(folder, environment, nowhere))
        thread.start()
        time.sleep(0.3)
        (folder / "STOPCAR").write_text("LABORT = .TRUE.")
        seen = (folder / "OSZICAR").read_text().count("DAV:")
        thread.join()
    assert 1 <= seen < 15
    assert seen <= len(read(folder).ionic_steps[-1]["electronic_steps"]) < 15


def test_spoiled_results(folder, execute):
    execute(folder, faults="no_forces,no_stress,nan_forces,metal,truncated")
    assert "forces" not in read(folder).ionic_steps[-1]
    execute(folder, faults="no_forces,no_stress,nan_forces,metal,truncated")
    assert "stress" not in read(folder).ionic_steps[-1]
    execute(folder, faults="no_forces,no_stress,nan_forces,metal,truncated")
    assert np.isnan(read(folder).ionic_steps[-1]["forces"]).all()
    execute(folder, faults="no_forces,no_stress,nan_forces,metal,truncated")
    assert read(folder).eigenvalue_band_properties[0] == 0
    assert execute(folder, faults="no_forces,no_stress,nan_forces,metal,truncated")[0] == 0
    with pytest.raises(Exception, match=r"(?i)tag|premature|element|line"):
        read(folder)


@pytest.mark.parametrize(("fault", "code"), [("crash", 174), ("hang", 143), ("frozen", 143), ("wall_time", 143)])
def test_runs_that_do_not_survive(folder, execute, fault, code):
    assert execute(folder, faults=fault, limit_seconds=0.3)[0] == code
    assert (folder / "OSZICAR").read_text().count("DAV:") == 3
    with pytest.raises(Exception, match=r"(?i)tag|premature|element|line"):
        read(folder)


def test_wall_time_ends_well_if_a_stopcar_comes(folder, execute):
    (folder / "STOPCAR").write_text("LSTOP = .TRUE.")
    assert execute(folder, faults="wall_time", limit_seconds=5)[0] == 0
    assert read(folder).converged
    assert Outcar(folder / "OUTCAR").is_stopped


def test_every_fault_is_covered_here():
    tested = {*MESSAGES, "ok", "unconverged", "unconverged_always", "soft_stop", "hard_stop", "wall_time", "slow"}
    tested |= {"no_forces", "no_stress", "nan_forces", "metal", "truncated", "crash", "hang", "frozen"}
    assert set(Fault) == tested


def test_starts_without_heavy_imports(folder):
    code = (
        "import sys; from superionic.labelling.fake_vasp.main import run; code = run([]); "
        "heavy = {'pymatgen', 'torch', 'pydantic', 'scipy', 'ase'} & set(sys.modules); assert not heavy, heavy; "
        "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_utime); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) < 1.0  # about 0.15 s; generous, for slow machines


@pytest.mark.integration
def test_model_chgnet_writes_what_the_teacher_says(folder, execute):
    pytest.importorskip("chgnet")
    from superionic.labelling.teacher import teacher_single_point

    execute(folder, model="chgnet")
    run = read(folder)
    wanted = teacher_single_point(run.final_structure)
    assert run.ionic_steps[-1]["e_fr_energy"] == pytest.approx(wanted.energy_eV, abs=1e-4)
    assert np.allclose(run.ionic_steps[-1]["forces"], wanted.forces_eV_per_A, atol=1e-4)


def test_unknown_model_is_refused(folder, execute):
    with pytest.raises(InputFileError, match="'dft': choose from pair, chgnet"):
        execute(folder, model="dft")
