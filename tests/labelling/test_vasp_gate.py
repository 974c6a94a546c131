"""A sound VASP calculation passes the gate; corrupting any one field of it does not."""

import copy
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from vasp_files import random_forces, write_run

from superionic.labelling import scan
from superionic.labelling.gate import check_label
from superionic.labelling.ordering import for_vasp
from superionic.labelling.schemas import Refusal
from superionic.labelling.vasp_calculation import read_task
from superionic.labelling.vasp_gate import ase_stress, same_value
from superionic.stages import LabellingSettings, VaspSettings

TITLES = {"Li": "PAW_PBE Li_sv 10Sep2004", "Cl": "PAW_PBE Cl 06Sep2000"}
HALVES = [[0, 0, 0], [1, 1, 1], [0, 1, 1], [1, 0, 0], [1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1]]
PLACES = 0.5 * np.array(HALVES)
INTERLEAVED = Structure(Lattice.cubic(5.2), ["Li", "Cl"] * 4, PLACES + 0.02 * (PLACES[:, :1] - PLACES[:, 1:2]))


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    structure = for_vasp(INTERLEAVED).structure
    spin = scan.spin_of(VaspSettings(), ["Li", "Cl"])
    numbers = {"scf_eV": [-20.0, -31.0, -30.000003, -30.0], "forces": random_forces(8)}
    stress = [[5.0, 1.0, 0.0], [1.0, 6.0, 0.0], [0.0, 0.0, 7.0]]
    incar = scan.requested_incar(VaspSettings(), spin)
    write_run(folder, structure, incar, stress_kbar=stress, titles=TITLES, **numbers)
    return folder


@pytest.fixture(scope="module")
def document(run_folder):
    TaskDoc = pytest.importorskip("emmet.core.tasks").TaskDoc
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = {"store_additional_json": False, "vasprun_kwargs": {"parse_potcar_file": False}}
        return TaskDoc.from_directory(run_folder, **settings)


@pytest.fixture(scope="module")
def plain(document):
    return document.model_dump(mode="json")


def judge(task, **options):
    return check_label(task, structure=INTERLEAVED, **options)


def put(task, path, value):
    """A copy of the plain task with one value replaced (a function is applied to the old one)."""
    changed = copy.deepcopy(task)
    *way, last = path
    place = changed
    for name in way:
        place = place[name]
    place[last] = value(place[last]) if callable(value) else value
    return changed


CALC = ("calcs_reversed", 0)
OUTPUT = (*CALC, "output")
STEP = (*OUTPUT, "ionic_steps", 0)
INCAR = (*CALC, "input", "incar")


def scf(*energies):
    return [{"e_fr_energy": energy, "e_wo_entrp": energy, "e_0_energy": energy} for energy in energies]


def force(value):
    def change(forces):
        forces[2][1] = value
        return forces

    return change


def shifted(structure):
    structure["sites"][1]["abc"][0] += 0.01
    structure["sites"][1].pop("xyz", None)
    return structure


