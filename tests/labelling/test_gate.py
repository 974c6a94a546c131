"""A sound label passes; corrupting any one field of it does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from superionic.labelling.gate import check_label, same_structure
from superionic.labelling.schemas import Refusal
from superionic.stages import LabellingSettings


def forces(label, value=None, row=3, column=1):
    changed = np.array(label.forces_eV_per_A)
    changed[row, column] = value
    return {"forces_eV_per_A": changed.tolist()}


def moved(label, shift_A):
    structure = label.structure.copy()
    structure.translate_sites([2], [shift_A, 0, 0], frac_coords=False)
    return {"structure": structure}


CORRUPTIONS = {
    "no energy": (lambda _: {"energy_eV": None}, Refusal.MISSING_DATA),
    "no forces": (lambda _: {"forces_eV_per_A": None}, Refusal.MISSING_DATA),
    "no stress": (lambda _: {"stress_eV_per_A3": None}, Refusal.MISSING_DATA),
    "no structure": (lambda _: {"structure": None}, Refusal.MISSING_DATA),
    "one atom without force": (lambda x: {"forces_eV_per_A": x.forces_eV_per_A[:-1]}, Refusal.MISSING_DATA),
    "ragged forces": (lambda x: {"forces_eV_per_A": [*x.forces_eV_per_A[:-1], [0.0]]}, Refusal.MISSING_DATA),
    "Voigt stress": (lambda _: {"stress_eV_per_A3": [0.0] * 6}, Refusal.MISSING_DATA),
    "energy is text": (lambda _: {"energy_eV": "-30"}, Refusal.MISSING_DATA),
    "energies of all atoms": (lambda _: {"energy_eV": [-3.0] * 8}, Refusal.MISSING_DATA),
    "energy NaN": (lambda _: {"energy_eV": float("nan")}, Refusal.NOT_FINITE),
    "force NaN": (lambda x: forces(x, float("nan")), Refusal.NOT_FINITE),
    "force infinite": (lambda x: forces(x, float("inf")), Refusal.NOT_FINITE),
    "stress NaN": (lambda _: {"stress_eV_per_A3": np.full((3, 3), np.nan).tolist()}, Refusal.NOT_FINITE),
    "force too large": (lambda x: forces(x, -30.1), Refusal.FORCE_TOO_LARGE),
    "stress too large": (lambda _: {"stress_eV_per_A3": np.diag([0, 0, -0.6]).tolist()}, Refusal.STRESS_TOO_LARGE),
    "an atom moved": (lambda x: moved(x, 0.01), Refusal.WRONG_STRUCTURE),
    "other cell": (lambda x: {"structure": x.structure.copy().scale_lattice(141.0)}, Refusal.WRONG_STRUCTURE),
    "atoms swapped": (
        lambda x: {"structure": Structure.from_sites([x.structure[i] for i in (4, 1, 2, 3, 0, 5, 6, 7)])},
        Refusal.WRONG_STRUCTURE,
    ),
    "other functional": (lambda _: {"level_of_theory": "PBE (VASP)"}, Refusal.WRONG_LEVEL_OF_THEORY),
    "a teacher instead": (lambda _: {"level_of_theory": "teacher: CHGNet r2SCAN"}, Refusal.WRONG_LEVEL_OF_THEORY),
}


def judge(label, structure):
    return check_label(label, structure=structure, level_of_theory="SCAN (VASP)")


def test_sound_label_passes(good_label, rock_salt):
    assert judge(good_label, rock_salt) is None
    assert check_label(good_label) is None
    assert judge(dict(good_label), rock_salt) is None, "mappings count as labels too"


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_corruption_is_refused(name, good_label, rock_salt):
    corrupt, cause = CORRUPTIONS[name]
    assert judge(good_label.model_copy(update=corrupt(good_label)), rock_salt) is cause


def test_unconverged_comes_first(good_label):
    assert check_label(dict(good_label) | {"converged": False, "energy_eV": None}) is Refusal.NOT_CONVERGED
    assert check_label(dict(good_label) | {"converged": True}) is None


def test_a_refused_label_keeps_its_cause(good_label):
    crashed = good_label.model_copy(update={"energy_eV": None, "accepted": False, "refusal": Refusal.CRASHED})
    assert check_label(crashed) is Refusal.CRASHED


def test_bounds_come_from_the_settings(good_label):
    strict = LabellingSettings(max_force_eV_per_A=0.1)
    assert check_label(good_label, settings=strict) is Refusal.FORCE_TOO_LARGE
    strict = LabellingSettings(max_stress_eV_per_A3=0.001)
    assert check_label(good_label, settings=strict) is Refusal.STRESS_TOO_LARGE


@given(st.lists(st.integers(-3, 3), min_size=3, max_size=3), st.integers(0, 1))
def test_lattice_translations_are_no_change(shift, site):
    structure = Structure(Lattice.from_parameters(4, 5, 6, 80, 95, 100), ["Li+", "Cl-"], [[0.1, 0, 0.3], [0.7, 0.6, 0]])
    coordinates = structure.frac_coords.copy()
    coordinates[site] += shift
    assert same_structure(structure, Structure(structure.lattice, ["Li", "Cl"], coordinates))
