"""The VASP engine with the stand-in as VASP: conversions, order of atoms, spin, files, isolated atoms."""

from itertools import pairwise

import numpy as np
import pytest
import vasp_campaign
from ase.stress import full_3x3_to_voigt_6_stress
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from vasp_campaign import frame

from superionic.errors import InputError, NotConfiguredError
from superionic.labelling import scan
from superionic.labelling.isolated_atom import IsolatedAtomMaker, atom_settings
from superionic.labelling.ordering import for_vasp
from superionic.labelling.results import LabelFailure
from superionic.labelling.schemas import Refusal
from superionic.labelling.spin import ISOLATED_UNPAIRED, atom_spin, choose_spin
from superionic.labelling.vasp import scan_single_point
from superionic.labelling.vasp_configuration import potcar_titles, require_command
from superionic.stages import KeepFiles, LabellingSettings, VaspSettings

QUICK = VaspSettings(poll_s=0.02)
REHEARSAL = LabellingSettings(rehearsal=True, vasp=QUICK)


@pytest.fixture(scope="module")
def stand_in_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stand-in")


@pytest.fixture
def stand_in(stand_in_folder, tmp_path, monkeypatch):
    pytest.importorskip("atomate2")
    from pymatgen.core import SETTINGS

    for name, value in vasp_campaign.stand_in_environment(stand_in_folder).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SUPERIONIC_REHEARSAL")
    monkeypatch.setitem(SETTINGS, "PMG_VASP_PSP_DIR", str(stand_in_folder / "potcars"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def energy(structure):
    return scan_single_point(structure, REHEARSAL).energy_eV


@pytest.mark.integration
def test_forces_and_stress_are_derivatives_of_the_energy(stand_in):
    structure, step = frame(0), 2e-3
    result = scan_single_point(structure, REHEARSAL)
    ends = []
    for sign in (1, -1):
        moved = structure.copy()
        moved.translate_sites([3], [0, sign * step, 0], frac_coords=False)
        ends.append(energy(moved))
    assert result.forces_eV_per_A[3, 1] == pytest.approx(-(ends[0] - ends[1]) / (2 * step), abs=2e-5)
    ends = []
    for sign in (1, -1):
        strain = np.diag([sign * step, 0, 0])
        ends.append(energy(Structure(structure.lattice.matrix @ (np.eye(3) + strain), structure.species, PLACES_OF_0)))
    slope = (ends[0] - ends[1]) / (2 * step * structure.volume)
    assert full_3x3_to_voigt_6_stress(result.stress_eV_per_A3)[0] == pytest.approx(slope, rel=1e-3)


PLACES_OF_0 = frame(0).frac_coords


def test_order_of_atoms_is_restored_and_only_essentials_stay(stand_in):
    structure = frame(1)
    result = scan_single_point(structure, REHEARSAL)
    assert result.forces_eV_per_A == pytest.approx(vasp_campaign.model_values(structure).forces_eV_per_A, abs=1e-6)
    (folder,) = stand_in.glob("vasp-*")
    kept = {path.name for path in folder.iterdir()}
    assert {"vasprun.xml.gz", "OUTCAR.gz", "INCAR.gz", "POSCAR.gz", "custodian.json.gz"} <= kept
    assert not any("POTCAR" in name for name in kept)
    assert result.calculation.potcar_titles["Li"].startswith("PAW_PBE Li_sv")
    assert result.level_of_theory == "fake-vasp stand-in for SCAN (VASP)"


@pytest.mark.integration
def test_two_steps_and_no_files(stand_in):
    vasp = QUICK.model_copy(update={"two_step": True, "keep_files": KeepFiles.NONE, "store_task_document": True})
    result = scan_single_point(frame(2), REHEARSAL.model_copy(update={"vasp": vasp}))
    assert result.energy_eV == pytest.approx(vasp_campaign.model_values(frame(2)).energy_eV, abs=1e-6)
    assert list(stand_in.glob("vasp-*")) == []
    assert result.calculation.task_document["run_type"] == "SCAN"


def test_without_rehearsal_the_stand_in_is_refused(stand_in):
    with pytest.raises(LabelFailure) as failure:
        scan_single_point(frame(0), LabellingSettings(vasp=QUICK))
    assert failure.value.cause is Refusal.STAND_IN
    assert failure.value.level_of_theory.startswith("fake-vasp")


def test_missing_potcars_are_a_matter_of_configuration(stand_in, monkeypatch, tmp_path):
    from pymatgen.core import SETTINGS

    monkeypatch.setitem(SETTINGS, "PMG_VASP_PSP_DIR", str(tmp_path))
    monkeypatch.setenv("PMG_VASP_PSP_DIR", str(tmp_path))
    with pytest.raises(NotConfiguredError, match="superionic doctor"):
        scan_single_point(frame(0), REHEARSAL)
    with pytest.raises(NotConfiguredError, match=r"no POTCAR for Li_sv, Cl in .*POT_GGA_PAW_PBE_54"):
        potcar_titles(QUICK, ["Li", "Cl"])


def test_configuration_is_found(stand_in, stand_in_folder):
    assert require_command() == str(stand_in_folder / "fake_vasp.sh")
    assert potcar_titles(QUICK, ["Y", "In"]) == {"Y": "PAW_PBE Y_sv 01Jan2000", "In": "PAW_PBE In_d 01Jan2000"}


def test_isolated_atoms(stand_in):
    document = IsolatedAtomMaker.make.original(IsolatedAtomMaker(settings=REHEARSAL), "Cl")
    assert document.symbol == "Cl"
    assert document.calculation.magnetism == "free Cl atom with 1 unpaired electrons (Hund)"
    assert document.settings_hash == scan.settings_hash(QUICK), "it belongs to the labels of these settings"
    settings, spin = atom_settings(REHEARSAL, "Mg")
    assert (spin.incar, settings.vasp.incar["ISYM"]) == ({"ISPIN": 1}, 0)


@hypothesis_settings(max_examples=15, deadline=None)
@given(st.permutations(range(8)), st.booleans())
def test_sorting_is_undone(order, left_handed):
    original = frame(3)
    matrix = original.lattice.matrix * ([[-1], [1], [1]] if left_handed else 1)
    coordinates = original.frac_coords * ([-1, 1, 1] if left_handed else 1)
    structure = Structure(Lattice(matrix), original.species, coordinates)
    structure = Structure.from_sites([structure[i] for i in order])
    prepared = for_vasp(structure)
    symbols = [site.specie.symbol for site in prepared.structure]
    assert sum(a != b for a, b in pairwise(symbols)) == 1, "one block per species"
    assert np.linalg.det(prepared.structure.lattice.matrix) > 0
    assert np.allclose(prepared.restored(prepared.structure.cart_coords), structure.cart_coords)
    expected = vasp_campaign.model_values(structure).forces_eV_per_A
    found = vasp_campaign.model_values(prepared.structure).forces_eV_per_A
    assert prepared.restored(found) == pytest.approx(expected, abs=1e-9)


def test_spin_is_chosen_from_the_elements_or_asked_for():
    assert choose_spin(["Li", "Y", "Cl"], "auto").incar == {"ISPIN": 1}
    iron = choose_spin(["Li", "Fe", "O"], "auto")
    assert (iron.incar["ISPIN"], iron.incar["MAGMOM"]["Fe"], iron.polarised) == (2, 5.0, True)
    assert "Fe 5" in iron.statement
    with pytest.raises(InputError, match=r"spin: \{Ti: 0\}"):
        choose_spin(["Na", "Ti", "P", "O"], "auto")
    assert choose_spin(["Na", "Ti", "P", "O"], {"Ti": 0}).incar == {"ISPIN": 1}
    assert choose_spin(["Fe"], "off").statement.startswith("no spin polarisation")


@pytest.mark.parametrize("symbol", sorted(ISOLATED_UNPAIRED))
def test_parity_of_free_atoms(symbol):
    from ase.data import atomic_numbers

    unpaired = atom_spin(symbol).incar.get("NUPDOWN", 0)
    assert unpaired % 2 == atomic_numbers[symbol] % 2


def test_hash_depends_on_what_defines_a_label_alone():
    base = scan.settings_hash(VaspSettings())
    same = VaspSettings(incar={"ALGO": "Normal", "NCORE": 4}, poll_s=5, max_errors=1, two_step=True)
    assert scan.settings_hash(same) == base
    others = [{"incar": {"ENCUT": 520}}, {"potcar": {"Ti": "Ti_pv"}}, {"potcar_functional": "PBE_64"}, {"spin": "off"}]
    others += [{"incar": {"SOME_NEW_TAG": 1}}]
    assert len({base, *(scan.settings_hash(VaspSettings(**other)) for other in others)}) == 6


def test_names_and_forbidden_changes():
    assert scan.level_of_theory(VaspSettings(incar={"METAGGA": "R2scan"})) == "r2SCAN (VASP)"
    with pytest.raises(InputError, match="METAGGA is None"):
        scan.level_of_theory(VaspSettings(incar={"METAGGA": None}))
    with pytest.raises(InputError, match="NSW cannot be changed"):
        scan.level_of_theory(VaspSettings(incar={"NSW": 5}))
    assert VaspSettings(incar={"EDIFF": "1e-6", "ALGO": "Normal"}).incar == {"EDIFF": 1e-6, "ALGO": "Normal"}
    with pytest.raises(ValueError, match="written in capitals"):
        VaspSettings(incar={"encut": 520})
