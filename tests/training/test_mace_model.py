"""Evaluation inside the training process: MACE's numbers, and a model that can still be saved."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from superionic.errors import InputError
from superionic.potentials import foundation_path

pytest.importorskip("mace")

from superionic.training.mace_model import evaluate, heads_of, load_model


@pytest.fixture(scope="module")
def model():
    return load_model(foundation_path("superionic-mini"), "float64", "cpu")


def salts():
    structures = [bulk("LiCl", "rocksalt", a=5.1), bulk("LiBr", "rocksalt", a=5.5, cubic=True)]
    for seed, atoms in enumerate(structures):
        atoms.rattle(0.1, seed=seed)
    return structures


def test_numbers_are_those_of_mace_and_the_model_is_left_alone(model):
    from mace.calculators import MACECalculator

    before = [(type(block.conv_tp), hasattr(block, "conv_fusion")) for block in model.interactions]
    gradients = [parameter.requires_grad for parameter in model.parameters()]
    structures = salts()
    found = evaluate(model, structures, heads_of(model)[0], "float64")
    assert [(type(block.conv_tp), hasattr(block, "conv_fusion")) for block in model.interactions] == before
    assert [parameter.requires_grad for parameter in model.parameters()] == gradients
    reference = MACECalculator(models=[model], device="cpu", default_dtype="float64")
    start = 0
    for index, atoms in enumerate(structures):
        atoms.calc = reference
        stop = start + len(atoms)
        assert found.energies_eV[index] == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
        np.testing.assert_allclose(found.forces_eV_per_A[start:stop], atoms.get_forces(), atol=1e-9)
        np.testing.assert_allclose(found.stresses_eV_per_A3[index], atoms.get_stress(voigt=False), atol=1e-9)
        start = stop
    assert found.n_atoms.tolist() == [2, 8]


def test_undefined_numbers_stay_visible(model):
    merged = Atoms("Li2", positions=np.zeros((2, 3)), cell=[4.0] * 3, pbc=True)
    found = evaluate(model, [merged, *salts()], heads_of(model)[0], "float64")
    assert np.isnan(found.energies_eV).tolist() == [True, False, False]
    assert np.isnan(found.forces_eV_per_A[:2]).all()
    assert np.isfinite(found.forces_eV_per_A[2:]).all()


def test_no_structures_and_unknown_elements(model):
    nothing = evaluate(model, [], heads_of(model)[0], "float64")
    assert nothing.forces_eV_per_A.shape == (0, 3)
    assert nothing.stresses_eV_per_A3.shape == (0, 3, 3)
    with pytest.raises(InputError, match=r"atomic numbers \[92\]"):
        evaluate(model, [bulk("U", "bcc", a=3.5)], heads_of(model)[0], "float64")
