"""Many structures at once give what each gives alone, whatever else is in the batch."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from superionic.errors import CalculationError, InputError, NotFiniteError
from superionic.potentials import batch
from superionic.potentials.atoms import to_atoms
from superionic.potentials.batch import PointResult, energies_many, evaluate_many, features_many, out_of_memory
from superionic.potentials.mace_calculator import LightMACECalculator

pytest.importorskip("mace")
SYMBOLS = ["Li", "Cl", "Br", "In"]


def load(path):
    import torch

    return torch.load(path, weights_only=False)


@pytest.fixture(scope="module")
def calculators(scalar_model_file, vector_model_file):
    return [LightMACECalculator(load(path)) for path in (scalar_model_file, vector_model_file)]


@pytest.fixture
def calculator(calculators):
    return calculators[0]


@st.composite
def crystals(draw):
    """From a lone atom in a large cell to cells far smaller than the cutoff of 4.5 A, periodic or not."""
    n_atoms = draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    length = draw(st.floats(2.2, 9.0))
    cell = length * (np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3)))
    pbc = draw(st.sampled_from([True, True, (True, True, False), False]))
    return Atoms(rng.choice(SYMBOLS, n_atoms), scaled_positions=rng.uniform(-1, 2, (n_atoms, 3)), cell=cell, pbc=pbc)


def one_by_one(atoms, calculator):
    alone = atoms.copy()
    alone.calc = calculator
    stress = alone.get_stress(voigt=False)
    return PointResult(alone.get_potential_energy(), alone.get_forces(), stress)


def assert_equal(found, expected):
    scale = max(1.0, np.abs(expected.forces_eV_per_A).max())
    assert found.energy_eV == pytest.approx(expected.energy_eV, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(found.forces_eV_per_A, expected.forces_eV_per_A, atol=1e-9 * scale)
    stress = np.abs(expected.stress_eV_per_A3).max()
    np.testing.assert_allclose(found.stress_eV_per_A3, expected.stress_eV_per_A3, atol=1e-9 * max(1.0, stress))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(structures=st.lists(crystals(), min_size=1, max_size=7), max_edges=st.sampled_from([None, 1, 60, 400]))
def test_batch_equals_one_by_one(calculators, structures, max_edges):
    for calculator in calculators:
        found = evaluate_many(structures, calculator, max_edges=max_edges)
        for atoms, result in zip(structures, found, strict=True):
            assert_equal(result, one_by_one(atoms, calculator))
        energies = energies_many(structures, calculator, max_edges=max_edges)
        np.testing.assert_allclose(energies, [result.energy_eV for result in found], rtol=1e-9)
        for atoms, features in zip(structures, features_many(structures, calculator), strict=True):
            np.testing.assert_allclose(features, calculator.invariant_features(atoms), rtol=1e-7, atol=1e-9)


def variants(halide, count):
    rng, structures = np.random.default_rng(0), []
    for index in range(count):
        atoms = to_atoms(halide) * (1, 1, 1 + index % 2)
        atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
        structures.append(atoms)
    return structures


def test_order_and_company_do_not_matter(calculator, halide):
    structures = variants(halide, 7)
    expected = evaluate_many(structures, calculator)
    order = np.random.default_rng(1).permutation(7)
    shuffled = evaluate_many([structures[index] for index in order], calculator)
    for place, index in enumerate(order):
        assert_equal(shuffled[place], expected[index])


def test_faults_stay_with_their_structure(calculator, halide):
    good = variants(halide, 4)
    unknown = bulk("Cu", cubic=True)
    undefined = good[0].copy()
    undefined.positions[3, 1] = np.nan
    merged = good[1].copy()
    merged.positions[1] = merged.positions[0]
    found = evaluate_many([good[0], unknown, good[1], undefined, merged, good[2], good[3]], calculator)
    for atoms, place in zip(good, (0, 2, 5, 6), strict=True):
        assert_equal(found[place], one_by_one(atoms, calculator))
    assert isinstance(found[1], InputError)
    assert "does not know Cu" in str(found[1])
    assert isinstance(found[3], NotFiniteError)
    assert isinstance(found[4], NotFiniteError)
    assert "too close" in str(found[4])
    with pytest.raises(InputError, match="does not know Cu"):
        features_many([good[0], unknown], calculator)


def test_nothing_is_nothing(calculator):
    assert evaluate_many([], calculator) == []
    assert features_many([], calculator) == []


def test_stress_is_left_out(calculator, halide):
    (result,) = evaluate_many([to_atoms(halide)], calculator, stress=False)
    assert result.stress_eV_per_A3 is None


def out_of_memory_above(calculator, monkeypatch, limit, error):
    """Let every call with more atoms than `limit` fail; returns the sizes that were tried."""
    real, tried = calculator.evaluate, []

    def evaluate(structures, edges, **what):
        tried.append(sum(map(len, structures)))
        if tried[-1] > limit:
            raise error
        return real(structures, edges, **what)

    monkeypatch.setattr(calculator, "evaluate", evaluate)
    return tried


CPU_ERROR = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")


@pytest.mark.parametrize("error", [CPU_ERROR, MemoryError("Unable to allocate")])
def test_out_of_memory_halves_and_repeats(calculator, halide, monkeypatch, error):
    structures = variants(halide, 24)
    expected = evaluate_many(structures, calculator)
    monkeypatch.setattr(batch, "CPU_MEMORY_MB", 4.0)
    tried = out_of_memory_above(calculator, monkeypatch, 100, error)
    for found, reference in zip(evaluate_many(structures, calculator), expected, strict=True):
        assert_equal(found, reference)
    failed = [index for index, n_atoms in enumerate(tried) if n_atoms > 100]
    assert failed, "the test must provoke the error"
    assert max(tried[failed[-1] + 1 :]) <= 100
    assert len(failed) < 8, "what has once been too much is not tried again"


def test_a_structure_that_never_fits_is_named(calculator, halide, monkeypatch):
    structures = variants(halide, 4)
    out_of_memory_above(calculator, monkeypatch, 30, CPU_ERROR)
    found = evaluate_many(structures, calculator)
    assert [isinstance(outcome, PointResult) for outcome in found] == [True, False, True, False]
    assert isinstance(found[1], CalculationError)
    assert "(40 atoms) does not fit into the memory" in str(found[1])
    assert "fewer workers" in str(found[1])


def test_what_running_out_of_memory_looks_like():
    import torch

    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory"))
    assert not out_of_memory(RuntimeError("no neighbours"))


def test_programming_errors_are_not_swallowed(calculator, halide, monkeypatch):
    out_of_memory_above(calculator, monkeypatch, 0, TypeError("a bug"))
    with pytest.raises(TypeError, match="a bug"):
        evaluate_many(variants(halide, 2), calculator)


def test_other_calculators_are_asked_one_by_one():
    copper, sodium = bulk("Cu", cubic=True), bulk("Na", cubic=True)
    copper.rattle(0.1, seed=1)
    result, refused = evaluate_many([copper, sodium], EMT())
    copper.calc = EMT()
    assert_equal(result, one_by_one(copper, EMT()))
    assert isinstance(refused, NotImplementedError), "EMT has no parameters for sodium"
    assert energies_many([copper], EMT()) == [pytest.approx(result.energy_eV)]
    with pytest.raises(InputError, match="EMT has no atomic features"):
        features_many([copper], EMT())


def test_neither_constraints_nor_earlier_structures_change_the_results():
    copper = bulk("Cu", cubic=True)
    copper.rattle(0.1, seed=1)
    moved = copper.copy()
    moved.positions += np.random.default_rng(0).normal(0, 0.1, moved.positions.shape)
    fixed = moved.copy()
    fixed.set_constraint(FixAtoms([0]))
    alone, last = evaluate_many([moved], EMT())[0], evaluate_many([copper, fixed], EMT())[1]
    np.testing.assert_array_equal(last.forces_eV_per_A, alone.forces_eV_per_A)
    assert last.energy_eV == alone.energy_eV
