"""Files of labels as people have them: other keys, ASE results, Voigt stresses, isolated atoms, missing parts."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from ase.stress import full_3x3_to_voigt_6_stress

from superionic.training.dataset import frames_to_extxyz
from superionic.training.labelled_file import LabelKeys, read_labelled_file

ASE_KEYS = LabelKeys("energy", "forces", "stress")


@pytest.fixture
def file(tmp_path):
    """Function that writes images, or text, as a file."""

    def make(content, name="data.extxyz"):
        path = tmp_path / name
        if isinstance(content, str):
            path.write_text(content)
        else:
            write(path, content, format="extxyz")
        return path

    return make


def as_ase(frame):
    atoms = frame.atoms.copy()
    stress = full_3x3_to_voigt_6_stress(frame.stress_eV_per_A3)
    atoms.calc = SinglePointCalculator(atoms, energy=frame.energy_eV, forces=frame.forces_eV_per_A, stress=stress)
    return atoms


def named(frame, energy="dft_energy", forces="dft_forces", stress="dft_stress", voigt=False):
    atoms = frame.atoms.copy()
    tensor = frame.stress_eV_per_A3
    atoms.info |= {energy: frame.energy_eV, stress: full_3x3_to_voigt_6_stress(tensor) if voigt else tensor}
    atoms.arrays[forces] = frame.forces_eV_per_A
    return atoms


def same(found, frames):
    assert len(found) == len(frames)
    for one, other in zip(found, frames, strict=True):
        assert one.fingerprint == other.fingerprint
        assert one.energy_eV == pytest.approx(other.energy_eV, abs=1e-7)
        np.testing.assert_allclose(one.forces_eV_per_A, other.forces_eV_per_A, atol=1e-7)
        np.testing.assert_allclose(one.stress_eV_per_A3, other.stress_eV_per_A3, atol=1e-9)


def test_what_superionic_exports_is_read_back(frames, file):
    found = read_labelled_file(file(frames_to_extxyz(frames, {"level_of_theory": "SCAN"})))
    same(found.frames, frames)
    assert [frame.parent_id for frame in found.frames] == [frame.parent_id for frame in frames]
    assert found.frames[0].key == frames[0].key
    assert (found.problems, found.notes, found.grouped) == ((), (), True)
    assert found.levels_of_theory == {"SCAN"}


@pytest.mark.parametrize("voigt", [False, True])
def test_other_names_and_voigt_stress(frames, file, voigt):
    path = file([named(frame, voigt=voigt) for frame in frames])
    found = read_labelled_file(path, LabelKeys("dft_energy", "dft_forces", "dft_stress"))
    assert found.problems == ()
    same(found.frames, frames)


def test_results_of_an_ase_calculator(frames, file):
    found = read_labelled_file(file([as_ase(frame) for frame in frames]), ASE_KEYS)
    assert found.problems == ()
    same(found.frames, frames)


def test_wrong_keys_name_what_there_is(frames, file):
    found = read_labelled_file(file([named(frame) for frame in frames]))
    energy, forces, stress = found.problems
    assert found.frames == ()
    assert "no structure has its energy under REF_energy; there is dft_energy, dft_stress" in energy
    assert "--energy-key" in energy
    assert "forces under REF_forces; there is dft_forces: name the right one with --forces-key" in forces
    assert "--no-stress" in stress
    (energy, *_) = read_labelled_file(file([as_ase(frame) for frame in frames])).problems
    assert "there is energy" in energy


def test_partly_labelled_structures_are_counted(frames, file):
    images = [named(frame) for frame in frames]
    del images[5].info["dft_energy"]
    del images[7].info["dft_energy"]
    images[3].info["dft_stress"] = np.arange(9.0).reshape(3, 3)
    found = read_labelled_file(file(images), LabelKeys("dft_energy", "dft_forces", "dft_stress"))
    assert "2 of 24 structures have no energy under dft_energy (first: number 5" in found.problems[0]
    assert "1 structures (first: number 3) have under dft_stress neither a symmetric" in found.problems[1]
    assert len(found.frames) == 21


def test_stress_may_be_left_out_on_request(frames, file):
    images = [named(frame) for frame in frames]
    keys = LabelKeys("dft_energy", "dft_forces", "dft_stress", needs_stress=False)
    found = read_labelled_file(file(images), keys)
    assert found.problems == ()
    assert all(frame.stress_eV_per_A3 is None for frame in found.frames)
    assert "REF_stress" not in frames_to_extxyz(found.frames)


def isolated(symbol, energy, **info):
    atoms = Atoms(symbol, cell=[15] * 3, pbc=True)
    atoms.info |= {"REF_energy": energy} | info
    return atoms


def test_isolated_atoms_become_energies(frames, file):
    images = [named(frame, "REF_energy", "REF_forces", "REF_stress") for frame in frames]
    lone = Atoms("Br", positions=[[0, 0, 0]])
    lone.info |= {"REF_energy": -5.5, "config_type": "IsolatedAtom"}
    found = read_labelled_file(file([isolated("Li", -3.25), *images, lone]))
    assert found.problems == ()
    assert found.isolated_atoms_eV == {"Li": -3.25, "Br": -5.5}
    assert len(found.frames) == len(frames)


def test_a_small_cell_with_one_atom_is_a_crystal(file):
    metal = Atoms("Li", cell=[[0, 1.7, 1.7], [1.7, 0, 1.7], [1.7, 1.7, 0]], pbc=True)
    metal.info |= {"REF_energy": -1.9, "REF_stress": np.zeros((3, 3))}
    metal.arrays["REF_forces"] = np.zeros((1, 3))
    found = read_labelled_file(file([metal]))
    assert (len(found.frames), found.isolated_atoms_eV) == (1, None)


def test_isolated_atoms_that_contradict_each_other(frames, file):
    images = [named(frame, "REF_energy", "REF_forces", "REF_stress") for frame in frames]
    nameless = isolated("Cl", 0.0)
    del nameless.info["REF_energy"]
    found = read_labelled_file(file([isolated("Li", -3.0), isolated("Li", -4.0), nameless, *images]))
    assert "several isolated Li atoms" in found.problems[0]
    assert "isolated Cl atom has no energy" in found.problems[1]


def test_molecules_and_rubbish_are_refused(frames, file, tmp_path):
    molecule = Atoms("Li2", positions=[[0, 0, 0], [2, 0, 0]])
    molecule.info |= {"REF_energy": -1.0, "REF_stress": np.zeros((3, 3))}
    molecule.arrays["REF_forces"] = np.zeros((2, 3))
    assert "not periodic in three directions" in read_labelled_file(file([molecule])).problems[0]
    assert "cannot be read" in read_labelled_file(file("not a structure\n", "data.xyz")).problems[0]
    assert "No such file" in read_labelled_file(tmp_path / "absent.extxyz").problems[0]
    assert "holds no structures" in read_labelled_file(file([isolated("Li", -3.0)])).problems[0]


def parents(found):
    return [frame.parent_id for frame in found.frames]


def test_groups(frames, file):
    images = [named(frame, "REF_energy", "REF_forces", "REF_stress") for frame in frames]
    for number, atoms in enumerate(images):
        atoms.info["run"] = number // 6
    path = file(images)
    plain = read_labelled_file(path)
    assert len(set(parents(plain))) == 2
    assert "2 groups of consecutive structures" in plain.notes[0]
    assert parents(read_labelled_file(path, group_by="run")) == [str(n // 6) for n in range(24)]
    each = read_labelled_file(path, group_by="structure")
    assert len(set(parents(each))) == 24
    assert "too good" in each.notes[0]
    (problem,) = read_labelled_file(path, group_by="ordering").problems
    assert "24 structures have no ordering" in problem
    assert "run" in problem
    shuffled = read_labelled_file(file([images[i] for i in (0, 12, 1, 13)]))
    assert len(set(parents(shuffled))) == 4
    assert "come back in several groups" in shuffled.notes[1]


def test_some_parents_are_not_enough(frames, file):
    images = [named(frame, "REF_energy", "REF_forces", "REF_stress") for frame in frames]
    images[0].info["parent_id"] = "a"
    assert "23 structures have no parent_id" in read_labelled_file(file(images)).problems[0]