CORRUPTIONS = {
    "no version": ((*CALC, "vasp_version"), None, Refusal.MISSING_DATA),
    "the stand-in": ((*CALC, "vasp_version"), "0.0.fake", Refusal.STAND_IN),
    "another program": ((*CALC, "vasp_version"), "cp2k 2023.1", Refusal.STAND_IN),
    "failed": (("state",), "failed", Refusal.NOT_CONVERGED),
    "state unknown": (("state",), None, Refusal.MISSING_DATA),
    "not completed": ((*CALC, "has_vasp_completed"), "failed", Refusal.NOT_CONVERGED),
    "soft stop": ((*OUTPUT, "outcar", "is_stopped"), True, Refusal.STOPPED),
    "no stop flag": ((*OUTPUT, "outcar"), None, Refusal.MISSING_DATA),
    "no ionic steps": ((*OUTPUT, "ionic_steps"), [], Refusal.MISSING_DATA),
    "two ionic steps": ((*OUTPUT, "ionic_steps"), lambda steps: steps * 2, Refusal.MISSING_DATA),
    "no energy": ((*STEP, "e_fr_energy"), None, Refusal.MISSING_DATA),
    "no forces": ((*STEP, "forces"), None, Refusal.MISSING_DATA),
    "force of one atom missing": ((*STEP, "forces"), lambda forces: forces[1:], Refusal.MISSING_DATA),
    "no stress": ((*STEP, "stress"), None, Refusal.MISSING_DATA),
    "no structure": ((*STEP, "structure"), None, Refusal.MISSING_DATA),
    "no electronic steps": ((*STEP, "electronic_steps"), None, Refusal.MISSING_DATA),
    "no summary of forces": (("output", "forces"), None, Refusal.MISSING_DATA),
    "no INCAR": (INCAR, None, Refusal.MISSING_DATA),
    "one electronic step": ((*STEP, "electronic_steps"), scf(-30.0), Refusal.NOT_CONVERGED),
    "cycle cut short": ((*STEP, "electronic_steps"), lambda steps: steps[:2], Refusal.NOT_CONVERGED),
    "last step moved": ((*STEP, "electronic_steps"), scf(-29.9, -29.999, -30.0), Refusal.NOT_CONVERGED),
    "other energy": ((*STEP, "e_fr_energy"), -30.5, Refusal.INCONSISTENT),
    "energy infinite": ((*STEP, "e_fr_energy"), float("inf"), Refusal.NOT_FINITE),
    "energy NaN": ((*STEP, "e_fr_energy"), float("nan"), Refusal.NOT_FINITE),
    "step energy NaN": ((*STEP, "electronic_steps"), scf(-30.0, float("nan"), -30.0, -30.0), Refusal.NOT_FINITE),
    "force NaN": ((*STEP, "forces"), force(float("nan")), Refusal.NOT_FINITE),
    "force changed": ((*STEP, "forces"), force(0.123), Refusal.INCONSISTENT),
    "summary force changed": (("output", "forces"), force(0.123), Refusal.INCONSISTENT),
    "summary energy infinite": (("output", "energy"), float("inf"), Refusal.INCONSISTENT),
    "summary stress changed": (("output", "stress"), np.eye(3).tolist(), Refusal.INCONSISTENT),
    "GGA": (("run_type",), "GGA", Refusal.WRONG_LEVEL_OF_THEORY),
    "r2SCAN": ((*CALC, "run_type"), "r2SCAN", Refusal.WRONG_LEVEL_OF_THEORY),
    "no functional": ((*INCAR, "METAGGA"), None, Refusal.WRONG_SETTINGS),
    "ENCUT": ((*INCAR, "ENCUT"), 520, Refusal.WRONG_SETTINGS),
    "ISMEAR": ((*INCAR, "ISMEAR"), -5, Refusal.WRONG_SETTINGS),
    "SIGMA": ((*INCAR, "SIGMA"), 0.2, Refusal.WRONG_SETTINGS),
    "KSPACING": ((*INCAR, "KSPACING"), 0.3, Refusal.WRONG_SETTINGS),
    "PREC": ((*INCAR, "PREC"), "Normal", Refusal.WRONG_SETTINGS),
    "LREAL": ((*INCAR, "LREAL"), "Auto", Refusal.WRONG_SETTINGS),
    "LASPH": ((*INCAR, "LASPH"), False, Refusal.WRONG_SETTINGS),
    "ISPIN": ((*INCAR, "ISPIN"), 2, Refusal.WRONG_SETTINGS),
    "EDIFF looser": ((*INCAR, "EDIFF"), 1e-4, Refusal.WRONG_SETTINGS),
    "GGA added": (INCAR, lambda incar: incar | {"GGA": "PS"}, Refusal.WRONG_SETTINGS),
    "dispersion added": (INCAR, lambda incar: incar | {"IVDW": 11}, Refusal.WRONG_SETTINGS),
    "coarser grid": (INCAR, lambda incar: incar | {"NGX": 20}, Refusal.WRONG_SETTINGS),
    "other POTCAR": ((*CALC, "input", "potcar_spec", 0, "titel"), "PAW_PBE Li 17Jan2003", Refusal.WRONG_POTCAR),
    "LDA POTCAR": ((*CALC, "input", "potcar_spec", 0, "titel"), "PAW Li_sv 10Sep2004", Refusal.WRONG_POTCAR),
    "no POTCARs": ((*CALC, "input"), lambda x: x | {"potcar_spec": None, "potcar": None}, Refusal.MISSING_DATA),
    "an atom moved": ((*STEP, "structure"), shifted, Refusal.WRONG_STRUCTURE),
    "input had another atom": ((*CALC, "input", "structure"), shifted, Refusal.WRONG_STRUCTURE),
}


def test_sound_calculation_passes(document, plain):
    assert judge(document) is None
    assert judge(plain) is None, "plain data, as a database has it"
    assert check_label(document, structure=for_vasp(INTERLEAVED).structure, level_of_theory="SCAN (VASP)") is None


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_corruption_is_refused(name, plain):
    path, value, cause = CORRUPTIONS[name]
    assert judge(put(plain, path, value)) is cause


