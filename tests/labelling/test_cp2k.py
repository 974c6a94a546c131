"""The CP2K engine without CP2K: what it asks for, and what it makes of the answers."""

import os
import shlex
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.cp2k import parse_input
from pydantic import ValidationError
from pymatgen.core import Lattice, Structure

from superionic.errors import InputError, NotConfiguredError
from superionic.labelling.cp2k import LEVEL_OF_THEORY, cp2k_single_point, settings_hash
from superionic.labelling.cp2k_input import VALENCE, input_template, k_mesh, require_closed_shell
from superionic.labelling.cp2k_jobs import Cp2kStaticMaker
from superionic.labelling.cp2k_output import read_output
from superionic.labelling.cp2k_process import check_cp2k, command_of, require_cp2k
from superionic.labelling.results import LabelFailure
from superionic.labelling.schemas import Refusal
from superionic.stages import Cp2kBasis, Cp2kSettings, LabelEngine, LabellingSettings

SHELL = Path(__file__).with_name("cp2k_shell.py")
CONVERGED = """
  Step     Update method      Time    Convergence         Total energy    Change
  ------------------------------------------------------------------------------
    10 Broy./Diag. 0.40E+00    4.6     0.00000113       -90.4991412170 -4.05E-09
    11 Broy./Diag. 0.40E+00    4.7     0.00000029       -90.4991412171 -9.69E-11

  *** SCF run converged in    11 steps ***

"""
UNCONVERGED = """
     2 Broy./Diag. 0.40E+00    8.6     0.03992824       -22.3148503255  3.64E-01
     3 Broy./Diag. 0.40E+00    9.7     0.03945042       -22.5537499001 -2.39E-01

  Leaving inner SCF loop after reaching     3 steps.

 *** WARNING in qs_scf.F:601 :: SCF run NOT converged ***

"""
HEAD = " CP2K| version string:                                       CP2K version 2023.1\n"


def settings(mode="ok", **changes):
    return Cp2kSettings(command=f"{shlex.quote(sys.executable)} {shlex.quote(str(SHELL))} {mode}", **changes)


def test_output_is_judged_by_what_it_says():
    good, bad = read_output(HEAD + CONVERGED), read_output(HEAD + UNCONVERGED)
    assert (good.converged, good.scf_steps, good.version) == (True, 11, "2023.1")
    assert (bad.converged, bad.scf_steps) == (False, 3)
    assert not read_output(HEAD).converged  # cut off before it says so
    assert not read_output(HEAD + UNCONVERGED + CONVERGED).converged
    assert not read_output(HEAD + CONVERGED + UNCONVERGED).converged


def test_input_asks_for_scan_potentials_and_bases():
    text = input_template(["Li", "Y", "Br"], Cp2kSettings(basis=Cp2kBasis.TZVP), (2, 1, 3))
    root = parse_input(text)
    dft = root.get_subsection("FORCE_EVAL/DFT")
    kinds = root.get_subsection("FORCE_EVAL/SUBSYS").subsections
    assert [kind.params for kind in kinds] == ["Br", "Li", "Y"]
    assert kinds[2].keywords == ["ELEMENT Y", "BASIS_SET TZVP-MOLOPT-SCAN-GTH-q11", "POTENTIAL GTH-SCAN-q11"]
    functionals = [section.name for section in dft.get_subsection("XC/XC_FUNCTIONAL").subsections]
    assert functionals == ["MGGA_X_SCAN", "MGGA_C_SCAN"]
    assert dft.get_subsection("KPOINTS").keywords == ["SCHEME MONKHORST-PACK 2 1 3"]
    assert dft.get_subsection("MGRID").keywords == ["REL_CUTOFF 60"]
    assert "KPOINTS" not in input_template(["Li"], Cp2kSettings(), (1, 1, 1))


def test_mesh_follows_the_formula_of_kspacing():
    assert k_mesh(np.eye(3) * 5.13, 0.5) == (3, 3, 3)
    assert k_mesh(np.diag([6.4, 11.1, 6.4]), 0.5) == (2, 2, 2)
    assert k_mesh(np.diag([2 * np.pi, 4 * np.pi, 100]), 0.5) == (2, 1, 1)
    assert k_mesh(np.eye(3) * 3, None) == (1, 1, 1)
    face_centred = 2.565 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    assert k_mesh(face_centred, 0.5) == (5, 5, 5)  # |b| = 2 pi sqrt(3) / 5.13 = 2.12


def test_level_of_theory_tells_label_defining_settings_apart():
    assert LEVEL_OF_THEORY() == "SCAN (CP2K GTH-SCAN, DZVP-MOLOPT-SCAN, 700 Ry)"
    changed = [
        {"cutoff_Ry": 900},
        {"basis": "TZVP"},
        {"kspacing_per_A": None},
        {"kspacing_per_A": 0.3},
        {"rel_cutoff_Ry": 80},
    ]
    names = {LEVEL_OF_THEORY(Cp2kSettings(**change)) for change in changed}
    assert len(names | {LEVEL_OF_THEORY()}) == len(changed) + 1
    hashes = {settings_hash(Cp2kSettings(**change)) for change in [*changed, {}]}
    assert len(hashes) == len(changed) + 1
    assert settings_hash(Cp2kSettings(command="mpirun cp2k_shell", max_scf=99)) == settings_hash(Cp2kSettings())


def test_coarse_grid_is_refused_unless_allowed():
    with pytest.raises(ValidationError, match="400 is too coarse"):
        Cp2kSettings(cutoff_Ry=400)
    assert Cp2kSettings(cutoff_Ry=400, allow_coarse_grid=True).cutoff_Ry == 400


