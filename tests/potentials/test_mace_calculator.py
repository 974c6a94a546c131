"""The light calculator gives what MACE's own calculator gives, and says what it cannot do."""

import numpy as np
import pytest
from ase import Atoms

from superionic.errors import CalculationError, InputError
from superionic.potentials.atoms import to_atoms
from superionic.potentials.mace_calculator import LightMACECalculator, check_elements, choose_head

pytest.importorskip("mace")


def load(path):
    import torch

    return torch.load(path, weights_only=False)


def mace_calculator(path, dtype="float64", **options):
    from mace.calculators import MACECalculator

    return MACECalculator(model_paths=str(path), device="cpu", default_dtype=dtype, **options)


def both(atoms, light, mace):
    first, second = atoms.copy(), atoms.copy()
    first.calc, second.calc = light, mace
    return first, second


@pytest.mark.parametrize("kind", ["scalar_model_file", "vector_model_file"])
@pytest.mark.parametrize("pbc", [True, (True, True, False)])
def test_results_are_those_of_mace(kind, pbc, halide, request):
    path = request.getfixturevalue(kind)
    light = LightMACECalculator(load(path))
    mace = mace_calculator(path)
    rng = np.random.default_rng(0)
    atoms = to_atoms(halide)
    atoms.pbc = pbc
    for _ in range(3):
        atoms.positions += rng.normal(0, 0.3, atoms.positions.shape)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, 0.02, (3, 3))))
        first, second = both(atoms, light, mace)
        assert first.get_potential_energy() == pytest.approx(second.get_potential_energy(), abs=1e-9)
        np.testing.assert_allclose(first.get_forces(), second.get_forces(), atol=1e-9)
        np.testing.assert_allclose(first.get_stress(), second.get_stress(), atol=1e-9)


def test_one_calculator_follows_changing_cells(scalar_model_file, halide):
    light, mace = LightMACECalculator(load(scalar_model_file)), mace_calculator(scalar_model_file)
    small = to_atoms(halide)
    swapped = small.copy()
    swapped.numbers[[8, -1]] = swapped.numbers[[-1, 8]]
    for atoms in (small, small * (1, 1, 2), swapped, small):
        first, second = both(atoms, light, mace)
        assert first.get_potential_energy() == pytest.approx(second.get_potential_energy(), abs=1e-9)
        np.testing.assert_allclose(first.get_forces(), second.get_forces(), atol=1e-9)


def test_single_precision_is_close(scalar_model_file, halide):
    single = LightMACECalculator(load(scalar_model_file), dtype="float32")
    first, second = both(to_atoms(halide), single, mace_calculator(scalar_model_file))
    assert first.get_potential_energy() == pytest.approx(second.get_potential_energy(), abs=1e-4)
    np.testing.assert_allclose(first.get_forces(), second.get_forces(), atol=1e-4)


@pytest.mark.parametrize("head", ["pt_head", "scan"])
def test_heads(two_head_model_file, halide, head):
    light = LightMACECalculator(load(two_head_model_file), head=head)
    first, second = both(to_atoms(halide), light, mace_calculator(two_head_model_file, head=head))
    assert first.get_potential_energy() == pytest.approx(second.get_potential_energy(), abs=1e-9)
    np.testing.assert_allclose(first.get_forces(), second.get_forces(), atol=1e-9)


def test_forces_are_the_gradient(scalar_model_file, halide):
    atoms = to_atoms(halide)
    atoms.calc = LightMACECalculator(load(scalar_model_file))
    force = atoms.get_forces()[3, 1]
    energies = []
    for shift in (1e-4, -2e-4):
        atoms.positions[3, 1] += shift
        energies.append(atoms.get_potential_energy())
    assert -(energies[0] - energies[1]) / 2e-4 == pytest.approx(force, abs=1e-6)


def test_stress_only_when_asked_for(scalar_model_file, halide):
    atoms = to_atoms(halide)
    atoms.calc = LightMACECalculator(load(scalar_model_file))
    atoms.get_forces()
    assert "stress" not in atoms.calc.results
    atoms.get_stress()
    assert {"energy", "forces", "stress"} <= set(atoms.calc.results)


def test_features_are_those_of_mace_and_invariant(vector_model_file, halide):
    light = LightMACECalculator(load(vector_model_file))
    atoms = to_atoms(halide)
    features = light.invariant_features(atoms)
    expected = mace_calculator(vector_model_file).get_descriptors(atoms, invariants_only=True)
    np.testing.assert_allclose(features, expected, atol=1e-12)
    atoms.rotate(37, "xyz"[1], rotate_cell=True)
    atoms.translate([0.3, 0.2, 0.1])
    np.testing.assert_allclose(light.invariant_features(atoms), features, atol=1e-9)


def test_refusals(scalar_model_file, two_head_model_file, halide):
    light = LightMACECalculator(load(scalar_model_file))
    with pytest.raises(InputError, match=r"does not know Na; it covers Li, Cl, Br, In"):
        Atoms("Na2", positions=[[0, 0, 0], [0, 0, 2]], cell=[5] * 3, pbc=True, calculator=light).get_forces()
    broken = to_atoms(halide)
    broken.positions[0, 0] = np.nan
    broken.calc = light
    with pytest.raises(CalculationError, match="not finite"):
        broken.get_forces()
    with pytest.raises(InputError, match="pt_head, scan"):
        LightMACECalculator(load(two_head_model_file))


def test_choice_of_heads():
    class Model:
        heads = ("pt_head", "Default")

    class Old:
        heads = None

    assert choose_head(Model, None) == "Default"
    assert choose_head(Model, "pt_head") == "pt_head"
    assert choose_head(Old, None) == "Default"
    with pytest.raises(InputError, match="no head 'scan'"):
        choose_head(Model, "scan")


def test_calculators_without_a_list_of_elements_pass():
    check_elements(object(), ["Xe"])