@pytest.mark.parametrize("tag", sorted(set(scan.DEFINING_INCAR) - {"GGA", "LDAU", "ADDGRID"}))
def test_each_label_defining_tag_must_be_seen(tag, plain):
    changed = copy.deepcopy(plain)
    del changed["calcs_reversed"][0]["input"]["incar"][tag]
    changed["calcs_reversed"][0]["input"]["parameters"].pop(tag, None)
    cause = Refusal.MISSING_DATA if tag == "EDIFF" else Refusal.WRONG_SETTINGS
    assert judge(changed) is cause


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_single_missing_branch_passes(plain, data):
    """Remove anything that the gate reads, at any depth: the calculation is refused."""
    needed = [("state",), ("calcs_reversed",), ("output", "energy"), ("output", "stress"), CALC[:1], OUTPUT, STEP]
    needed += [(*STEP, name) for name in ("e_fr_energy", "forces", "stress", "electronic_steps", "structure")]
    needed += [(*CALC, "vasp_version"), (*CALC, "input"), INCAR, (*OUTPUT, "outcar"), (*OUTPUT, "ionic_steps")]
    path = data.draw(st.sampled_from(needed))
    worthless = data.draw(st.sampled_from([None, [], {}, "none", float("nan")]))
    assert judge(put(plain, path, worthless)) in set(Refusal)


def test_tighter_ediff_and_ways_to_convergence_are_no_harm(plain):
    for change in ({"EDIFF": 1e-6}, {"ALGO": "Normal", "NELM": 200, "AMIX": 0.1, "ISYM": 0}, {"METAGGA": "Scan"}):
        assert judge(put(plain, INCAR, lambda incar, new=change: incar | new)) is None


def test_final_incar_counts_beside_what_vasp_reports(plain):
    found = read_task(plain, incar_file={"KSPACING": 0.3})
    from superionic.labelling.vasp_gate import judge_calculation

    assert judge_calculation(found, LabellingSettings())[0] is Refusal.WRONG_SETTINGS


def test_bounds(plain):
    assert judge(plain, settings=LabellingSettings(max_force_eV_per_A=0.01)) is Refusal.FORCE_TOO_LARGE
    assert judge(plain, settings=LabellingSettings(max_stress_eV_per_A3=0.001)) is Refusal.STRESS_TOO_LARGE


def test_other_level_of_theory_is_refused(plain):
    assert judge(plain, level_of_theory="teacher: CHGNet r2SCAN") is Refusal.WRONG_LEVEL_OF_THEORY
    r2scan = LabellingSettings(vasp=VaspSettings(incar={"METAGGA": "R2SCAN"}))
    assert judge(plain, settings=r2scan) is Refusal.WRONG_LEVEL_OF_THEORY


def test_stand_in_only_in_rehearsal(plain, monkeypatch):
    fake = put(plain, (*CALC, "vasp_version"), "0.0.fake")
    assert judge(fake, settings=LabellingSettings(rehearsal=True)) is None
    monkeypatch.setenv("SUPERIONIC_REHEARSAL", "1")
    assert judge(fake) is None


def test_swapped_atoms_are_another_structure(plain):
    swapped = INTERLEAVED.copy()
    swapped[0], swapped[2] = INTERLEAVED[2], INTERLEAVED[0]
    assert check_label(plain, structure=swapped) is Refusal.WRONG_STRUCTURE


def test_stress_has_ases_sign_and_unit(plain):
    # VASP: 5 kbar, positive under compression; ASE: -0.5 GPa
    assert ase_stress(read_task(plain))[0, 0] == pytest.approx(-0.5 / 160.2176634)


@pytest.mark.parametrize(
    ("tag", "wanted", "found", "same"),
    [
        ("PREC", "Accurate", "accura", True),
        ("PREC", "Accurate", "normal", False),
        ("LASPH", True, ".TRUE.", True),
        ("LREAL", False, "Auto", False),
        ("LREAL", "Auto", "A", True),
        ("ENCUT", 680, 680.0, True),
        ("ENCUT", 680, "680", False),
        ("GGA", None, "--", True),
        ("GGA", None, "PE", False),
        ("EDIFF", 1e-5, 0.0, False),
    ],
)
def test_values_as_vasp_writes_them(tag, wanted, found, same):
    assert same_value(tag, wanted, found) is same