@pytest.mark.parametrize(
    ("species", "message"),
    [
        (["Li", "Fe", "O", "O"], "no closed-shell SCAN potential for Fe"),
        (["Li", "Li", "Cl"], "13 valence electrons, an odd number"),
        (["Ti3+", "Ti3+", "O2-", "O2-", "O2-"], r"Ti3\+ has an open shell"),
    ],
)
def test_open_shells_and_unknown_elements_are_refused(species, message):
    structure = Structure(Lattice.cubic(4), species, np.linspace(0, 0.7, len(species))[:, None] * [1, 1, 1])
    with pytest.raises(InputError, match=message):
        require_closed_shell(structure)


def test_disorder_is_refused():
    mixed = Structure(Lattice.cubic(4), [{"In3+": 0.5, "Y3+": 0.5}, "Cl-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(InputError, match="enumerate"):
        require_closed_shell(mixed)


def test_paper_elements_are_known():
    assert {"Li", "Na", "In", "Y", "Zr", "Si", "P", "Ge", "S", "O", "Cl", "Br"} <= set(VALENCE)


@pytest.mark.skipif(not Path("/usr/share/cp2k").is_dir(), reason="needs the data files of CP2K (Debian: cp2k-data)")
@pytest.mark.parametrize("basis", list(Cp2kBasis))
def test_data_files_of_cp2k_hold_every_potential_and_basis(basis):
    potentials = Path("/usr/share/cp2k/POTENTIAL_UZH").read_text().splitlines()
    bases = Path("/usr/share/cp2k/BASIS_MOLOPT_UZH").read_text().splitlines()
    named = {(line.split()[0], name) for line in potentials + bases if line[:1].isalpha() for name in line.split()[1:]}
    wanted = {(e, f"GTH-SCAN-q{q}") for e, q in VALENCE.items()}
    wanted |= {(e, f"{basis.value}-MOLOPT-SCAN-GTH-q{q}") for e, q in VALENCE.items()}
    assert wanted <= named


def test_missing_program_is_explained(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("ASE_CP2K_COMMAND", raising=False)
    with pytest.raises(NotConfiguredError, match="apt-get install cp2k"):
        require_cp2k()
    with pytest.raises(NotConfiguredError, match="'no_such_cp2k' is not found"):
        require_cp2k(Cp2kSettings(command="env OMP_NUM_THREADS=1 no_such_cp2k -s"))
    with pytest.raises(NotConfiguredError, match="starts no CP2K shell"):
        check_cp2k(Cp2kSettings(command=f"{shlex.quote(sys.executable)} -c 'print(1)'"))


def test_threads_are_limited_unless_chosen(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert command_of(settings()).startswith("env OMP_NUM_THREADS=1 ")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert command_of(settings()).startswith(shlex.quote(sys.executable))


def test_check_names_the_shell():
    assert check_cp2k(settings()).startswith("CP2K Shell Version: 6.0, started by")


def test_numbers_reach_the_label_with_the_sign_of_ase(rock_salt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    maker = Cp2kStaticMaker(settings=LabellingSettings(engine=LabelEngine.CP2K_SCAN, cp2k=settings()))
    label = maker._judged(rock_salt, "parent", 3)
    assert label.accepted, label.message
    assert label.energy_eV == -1234.5
    assert np.allclose(label.forces_eV_per_A, [[0.1, 0.2, index] for index in range(8)])
    assert np.allclose(label.stress_eV_per_A3, -np.array([[0.01, 0.04, 0.05], [0.04, 0.02, 0.06], [0.05, 0.06, 0.03]]))
    assert label.calculation.code == "CP2K 2023.1"
    assert label.calculation.n_scf_steps == 11
    assert label.settings_hash == settings_hash(Cp2kSettings())
    (folder,) = tmp_path.iterdir()
    assert label.calculation.folder.endswith(str(folder))
    written = (folder / "label.inp").read_text()
    (cutoff_eV,) = (float(line.split()[-1]) for line in written.splitlines() if "CUTOFF [eV]" in line)
    assert cutoff_eV == pytest.approx(700 * 13.605693, rel=1e-6)
    assert "PRINT_LEVEL MEDIUM" in written


@pytest.mark.parametrize(
    ("mode", "cause", "message"),
    [
        ("unconverged", Refusal.NOT_CONVERGED, "did not converge to 1e-06 in 60 steps"),
        ("silent", Refusal.NOT_CONVERGED, "did not converge"),
        ("crash", Refusal.CRASHED, "something in the input is wrong"),
        ("nan", Refusal.NOT_FINITE, "not finite"),
        ("hang", Refusal.FROZEN, "longer than labelling.cp2k.timeout_s = 0.5 s"),
    ],
)
def test_every_bad_end_has_a_cause_and_leaves_no_process(rock_salt, tmp_path, mode, cause, message):
    before = children()
    start = time.monotonic()
    with pytest.raises(LabelFailure, match=message) as caught:
        cp2k_single_point(rock_salt, settings(mode, timeout_s=0.5 if mode == "hang" else 60), tmp_path)
    assert caught.value.cause is cause
    assert "cp2k-" in caught.value.folder
    assert time.monotonic() - start < 20
    assert children() <= before


def children():
    """Ids of the living processes that this one started, over however many steps."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            found[int(stat.parent.name)] = int(fields[1])
    return {pid for pid in found if _below(pid, found)}


def _below(pid, parents):
    while pid in parents:
        pid = parents[pid]
        if pid == os.getpid():
            return True
    return False


def test_exception_from_outside_ends_cp2k_too(rock_salt, tmp_path, monkeypatch):
    before = children()

    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("superionic.labelling.cp2k_calculator.FileInputCp2k.evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cp2k_single_point(rock_salt, settings(), tmp_path)
    assert children() <= before
